"""What may be held back of an approved write, and what may not. Histories of it: tests/simulation/test_approvals.py."""

from __future__ import annotations

from itertools import combinations

import pytest

from mapping.mapper import FieldMap, Mapper
from state.records import WriteRow
from sync.approval import TOGETHER, Approval, held_with, needed_to_create, without

NAMES = (
    "email", "name", "company", "source", "opted_out", "stage", "stage_reason", "consent_basis", "consent_at",
    "consent_source",
)  # fmt: skip
MAPPER = Mapper(
    "crm",
    [
        FieldMap(
            name, name, lambda value: value, lambda value: value,
            default="unknown" if name == "company" else None, once=name == "source",
        )
        for name in NAMES
    ],
)  # fmt: skip
NEEDED = {"email", "opted_out", "company", "source"}
"""Found again by; who has opted out; filled up with a default; never told afterwards."""


def row(operation: str, *names: str) -> WriteRow:
    values = {name: (None, f"new {name}") for name in names}
    return WriteRow("run", "hub", "crm", operation, None if operation == "create" else "1", values)  # type: ignore[arg-type]


def test_a_create_needs_what_it_would_mean_something_else_without() -> None:
    assert needed_to_create(MAPPER) == NEEDED
    for name in NAMES:
        kept = without(row("create", *NAMES), {name}, MAPPER)
        assert (kept is None) == (name in NEEDED), name


def test_every_choice_of_fields_leaves_what_was_not_held_back() -> None:
    """By brute force: all choices of up to three fields, in creates and in updates."""
    for operation in ("create", "update", "restore"):
        for size in range(4):
            for held in combinations(NAMES, size):
                out = set(held)
                for group in TOGETHER:
                    out |= group if out & group else set()
                rest = set(NAMES) - out
                kept = without(row(operation, *NAMES), held, MAPPER)
                if operation == "create" and out & NEEDED:
                    assert kept is None
                else:
                    assert kept is not None
                    assert set(kept.fields) == rest
                    assert all(kept.fields[name] == (None, f"new {name}") for name in rest)


def test_nothing_is_left_of_a_write_without_any_of_its_fields() -> None:
    assert without(row("update", "name"), {"name"}, MAPPER) is None
    assert without(row("update", "stage", "stage_reason"), {"stage"}, MAPPER) is None
    whole = row("update", "name")
    assert without(whole, {"company"}, MAPPER) is whole


@pytest.mark.parametrize("operation", ["archive", "merge"])
def test_what_concerns_a_record_as_such_has_no_fields_to_hold_back(operation: str) -> None:
    whole = row(operation, "name")
    assert held_with(operation, whole.fields, {"name"}) == set()
    assert without(whole, {"name"}, MAPPER) is whole


def test_the_run_notes_what_it_met_of_what_was_approved() -> None:
    approval = Approval({"a": (), "b": {"name"}, "c": ()})
    assert approval.of(row("update", "name"), "a", MAPPER) is not None
    assert approval.of(row("update", "name"), "b", MAPPER) is None
    assert approval.of(row("update", "name"), "z", MAPPER) is None
    assert approval.met == {"a", "b"}
