"""Which writes go in one request, and as what; and the CSV of Bulk."""

from __future__ import annotations

import csv
import io
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Key, Write
from connectors.errors import Invalid, Reject
from connectors.http import Answer
from connectors.salesforce.batch import Item, Way, for_bulk, item, requests
from connectors.salesforce.bulk import NULL, typed_rows, uploads, whole_table

LEAD, CONTACT = "00Q0000000000{:02}AAA", "0030000000000{:02}AAA"


def made(write: Write, index: int = 0) -> Item:
    one = item(index, write, lambda entity: None)
    assert isinstance(one, Item)
    return one


def update(id_: str, **fields: Any) -> Write:
    return Write(id_, "update", fields or {"Title": "CEO"}, id=id_)


def create(n: int, **fields: Any) -> Write:
    return Write(str(n), "create", {"LastName": "Roe", **fields}, key=Key("Smk_Id__c", f"smk-{n}"))


def test_new_people_are_leads_and_updates_go_by_the_id() -> None:
    assert made(create(1)).entity == "Lead"
    assert made(update(CONTACT.format(1))).entity == "Contact"


def test_a_create_with_an_external_id_is_an_upsert_by_it() -> None:
    one = made(create(7))
    assert one.way == Way("upsert", "Smk_Id__c")
    assert one.record() == {"attributes": {"type": "Lead"}, "LastName": "Roe", "Smk_Id__c": "smk-7"}


def test_only_custom_fields_can_be_upserted_by() -> None:
    write = Write("1", "create", {"LastName": "Roe", "Email": "a@b.example"}, key=Key("Email", "a@b.example"))
    assert made(write).way == Way("create")


def test_an_id_of_something_else_is_rejected_before_it_is_sent() -> None:
    assert isinstance(item(0, update("001000000000001AAA"), lambda entity: None), Invalid)


def test_a_value_that_cannot_be_sent_costs_its_own_record_and_names_the_field() -> None:
    error = item(0, update(LEAD.format(1), Title="a\0b"), lambda entity: None)
    assert isinstance(error, Reject)
    assert error.field == "Title"


def test_collections_process_ten_chunks_so_objects_are_kept_together() -> None:
    writes = [update((LEAD if n % 2 else CONTACT).format(n)) for n in range(40)]
    [request] = requests([made(write, n) for n, write in enumerate(writes)], 200)
    entities = [one.entity for one in request]
    assert sum(a != b for a, b in itertools.pairwise(entities)) == 1
    assert sorted(one.index for one in request) == list(range(40))


def test_a_mixed_batch_is_split_by_operation_and_external_id() -> None:
    items = [made(create(1), 0), made(update(LEAD.format(1)), 1), made(Write("x", "create", {"LastName": "Roe"}), 2)]
    assert [[one.index for one in request] for request in requests(items, 200)] == [[2], [1], [0]]


def test_a_record_that_comes_twice_comes_in_two_requests_in_turn() -> None:
    """Salesforce does not take one record twice in a request."""
    writes = [update(LEAD.format(1), Title="A"), update(LEAD.format(2)), update(LEAD.format(1), Title="B")]
    items = [made(write, n) for n, write in enumerate(writes)]
    assert [[one.index for one in request] for request in requests(items, 200)] == [[0, 1], [2]]


def test_bulk_never_takes_a_create_that_nothing_names() -> None:
    one = made(Write("x", "create", {"LastName": "No key"}))
    assert for_bulk([one], 0) == ([], [one])


def test_requests_are_as_few_as_the_limit_of_200_allows() -> None:
    items = [made(create(n), n) for n in range(401)]
    assert [len(request) for request in requests(items, 200)] == [200, 200, 1]


def test_bulk_takes_large_groups_and_leaves_what_cannot_be_named() -> None:
    items = [made(create(n), n) for n in range(6)]
    items.append(made(Write("x", "create", {"LastName": "No key"}), 6))
    items.append(made(create(0), 7))
    items.append(made(create(99, Title=NULL), 8))
    items.append(made(update(LEAD.format(1)), 9))
    groups, rest = for_bulk(items, 5)
    assert [[one.index for one in group] for group in groups] == [[0, 1, 2, 3, 4, 5]]
    assert sorted(one.index for one in rest) == [6, 7, 8, 9]


def test_bulk_csv_empty_cell_leaves_a_field_and_na_clears_it() -> None:
    [upload] = uploads("Id", [{"Id": "1", "Title": None}, {"Id": "2", "Phone": "", "Opt": True}])
    assert upload.decode() == "Id,Title,Phone,Opt\n1,#N/A,,\n2,,#N/A,true\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1))
def test_bulk_csv_carries_quotes_commas_and_newlines(values: list[str]) -> None:
    [upload] = uploads("Id", [{"Id": str(n), "Title": value} for n, value in enumerate(values)])
    read = list(csv.DictReader(io.StringIO(upload.decode(), newline="")))
    assert [row["Title"] for row in read] == list(values)


def test_bulk_uploads_stay_below_the_size_that_salesforce_takes() -> None:
    rows = [{"Id": str(n), "Title": "x" * 90} for n in range(50)]
    files = list(uploads("Id", rows, most=1_000))
    assert all(len(file) <= 1_000 for file in files)
    assert all(file.startswith(b"Id,Title\n") for file in files)
    assert sum(len(file.splitlines()) - 1 for file in files) == 50


def page_of_results(text: str, **headers: str) -> Answer:
    return Answer(200, {f"sforce-{name}": value for name, value in headers.items()}, None, text.encode())


def test_bulk_results_may_be_empty_or_hold_newlines() -> None:
    for text, count, rows in (
        ("", "0", []),
        ('"Id","Title"\n', "0", []),
        ('"Id","Title"\n"1","two\nlines"\n', "1", [{"Id": "1", "Title": "two\nlines"}]),
    ):
        table = whole_table(page_of_results(text, numberofrecords=count, locator="null"), "Id", counted=True)
        assert table is not None
        assert typed_rows(table, {}) == rows
        assert table.locator is None


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("<!doctype html><html><body><h1>Maintenance</h1></body></html>", {}),
        ("<!doctype html>\n<h1>Maintenance</h1>\n", {"numberofrecords": "1"}),
        ('"Id","Title"\n"1","a"\n"2","b"\n', {"numberofrecords": "3"}),
        ('"Id","Title"\n"1","a"\n', {}),
        ('"Id","Title"\n"1","a"\n"2"', {"numberofrecords": "2"}),
        ('"Id","Title"\n"1","a"\n"2","b', {"numberofrecords": "2"}),
        ("", {"numberofrecords": "2"}),
    ],
)
def test_bulk_results_that_are_not_whole_are_no_table(text: str, headers: dict[str, str]) -> None:
    assert whole_table(page_of_results(text, **headers), "Id", counted=True) is None


def test_bulk_results_of_writes_are_not_counted_by_salesforce() -> None:
    table = whole_table(page_of_results('"sf__Id","Id"\n"1","1"\n'), "Id", counted=False)
    assert table is not None
    assert table.rows == [["1", "1"]]
    assert whole_table(page_of_results('"sf__Id","Id"\n"1","1'), "Id", counted=False) is None
