"""Conditions on a lead."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mapping.conditions import Condition, evidence, predicate
from mapping.fields import Fields
from mapping.lifecycle import Lifecycle

LEAD: Fields = {
    "stage": "mql", "country": "FR", "employees": 120, "email": "ada@example.com", "tags": ["blue", "red"],
    "opted_out": False, "title": "Head of Sales", "seen": "2026-03-01", "company": None,
}  # fmt: skip


def holds(condition: dict[str, Any], lead: Fields = LEAD) -> bool:
    return predicate(Condition.model_validate(condition), Lifecycle())(lead)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"country": "FR"}, True),
        ({"country": "fr"}, True),
        ({"country": "DE"}, False),
        ({"country": ["DE", "FR"]}, True),
        ({"country": {"in": ["DE"]}}, False),
        ({"country": "FR", "employees": 5}, False),
        ({"employees": {"at_least": 120, "at_most": 120}}, True),
        ({"employees": {"at_least": 121}}, False),
        ({"employees": {"at_most": 119}}, False),
        ({"employees": 120}, True),
        ({"seen": {"at_least": "2026-02-28"}}, True),
        ({"seen": {"at_most": "2026-02-28"}}, False),
        ({"stage": {"at_least": "lead"}}, True),
        ({"stage": {"at_least": "sql"}}, False),
        ({"stage": {"at_most": "mql"}}, True),
        ({"stage": {"at_most": "lead"}}, False),
        ({"stage": ["recycled", "mql"]}, True),
        ({"company": {"present": False}}, True),
        ({"company": {"present": True}}, False),
        ({"nowhere": {"present": True}}, False),
        ({"email": {"contains": "@EXAMPLE."}}, True),
        ({"tags": {"contains": "Red"}}, True),
        ({"tags": {"contains": "re"}}, False),
        ({"tags": "blue"}, True),
        ({"opted_out": False}, True),
        ({"opted_out": True}, False),
        ({"not": {"opted_out": True}}, True),
        ({"any": [{"country": "DE"}, {"title": {"contains": "chief"}}, {"title": {"contains": "head"}}]}, True),
        ({"any": [{"title": {"contains": "chief"}}, {"title": {"contains": "owner"}}]}, False),
        ({"any": [{"title": {"contains": "head"}, "not": {"country": "FR"}}]}, False),
        ({"all": [{"country": "FR"}, {"employees": {"at_least": 100}}]}, True),
        ({"all": [{"country": "FR"}, {"employees": {"at_least": 200}}]}, False),
        ({"country": "FR", "any": [{"employees": 1}, {"not": {"employees": 1}}]}, True),
    ],
)
def test_condition(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize(
    "test", [{"equals": 1}, {"in": ["x"]}, {"contains": "x"}, {"at_least": 0}, {"at_most": 0}, {"present": True}]
)
def test_a_blank_fails_every_test(test: dict[str, Any]) -> None:
    assert not holds({"company": test}, {"company": None})
    assert not holds({"company": test}, {})


def test_a_side_state_is_on_no_step_of_the_ladder() -> None:
    for test in ({"at_least": "subscriber"}, {"at_most": "evangelist"}):
        assert not holds({"stage": test}, {"stage": "lost"})
        assert not holds({"stage": test}, {"stage": None})


def test_yes_is_not_one() -> None:
    assert not holds({"employees": 1}, {"employees": True})
    assert not holds({"opted_out": True}, {"opted_out": 1})


def test_evidence_in_words() -> None:
    condition = Condition.model_validate(
        {"all": [{"employees": {"at_least": 5}}, {"tags": "red"}], "company": {"present": False}}
    )
    assert evidence(condition, LEAD) == "company is blank, employees is 120, tags is blue, red"


@pytest.mark.parametrize(
    "wrong", [{}, {"any": 5}, {"x": {}}, {"x": {"at_leest": 1}}, {"x": {"at_least": [1]}}, {"all": [{}]}, {"not": None}]
)
def test_a_condition_that_says_nothing_is_no_condition(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(wrong)
