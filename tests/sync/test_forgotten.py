"""Who is known to have asked to be forgotten, and by what."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Record
from connectors.errors import Misconfigured
from mapping.fields import Fields
from sync.activities import without_forgotten
from sync.forgotten import Forgotten, values_of

BLANK = Forgotten("secret")
ADA = Forgotten(
    "secret",
    {
        BLANK.sign("key", ""),
        BLANK.of_value("email", "ada@x.example"),
        BLANK.of_value("phone", "+4420"),
        BLANK.of_record("crm", "7"),
    },
)


@pytest.mark.parametrize(
    ("place", "id_", "values", "linked", "is_one"),
    [
        ("crm", "7", {}, False, True),
        ("crm/company", "7", {}, False, False),
        ("mkt", "7", {}, False, False),
        ("crm", "7", {"email": "else@x.example"}, True, False),  # the id is known as somebody else's
        ("mkt", "1", {"email": "ADA@x.example"}, False, True),
        ("mkt", "1", {"email": "Ada@x.example"}, True, True),
        ("mkt", "1", {"phone": "+4420"}, False, True),
        ("mkt", "1", {"phone": "+4420", "email": "colleague@x.example"}, False, False),
        ("mkt", "1", {"phone": "+4420"}, True, False),
        ("mkt", "1", {"phone": None, "email": None}, False, False),
    ],
)
def test_who_is_not_taken_in(place: str, id_: str, values: Fields, linked: bool, is_one: bool) -> None:
    assert ADA.is_one(place, id_, values, linked=linked) is is_one


def test_a_wrong_key_or_none_is_noticed() -> None:
    assert ADA.checked() is ADA
    assert BLANK.checked() is BLANK
    for key in ("", "another"):
        with pytest.raises(Misconfigured, match="would come back"):
            Forgotten(key, ADA.hashes).checked()
    assert "secret" not in repr(ADA)


def test_every_value_that_was_ever_held_is_found() -> None:
    parts: list[Any] = [
        {"email": "a@x"},
        {"email": {"old": "b@x", "new": "c@x", "claims": {"crm": "d@x"}}},
        {"email": {"was": "e@x", "now": None}},
        {"email": None},
        {},
    ]
    assert values_of(parts, "email") == {"a@x", "b@x", "c@x", "d@x", "e@x"}


@pytest.mark.parametrize(
    ("fields", "leads"),
    [
        ({"leads": ["7"], "subject": "Hello Ada"}, None),
        ({"leads": [], "email": "ADA@x.example", "subject": "Hello Ada"}, None),
        ({"leads": ["7", "8"], "subject": "Hello Ada and Bob"}, ["8"]),
        ({"leads": ["8"], "email": "ada@x.example", "subject": "Re: Ada"}, ["8"]),
    ],
)
def test_what_happened_to_them_is_not_taken_in(fields: dict[str, Any], leads: list[str] | None) -> None:
    told = without_forgotten(ADA, "crm", Record("call:1", {"type": "call", **fields}))
    if leads is None:
        assert told is None
    else:
        assert told is not None
        assert told.fields["leads"] == leads
        assert "Ada" not in str(told.fields)
        assert "ada@" not in str(told.fields)


def test_what_happened_to_others_is_as_it_was() -> None:
    record = Record("call:1", {"type": "call", "leads": ["8"], "subject": "Hello Bob", "email": None})
    assert without_forgotten(ADA, "crm", record) is record
