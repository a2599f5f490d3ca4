"""Sales and touches: what happened, under the names that all connectors share."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import ACTIVITY_FIELDS, Key
from connectors.file import Files, Settings
from tests.connectors.file.place import Place, problems

HEAD = "When,email,value\n"


async def test_a_sale_has_the_fields_that_every_activity_has(place: Place) -> None:
    place.sale |= {"columns": {"email": "Buyer", "value": "Amount", "status": "State"}, "id": "Receipt"}
    place.put("sales.csv", "Receipt,When,Buyer,Amount,State\nR-7,2026-03-01T10:00:00+01:00,ada@example.com,12.50,\n")
    (record,) = await place.read_sales()
    assert record.id == "sale:R-7"
    assert record.changed_at is not None
    assert record.changed_at.isoformat() == "2026-03-01T09:00:00+00:00"
    assert set(record.fields) == set(ACTIVITY_FIELDS)
    assert {name: value for name, value in record.fields.items() if value} == {
        "type": "sale",
        "at": "2026-03-01T09:00:00+00:00",
        "email": "ada@example.com",
        "value": 12.5,
    }
    assert record.fields["leads"] == []
    assert record.fields["status"] is None


async def test_two_lines_that_say_the_same_are_one_and_the_order_of_columns_counts_for_nothing(place: Place) -> None:
    place.put("a.csv", HEAD + "2026-03-01,ada@example.com,5\n" * 2 + "2026-03-01,ada@example.com,6\n")
    place.put("b.csv", "value,note,email,When\n5,,ada@example.com,2026-03-01\n", age=3000)
    ids = [record.id for record in await place.read_sales()]
    assert ids[0] == ids[1] == ids[3] != ids[2]
    assert ids[0].startswith("sale:")


async def test_several_columns_make_an_id_and_no_two_fall_together(place: Place) -> None:
    place.sale["id"] = ["Till", "No"]
    place.put("a.csv", "When,Till,No\n2026-03-01,1|2,3\n2026-03-01,1,2|3\n2026-03-01,1%7C2,3\n2026-03-01,4,5\n")
    ids = [record.id for record in await place.read_sales()]
    assert ids == ["sale:1%7C2|3", "sale:1|2%7C3", "sale:1%257C2|3", "sale:4|5"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00"),
        ("2026-03-01 10:00", "2026-03-01T09:00:00+00:00"),
        ("2026-07-01 10:00", "2026-07-01T08:00:00+00:00"),
        ("2026-03-01", "2026-02-28T23:00:00+00:00"),
        ("01.03.2026 10:00", "2026-03-01T09:00:00+00:00"),
        (" 01.03.2026 ", "2026-02-28T23:00:00+00:00"),
        ("2026-03-01T10:00:00.250+05:30", "2026-03-01T04:30:00.250000+00:00"),
        ("2026-03-29 02:30", "2026-03-29T01:30:00+00:00"),
    ],
)
async def test_times_without_a_zone_are_of_the_zone_that_is_set(place: Place, text: str, at: str) -> None:
    place.sale |= {"time_zone": "Europe/Berlin", "date_formats": ["%d.%m.%Y %H:%M", "%d.%m.%Y"]}
    assert (await place.one_sale(HEAD + f"{text},a@example.com,1\n"))["at"] == at


@pytest.mark.parametrize("text", ["03/01/2026", "31.02.2026", "yesterday", "46082", "0001-01-01T00:00:00+14:00", ""])
async def test_a_time_that_cannot_be_read_costs_its_line(place: Place, text: str) -> None:
    place.put("sales.csv", HEAD + f"{text},a@example.com,1\n2026-03-01,b@example.com,1\n")
    bad, good = await place.read_sales()
    assert bad.id == "sales.csv:2"
    assert (text or "empty") in (bad.problem or "")
    assert good.fields["email"] == "b@example.com"


@pytest.mark.parametrize(
    ("decimal", "text", "number"),
    [
        (".", "1234.5", 1234.5),
        (".", "1,234.50", 1234.5),
        (".", "-3", -3),
        (".", "1 234", 1234),
        (",", "1234,5", 1234.5),
        (",", "1.234,50", 1234.5),
        (",", "1.234", 1234),
        (",", "1\u202f234,5", 1234.5),
        (",", "1'234'567,5", 1234567.5),
        (".", "1.5", 1.5),
    ],
)
async def test_numbers_are_read_with_the_decimal_mark_that_is_set(
    place: Place, decimal: str, text: str, number: float
) -> None:
    place.sale |= {"decimal": decimal, "delimiter": ";"}
    assert (await place.one_sale(f"When;value\n2026-03-01;{text}\n"))["value"] == number


@pytest.mark.parametrize(
    ("decimal", "text"),
    [(",", "1.5"), (".", "1,5"), (".", "12,34"), (".", "1.2.3"), (".", "nan"), (".", "1e5"), (".", "€ 5"), (".", "٣"), (",", "1,2,3")],
)  # fmt: skip
async def test_a_number_that_could_be_another_one_is_not_guessed_at(place: Place, decimal: str, text: str) -> None:
    place.sale |= {"decimal": decimal, "delimiter": ";"}
    place.put("sales.csv", f"When;value\n2026-03-01;{text}\n")
    (record,) = await place.read_sales()
    assert record.problem == f"Line 2 cannot be read: {text!r} is no number with {decimal!r} before the decimals."


async def test_types_may_have_words_of_their_own(place: Place) -> None:
    place.sale |= {"constants": {}, "types": {"Kauf": "sale", "Messe": "meeting"}}
    place.put(
        "a.csv", "When,type\n2026-03-01,Kauf\n2026-03-01,Messe\n2026-03-01,Call\n2026-03-01,Rabatt\n2026-03-01,\n"
    )
    records = await place.read_sales()
    assert [record.fields.get("type") for record in records] == ["sale", "meeting", "call", None, None]
    assert list(problems(records).values()) == [
        "Line 5 cannot be read: 'Rabatt' is no type of activity; say in `types` what it means.",
        "Line 6 cannot be read: it does not say what happened: type is empty.",
    ]


async def test_a_touch_in_json_names_its_leads(place: Place) -> None:
    place.sale |= {"files": "*.jsonl", "columns": {"at": "ts"}, "time": None, "constants": {"type": "meeting"}}
    line = '{"ts": "2026-03-01T10:00:00Z", "leads": [7, "3", "3"], "direction": "In", "value": 5, "owner": " ", "deal": null}\n'
    fields = await place.one_sale(line, "touches.jsonl")
    assert (fields["leads"], fields["direction"], fields["value"], fields["owner"]) == (["3", "7"], "in", 5, None)


async def test_a_touch_in_csv_names_its_leads(place: Place) -> None:
    fields = await place.one_sale('When,leads\n2026-03-01,"7; 3,3"\n')
    assert fields["leads"] == ["3", "7"]


async def test_a_line_whose_direction_is_none_costs_itself(place: Place) -> None:
    place.put("a.csv", "When,direction\n2026-03-01,sideways\n")
    (record,) = await place.read_sales()
    assert "in or out" in (record.problem or "")


async def test_a_column_that_is_named_and_not_there_costs_the_file(place: Place) -> None:
    place.sale["columns"] = {"value": "Amount"}
    place.put("a.csv", HEAD + "2026-03-01,a@example.com,1\n")
    assert problems(await place.read_sales()) == {
        "a.csv:1": "a.csv cannot be read: it has no column Amount, only When, email, value."
    }


async def test_several_streams_are_read_together_and_their_ids_are_apart(place: Place) -> None:
    place.put("sales/a.csv", "No,When\n1,2026-03-01\n")
    place.put("calls/a.csv", "No,When\n1,2026-03-02\n")
    streams = {
        name: {"files": f"{name}s/*.csv", "id": "No", "time": "When", "constants": {"type": name}}
        for name in ("sale", "call")
    }
    connector = Files(
        "inbox", Settings.model_validate({"folder": place.folder, "activity": streams}), clock=place.clock
    )
    pages = [page async for page in connector.read(["type"])]
    assert {r.id: r.fields for page in pages for r in page.records} == {
        "sale:1": {"type": "sale"},
        "call:1": {"type": "call"},
    }
    place.append("calls/a.csv", "2,2026-03-03\n")
    pages = [page async for page in connector.read(["type"], pages[-1].cursor)]
    assert [record.id for page in pages for record in page.records] == ["call:2"]
    found = await connector.find([Key("id", "sale:1"), Key("id", "1")], ["type"])
    assert [[record.id for record in one] for one in found] == [["sale:1"], []]


@pytest.mark.parametrize(
    "said",
    [
        {"columns": {"colour": "Farbe"}},
        {"constants": {"type": "purchase"}},
        {"constants": {"at": "2026-03-01"}},
        {"time": None},
        {"types": {"Kauf": "purchase"}},
        {"complete": True},
        {"time_zone": "Europe/Atlantis"},
        {"delimiter": '"'},
        {"decimal": "'"},
    ],
)
def test_settings_that_do_not_fit_an_activity_are_refused(place: Place, said: dict[str, Any]) -> None:
    place.sale |= said
    with pytest.raises(ValidationError):
        place.sales()
