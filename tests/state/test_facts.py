"""The whole history in one pass, on both databases."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from state.facts import Facts, StageEvent, microseconds, moment
from state.store import Store
from tests.state.made import AT, lead, put


def event(hub_id: str, minutes: int, old: str | None, new: str, reason: str | None = None) -> dict[str, object]:
    at = AT + timedelta(minutes=minutes, microseconds=1)
    return {
        "hub_id": hub_id, "run_id": "run", "at": at, "old": old, "new": new, "system": "crm", "reason": reason,
        "evidence": "",
    }  # fmt: skip


def test_events_come_by_lead_and_time_whatever_the_order_of_writing(engine: sa.Engine, store: Store) -> None:
    ada, bob = lead(source="Web"), lead(source=None)
    put(store, ada, bob)
    store.log_stages(
        [event(bob.id, 5, None, "lead"), event(ada.id, 9, "lead", "lost", "price"), event(ada.id, 2, None, "lead")]
    )
    store.commit()
    with Facts(engine) as facts:
        found = list(facts.stage_events())
        values = dict(facts.values("lead", ["source", "unknown"]))
    at = microseconds(AT) + 1
    minute = 60 * 1_000_000
    assert found == [
        StageEvent(ada.id, at + 2 * minute, None, "lead", "crm", None),
        StageEvent(ada.id, at + 9 * minute, "lead", "lost", "crm", "price"),
        StageEvent(bob.id, at + 5 * minute, None, "lead", "crm", None),
    ]
    assert moment(found[0].at) == AT + timedelta(minutes=2, microseconds=1)
    assert values == {ada.id: ("Web", None), bob.id: (None, None)}


def test_what_happened_to_one_who_proved_to_be_another_happened_to_that_one(engine: sa.Engine, store: Store) -> None:
    ada, twin = lead(), lead()
    twin.merged_into = ada.id
    put(store, ada, twin)
    store.log_stages([event(twin.id, 1, None, "lead"), event(ada.id, 3, None, "mql")])
    store.commit()
    with Facts(engine) as facts:
        assert [(e.hub_id, e.new) for e in facts.stage_events()] == [(ada.id, "lead"), (ada.id, "mql")]
        assert [hub_id for hub_id, _ in facts.records("lead")] == [ada.id]
