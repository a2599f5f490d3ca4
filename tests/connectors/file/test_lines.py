"""A bad line costs itself, and never the file."""

from __future__ import annotations

import tracemalloc

import pytest

from connectors.file.text import LONGEST
from tests.connectors.file.place import FIELDS, Place, names, problems

HEAD = "Id,Email,Name\n"
ADA = "1,ada@example.com,Ada\n"
BOB = "2,bob@example.com,Bob\n"


async def test_a_wrong_number_of_columns_costs_the_line(place: Place) -> None:
    records = await place.one(HEAD + ADA + "7,short\n8,a,b,c,d\n" + BOB)
    assert names(records) == {"1": "Ada", "2": "Bob"}
    assert problems(records) == {
        "leads.csv:3": "Line 3 cannot be read: it has 2 columns, and the header 3.",
        "leads.csv:4": "Line 4 cannot be read: it has 5 columns, and the header 3.",
    }


async def test_delimiters_behind_the_last_column_are_no_columns(place: Place) -> None:
    assert names(await place.one(HEAD + ADA.replace("Ada\n", "Ada,, \n") + BOB)) == {"1": "Ada", "2": "Bob"}


@pytest.mark.parametrize("block", [64, 1 << 18])
async def test_a_quote_that_is_never_closed_costs_its_line(place: Place, block: int) -> None:
    place.block = block
    records = await place.one(HEAD + ADA + '7,x@example.com,"open\n' + BOB + "3,c@example.com,Cyd\n" * 20)
    assert names(records) == {"1": "Ada", "2": "Bob", "3": "Cyd"}
    assert problems(records) == {"leads.csv:3": "Line 3 cannot be read: a quote is opened and never closed."}
    assert len(records) == 23


async def test_two_lines_with_a_quote_too_many_cost_themselves_and_not_what_stands_between(place: Place) -> None:
    records = await place.one(
        HEAD + '7,x@example.com,"open\n' + ADA + BOB + '8,y@example.com,"open\n' + "9,z@e.com,Z\n"
    )
    assert names(records) == {"1": "Ada", "2": "Bob", "9": "Z"}
    assert list(problems(records)) == ["leads.csv:2", "leads.csv:5"]


async def test_text_behind_a_closing_quote_costs_its_line(place: Place) -> None:
    records = await place.one(HEAD + '7,x@example.com,"Xe"nia\n' + ADA)
    assert names(records) == {"1": "Ada"}
    assert list(problems(records)) == ["leads.csv:2"]


@pytest.mark.parametrize("block", [16, 1 << 18])
async def test_a_quoted_value_may_have_several_lines(place: Place, block: int) -> None:
    place.block = block
    records = await place.one(HEAD + '1,ada@example.com,"Ada ""A""\nLovelace,\r\nCountess"\n' + BOB + "bad\n")
    assert names(records) == {"1": 'Ada "A"\nLovelace,\r\nCountess', "2": "Bob"}
    assert list(problems(records)) == ["leads.csv:6"]


async def test_a_value_of_10_mb_is_a_value(place: Place) -> None:
    long = "x" * (10 << 20)
    records = await place.one(HEAD + f"7,x@example.com,{long}\n" + ADA)
    assert names(records) == {"7": long, "1": "Ada"}


@pytest.mark.parametrize("quote", ["", '"'])
async def test_a_line_that_is_too_long_costs_itself(place: Place, quote: str) -> None:
    long = "x" * (LONGEST + (2 << 20))
    records = await place.one(HEAD + ADA + f"7,x@example.com,{quote}{long}{quote}\n" + BOB + "bad\n")
    assert names(records) == {"1": "Ada", "2": "Bob"}
    assert list(problems(records)) == ["leads.csv:3", "leads.csv:5"]
    place.append("leads.csv", "9,z@example.com,Zoe\nbad\n")
    records = await place.read()
    assert names(records) == {"9": "Zoe"}
    assert list(problems(records)) == ["leads.csv:7"]


async def test_an_open_quote_before_much_text_holds_no_more_than_the_longest_record(place: Place) -> None:
    line = "3,cyd@example.com," + "x" * 1000 + "\n"
    lines = 2 * LONGEST // len(line)
    place.put("leads.csv", HEAD + '7,x@example.com,"open\n' + line * lines)
    seen, bad = 0, []
    async for page in place.leads().read(["Email"]):
        seen += sum(record.problem is None for record in page.records)
        bad += [record.id for record in page.records if record.problem]
    assert (seen, bad) == (lines, ["leads.csv:2"])


async def test_a_nul_costs_its_line(place: Place) -> None:
    records = await place.one(HEAD + ADA + "7,x@example.com,Xe\0nia\n" + BOB)
    assert names(records) == {"1": "Ada", "2": "Bob"}
    assert "NUL" in problems(records)["leads.csv:3"]


async def test_a_carriage_return_within_a_line_costs_it(place: Place) -> None:
    records = await place.one(HEAD + ADA + "7,x@example.com,Xe\rnia\n" + BOB)
    assert names(records) == {"1": "Ada", "2": "Bob"}
    assert problems(records)["leads.csv:3"].endswith("a carriage return stands in the middle of it.")


@pytest.mark.parametrize("end", ["\r\n", "\r"])
async def test_other_line_ends(place: Place, end: str) -> None:
    records = await place.one((HEAD + ADA + BOB + "bad\n").replace("\n", end))
    assert names(records) == {"1": "Ada", "2": "Bob"}
    assert list(problems(records)) == ["leads.csv:4"]


@pytest.mark.parametrize("body", ["", "\n", "\n\n\r\n", " , ,\n"])
async def test_an_empty_file_holds_nothing(place: Place, body: str) -> None:
    records = await place.one(body)
    assert names(records) == {}
    assert problems(records).keys() <= {"leads.csv:1"}
    assert await place.read() == []


async def test_a_header_alone_holds_nothing_and_what_comes_later_is_found(place: Place) -> None:
    assert await place.one(HEAD) == []
    place.append("leads.csv", ADA)
    assert names(await place.read()) == {"1": "Ada"}


async def test_an_empty_file_that_gets_its_header_later(place: Place) -> None:
    assert await place.one("") == []
    place.append("leads.csv", HEAD + ADA)
    assert names(await place.read()) == {"1": "Ada"}


async def test_a_header_that_stands_in_the_file_twice_is_no_record(place: Place) -> None:
    assert names(await place.one(HEAD + ADA + HEAD + BOB)) == {"1": "Ada", "2": "Bob"}


async def test_a_column_that_stands_in_the_header_twice_is_not_guessed_at(place: Place) -> None:
    records = await place.one("Id,Email,Email,Name\n1,a@example.com,b@example.com,Ada\n")
    assert problems(records) == {"leads.csv:1": "leads.csv cannot be read: the column Email stands in it twice."}
    assert await place.read() == []


async def test_columns_that_nobody_reads_may_stand_there_twice(place: Place) -> None:
    records = await place.one("Id,Email,Note,Note,Name\n1,a@example.com,x,y,Ada\n")
    assert names(records) == {"1": "Ada"}


async def test_a_file_without_the_column_of_the_id_costs_that_file_alone(place: Place) -> None:
    place.put("bad.csv", "Email,Name\nada@example.com,Ada\n", age=9000)
    records = await place.one(HEAD + BOB)
    assert names(records) == {"2": "Bob"}
    assert problems(records) == {"bad.csv:1": "bad.csv cannot be read: it has no column Id, only Email, Name."}
    place.put("bad.csv", HEAD + ADA, age=2000)
    assert names(await place.read()) == {"1": "Ada"}


async def test_empty_lines_and_lines_of_nothing_but_delimiters_are_no_records(place: Place) -> None:
    assert names(await place.one(HEAD + "\n" + ADA + ",,\n\r\n" + BOB)) == {"1": "Ada", "2": "Bob"}


async def test_a_line_without_an_id_costs_itself(place: Place) -> None:
    records = await place.one(HEAD + " ,x@example.com,X\n" + ADA)
    assert names(records) == {"1": "Ada"}
    assert problems(records) == {"leads.csv:2": "Line 2 cannot be read: it has no id: Id is empty."}


async def test_of_a_file_full_of_bad_lines_a_hundred_are_told_and_the_others_counted(place: Place) -> None:
    place.block = 512
    records = await place.one(HEAD + "bad\n" * 1234 + ADA)
    assert names(records) == {"1": "Ada"}
    told = problems(records)
    assert len(told) == 101
    assert told["leads.csv"] == "1,134 more lines of leads.csv cannot be read."


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_the_delimiter_is_told_by_the_first_lines(place: Place, delimiter: str) -> None:
    body = (HEAD + ADA + BOB).replace(",", delimiter).replace("Bob", '"1,5;2|3\t4"')
    assert names(await place.one(body)) == {"1": "Ada", "2": "1,5;2|3\t4"}


async def test_excel_names_the_delimiter_in_a_line_of_its_own(place: Place) -> None:
    records = await place.one("sep=:\r\n" + (HEAD + ADA).replace(",", ":") + "bad\n")
    assert names(records) == {"1": "Ada"}
    assert list(problems(records)) == ["leads.csv:4"]


async def test_a_delimiter_that_is_set_is_not_guessed(place: Place) -> None:
    place.lead["delimiter"] = "~"
    assert names(await place.one("Id~Email~Name\n1~a,b;c@example.com~Ada\n")) == {"1": "Ada"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON"),
        ("[1]", "no object"),
        ("7", "no object"),
        ('{"Id": "7", "Name": "\\ud83d"}', "no JSON"),
        ('{"Id": "7", "Name": NaN}', "no JSON"),
        ('{"Id": "7", "Name": "x\0y"}', "NUL"),
        ('{"Id": true}', "no text"),
        ('{"Name": "nobody"}', "Id is empty"),
        ("[" * 100_000, "no JSON"),
    ],
)
async def test_a_bad_line_of_json_costs_itself(place: Place, line: str, why: str) -> None:
    place.lead["files"] = "*.jsonl"
    records = await place.one(f'{{"Id": 1, "Name": "Ada"}}\n\n{line}\n{{"Id": "2", "Name": "Bob"}}\n', "leads.jsonl")
    assert names(records) == {"1": "Ada", "2": "Bob"}
    ((where, told),) = problems(records).items()
    assert where == "leads.jsonl:3"
    assert why in told


async def test_what_json_nests_is_json_and_what_it_leaves_out_was_not_read(place: Place) -> None:
    place.lead["files"] = "*.jsonl"
    body = '{"Id": 1, "Name": {"first": "Ada"}, "Email": null}\n{"Id": 2, "Name": 7}\n'
    assert [record.fields for record in await place.one(body, "leads.jsonl")] == [
        {"Name": '{"first":"Ada"}', "Email": None},
        {"Name": 7},
    ]


async def test_memory_is_flat_however_long_the_file(place: Place) -> None:
    line = "{n},person{n}@example.com,Somebody with a name of some length\n"

    async def peak(lines: int) -> int:
        with (place.folder / "leads.csv").open("w") as file:
            file.write(HEAD)
            file.writelines(line.replace("{n}", str(n)) for n in range(lines))
        place.touch(place.folder / "leads.csv", 3600)
        tracemalloc.start()
        count = 0
        async for page in place.leads().read(FIELDS):
            count += len(page.records)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == lines
        return used

    small = await peak(20_000)
    assert await peak(100_000) < 1.2 * small
