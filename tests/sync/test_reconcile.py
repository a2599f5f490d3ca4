"""From claims to a settled lead: what the hub computes by itself, and what it says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import Fields, Policy
from mapping.rules import Rules
from state.records import Hub, Link, Side
from sync.match import entries, match_keys
from sync.reconcile import SMARKETING, Settled, reconcile
from tests.simulation.world import SYSTEMS, rules
from tests.sync.situations import LADDER, STAGE_NAMES, Situation, situations


def earning(stage: str, at: int = 20) -> Rules:
    """20 points and more earn the stage: two of name, phone, title and note are known."""

    def promote(hub: Fields) -> tuple[str, str] | None:
        return (stage, f"score is {hub['score']}") if int(str(hub["score"])) >= at else None

    return replace(rules(), promote=promote)


def settle(lead: Hub, ours: Rules) -> Settled:
    return reconcile(lead, ours, entries(ours.mappers))


def met(**seen: object) -> Hub:
    """A new lead that the CRM shows."""
    return Hub("1" * 32, links={"crm": Link("1" * 32, "crm", "c1", Side(seen=dict(seen)))})  # type: ignore[arg-type]


# --- derived fields --------------------------------------------------------------------------------------------------


def test_what_nobody_types_is_computed_and_says_so() -> None:
    lead = met(email="a@x", name="Al")
    settle(lead, rules())
    assert lead.fields == {"email": "a@x", "name": "Al", "score": 10}
    assert lead.origin == {"": "crm", "score": SMARKETING}
    lead.links["crm"].side.seen = {"phone": "AB1"}
    settled = settle(lead, rules())
    assert (settled.changes["score"].old, settled.changes["score"].new) == (10, 20)
    assert (settled.changes["score"].source, settled.changes["score"].rule) == (SMARKETING, "derived")


@given(situations(), st.sampled_from(LADDER))
def test_a_settled_lead_is_settled(situation: Situation, stage: str) -> None:
    ours = replace(situation.rules, promote=earning(stage).promote)
    lead = situation.lead()
    settle(lead, ours)
    fields, origin = dict(lead.fields), dict(lead.origin)
    again = settle(lead, ours)
    assert (again.changes, again.stages, again.created, again.closed, again.gained, again.lost) == (
        {}, (), not fields and not origin, [], [], [],
    )  # fmt: skip
    assert (lead.fields, lead.origin) == (fields, origin)
    assert not lead.touched


@given(situations())
def test_derived_fields_always_fit_the_rest(situation: Situation) -> None:
    lead = situation.lead()
    settle(lead, situation.rules)
    known = {name: value for name, value in lead.fields.items() if name != "score"}
    assert lead.fields["score"] == situation.rules.derive(known)["score"]


# --- promotion -------------------------------------------------------------------------------------------------------


def test_a_stage_is_earned_with_its_evidence() -> None:
    lead = met(email="a@x", name="Al", phone="AB1", stage="lead")
    settled = settle(lead, earning("mql"))
    assert lead.fields["stage"] == "mql"
    assert settled.stages
    assert (settled.stages[0].old, settled.stages[-1].new, settled.stages[-1].source, settled.stages[-1].evidence) == (
        None, "mql", SMARKETING, "score is 20",
    )  # fmt: skip


@given(situations(), st.sampled_from(LADDER))
def test_promotion_goes_only_up_and_never_out_of_a_side_state(situation: Situation, stage: str) -> None:
    plain, raised = situation.lead(), situation.lead()
    settle(plain, situation.rules)
    settled = settle(raised, replace(situation.rules, promote=earning(stage).promote))
    cycle = situation.rules.lifecycle
    before, after = plain.fields.get("stage"), raised.fields.get("stage")
    if before in cycle.side:
        assert after == before
    elif after != before:
        assert after == stage
        assert cycle.rank(after) > cycle.rank(before)
        assert settled.stages
        assert settled.stages[-1].source == SMARKETING


@given(situations(), st.sampled_from(LADDER))
def test_a_move_is_told_if_and_only_if_the_stage_moved(situation: Situation, stage: str) -> None:
    lead = situation.lead()
    old = lead.fields.get("stage")
    settled = settle(lead, replace(situation.rules, promote=earning(stage).promote))
    new = lead.fields.get("stage")
    assert bool(settled.stages) == (new != old)
    if settled.stages:
        assert (settled.stages[0].old, settled.stages[-1].new) == (old, new)
        assert [move.old for move in settled.stages[1:]] == [move.new for move in settled.stages[:-1]]
        assert all(situation.rules.lifecycle.allowed(move.old, move.new) for move in settled.stages)


@pytest.mark.parametrize("stage", [s for s in STAGE_NAMES if s not in LADDER])
def test_points_raise_nobody_out_of_a_side_state(stage: str) -> None:
    lead = met(email="a@x", name="Al", phone="AB1", title="CTO", note="n", stage=stage)
    assert settle(lead, earning("customer")).stages
    assert lead.fields["stage"] == stage


# --- what else is told -----------------------------------------------------------------------------------------------


@given(situations())
def test_match_keys_follow_the_values(situation: Situation) -> None:
    ours = replace(situation.rules)
    for mapper in ours.mappers.values():
        mapper.match = (("name",), ("phone", "title"))
    lead = situation.lead()
    lead.touched = True
    parts = [lead.fields, *(link.side.seen for link in lead.links.values())]
    stored = {key for _, key in match_keys(lead.fields, entries(ours.mappers))}
    before = {key for part in parts for _, key in match_keys(part, entries(ours.mappers))}
    settled = settle(lead, ours)
    after = {key for _, key in match_keys(lead.fields, entries(ours.mappers))}
    assert set(settled.gained) == after - stored
    assert set(settled.lost) == before - after


def test_a_conflict_that_waits_is_told_as_closed_once_it_is_none() -> None:
    ours = rules({"name": Policy("review", SYSTEMS)})
    lead = met(email="a@x", name="Al")
    lead.links["mkt"] = Link(lead.id, "mkt", "m1", Side(seen={"email": "a@x", "name": "Bob"}))
    assert settle(lead, ours).conflicts["name"].winner is None
    assert settle(lead, ours).closed == []
    lead.links["mkt"].side.seen["name"] = "Al"
    settled = settle(lead, ours)
    assert (settled.closed, lead.fields["name"]) == (["name"], "Al")


def test_the_commonest_origin_is_named_once() -> None:
    lead = met(email="a@x", name="Al")
    lead.links["mkt"] = Link(
        lead.id, "mkt", "m1", Side(seen={"email": "a@x", "phone": "ab1", "title": "CTO", "note": "n"})
    )
    settle(lead, rules())
    assert lead.origin == {"": "mkt", "email": "crm", "name": "crm", "score": SMARKETING}


def test_what_was_read_of_a_record_before_it_was_deleted_still_counts() -> None:
    lead = met(email="a@x", name="Al")
    settle(lead, rules())
    lead.links["crm"].side.seen = {"name": "Bob"}
    lead.links["crm"].state = "deleted"
    settle(lead, rules())
    assert lead.fields["name"] == "Bob"
