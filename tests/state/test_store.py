"""Every verb of the store, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from state import tables as t
from state.bulk import PARAMETERS
from state.history import History
from state.records import Hub, Known, Link, Side
from state.store import Store
from tests.state.made import AT, LATER, fields_of, lead, link, put, write

ODD = "Åsa 'O\"Neill' 🦊 %s %(x)s ? :name \\ \u2028"


def test_a_lead_comes_back_with_its_links_as_it_was(store: Store) -> None:
    ada = lead(email="ada@x", tags=["a", "b"], score=7, ratio=0.5, opted_out=False, note=None, name=ODD)
    ada.touched = ada.dirty = True
    ada.merged_into = "0" * 32
    side = Side({"email": "ada@x", "title": "CTO"}, {"email": "ada@x", "title": "Chief"}, {"title": None}, AT)
    ada.links["crm"] = Link(ada.id, "crm", ODD[:100], side, "merged", 3, b"\x00\xff\x00\xfe1234")
    ada.links["mkt"] = Link(ada.id, "mkt", "7")
    put(store, ada)
    [back] = store.hubs([ada.id]).values()
    for made in back.links.values():
        assert made.n > 0
        made.n = 0
    assert back == ada


def test_leads_come_by_id_and_unknown_ones_not_at_all(store: Store) -> None:
    leads = [lead(n=n) for n in range(3)]
    put(store, *reversed(leads))
    assert list(store.hubs([leads[2].id, leads[0].id, "nobody"])) == [leads[0].id, leads[2].id]
    assert store.hubs([]) == {}


def test_batches_larger_than_one_statement_holds(store: Store) -> None:
    many = [lead(n=n) for n in range(PARAMETERS + 7)]
    for number, one in enumerate(many):
        one.links["crm"] = link(one.id, str(number), n=number)
    put(store, *many)
    assert [x.fields["n"] for x in store.hubs(x.id for x in many).values()] == list(range(len(many)))
    for one in many:
        one.fields["n"] = -1
    store.update_hubs(many)
    known = store.known("crm", [str(n) for n in range(2 * len(many))])
    assert len(known) == len(many)
    links = [found.links["crm"] for found in store.hubs(x.id for x in many).values()]
    for one_link in links:
        one_link.remote_id = f"new {one_link.remote_id}"
    store.update_links(links)
    store.commit()
    assert {x.fields["n"] for x in store.hubs(x.id for x in many).values()} == {-1}
    assert set(store.known("crm", [f"new {n}" for n in range(len(many))])) == {f"new {n}" for n in range(len(many))}


def test_updating_a_lead_changes_that_one(store: Store) -> None:
    ada, grace = lead(email="ada@x"), lead(email="grace@x")
    put(store, ada, grace)
    ada.fields, ada.origin, ada.dirty = {"email": "new@x", "stage": "sql"}, {"": "mkt"}, True
    store.update_hubs([ada])
    store.commit()
    assert store.hubs([ada.id, grace.id]) == {ada.id: ada, grace.id: grace}


def test_flags_are_set_for_some_or_for_all(store: Store) -> None:
    ada, grace, mary = lead(), lead(), lead()
    ada.touched = True
    put(store, ada, grace, mary)
    assert [x.id for x in store.flagged("touched", "", 10)] == [ada.id]
    store.flag([grace.id, mary.id], touched=True, dirty=True)
    store.flag([ada.id], touched=False)
    assert [x.id for x in store.flagged("touched", "", 10)] == [grace.id, mary.id]
    assert [x.id for x in store.flagged("touched", grace.id, 10)] == [mary.id]
    assert [x.id for x in store.flagged("dirty", "", 1)] == [grace.id]
    store.flag_all(dirty=True)
    assert [x.id for x in store.flagged("dirty", "", 10)] == [ada.id, grace.id, mary.id]
    store.flag_all(dirty=False)
    assert store.flagged("dirty", "", 10) == []
    store.flag([], dirty=True)


def test_what_is_known_of_a_batch_of_remote_ids(store: Store) -> None:
    ada, grace = lead(), lead()
    ada.links = {"crm": link(ada.id, "1"), "mkt": link(ada.id, "2", "mkt")}
    grace.links = {"crm": link(grace.id, "2")}
    grace.links["crm"].state = "deleted"
    put(store, ada, grace)
    known = store.known("crm", ["1", "2", "3"])
    assert {i: k._replace(n=0) for i, k in known.items()} == {
        "1": Known(0, ada.id, b"12345678", "1"),
        "2": Known(0, grace.id, b"12345678", "2"),
    }
    assert store.known("sup", ["1"]) == {}
    assert store.known("crm", []) == {}


def test_the_live_links_of_a_system_by_number(store: Store) -> None:
    leads = [lead() for _ in range(4)]
    for number, one in enumerate(leads):
        one.links["crm"] = link(one.id, f"r{number}")
    leads[1].links["crm"].state = "deleted"
    leads[2].links["mkt"] = link(leads[2].id, "other", "mkt")
    put(store, *leads)
    numbers = store.live_links("crm", 0, 10**9, 10)
    assert numbers == sorted(numbers)
    assert sorted(store.remote_ids(numbers)) == ["r0", "r2", "r3"]
    assert store.live_links("crm", numbers[0], 10**9, 1) == [numbers[1]]
    assert store.live_links("crm", 0, numbers[1], 10) == numbers[:2]
    assert (store.count_links("crm"), store.count_links("mkt"), store.count_links("sup")) == (3, 1, 0)
    assert store.last_link() >= numbers[-1]


def test_one_record_is_one_leads_and_a_lead_has_one_record_a_system(store: Store) -> None:
    ada, grace = lead(), lead()
    ada.links["crm"] = link(ada.id, "1")
    put(store, ada, grace)
    with pytest.raises(sa.exc.IntegrityError):
        store.insert_links([link(grace.id, "1")])
    store.rollback()
    with pytest.raises(sa.exc.IntegrityError):
        store.insert_links([link(ada.id, "2")])
    store.rollback()
    assert store.count_links("crm") == 1


def test_match_keys_come_and_go(store: Store) -> None:
    low, high = -(2**63), 2**63 - 1
    store.add_keys([(low, "a"), (high, "a"), (low, "b"), (low, "a")])
    store.add_keys([(low, "b"), (0, "c")])
    assert store.candidates([low, high, 0, 1]) == {low: {"a", "b"}, high: {"a"}, 0: {"c"}}
    store.drop_keys([(low, "a"), (0, "nobody")])
    assert store.candidates([low, 0]) == {low: {"b"}, 0: {"c"}}
    store.drop_keys([])
    store.add_keys([])


def test_a_cursor_is_kept_by_system_and_stream(store: Store) -> None:
    assert store.cursor("crm", "lead") is None
    store.save_cursor("crm", "lead", {"at": "1"}, AT)
    store.save_cursor("crm", "lead", {"at": ODD, "deep": [1, None]}, LATER)
    store.save_cursor("crm", "lead/20260101T000000-20260131T235959", {"at": "2"}, AT)
    store.commit()
    assert store.cursor("crm", "lead") == {"at": ODD, "deep": [1, None]}
    assert store.cursor("mkt", "lead") is None
    store.drop_cursor("crm", "lead")
    assert store.cursor("crm", "lead") is None
    assert store.cursor("crm", "lead/20260101T000000-20260131T235959") == {"at": "2"}


def test_a_configuration_is_numbered_once(store: Store) -> None:
    first = store.mapping_version("a", {"crm": {"title": "1"}}, ODD, AT)
    second = store.mapping_version("b", {"crm": {"title": "2"}}, "", AT)
    assert (first, second, store.mapping_version("a", {}, "", LATER)) == (1, 2, 1)
    assert store.mapping_specs() == {1: {"crm": {"title": "1"}}, 2: {"crm": {"title": "2"}}}


def test_a_run_begins_and_ends(store: Store) -> None:
    assert store.newest_rules() is None
    assert store.last_rules_hash() is None
    store.begin_run("01", "sync", AT, "a")
    store.begin_run("02", "backfill", LATER, "b")
    store.end_run("01", LATER, "done", {"systems": {"crm": {"read": 3}}, "said": ODD})
    assert store.newest_rules() == "b"
    store.add_writes([write("x", "01", title="CTO")], AT)
    assert store.last_rules_hash() is None
    [row] = store.writes("01", "crm", 0, 10)
    row.state = "done"
    store.mark_writes([row], AT)
    assert store.last_rules_hash() == "a"
    assert (store.ever_written("crm"), store.ever_written("mkt")) == (True, False)
    store.commit()
    second, first = History(store).runs()
    assert (second.id, second.outcome, second.ended) == ("02", None, None)
    assert (first.id, first.ended, first.report["said"]) == ("01", LATER, ODD)


def test_times_keep_their_moment_whatever_their_zone(store: Store) -> None:
    ada = lead()
    tokyo = datetime(2026, 1, 1, 21, 0, 0, 123456, tzinfo=timezone(timedelta(hours=9)))
    ada.links["crm"] = link(ada.id, "1")
    ada.links["crm"].side.seen_at = tokyo
    put(store, ada)
    back = store.hubs([ada.id])[ada.id].links["crm"].side.seen_at
    assert back == tokyo
    assert back is not None
    assert back.utcoffset() == timedelta(0)
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        store.begin_run("01", "sync", datetime(2026, 1, 1), "a")  # noqa: DTZ001


def test_the_longest_names_that_a_configuration_may_have(store: Store) -> None:
    """PostgreSQL holds to the length of a column; SQLite does not."""
    system, stage = "s" * 63, "t" * 63
    ada = lead(stage=stage)
    ada.links[system] = Link(ada.id, system, "r" * 128)
    put(store, ada)
    row = {"hub_id": ada.id, "run_id": "01", "at": AT}
    store.log_changes([{**row, "kind": "unlinked", "system": system, "detail": None}])
    store.log_stages([{**row, "old": stage, "new": stage, "system": system, "reason": None, "evidence": "x" * 9999}])
    store.save_cursor(system, "lead", {}, AT)
    store.add_writes([write(ada.id, system=system, title="CTO")], AT)
    assert store.known(system, ["r" * 128])["r" * 128].hub_id == ada.id


def test_what_was_not_committed_is_gone_after_a_rollback(store: Store) -> None:
    ada = lead(n=1)
    put(store, ada)
    ada.fields["n"] = 2
    store.update_hubs([ada])
    store.rollback()
    assert fields_of(store, ada.id) == {"n": 1}


def test_a_store_opened_dry_sees_its_own_writes_and_keeps_none(engine: sa.Engine, store: Store) -> None:
    ada = lead(n=1)
    put(store, ada)
    store.commit()
    dry = Store(engine, dry=True)
    ada.fields["n"] = 2
    dry.update_hubs([ada])
    dry.commit()
    dry.begin_run("01", "plan", AT, "a")
    dry.rollback()  # nor does a rollback in the middle take back what the rest of a dry run goes by
    assert fields_of(dry, ada.id) == {"n": 2}
    dry.close()
    assert fields_of(store, ada.id) == {"n": 1}
    with engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(t.run)).scalar_one() == 0


def test_another_store_sees_what_was_committed_and_nothing_else(engine: sa.Engine, store: Store) -> None:
    ada = lead(n=1)
    store.insert_hubs([ada])
    other = Store(engine)
    assert other.hubs([ada.id]) == {}
    other.rollback()
    store.commit()
    assert list(other.hubs([ada.id])) == [ada.id]
    other.close()


def test_an_empty_batch_is_no_query(store: Store) -> None:
    nobody: list[Hub] = []
    store.insert_hubs(nobody)
    store.update_hubs(nobody)
    store.insert_links([])
    store.update_links([])
    store.log_changes([])
    store.log_stages([])
    store.add_writes([], AT)
    store.mark_writes([], AT)
    store.open_reviews([], "01", AT)
    store.close_reviews([], AT)
    assert store.parked([]) == {}
    assert store.remote_ids([]) == []
