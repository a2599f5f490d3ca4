"""What one run has left, page by page; a few records out of many: on both databases."""

from __future__ import annotations

import pytest

from state import traces
from state.picking import any_one, spread
from state.records import Hub, Review
from state.store import Store
from state.traces import Traces
from tests.state.made import AT, link, put


def test_a_runs_changes_and_questions_come_whole_and_in_order(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PAGE", 7)
    ids = [f"{n:032x}" for n in range(40)]
    put(store, *(Hub(id_) for id_ in ids))
    for run in ("old", "new"):
        store.log_changes(
            [
                {
                    "hub_id": id_,
                    "run_id": run,
                    "at": AT,
                    "kind": "merged",
                    "system": "crm",
                    "detail": {"n": {"new": id_}},
                }
                for id_ in ids
            ]
        )
        store.open_reviews([Review("conflict", f"{run}:{id_}", {"field": "n"}, id_) for id_ in ids], run, AT)
    store.open_reviews([Review("conflict", f"old:{ids[0]}", {"field": "again"}, ids[0])], "new", AT)
    store.close_reviews([("conflict", f"new:{ids[3]}")], AT)
    told = list(Traces(store).changes("new"))
    assert [(kind, change.hub_id, change.detail["n"]["new"]) for kind, change in told] == [("lead", i, i) for i in ids]
    asked = [one.subject for one in Traces(store).questions("new")]
    assert asked == [f"new:{id_}" for id_ in ids if id_ != ids[3]]
    assert list(Traces(store).changes("none")) == []


def test_records_are_picked_from_all_over_and_across_gaps(store: Store) -> None:
    ids = [f"{n:032x}" for n in range(300)]
    put(store, *(Hub(id_) for id_ in ids))
    store.insert_links([link(id_, f"c{n}") for n, id_ in enumerate(ids[:50])])
    store.insert_links([link(id_, f"m{n}", "mkt") for n, id_ in enumerate(ids)])  # a gap between the CRM's
    store.insert_links([link(id_, f"c{n}") for n, id_ in enumerate(ids[50:100], 50)])
    picked = spread(store, "crm", 20)
    assert len(picked) == len(set(picked)) == 20
    assert {id_ for id_ in picked if int(id_[1:]) < 50}
    assert {id_ for id_ in picked if int(id_[1:]) >= 50}
    assert sorted(spread(store, "mkt", 1000)) == sorted(f"m{n}" for n in range(300))
    assert len(spread(store, "mkt", 1)) == 1
    assert any_one(store, "crm", 0.0) == "c0"
    assert any_one(store, "crm", 1.0) == "c99"
    assert any_one(store.of("company"), "crm", 0.5) is None
