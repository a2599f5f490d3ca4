"""SOQL: what is asked cannot be changed by what is asked about, and addresses stay short enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Misconfigured
from connectors.salesforce import soql

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def unquoted(literal: str) -> str:
    """A reader of SOQL string literals, written apart from the writer."""
    assert literal[0] == literal[-1] == "'"
    escapes = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    read, rest = "", literal[1:-1]
    while rest:
        if rest[0] == "\\":
            read, rest = read + escapes.get(rest[1], rest[1]), rest[2:]
        else:
            assert rest[0] != "'", "a quote that ends the literal early"
            read, rest = read + rest[0], rest[1:]
    return read


@given(text)
def test_a_literal_reads_back_as_the_value_it_was_made_of(value: str) -> None:
    assert unquoted(soql.literal(value)) == value


@pytest.mark.parametrize(
    "value", ["O'Brien", "a\\", "\\' OR Name != '", "x') OR (Id != '", 'say "hi"', "two\nlines", "\u2028"]
)
def test_injection_stays_inside_the_quotes(value: str) -> None:
    statement = soql.select(["Id"], "Lead", soql.any_of("Email", [value]))
    quoted = re.search(r"IN \((.*)\)$", statement, re.DOTALL)
    assert quoted is not None
    assert unquoted(quoted[1]) == value


@pytest.mark.parametrize(
    "field", ["Id FROM User", "Email,Name", "", "1st", "Name)", "E'mail", "Émail", "a..b", "Name\n"]
)
def test_a_name_that_is_no_field_name_is_refused(field: str) -> None:
    with pytest.raises(Misconfigured, match="cannot be the name"):
        soql.select([field], "Lead")


@pytest.mark.parametrize("value", ["", "a\0b", "half \ud800 a character"])
def test_text_that_no_stored_value_can_equal_is_not_asked_for(value: str) -> None:
    assert not soql.askable(value)
    assert soql.askable("Zoë 👋")


def test_a_datetime_is_written_in_utc_with_milliseconds_whatever_its_zone() -> None:
    paris = timezone(timedelta(hours=2))
    assert soql.moment(datetime(2026, 7, 1, 12, 30, 1, 250_000, paris)) == "2026-07-01T10:30:01.250Z"


@pytest.mark.parametrize("stamp", ["2026-07-01T10:30:00.000+0000", "2026-07-01T10:30:00.000Z"])
def test_rest_writes_dates_with_plus_zero_and_bulk_with_z(stamp: str) -> None:
    assert soql.stamp_time(stamp) == datetime(2026, 7, 1, 10, 30, tzinfo=UTC)


def test_keyset_continues_within_one_timestamp() -> None:
    place = soql.Place("2026-07-01T10:30:00.000+0000", "00Q000000000001AAA")
    assert soql.after(place) == (
        "(SystemModstamp > 2026-07-01T10:30:00.000Z) OR "
        "(SystemModstamp = 2026-07-01T10:30:00.000Z AND Id > '00Q000000000001AAA')"
    )


def test_an_incremental_read_begins_with_its_boundary() -> None:
    assert soql.since(datetime(2026, 7, 1, tzinfo=UTC)) == "SystemModstamp >= 2026-07-01T00:00:00.000Z"


@given(st.lists(text.filter(bool), max_size=80))
def test_url_length_values_are_cut_into_addresses_that_fit(values: list[str]) -> None:
    values = values * 20
    bare = soql.select(["Id", "Email"], "Lead", soql.any_of("Email", []))
    chunks = list(soql.chunks_of_values(bare, values))
    assert [value for chunk in chunks for value in chunk] == values
    for chunk in chunks:
        statement = soql.select(["Id", "Email"], "Lead", soql.any_of("Email", chunk))
        assert soql.encoded_length(statement) <= soql.QUERY_ROOM or len(chunk) == 1


@given(st.integers(0, 900))
def test_url_length_fields_are_cut_into_addresses_that_fit(many: int) -> None:
    fields = [f"Some_custom_field_number_{i}__c" for i in range(many)]
    chunks = soql.chunks_of_fields(fields)
    assert [field for chunk in chunks for field in chunk] == fields
    assert chunks
    assert all(soql.encoded_length(",".join(chunk)) <= soql.QUERY_ROOM // 2 for chunk in chunks)
