"""Activities in the database: once each, by month, found by lead, waited with, handed over, forgotten, dropped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state import tables as t
from state.database import check_drift
from state.history import History
from state.records import Activity, Wait
from state.store import Store
from tests.state.made import lead, link, put

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, 9, tzinfo=UTC) for month in (1, 2, 3))
NOW = datetime(2026, 3, 20, tzinfo=UTC)
EVER = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def activity(remote_id: str, at: datetime = JANUARY, *leads: str, type_: str = "call", **more: Any) -> Activity:
    values: dict[str, Any] = {"changed": at, "company": None, "deal": None, "owner": None, "rest": "{}", **more}
    return Activity(remote_id, type_, at, values.pop("changed"), leads, **values)


def keep(store: Store, *activities: Activity, system: str = "crm", **options: Any) -> list[str]:
    return [one.remote_id for one in store.keep_activities(system, activities, "run", NOW, **options)]


def rows(store: Store, table: sa.Table = t.activity) -> list[tuple[Any, ...]]:
    return sorted(tuple(row) for row in store._c.execute(sa.select(table)))


def everything(store: Store) -> list[Any]:
    tables = (t.activity, t.activity_lead, t.activity_waiting)
    counts = [row for row in rows(store, t.activity_month) if row[2]]
    return [*(rows(store, table) for table in tables), counts]


def told(store: Store, *hubs: str, since: datetime = EVER[0], until: datetime = EVER[1]) -> dict[tuple[str, str], int]:
    return {(one.hub_id, one.type): one.times for one in store.told_activities(hubs, since, until)}


def test_what_was_kept_is_not_kept_again(store: Store) -> None:
    assert keep(store, activity("1"), activity("2", FEBRUARY)) == ["1", "2"]
    before = everything(store)
    assert keep(store, activity("2", FEBRUARY), activity("1"), activity("1")) == []
    assert everything(store) == before


def test_two_systems_may_use_one_id(store: Store) -> None:
    assert keep(store, activity("1")) == keep(store, activity("1"), system="mkt") == ["1"]
    assert len(rows(store)) == 2


def test_a_later_version_takes_the_place_of_the_earlier_and_never_the_other_way_round(store: Store) -> None:
    early = activity("1", JANUARY, "a", rest='{"status":"planned"}')
    late = activity("1", JANUARY, "b", rest='{"status":"held"}', changed=FEBRUARY)
    assert keep(store, early) == keep(store, late) == ["1"]
    after = everything(store)
    assert keep(store, early) == []
    assert everything(store) == after
    assert told(store, "a", "b") == {("b", "call"): 1}


def test_of_two_edits_within_one_tick_of_the_systems_clock_the_one_read_last_counts(store: Store) -> None:
    before = activity("1", JANUARY, "a", rest='{"subject":"Lunch"}', changed=MARCH)
    after = activity("1", FEBRUARY, "a", rest='{"subject":"Dinner"}', changed=MARCH)
    assert keep(store, before) == keep(store, after) == ["1"]
    assert keep(store, after) == []
    assert [row[0] for row in rows(store)] == [202602]
    assert told(store, "a") == {("a", "call"): 1}


@pytest.mark.parametrize("type_", t.MOVABLE)
def test_what_is_moved_to_another_month_is_not_counted_twice(store: Store, type_: str) -> None:
    keep(store, activity("1", JANUARY, "a", type_=type_))
    keep(store, activity("1", MARCH, "a", type_=type_, changed=MARCH))
    assert [row[0] for row in rows(store)] == [202603]
    assert told(store, "a") == {("a", type_): 1}
    assert everything(store)[3] == [(202603, "crm", 1)]


def test_every_type_that_people_enter_by_hand_is_looked_for_in_all_months_by_one_index(store: Store) -> None:
    if store.engine.dialect.name == "sqlite":
        plan = store._c.exec_driver_sql(
            f"EXPLAIN QUERY PLAN SELECT month FROM activity WHERE system = 'a' AND remote_id = 'b' AND type IN {t.MOVABLE}"
        )
        assert "ix_activity_movable" in str(plan.all())


def test_anew_replaces_the_same_version(store: Store) -> None:
    keep(store, activity("1"))
    assert keep(store, activity("1", JANUARY, "a"), anew=True) == ["1"]
    assert told(store, "a") == {("a", "call"): 1}


def test_the_activities_of_a_lead_newest_first(store: Store) -> None:
    keep(store, *(activity(f"{n}", JANUARY + timedelta(days=17 * n), "a", "b") for n in range(5)))
    keep(store, activity("other", FEBRUARY, "c"))
    with History(store) as history:
        assert [one.remote_id for one in history.activities("a", 3)] == ["4", "3", "2"]
        assert [one.remote_id for one in history.activities("b", 30)] == ["4", "3", "2", "1", "0"]
        assert history.activities("nobody", 3) == []
        [one] = history.activities("c", 3)
        assert (one.system, one.type, one.at, one.rest) == ("crm", "call", FEBRUARY, {})


def test_counts_by_type_within_a_time(store: Store) -> None:
    keep(
        store,
        activity("1", JANUARY, "a"),
        activity("2", FEBRUARY, "a"),
        activity("3", FEBRUARY, "a", "b", type_="form"),
        activity("4", MARCH, "a"),
    )
    assert told(store, "a", "b", since=FEBRUARY, until=MARCH) == {
        ("a", "call"): 1, ("a", "form"): 1, ("b", "form"): 1,
    }  # fmt: skip
    [form] = store.told_activities(["b"], *EVER)
    assert (form.times, form.latest) == (1, FEBRUARY)


def test_counts_by_system_are_kept_with_the_rows(store: Store) -> None:
    keep(store, activity("1"), activity("2", MARCH))
    keep(store, activity("1", FEBRUARY), system="mkt")
    with History(store) as history:
        assert history.counted().activities == {"crm": 2, "mkt": 1}


def test_what_was_deleted_is_nowhere_any_more_and_what_others_have_stays(store: Store) -> None:
    waits = (Wait("lead", "9"),)
    gone = [activity("1", JANUARY, "ada", "bob", type_="email_open"), activity("2", MARCH, waits=waits)]
    stays = [activity("3", MARCH, "ada"), activity("4", FEBRUARY, "bob", type_="form")]
    keep(store, *stays)
    keep(store, activity("1", JANUARY, "ada"), system="mkt")
    before = everything(store)
    keep(store, *gone)
    assert store.remove_activities("crm", ["2", "1", "nothing"]) == {"ada", "bob"}
    assert everything(store) == before
    assert store.remove_activities("crm", ["1"]) == set()
    assert store.remove_activities("crm", []) == set()


# --- waiting ----------------------------------------------------------------------------------------------------------


def place(store: Store, system: str = "crm") -> int:
    count = 0
    while ripe := store.ripe_activities(system, 2):
        store.place_activities(system, ripe)
        count += len(ripe)
    return count


def test_an_activity_finds_the_leads_that_come_later(store: Store) -> None:
    keep(store, activity("1", waits=(Wait("lead", "p1"), Wait("lead", "p2"), Wait("company", "c1"))))
    assert place(store) == 0
    ada, bob, firm = lead(), lead(), lead()
    firm.kind = "company"
    for hub, remote_id in ((ada, "p1"), (bob, "p2"), (firm, "c1")):
        hub.links["crm"] = link(hub.id, remote_id)
        hub.links["crm"].kind = hub.kind
    put(store, ada, firm)
    assert place(store) == 2
    put(store, bob)
    assert place(store) == 1
    assert told(store, ada.id, bob.id, firm.id) == {(ada.id, "call"): 1, (bob.id, "call"): 1}
    [row] = rows(store)
    assert set(row[6].split()) == {ada.id, bob.id}
    assert row[7] == firm.id
    assert rows(store, t.activity_waiting) == []


def test_by_address_only_where_one_lead_has_it(store: Store) -> None:
    keep(store, activity("1", waits=(Wait("email", "77", 77),)))
    ada, bob = lead(), lead()
    put(store, ada, bob)
    store.add_keys([(77, ada.id), (77, bob.id)])
    assert place(store) == 0
    store.drop_keys([(77, bob.id)])
    assert place(store) == 1
    assert told(store, ada.id, bob.id) == {(ada.id, "call"): 1}


def test_a_later_version_waits_for_whom_it_names_itself(store: Store) -> None:
    keep(store, activity("1", waits=(Wait("lead", "p1"),)))
    keep(store, activity("1", changed=FEBRUARY, waits=(Wait("lead", "p2"),)))
    assert [row[3] for row in rows(store, t.activity_waiting)] == ["p2"]


def test_the_wait_ends_and_what_is_about_nobody_goes(store: Store) -> None:
    keep(store, activity("1", waits=(Wait("lead", "p1"),)), activity("2", JANUARY, "a", waits=(Wait("lead", "p2"),)))
    assert store.stop_waiting(NOW) == 0
    assert store.stop_waiting(NOW + timedelta(seconds=1)) == 2
    assert rows(store, t.activity_waiting) == []
    assert [row[2] for row in rows(store)] == ["2"]


# --- by lead ----------------------------------------------------------------------------------------------------------


def test_a_merged_lead_hands_over_what_happened_to_it(store: Store) -> None:
    keep(store, activity("1", JANUARY, "a"), activity("2", MARCH, "a", "b"), activity("3", MARCH, "c"))
    store.hand_over_activities("a", "b")
    assert told(store, "a", "b", "c") == {("b", "call"): 2, ("c", "call"): 1}
    assert [row[6] for row in rows(store)] == ["b", "b", "c"]


def test_what_happened_to_a_forgotten_lead_is_erased_and_what_it_shared_stays_without_words(store: Store) -> None:
    words = '{"subject":"With Ada"}'
    keep(store, activity("1", JANUARY, "a", rest=words), activity("2", MARCH, "a", "b", rest=words))
    keep(store, activity("3", MARCH, "b", rest=words))
    assert store.forget_activities("a") == 2
    assert [(row[2], row[6], row[10]) for row in rows(store)] == [("2", "b", "{}"), ("3", "b", words)]
    assert told(store, "a", "b") == {("b", "call"): 2}
    assert everything(store)[3] == [(202603, "crm", 2)]


def test_leads_of_a_stretch_of_time_are_touched(store: Store) -> None:
    ada, bob, cy = lead(), lead(), lead()
    put(store, ada, bob, cy)
    keep(store, activity("1", JANUARY, ada.id), activity("2", FEBRUARY, bob.id), activity("3", MARCH, cy.id))
    store.touch_leads_between(JANUARY + timedelta(seconds=1), MARCH)
    assert [hub.id for hub in store.flagged("touched", "", 9)] == [bob.id]
    store.touch([ada.id, bob.id])
    assert [hub.id for hub in store.flagged("touched", "", 9)] == [ada.id, bob.id]


# --- months -----------------------------------------------------------------------------------------------------------


def test_dropping_by_time(store: Store) -> None:
    keep(store, activity("1", JANUARY, "a", waits=(Wait("lead", "p"),)), activity("2", FEBRUARY, "a"))
    keep(store, activity("3", FEBRUARY + timedelta(days=1), "a"), activity("4", MARCH, "a"))
    store.commit()
    assert store.drop_activities(FEBRUARY + timedelta(days=1)) == 2
    assert [row[2] for row in rows(store)] == ["3", "4"]
    assert [row[4] for row in rows(store, t.activity_lead)] == ["3", "4"]
    assert rows(store, t.activity_waiting) == []
    assert everything(store)[3] == [(202602, "crm", 1), (202603, "crm", 1)]
    assert keep(store, activity("1")) == ["1"]


def test_a_month_is_a_partition_of_its_own_on_postgresql_and_no_drift(store: Store) -> None:
    keep(store, activity("1"), activity("2", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), "a"))
    store.commit()
    names = {name for name in sa.inspect(store.engine).get_table_names() if t.PARTITION.fullmatch(name)}
    if store.engine.dialect.name == "postgresql":
        assert names == {f"{table}_{month}" for table in ("activity", "activity_lead") for month in (202601, 202512)}
        with pytest.raises(sa.exc.IntegrityError):
            store._c.exec_driver_sql("INSERT INTO activity_202601 SELECT * FROM activity_202512")
        store.rollback()
    else:
        assert names == set()
    check_drift(store.engine)


def test_a_month_made_by_a_batch_that_was_rolled_back_is_made_again(store: Store) -> None:
    keep(store, activity("1"))
    store.rollback()
    assert keep(store, activity("1")) == ["1"]
    store.commit()


def test_a_dry_store_keeps_nothing(engine: sa.Engine) -> None:
    dry = Store(engine, dry=True)
    keep(dry, activity("1", JANUARY, "a"))
    dry.commit()
    assert told(dry, "a") == {("a", "call"): 1}
    dry.close()
    store = Store(engine)
    assert everything(store) == [[], [], [], []]
    store.close()


# --- any order --------------------------------------------------------------------------------------------------------

times = st.sampled_from([JANUARY, JANUARY + timedelta(hours=1), FEBRUARY, MARCH])
people = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2).map(tuple)


@st.composite
def histories(draw: st.DrawFn) -> list[Activity]:
    """Versions of a few activities, each version the same whenever it is told."""
    versions = []
    for n in range(draw(st.integers(1, 4))):
        type_ = draw(st.sampled_from(["call", "email_open"]))
        at = draw(times)
        for version in range(draw(st.integers(1, 3))):
            when = draw(times) if type_ == "call" else at  # what a machine has noted is never moved
            waits = draw(st.sampled_from([(), (Wait("lead", "p"),)]))
            changed = MARCH + timedelta(days=version)
            versions.append(activity(f"{n}", when, *draw(people), type_=type_, changed=changed, waits=waits))
    return versions


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_any_repetition_and_any_crash_give_the_same_table(store: Store, data: st.DataObject) -> None:
    versions = data.draw(histories())
    told_once = _kept(store, [[one] for one in versions])
    order = data.draw(st.permutations(versions + data.draw(st.lists(st.sampled_from(versions), max_size=6))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=3)))
    batches = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    lost = data.draw(st.integers(0, len(batches)))
    assert _kept(store, batches, lost) == told_once


def _kept(store: Store, batches: list[list[Activity]], lost: int = -1) -> list[Any]:
    """What lies there once these have been kept; before batch `lost` is kept, a crash undoes it once."""
    for n, batch in enumerate(batches):
        if n == lost:
            keep(store, *batch)
            store.rollback()
        keep(store, *batch)
        store.commit()
    found = everything(store)
    for table in (t.activity, t.activity_lead, t.activity_waiting):
        store._c.execute(table.delete())
    store._c.execute(t.activity_month.update().values(count=0))
    store.commit()
    return found
