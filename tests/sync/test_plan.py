"""What the plan promises: nothing but the difference, to nobody who must not hear it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import Policy
from mapping.rules import Rules
from state.records import Hub, Link, Side, WriteRow
from sync.consent import members
from sync.plan import Tally, fingerprint, may_create, plan_hub
from sync.reconcile import has_news
from tests.simulation.world import CHANNELS, SYSTEMS, rules
from tests.sync.situations import Situation, at_rest, situations

RUN = "r" * 32


def merged_lead(situation: Situation) -> Hub:
    merged, sides = situation.merge()
    lead = situation.lead()
    lead.fields, lead.origin = merged.hub, merged.origin
    for system, side in sides.items():
        lead.links[system].side = side
    return lead


def planned(lead: Hub, rules_: Rules, **more: object) -> list[WriteRow]:
    return plan_hub(lead, SYSTEMS, rules_, RUN, **more)  # type: ignore[arg-type]


@given(situations())
def test_only_what_differs_is_sent(situation: Situation) -> None:
    lead = merged_lead(situation)
    for row in planned(lead, situation.rules):
        mapper = situation.rules.mappers[row.system]
        if row.operation == "create":
            assert row.system not in lead.links
            assert row.fields == {
                name: (None, value)
                for name, value in lead.fields.items()
                if value is not None and name in mapper.pushed and (name not in CHANNELS or value is not False)
            }
            continue
        side = lead.links[row.system].side
        assert row.remote_id == lead.links[row.system].remote_id
        for name, (old, new) in row.fields.items():
            assert (old, new) == (side.base_hub.get(name), lead.fields.get(name))
            assert new != old
            assert name not in side.base_remote or side.base_remote[name] != mapper.roundtrip(name, new)


@given(situations(("review",)))
def test_nothing_is_written_over_what_waits_for_a_person(situation: Situation) -> None:
    lead = merged_lead(situation)
    for row in planned(lead, situation.rules):
        if row.operation == "update":
            assert not row.fields.keys() & lead.links[row.system].side.seen.keys()


@given(situations())
def test_a_blank_goes_only_where_it_is_let_in(situation: Situation) -> None:
    lead = merged_lead(situation)
    for row in planned(lead, situation.rules):
        blanks = {name for name, value in row.sent().items() if value is None}
        assert blanks <= (situation.rules.mappers[row.system].clears if row.operation == "update" else set())


@given(situations())
def test_not_opted_out_is_never_sent(situation: Situation) -> None:
    for row in planned(merged_lead(situation), situation.rules):
        assert False not in [row.sent().get("opted_out"), row.sent().get("sms_opted_out")]
        shown = merged_lead(situation).links[row.system].side if row.operation == "update" else Side()
        assert members(shown.base_remote.get("left")) <= members(row.sent().get("left", shown.base_remote.get("left")))


@given(at_rest())
def test_at_rest_there_is_no_plan_and_no_news(situation: Situation) -> None:
    lead = merged_lead(situation)
    assert planned(lead, situation.rules) == []
    assert not has_news(lead, situation.rules)


@given(situations())
def test_news_may_be_announced_in_vain_but_never_missed(situation: Situation) -> None:
    lead = merged_lead(situation)
    if planned(lead, situation.rules):
        assert has_news(lead, situation.rules)


@given(situations())
def test_the_writes_of_some_systems_are_those_of_all_less_the_others(situation: Situation) -> None:
    lead = merged_lead(situation)
    every = planned(lead, situation.rules)
    for system in SYSTEMS:
        assert plan_hub(lead, [system], situation.rules, RUN) == [row for row in every if row.system == system]


# --- who is not written to ------------------------------------------------------------------------------------------


def known_in_crm() -> Hub:
    """To be told to crm, and to be created in mkt and sup."""
    side = Side({"email": "a@x", "name": "Al"}, {"email": "a@x", "name": "Al"})
    return Hub("1" * 32, {"email": "a@x", "name": "Bob"}, {"": "mkt"}, links={"crm": Link("1" * 32, "crm", "c1", side)})


def test_one_lead_to_tell_and_to_create() -> None:
    lead = known_in_crm()
    assert [(row.system, row.operation, row.sent()) for row in planned(lead, rules())] == [
        ("crm", "update", {"name": "Bob"}),
        ("mkt", "create", {"email": "a@x", "name": "Bob"}),
        ("sup", "create", {"email": "a@x", "name": "Bob"}),
    ]


def systems_of(rows: list[WriteRow]) -> list[str]:
    return [row.system for row in rows]


def test_a_lead_that_went_into_another_is_left_alone() -> None:
    lead = known_in_crm()
    lead.merged_into = "2" * 32
    assert planned(lead, rules()) == []


@pytest.mark.parametrize("state", ["deleted", "merged", "ignored"])
def test_a_lead_whose_every_record_is_gone_is_created_nowhere(state: str) -> None:
    lead = known_in_crm()
    lead.links["crm"].state = state  # type: ignore[assignment]
    assert planned(lead, rules()) == []


def test_a_record_that_is_gone_is_neither_written_nor_made_anew() -> None:
    lead = known_in_crm()
    lead.links["mkt"] = Link(lead.id, "mkt", "m1", state="deleted")
    assert systems_of(planned(lead, rules())) == ["crm", "sup"]


def test_an_open_question_of_identity_holds_back_the_create_in_its_system_alone() -> None:
    assert systems_of(planned(known_in_crm(), rules(), held={("1" * 32, "mkt"), ("2" * 32, "sup")})) == ["crm", "sup"]


def test_a_refused_write_is_not_repeated_until_it_is_another() -> None:
    lead = known_in_crm()
    crm = planned(lead, rules())[0]
    parked = {(lead.id, "crm"): {"another", fingerprint(crm)}, (lead.id, "mkt"): {"another"}}
    assert systems_of(planned(lead, rules(), parked=parked)) == ["mkt", "sup"]
    lead.fields["name"] = "Cy"
    assert systems_of(planned(lead, rules(), parked=parked)) == ["crm", "mkt", "sup"]


def test_conditions_hold_back_creates_and_all_writes() -> None:
    ours = rules()
    ours.mappers["mkt"].create_when = lambda hub: hub.get("stage") is not None
    ours.mappers["crm"].sync_when = lambda hub: False
    ours.mappers["sup"].sync_when = lambda hub: False
    assert planned(known_in_crm(), ours) == []


def test_a_record_that_could_not_be_found_again_is_not_created() -> None:
    mapper = rules().mappers["mkt"]
    assert may_create(mapper, {"name": "Al"})  # by our id
    mapper.id_field = None
    assert not may_create(mapper, {"name": "Al"})
    assert may_create(mapper, {"email": "a@x"})
    mapper.pushed = frozenset()
    assert not may_create(mapper, {"email": "a@x"})


# --- fingerprints and tallies ---------------------------------------------------------------------------------------

ROW = WriteRow(RUN, "1" * 32, "crm", "update", "c1", {"name": ("Al", "Bob"), "title": (None, "CTO")})


def test_a_write_is_the_same_write_in_whatever_run() -> None:
    again = replace(ROW, run_id="s" * 32, id=7, state="done", fields=dict(reversed(ROW.fields.items())))
    again.fields["name"] = ("Ann", "Bob")
    assert fingerprint(again) == fingerprint(ROW)


@pytest.mark.parametrize(
    "other",
    [
        replace(ROW, system="mkt"), replace(ROW, remote_id="c2"), replace(ROW, operation="create"),
        replace(ROW, fields={"name": ("Al", "Bob")}), replace(ROW, fields={**ROW.fields, "title": (None, "CEO")}),
    ],
)  # fmt: skip
def test_anything_else_makes_it_another(other: WriteRow) -> None:
    assert fingerprint(other) != fingerprint(ROW)


@given(st.lists(st.sampled_from(["create", "update", "blank"]), max_size=30))
def test_a_tally_counts_what_a_plan_does(kinds: list[str]) -> None:
    tally = Tally()
    for kind in kinds:
        fields: dict[str, Any] = {"note": ("x", None)} if kind == "blank" else {"name": ("Al", "Bob")}
        tally.add(replace(ROW, operation="create" if kind == "create" else "update", fields=fields))
    assert tally.writes == len(kinds)
    assert tally.creates == kinds.count("create")
    assert tally.fields == {n: c for n, c in (("note", kinds.count("blank")), ("name", kinds.count("update"))) if c}
    assert tally.blanks == ({"note": kinds.count("blank")} if "blank" in kinds else {})


def test_the_policy_has_no_say_in_what_is_sent() -> None:
    for kind in ("prefer", "owner", "review"):
        ours = rules({"name": Policy(kind, SYSTEMS)})
        assert systems_of(planned(known_in_crm(), ours)) == ["crm", "mkt", "sup"]
