"""What the merge promises, in any situation: the invariants of the design, one property each."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mapping.fields import Policy, PolicyKind, Value
from state.records import Side
from sync.merge import HUB, PERSON, Merged, _merge_field, ahead, decided, merge, unseen
from sync.plan import news_for
from tests.simulation.world import SYSTEMS, rules
from tests.state.made import AT
from tests.sync.situations import FIELDS, TEXT_FIELDS, Situation, at_rest, hub_value, said, shown_value, situations

DECIDED: tuple[PolicyKind, ...] = ("prefer", "newest")


@given(situations())
def test_the_order_of_the_systems_changes_nothing(situation: Situation) -> None:
    expected = situation.merge(SYSTEMS)
    for order in permutations(SYSTEMS):
        assert situation.merge(order) == expected


@given(situations())
def test_merging_again_changes_nothing(situation: Situation) -> None:
    merged, sides = situation.merge()
    before = deepcopy(sides)
    again = merge(dict(merged.hub), dict(merged.origin), sides, situation.rules)
    assert (again.hub, again.origin, again.changes) == (merged.hub, merged.origin, {})
    assert sides == before
    assert set(again.conflicts) == {name for name, c in merged.conflicts.items() if c.winner is None}


@given(situations())
def test_what_was_read_is_absorbed_but_for_what_a_person_must_decide(situation: Situation) -> None:
    merged, sides = situation.merge()
    waiting = {name for name, conflict in merged.conflicts.items() if conflict.winner is None}
    assert {name for side in sides.values() for name in side.seen} <= waiting
    for name in waiting:
        assert situation.rules.policy(name).kind == "review"
        assert merged.hub.get(name) == situation.hub.get(name)
        assert {s: side.seen.get(name) for s, side in sides.items()} == {
            s: side.seen.get(name) for s, side in situation.sides.items()
        } or any(s not in merged.conflicts[name].claims for s in sides if name in situation.sides[s].seen)


@given(at_rest(DECIDED), st.data())
def test_a_one_sided_edit_survives_everywhere(situation: Situation, data: st.DataObject) -> None:
    system = data.draw(st.sampled_from(SYSTEMS))
    name = data.draw(st.sampled_from(TEXT_FIELDS))
    value = data.draw(shown_value(system, name))
    side = situation.sides[system]
    side.seen = unseen(side.base_remote, {name: value})
    assume(side.seen and value is not None)
    merged, sides = situation.merge()
    assert merged.hub == {**situation.hub, name: value}
    assert merged.conflicts == {}
    assert merged.changes[name].source == system
    for other in SYSTEMS:
        mapper = situation.rules.mappers[other]
        told = dict(news_for(mapper, sides[other], merged.hub))
        needed = other != system and mapper.roundtrip(name, value) != situation.sides[other].base_remote[name]
        assert told == ({name: value} if needed else {})


@given(at_rest(DECIDED), st.data())
def test_edits_of_different_fields_all_survive(situation: Situation, data: st.DataObject) -> None:
    expected = dict(situation.hub)
    for system, name in zip(SYSTEMS, data.draw(st.permutations(TEXT_FIELDS)), strict=False):
        value = data.draw(shown_value(system, name).filter(bool))
        side = situation.sides[system]
        side.seen = unseen(side.base_remote, {name: value})
        if side.seen:
            expected[name] = value
    merged, _ = situation.merge()
    assert merged.hub == expected
    assert merged.conflicts == {}


@given(at_rest())
def test_an_echo_is_no_edit(situation: Situation) -> None:
    for side in situation.sides.values():
        side.seen = unseen(side.base_remote, dict(side.base_remote))
        assert side.seen == {}
    merged, _ = situation.merge()
    assert (merged.hub, merged.changes, merged.conflicts) == (situation.hub, {}, {})


@given(situations())
def test_no_value_appears_that_nobody_wrote(situation: Situation) -> None:
    merged, _ = situation.merge()
    for name, value in merged.hub.items():
        written: list[Value] = [situation.hub.get(name), *(side.seen.get(name) for side in situation.sides.values())]
        if isinstance(value, list):
            assert set(value) <= {tag for tags in written if isinstance(tags, list) for tag in tags}
        else:
            assert value in written


@given(situations())
def test_a_conflict_is_never_silent(situation: Situation) -> None:
    """Whoever said something that the hub does not say afterwards is on record with it; but for who, met for the first
    time, said what the hub knew before somebody else told it more."""
    merged, _ = situation.merge()
    for name in FIELDS:
        for system, value in said(situation.sides, name).items():
            first = name not in situation.sides[system].base_remote
            if first and situation.same(system, name, value, situation.hub.get(name)):
                continue
            if not situation.same(system, name, value, merged.hub.get(name)):
                assert merged.conflicts[name].claims[system] == value


@given(situations())
def test_what_changed_says_from_where_and_why(situation: Situation) -> None:
    merged, _ = situation.merge()
    fast = not situation.hub and len(situation.sides) == 1
    for name in {*situation.hub, *merged.hub}:
        old, new = situation.hub.get(name), merged.hub.get(name)
        if old == new or fast:
            continue
        change = merged.changes[name]
        assert (change.old, change.new) == (old, new)
        assert change.rule
        assert merged.origin[name] == change.source
        claimed = situation.sides[change.source].seen.get(name) if change.source in situation.sides else old
        assert claimed == new or name in ("tags", "left")


@given(situations(known=False))
def test_the_fast_way_of_a_first_sight_is_the_general_way(situation: Situation) -> None:
    system, side = sorted(situation.sides.items())[0]
    slow, fast = deepcopy(side), deepcopy(side)
    general = Merged({}, {})
    for name in sorted(slow.seen):
        _merge_field(name, general, {system: slow}, situation.rules)
    merged = merge({}, {}, {system: fast}, situation.rules)
    assert (merged.hub, fast) == (general.hub, slow)
    assert {name: merged.origin.get(name, merged.origin[""]) for name in merged.hub} == general.origin
    assert merged.conflicts == general.conflicts == {}
    assert [c[:3] for c in merged.changes.values()] == [c[:3] for n, c in general.changes.items() if n == "stage"]


@given(situations())
def test_an_opt_out_is_never_undone(situation: Situation) -> None:
    merged, sides = situation.merge()
    claims = said(situation.sides, "opted_out")
    if situation.hub.get("opted_out") is True or True in claims.values():
        assert merged.hub["opted_out"] is True
    for system, side in sides.items():
        assert ("opted_out", False) not in news_for(situation.rules.mappers[system], side, merged.hub)


@given(situations())
def test_a_stage_moves_only_as_the_lifecycle_allows(situation: Situation) -> None:
    merged, _ = situation.merge()
    old, new = situation.hub.get("stage"), merged.hub.get("stage")
    assert situation.rules.lifecycle.allowed(old, new)
    assert new is not None or old is None


@given(situations())
def test_a_blank_takes_nothing_away_unless_it_may_travel(situation: Situation) -> None:
    merged, _ = situation.merge()
    for name, old in situation.hub.items():
        if old is not None and merged.hub.get(name) is None:
            clearing = [
                s
                for s, side in situation.sides.items()
                if name in side.seen and name in side.base_remote and name in situation.rules.mappers[s].clears
            ]
            assert clearing or name == "tags"


@given(situations())
def test_one_push_brings_every_system_in_line(situation: Situation) -> None:
    """What is left to tell is told once: after it there is nothing more to tell, nor to merge."""
    merged, sides = situation.merge()
    for system, side in sides.items():
        mapper = situation.rules.mappers[system]
        for name, value in news_for(mapper, side, merged.hub):
            side.absorb(name, mapper.roundtrip(name, value), value)
        assert news_for(mapper, side, merged.hub) == []
    again = merge(dict(merged.hub), dict(merged.origin), sides, situation.rules)
    assert again.changes == {}


# --- policies, one by one --------------------------------------------------------------------------------------------


def decide(policy: Policy, hub: Value, origin: str, **shown: Value) -> tuple[Value, dict[str, Value] | None]:
    """What becomes of `name` when each system shows a value that it has not shown before; and who was overruled."""
    sides = {}
    for system, value in shown.items():
        side = sides[system] = Side()
        side.absorb("name", "before", hub)
        side.seen = {"name": value}
    merged = merge({"name": hub}, {"name": origin}, sides, rules({"name": policy}))
    conflict = merged.conflicts.get("name")
    return merged.hub["name"], conflict.claims if conflict else None


PREFER = Policy("prefer", ("sup", "crm", "mkt"))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (PREFER, "S"),
        (Policy("owner", ("mkt", "sup", "crm")), "M"),
        (Policy("fill_blank", ("sup", "crm", "mkt")), "old"),
        (Policy("review", ("sup", "crm", "mkt")), "old"),
    ],
)
def test_three_claims(policy: Policy, expected: str) -> None:
    value, claims = decide(policy, "old", "crm", crm="C", mkt="M", sup="S")
    assert value == expected
    assert claims is not None
    assert {"crm": "C", "mkt": "M", "sup": "S"}.items() <= claims.items()


def test_an_owner_who_is_not_linked_to_the_lead_owns_nothing() -> None:
    assert decide(Policy("owner", ("sup",)), "old", "crm", mkt="M") == ("M", None)


def test_what_a_person_chose_outranks_whom_it_has_not_reached() -> None:
    side = Side()
    side.absorb("name", "before", "before")
    side.seen = {"name": "S"}
    merged = merge({"name": "chosen"}, {"name": PERSON}, {"sup": side}, rules({"name": PREFER}))
    assert merged.hub["name"] == "chosen"
    assert merged.conflicts["name"].claims == {f"{HUB} (from {PERSON})": "chosen", "sup": "S"}


@pytest.mark.parametrize(
    ("times", "expected"),
    [({"crm": 1, "mkt": 2}, "M"), ({"crm": 2, "mkt": 1}, "C"), ({"crm": 1, "mkt": 1}, "C"), ({"mkt": 2}, "C")],
    ids=["the later", "the other way round", "a tie falls to the order", "one undated falls to the order"],
)
def test_newest(times: dict[str, int], expected: str) -> None:
    sides: dict[str, Any] = {}
    for system, value in (("crm", "C"), ("mkt", "M")):
        sides[system] = Side(seen={"name": value}, seen_at=None)
        if system in times:
            sides[system].seen_at = AT + timedelta(hours=times[system])
    merged = merge({}, {}, sides, rules({"name": Policy("newest", ("crm", "mkt", "sup"))}))
    assert merged.hub["name"] == expected


def test_a_poorer_telling_supports_the_fuller_one() -> None:
    """The CRM keeps three letters of a title: what it shows is what the marketing tool says, not another opinion."""
    sides = {"crm": Side(seen={"title": "Chi"}), "mkt": Side(seen={"title": "Chief"})}
    merged = merge({}, {}, sides, rules({"title": Policy("prefer", ("crm", "mkt", "sup"))}))
    assert (merged.hub["title"], merged.conflicts) == ("Chief", {})
    assert not ahead(rules().mappers["crm"], sides["crm"], "title", "Chief")


@pytest.mark.parametrize(
    ("crm", "mkt", "expected"),
    [("JURGEN", "Jürgen", "Jürgen"), ("jürgen", "Jurgen", "jürgen"), ("Jürgen", "Jörgen", "Jürgen")],
)
def test_who_spells_it_out_wins_where_case_and_accents_alone_differ(crm: str, mkt: str, expected: str) -> None:
    sides = {"crm": Side(seen={"name": crm}), "mkt": Side(seen={"name": mkt})}
    assert merge({}, {}, sides, rules()).hub["name"] == expected


def test_tags_are_joined_by_what_each_side_did_to_them() -> None:
    sides = {"crm": Side(), "mkt": Side()}
    for side in sides.values():
        side.absorb("tags", ["a", "b"], ["a", "b"])
    sides["crm"].seen, sides["mkt"].seen = {"tags": ["b", "c"]}, {"tags": ["a", "b", "d"]}
    merged = merge({"tags": ["a", "b"]}, {"": "crm"}, sides, rules())
    assert merged.hub["tags"] == ["b", "c", "d"]


@pytest.mark.parametrize(
    ("old", "claims", "new"),
    [
        ("lead", {"crm": "sql", "mkt": "mql"}, "sql"),
        ("sql", {"mkt": "lead"}, "sql"),
        ("sql", {"crm": "disqualified", "mkt": "customer"}, "disqualified"),
        ("disqualified", {"mkt": "lead"}, "lead"),
        ("disqualified", {"mkt": "sql"}, "disqualified"),
        (None, {"mkt": "customer"}, "customer"),
        ("sql", {"mkt": None}, "sql"),
    ],
)
def test_stages(old: str | None, claims: dict[str, Value], new: str) -> None:
    sides = {}
    for system, stage in claims.items():
        side = sides[system] = Side()
        side.absorb("stage", "before", old)
        side.seen = {"stage": stage}
    assert merge({"stage": old}, {"": "crm"}, sides, rules()).hub["stage"] == new


@given(at_rest(), st.sampled_from(("prefer", "owner", "fill_blank")), st.permutations(SYSTEMS), st.data())
def test_a_question_is_replayed_as_the_merge_would_have_decided_it(
    situation: Situation, kind: PolicyKind, order: list[str], data: st.DataObject
) -> None:
    for system in data.draw(st.sets(st.sampled_from(SYSTEMS), min_size=1)):
        side = situation.sides[system]
        side.seen = unseen(side.base_remote, {"title": data.draw(shown_value(system, "title"))})
    if data.draw(st.booleans()):  # what somebody else said, and not every system has been told
        situation.hub["title"] = data.draw(hub_value("title"))
        situation.origin["title"] = data.draw(st.sampled_from((*SYSTEMS, PERSON)))
    asking = replace(situation.rules, policies={**situation.rules.policies, "title": Policy("review", tuple(order))})
    merged, _ = replace(situation, rules=asking).merge()
    assume("title" in merged.conflicts and merged.conflicts["title"].winner is None)
    policy = Policy(kind, tuple(order))
    ruled = replace(situation.rules, policies={**situation.rules.policies, "title": policy})
    expected, _ = replace(situation, rules=ruled).merge()
    claims = merged.conflicts["title"].claims
    verdict = decided("title", policy, claims, situation.hub.get("title"), ruled, situation.sides)
    assert verdict.value == expected.hub.get("title")
    assert verdict.source is not None
