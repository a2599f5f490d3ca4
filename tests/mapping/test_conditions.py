"""Conditions on a lead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mapping.conditions import Clause, Condition, asked, evidence, predicate, unmet
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


@pytest.mark.parametrize(
    ("condition", "clauses"),
    [
        ({"stage": {"at_least": "sql"}}, [("stage is at least sql", "stage is mql")]),
        ({"country": ["DE", "BE"]}, [("country is DE or BE", "country is FR")]),
        ({"country": "FR", "employees": {"at_least": 200, "at_most": 500}},
         [("employees is at least 200 and is at most 500", "employees is 120")]),
        ({"tags": {"contains": "gold"}}, [("tags has gold in it", "tags is blue, red")]),
        ({"tags": ["gold", "green"]}, [("tags is gold or green", "tags is blue, red")]),
        ({"company": {"present": True}}, [("company is filled in", "company is blank")]),
        ({"opted_out": True}, [("opted_out is yes", "opted_out is no")]),
        ({"not": {"country": "FR"}}, [("not (country is FR)", "country is FR")]),
        ({"any": [{"country": "DE"}, {"employees": {"at_least": 500}}]},
         [("country is DE or employees is at least 500", "country is FR, employees is 120")]),
        ({"all": [{"country": "FR"}, {"stage": "sql"}, {"company": {"present": True}}]},
         [("stage is sql", "stage is mql"), ("company is filled in", "company is blank")]),
    ],
)  # fmt: skip
def test_what_fails_is_told_and_nothing_else(condition: dict[str, Any], clauses: list[tuple[str, str]]) -> None:
    assert unmet(Condition.model_validate(condition), LEAD, Lifecycle()) == [Clause(*clause) for clause in clauses]


def test_a_condition_in_words() -> None:
    condition = {"stage": {"at_least": "lead"}, "any": [{"country": ["FR", "BE"]}, {"not": {"opted_out": True}}]}
    told = asked(Condition.model_validate(condition))
    assert told == "stage is at least lead and (country is FR or BE or not (opted_out is yes))"


_TESTS = st.sampled_from([
    {"stage": {"at_least": "sql"}}, {"stage": "mql"}, {"country": ["FR", "BE"]}, {"country": "DE"},
    {"employees": {"at_least": 200}}, {"tags": "blue"}, {"tags": {"contains": "gold"}}, {"opted_out": True},
    {"company": {"present": True}}, {"company": {"present": False}},
])  # fmt: skip
CONDITIONS: Any = st.recursive(
    _TESTS,
    lambda inner: (
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_a_clause_is_told_exactly_where_the_condition_fails(condition: dict[str, Any]) -> None:
    made = Condition.model_validate(condition)
    assert bool(unmet(made, LEAD, Lifecycle())) is not predicate(made, Lifecycle())(LEAD)
    assert asked(made)


def test_a_field_called_stage_of_another_kind_is_compared_as_it_is() -> None:
    """A deal's stage is a field like any other."""
    assert holds({"stage": ["open", "won"]}, {"stage": "won"})
    assert not holds({"stage": {"contains": "lost"}}, {"stage": "won"})
    assert holds({"stage": {"at_least": 3}}, {"stage": 4})
    assert not holds({"stage": {"at_least": 3}}, {"stage": 2})
