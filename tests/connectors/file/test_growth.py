"""What is read again, what is read on, and what waits."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from connectors.base import Key
from tests.connectors.file.place import FIELDS, Place, names, problems

HEAD = "Id,Email,Name\n"
ADA = "1,ada@example.com,Ada\n"
BOB = "2,bob@example.com,Bob\n"
CYD = "3,cyd@example.com,Cyd\n"


async def test_a_file_that_only_grew_is_read_on_from_where_it_ended(place: Place) -> None:
    assert names(await place.one(HEAD + ADA)) == {"1": "Ada"}
    place.append("leads.csv", BOB)
    assert names(await place.read()) == {"2": "Bob"}


async def test_an_unchanged_file_is_not_opened(place: Place) -> None:
    await place.one(HEAD + ADA)
    connector = place.leads()
    assert [page.records async for page in connector.read(FIELDS, place.cursor)] == [[]]
    assert connector.budget().calls == 0


async def test_a_file_that_changed_before_its_end_is_read_again(place: Place) -> None:
    await place.one(HEAD + ADA + BOB)
    place.put("leads.csv", HEAD + ADA.replace("Ada", "Eva") + BOB + CYD, age=3000)
    assert names(await place.read()) == {"1": "Eva", "2": "Bob", "3": "Cyd"}


async def test_a_file_that_was_changed_without_changing_its_size_is_read_again(place: Place) -> None:
    await place.one(HEAD + ADA)
    place.put("leads.csv", HEAD + ADA.replace("Ada", "Eva"), age=3000)
    assert names(await place.read()) == {"1": "Eva"}


async def test_a_file_that_shrank_is_read_again(place: Place) -> None:
    await place.one(HEAD + ADA + BOB)
    place.put("leads.csv", HEAD + BOB, age=3000)
    assert names(await place.read()) == {"2": "Bob"}


async def test_a_file_that_was_only_touched_says_nothing_new(place: Place) -> None:
    path = place.put("leads.csv", HEAD + ADA)
    await place.read()
    place.touch(path, 100)
    assert names(await place.read()) == {}
    connector = place.leads()
    assert [page.records async for page in connector.read(FIELDS, place.cursor)] == [[]]
    assert connector.budget().calls == 0, "and is then known as it is"
    place.append("leads.csv", "bad\n", age=50)
    assert list(problems(await place.read())) == ["leads.csv:3"]


async def test_a_new_file_is_read_and_the_others_are_not(place: Place) -> None:
    await place.one(HEAD + ADA)
    place.put("more.csv", HEAD + BOB, age=3000)
    assert names(await place.read()) == {"2": "Bob"}


async def test_a_file_that_vanished_takes_no_record_with_it(place: Place) -> None:
    await place.one(HEAD + ADA)
    place.put("more.csv", HEAD + BOB)
    await place.read()
    (place.folder / "leads.csv").unlink()
    records = await place.read()
    assert records == []
    assert not any(page.complete for page in place.pages)


async def test_of_two_lines_about_one_record_the_file_changed_last_comes_last(place: Place) -> None:
    place.put("b-old.csv", HEAD + "1,ada@example.com,Old\n", age=9000)
    place.put("a-new.csv", HEAD + "1,ada@example.com,New\n", age=3000)
    assert [record.fields["Name"] for record in await place.read()] == ["Old", "New"]


async def test_a_file_that_changed_a_moment_ago_waits_for_the_next_run(place: Place) -> None:
    path = place.put("leads.csv", HEAD + ADA, age=10)
    assert await place.read() == []
    place.touch(path, 40)
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_file_from_the_future_is_a_wrong_clock_and_does_not_wait_for_ever(place: Place) -> None:
    place.put("leads.csv", HEAD + ADA, age=-86400)
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_last_line_without_a_line_end_waits_and_is_then_read_whole(place: Place) -> None:
    place.put("leads.csv", HEAD + ADA + "2,bob@exam", age=60)
    assert names(await place.read()) == {"1": "Ada"}
    place.append("leads.csv", "ple.com,Bob\n", age=50)
    assert names(await place.read()) == {"2": "Bob"}


async def test_a_last_line_without_a_line_end_is_read_once_the_file_has_rested(place: Place) -> None:
    path = place.put("leads.csv", HEAD + ADA + BOB.rstrip(), age=60)
    assert names(await place.read()) == {"1": "Ada"}
    place.clock.tick(900)
    assert path.stat().st_mtime + 960 == pytest.approx(place.clock().timestamp())
    assert names(await place.read()) == {"2": "Bob"}
    assert await place.read() == []


async def test_a_last_line_that_was_only_half_there_after_all_is_read_again_whole(place: Place) -> None:
    place.put("leads.csv", HEAD + ADA + "2,bob@example.com,Bo")
    assert names(await place.read()) == {"1": "Ada", "2": "Bo"}
    place.append("leads.csv", "b\n" + CYD)
    assert names(await place.read()) == {"1": "Ada", "2": "Bob", "3": "Cyd"}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
async def test_a_last_line_that_gets_its_line_end_later_is_not_read_twice(place: Place, end: str) -> None:
    place.put("leads.csv", (HEAD + ADA + BOB.rstrip()).replace("\n", end))
    await place.read()
    place.append("leads.csv", (end + CYD.rstrip() + end).encode())
    assert names(await place.read()) == {"3": "Cyd"}
    place.append("leads.csv", "bad" + end, age=2000)
    assert list(problems(await place.read())) == ["leads.csv:5"]


async def test_a_reading_that_was_cut_off_goes_on_in_the_midst_of_the_file(place: Place) -> None:
    place.block = 64
    place.put("leads.csv", HEAD + "".join(f"{n},p{n}@example.com,P{n}\n" for n in range(100)))
    pages = place.leads().read(FIELDS)
    first, second = await anext(pages), await anext(pages)
    await pages.aclose()
    place.cursor = json.loads(json.dumps(second.cursor))
    rest = await place.read()
    ids = [record.id for record in [*first.records, *second.records, *rest]]
    assert ids == [str(n) for n in range(100)]
    assert len(rest) < 99


async def test_a_file_that_changes_while_it_is_read_is_put_off_and_no_fragment_is_taken_for_a_line(
    place: Place,
) -> None:
    place.block = 64
    body = HEAD + "".join(f"{n},p{n}@example.com,P{n}\n" for n in range(50))
    path = place.put("leads.csv", body)
    seen = []
    async for page in place.leads().read(FIELDS):
        if not seen:
            path.write_text(HEAD + "0,moved@example.com,A much longer name than before\n" + body[len(HEAD) :])
            place.touch(path, 100)
        seen += page.records
        place.cursor = page.cursor
    assert problems(seen) == {}
    assert len(seen) < 50
    again = await place.read()
    assert problems(again) == {}
    assert len(again) == 51


async def test_a_file_that_is_replaced_while_it_is_read_is_read_to_its_end_and_then_anew(place: Place) -> None:
    place.block = 64
    path = place.put("leads.csv", HEAD + "".join(f"{n},p{n}@example.com,P{n}\n" for n in range(50)))
    seen = []
    async for page in place.leads().read(FIELDS):
        if not seen:
            new = place.put(".new", HEAD + ADA, age=100)
            os.replace(new, path)
        seen += page.records
        place.cursor = page.cursor
    assert [record.id for record in seen] == [str(n) for n in range(50)]
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_file_that_was_nothing_but_a_byte_order_mark(place: Place) -> None:
    assert await place.one("\ufeff") == []
    place.append("leads.csv", HEAD + ADA + "bad\n")
    records = await place.read()
    assert names(records) == {"1": "Ada"}
    assert list(problems(records)) == ["leads.csv:3"]


async def test_a_backfill_reads_what_has_changed_since_and_then_all_that_comes(place: Place) -> None:
    place.lead["time"] = "Seen"
    head = "Id,Name,Seen\n"
    place.put("old.csv", head + "1,Ada,2025-12-01\n", age=86400 * 10)
    place.put("new.csv", head + "2,Bob,2025-12-01\n3,Cyd,2025-12-31\n")
    place.cursor = place.leads().cursor_at(datetime(2025, 12, 30, tzinfo=UTC))
    assert names(await place.read()) == {"3": "Cyd"}
    assert not any(page.complete for page in place.pages)
    place.append("new.csv", "4,Dan,2025-11-01\n")
    place.append("old.csv", "5,Eva,2025-11-01\n", age=2000)
    assert names(await place.read()) == {"4": "Dan", "1": "Ada", "5": "Eva"}


async def test_other_settings_read_everything_again(place: Place) -> None:
    await place.one(HEAD + ADA)
    place.lead["columns"] = {"mail": "Email"}
    (record,) = await place.read(["mail"])
    assert record.fields == {"mail": "ada@example.com"}


@pytest.mark.parametrize(
    "cursor",
    [
        {"version": 1},
        {"version": 1, "streams": []},
        {"version": 1, "streams": {"lead": 7}},
        {"version": 1, "streams": {"lead": {"settings": "x", "files": {"leads.csv": [1]}}}},
        {"version": 1, "streams": {}, "window": "never"},
        {"version": 2, "streams": {}},
        {},
    ],
)
async def test_a_cursor_that_says_nothing_reads_everything(place: Place, cursor: dict[str, object]) -> None:
    place.put("leads.csv", HEAD + ADA)
    place.cursor = cursor
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_folder_s_newest_file_is_the_complete_list(place: Place) -> None:
    place.lead["complete"] = True
    place.put("monday.csv", HEAD + ADA + BOB, age=9000)
    place.put("tuesday.csv", HEAD + BOB, age=3000)
    assert names(await place.read()) == {"2": "Bob"}
    assert [page.complete for page in place.pages][-1]
    await place.read()
    assert not place.pages[-1].complete
    place.put("wednesday.csv", HEAD + CYD, age=2000)
    assert names(await place.read()) == {"3": "Cyd"}
    assert place.pages[-1].complete


async def test_a_complete_list_that_grew_is_read_from_its_beginning(place: Place) -> None:
    place.lead["complete"] = True
    await place.one(HEAD + ADA)
    place.append("leads.csv", BOB)
    assert names(await place.read()) == {"1": "Ada", "2": "Bob"}
    assert place.pages[-1].complete


@pytest.mark.parametrize("age", [10, 60])
async def test_a_complete_list_that_may_be_half_written_says_nothing_at_all(place: Place, age: float) -> None:
    place.lead["complete"] = True
    place.put("monday.csv", HEAD + ADA + BOB, age=9000)
    place.put("tuesday.csv", HEAD + ADA + "2,bob@exam", age=age)
    assert await place.read() == []
    assert not place.pages[-1].complete


async def test_a_complete_list_with_a_bad_line_is_not_complete(place: Place) -> None:
    place.lead["complete"] = True
    assert names(await place.one(HEAD + ADA + "2,bob@example.com\n")) == {"1": "Ada"}
    assert not place.pages[-1].complete
    assert await place.read() == []


async def test_a_folder_without_a_list_is_no_empty_list(place: Place) -> None:
    place.lead["complete"] = True
    assert await place.read() == []
    assert not place.pages[-1].complete


async def test_a_complete_list_read_in_two_parts_is_read_once_more_to_see_who_is_gone(place: Place) -> None:
    place.lead["complete"] = True
    place.block = 64
    place.put("leads.csv", HEAD + "".join(f"{n},p{n}@example.com,P{n}\n" for n in range(20)))
    pages = place.leads().read(FIELDS)
    place.cursor = (await anext(pages)).cursor
    await pages.aclose()
    assert 0 < len(await place.read()) < 20
    assert not place.pages[-1].complete
    assert len(await place.read()) == 20
    assert place.pages[-1].complete
    assert await place.read() == []


async def test_find_tells_what_the_last_line_about_a_record_says(place: Place) -> None:
    place.put("old.csv", HEAD + ADA + BOB, age=9000)
    place.put("new.csv", HEAD + "1,eva@example.com,Eva\n", age=3000)
    keys = [Key("Email", "ada@example.com"), Key("Email", " EVA@example.com"), Key("id", "1"), Key("id", "9")]
    found = await place.leads().find(keys, ["Name"])
    assert [[(one.id, one.fields) for one in each] for each in found] == [
        [],
        [("1", {"Name": "Eva"})],
        [("1", {"Name": "Eva"})],
        [],
    ]
