"""Whose records an owner's are, what was last asked about him, and whether records were ever merged: on both databases."""

from __future__ import annotations

from typing import Any

from mapping.fields import Kind
from state.ids import new_id
from state.records import RECORD, Hub, Review
from state.store import Store
from tests.state.made import AT, LATER, link, put, write

LEFT, STAYED = "1" * 32, "2" * 32


def held(store: Store, kind: Kind, owner: str, system: str = "crm", state: Any = "live", **fields: Any) -> Hub:
    hub = Hub(new_id(), {"owner": owner, **fields}, {"": "crm"}, kind=kind)
    record = link(hub.id, f"{kind}-{hub.id}", system)
    record.kind, record.state = kind, state
    hub.links[system] = record
    put(store.of(kind), hub)
    store.refer([hub.id], [(hub.id, "owner", owner)])
    return hub


def test_what_is_an_owners_in_the_systems_that_he_has_left(store: Store) -> None:
    mine = held(store, "lead", LEFT)
    held(store, "lead", STAYED)
    held(store, "lead", LEFT, "mkt")
    held(store, "lead", LEFT, state="deleted")
    open_, none = held(store, "deal", LEFT, stage="open"), held(store, "deal", LEFT)
    for stage in ("won", "lost"):
        held(store, "deal", LEFT, stage=stage)
    assert store.owned(LEFT, {"owner"}, {"crm"}) == [mine.id]
    assert store.of("deal").owned(LEFT, {"owner"}, {"crm", "sup"}) == sorted([open_.id, none.id])
    assert store.of("company").owned(LEFT, {"owner"}, {"crm"}) == []
    assert store.owned(LEFT, {"manager"}, {"crm"}) == []
    assert store.owned(LEFT, {"owner"}, ()) == []
    united = store.hubs([mine.id])[mine.id]
    united.merged_into = open_.id
    store.update_hubs([united])
    assert store.owned(LEFT, {"owner"}, {"crm"}) == []
    assert mine.id not in store.ids()


def test_the_last_question_on_a_subject_is_known_also_once_it_is_closed(store: Store) -> None:
    store.open_reviews([Review("owner", LEFT, {"counts": {"lead": 1}}, LEFT, record_kind="owner")], "01", AT)
    [asked] = store.reviews("owner")
    assert store.resolve_review(asked.id, {"ignore": True}, "ana", LATER)
    store.close_reviews([("owner", LEFT)], LATER)
    last = store.newest_reviews("owner")[LEFT]
    assert (last.open, last.resolution, last.resolved_by) == (False, {"ignore": True}, "ana")
    store.note_in_review(last.id, {"counts": {}})
    assert store.newest_reviews("owner")[LEFT].detail == {"counts": {}}
    store.open_reviews([Review("owner", LEFT, {"counts": {"lead": 2}}, LEFT, record_kind="owner")], "02", LATER)
    again = store.newest_reviews("owner")[LEFT]
    assert again.open
    assert (again.id > last.id, again.resolution) == (True, None)
    assert store.newest_reviews("conflict") == {}


def test_whether_records_were_ever_merged_there(store: Store) -> None:
    row = write(LEFT, operation="merge", **{RECORD: "2"})
    row.rank = 2
    store.add_writes([row, write(LEFT)], AT)
    assert not store.ever_merged("crm")
    [kept] = store.writes("run", "crm", 0, 9, 2)
    kept.state = "done"
    store.mark_writes([kept], LATER)
    assert store.ever_merged("crm")
    assert not store.ever_merged("mkt")
    assert not store.of("company").ever_merged("crm")
