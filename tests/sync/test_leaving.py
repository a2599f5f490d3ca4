"""A lead leaves the ladder by what became of its deals: once for each reason, and never against a person's hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.conditions import Condition
from mapping.config import HubField, Leaving, ProjectFile, RollUp, SideState, Stage, Vocabulary
from mapping.fields import EVIDENCE, REASON, STAGE, Fields, Policy
from mapping.lifecycle import Lifecycle
from mapping.mapper import FieldMap, Mapper
from mapping.moves import departure
from mapping.rules import Rules
from state.records import Hub, Link, Side
from sync.match import entries
from sync.reconcile import SMARKETING, Settled, reconcile

CYCLE = Lifecycle(ladder=("lead", "sql", "customer"), side={"lost": ("lead", "sql"), "recycled": ("lead",)})


def counted(stage: str) -> HubField:
    when = Condition.model_validate({"stage": stage})
    return HubField(type="integer", rollup=RollUp(count="deals", via="contacts", when=when))


CONFIG = ProjectFile(
    systems={"crm": {"connector": "memory"}},  # type: ignore[dict-item]
    vocabulary=Vocabulary(
        ladder=tuple(Stage(name=name) for name in CYCLE.ladder),
        side=(SideState(name="lost", reasons=("deal_lost",)), SideState(name="recycled")),
        leave={
            "lost": Leaving(
                when=Condition.model_validate({"lost": {"at_least": 1}, "open": 0, "won": 0}), reason="deal_lost"
            )
        },
    ),
    fields={name: counted(name) for name in ("open", "won", "lost")},
)


def ours() -> Rules:
    stage = FieldMap(STAGE, "Status", lambda value: value, lambda value: value)
    return Rules(
        {"crm": Mapper("crm", [stage])},
        policies={STAGE: Policy("furthest", ("crm",))},
        lifecycle=CYCLE,
        leave=departure(CONFIG, CYCLE),
    )


def lead(stage: str) -> Hub:
    side = Side(base_remote={STAGE: stage}, base_hub={STAGE: stage})
    return Hub("1" * 32, fields={STAGE: stage}, origin={"": "crm"}, links={"crm": Link("1" * 32, "crm", "c1", side)})


def settle(hub: Hub, *, opens: int = 0, won: int = 0, lost: int = 0, says: str | None = None) -> Settled:
    """Once more, with these deals; `says`: the stage that somebody in the CRM has set meanwhile."""
    if says is not None:
        hub.links["crm"].side.seen = {STAGE: says}
    sums: Fields = {"open": opens, "won": won, "lost": lost}
    made = ours()
    return reconcile(hub, made, entries(made.mappers), sums)


def test_a_lead_whose_deals_are_all_lost_leaves_the_ladder_with_reason_and_evidence() -> None:
    hub = lead("sql")
    settle(hub, opens=1)
    assert hub.fields[STAGE] == "sql"
    settled = settle(hub, lost=1)
    assert (hub.fields[STAGE], hub.fields[REASON]) == ("lost", "deal_lost")
    assert settled.stages
    assert (settled.stages[0].old, settled.stages[-1].new, settled.stages[-1].source) == ("sql", "lost", SMARKETING)
    assert settled.stages[-1].evidence == "lost is 1, open is 0, won is 0"


@pytest.mark.parametrize("deals", [{"opens": 1, "lost": 1}, {"won": 1, "lost": 1}, {"opens": 1}, {}])
def test_as_long_as_a_deal_is_open_or_won_or_none_is_lost_it_stays(deals: dict[str, int]) -> None:
    hub = lead("sql")
    settle(hub, **deals)
    assert hub.fields[STAGE] == "sql"


def test_who_is_taken_back_up_by_hand_is_not_thrown_out_again() -> None:
    hub = lead("sql")
    settle(hub, lost=1)
    settle(hub, lost=1, says="lead")
    assert hub.fields[STAGE] == "lead"
    for _ in range(3):
        settle(hub, lost=1)
    assert hub.fields[STAGE] == "lead"


def test_another_lost_deal_is_a_new_reason() -> None:
    hub = lead("sql")
    settle(hub, lost=1)
    settle(hub, lost=1, says="lead")
    settle(hub, opens=1, lost=1)
    assert hub.fields[STAGE] == "lead"
    settle(hub, lost=2)
    assert hub.fields[STAGE] == "lost"


def test_a_lost_deal_that_is_deleted_is_no_new_reason() -> None:
    hub = lead("sql")
    settle(hub, lost=2)
    settle(hub, lost=2, says="sql")
    settle(hub, lost=1)
    assert hub.fields[STAGE] == "sql"
    settle(hub, lost=2)
    assert hub.fields[STAGE] == "lost"


def test_what_became_known_in_a_side_state_was_known_to_who_opens_it_again() -> None:
    hub = lead("recycled")
    settle(hub, lost=1)
    assert hub.fields[STAGE] == "recycled"
    settle(hub, lost=1, says="lead")
    settle(hub, lost=1)
    assert hub.fields[STAGE] == "lead"


def test_who_opens_a_lead_in_the_same_run_in_which_a_deal_is_lost_has_the_last_word() -> None:
    hub = lead("lost")
    settle(hub, lost=1, says="lead")
    assert hub.fields[STAGE] == "lead"
    settle(hub, lost=1)
    assert hub.fields[STAGE] == "lead"


def test_a_lead_without_a_stage_is_none_to_lose() -> None:
    hub = lead("sql")
    hub.fields[STAGE] = None
    settle(hub, lost=1)
    assert hub.fields[STAGE] is None


STEPS = st.tuples(
    st.integers(0, 2), st.integers(0, 1), st.integers(0, 3), st.sampled_from([None, *CYCLE.ladder, *CYCLE.side])
)


@given(st.sampled_from(CYCLE.ladder), st.lists(STEPS, max_size=12))
def test_whatever_happens_it_leaves_only_from_the_ladder_and_only_when_more_deals_are_lost(
    stage: str, steps: list[tuple[int, int, int, str | None]]
) -> None:
    hub = lead(stage)
    known = 0
    for opens, won, lost, says in steps:
        before = hub.fields[STAGE]
        settled = settle(hub, opens=opens, won=won, lost=lost, says=says)
        left = settled.changes.get(STAGE)
        if left is not None and left.source == SMARKETING:
            assert before in CYCLE.ladder
            assert (hub.fields[STAGE], opens, won) == ("lost", 0, 0)
            assert lost > known
        if lost and not opens and not won:
            known = lost
        seen = (dict(hub.fields), hub.fields.get(EVIDENCE))
        again = settle(hub, opens=opens, won=won, lost=lost)
        assert (again.changes, (dict(hub.fields), hub.fields.get(EVIDENCE))) == ({}, seen), "the next run finds nothing"
