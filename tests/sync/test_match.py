"""Who is who: keys, their order, two candidates, and what a person is shown to choose by."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import Fields
from sync.match import Match, contradicts, entries, likeness, match, match_keys
from tests.simulation.world import rules

ENTRIES = (("email",), ("last_name", "company"), ("phone",))
ADA: Fields = {"email": "ada@x", "last_name": "King", "company": "Engines", "phone": "+44"}
names = st.sampled_from(["email", "last_name", "company", "phone", "city"])
words = st.none() | st.text(max_size=12) | st.sampled_from(["Ada", "ada ", "ÁDA", "a\u0301da"])


def keys(fields: Fields) -> list[tuple[str, int]]:
    return match_keys(fields, ENTRIES)


def found(*leads: tuple[str, Fields]) -> dict[int, set[str]]:
    by_key: dict[int, set[str]] = {}
    for hub_id, fields in leads:
        for _, key in keys(fields):
            by_key.setdefault(key, set()).add(hub_id)
    return by_key


def ask(fields: Fields, *leads: tuple[str, Any], own: str | None = None, taken: str = "") -> Match:
    known = {hub_id for hub_id, _ in leads}
    return match(own, keys(fields), known.__contains__, found(*leads), lambda hub_id: hub_id in taken)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_an_entry_of_several_fields_needs_all_of_them() -> None:
    assert [rule for rule, _ in keys(ADA)] == ["email", "last_name+company", "phone"]
    assert [rule for rule, _ in keys({**ADA, "company": None})] == ["email", "phone"]
    assert [rule for rule, _ in keys({**ADA, "company": " ", "email": ""})] == ["phone"]
    assert keys({}) == []


@pytest.mark.parametrize("spelled", ["ADA@X", " ada@x ", "Ada@x"])
def test_spelling_makes_no_other_key(spelled: str) -> None:
    assert keys({"email": spelled}) == keys({"email": "ada@x"})


def test_accents_and_width_make_no_other_key() -> None:
    assert keys({"phone": "Žofie  Nováková"}) == keys({"phone": "zofie novakova"})
    assert keys({"phone": "ＡＢＣ"}) == keys({"phone": "abc"})


def test_the_same_text_in_another_entry_is_another_key() -> None:
    assert {key for _, key in keys({"email": "x"})}.isdisjoint(key for _, key in keys({"phone": "x"}))


def test_fields_run_into_each_other_make_no_equal_key() -> None:
    assert keys({"last_name": "ab", "company": "c"}) != keys({"last_name": "a", "company": "bc"})


@given(st.dictionaries(names, words))
def test_keys_fit_the_database_and_depend_on_nothing_but_the_values(fields: Fields) -> None:
    assert keys(fields) == keys(dict(reversed(fields.items())))
    assert all(-(2**63) <= key < 2**63 for _, key in keys(fields))


def test_half_a_character_is_no_accident() -> None:
    assert len(keys({"email": "\ud800@x"})) == 1


# --- answers ---------------------------------------------------------------------------------------------------------


def test_nobody_known_is_somebody_new_if_they_can_be_found_again() -> None:
    assert ask(ADA) == Match("new")
    assert ask({"city": "London"}) == Match("unmatchable")


def test_our_own_id_is_believed_first() -> None:
    others = (("a", {"email": "other@x"}), ("b", ADA))
    assert ask(ADA, *others, own="a") == Match("found", ("a",), "our id")
    assert ask(ADA, *others, own="a", taken="a") == Match("duplicate", ("a",), "our id")
    assert ask(ADA, *others, own="nobody's") == Match("found", ("b",), "email")


def test_the_strongest_rule_that_finds_anybody_decides() -> None:
    by_phone, by_mail = ("a", {"phone": "+44"}), ("b", {"email": "ada@x"})
    assert ask(ADA, by_phone, by_mail) == Match("found", ("b",), "email")
    assert ask(ADA, by_phone) == Match("found", ("a",), "phone")


def test_two_candidates_are_a_question_never_the_first() -> None:
    assert ask(ADA, ("b", ADA), ("a", ADA)) == Match("ambiguous", ("a", "b"), "email")
    assert ask(ADA, ("b", ADA), ("a", ADA), taken="a") == Match("ambiguous", ("a", "b"), "email")


def test_a_second_record_of_one_system_is_a_question() -> None:
    assert ask(ADA, ("a", ADA), taken="a") == Match("duplicate", ("a",), "email")


@given(st.dictionaries(names, words), st.lists(st.dictionaries(names, words), max_size=5), st.sets(st.integers(0, 4)))
def test_nobody_is_taken_for_another_where_two_would_do(fields: Fields, others: list[Fields], taken: set[int]) -> None:
    leads = [(str(n), other) for n, other in enumerate(others)]
    answer = ask(fields, *leads, taken="".join(map(str, taken)))
    if answer.answer in ("found", "duplicate"):
        [one] = answer.candidates
        assert found(*leads)[dict(keys(fields))[answer.by]] == {one}
        assert (one in map(str, taken)) == (answer.answer == "duplicate")
    if answer.answer == "new":
        assert not {key for _, key in keys(fields)} & found(*leads).keys()


# --- contradictions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        ({"email": "byron@x", "phone": "+44"}, True),
        ({"phone": "+44"}, False),
        ({"email": "ada@x", "phone": "+33"}, False),
        ({"email": "byron@x", "last_name": "King", "company": "Engines"}, True),
        ({"last_name": "Byron", "company": "Engines", "phone": "+44"}, True),
        ({}, False),
    ],
    ids=["another address", "no address", "the same address", "the same name", "another name", "nothing known"],
)
def test_the_strongest_rule_that_both_can_be_known_by_tells_people_apart(other: Fields, apart: bool) -> None:
    assert contradicts(keys(ADA), keys(other)) is apart


@given(st.dictionaries(names, words), st.dictionaries(names, words))
def test_to_contradict_is_mutual_and_never_oneself(left: Fields, right: Fields) -> None:
    assert contradicts(keys(left), keys(right)) == contradicts(keys(right), keys(left))
    assert not contradicts(keys(left), keys(left))


# --- likeness --------------------------------------------------------------------------------------------------------


@given(st.dictionaries(names, words), st.dictionaries(names, words))
def test_likeness_is_a_share_of_a_hundred(left: Fields, right: Fields) -> None:
    score, reasons = likeness(left, right)
    assert 0 <= score <= 100
    assert bool(reasons) <= (score > 0)


def test_likeness_says_why() -> None:
    assert likeness(ADA, ADA) == (100, ["email equal", "phone equal", "last_name equal", "company equal"])
    score, reasons = likeness(ADA, {**ADA, "email": "ada@y", "last_name": "Kings"})
    assert 60 < score < 100
    assert "last_name alike" in reasons
    assert likeness(ADA, {}) == (0, [])


def test_every_entry_that_any_system_matches_by_is_kept() -> None:
    mappers = rules().mappers
    mappers["crm"].match = (("phone",), ("email",))
    assert entries(mappers) == (("phone",), ("email",))
