"""The history of scores, the days on which they are due, activities by day, models: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import sqlalchemy as sa

from mapping.decay import day_of
from state import tables as t
from state.records import Activity, Hub
from state.scores import ModelRow, ScoreRow
from state.store import Store

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def people(store: Store, count: int) -> list[str]:
    ids = [f"{n:032x}" for n in range(1, count + 1)]
    store.insert_hubs([Hub(id_, {"email": f"{id_}@x"}, {"": "crm"}) for id_ in ids])
    return ids


def test_activities_are_counted_by_day_and_type(store: Store) -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    dice = Random(seed)
    ids = people(store, 5)
    told = [
        (dice.choice(["form", "call"]), NOON - timedelta(hours=dice.uniform(-30, 24 * 100)), dice.choice(ids))
        for _ in range(200)
    ]
    activities = [
        Activity(str(n), type_, at, None, (lead,), None, None, None, "{}") for n, (type_, at, lead) in enumerate(told)
    ]
    store.keep_activities("crm", activities, "run", NOON)
    since, until = NOON - timedelta(days=60), NOON + timedelta(days=1)
    expected = Counter((lead, type_, day_of(at)) for type_, at, lead in told if lead in ids[:3] and since <= at < until)
    found = {(hub, type_, day): count for hub, type_, day, count in store.activity_days(ids[:3], since, until)}
    assert found == expected


def test_leads_are_touched_on_the_day_that_they_are_due_and_no_other(store: Store) -> None:
    one, two, three, merged = people(store, 4)
    store.save_due({one: 100, two: 101, three: None, merged: 100})
    store._c.execute(t.hub.update().where(t.hub.c.id == merged).values(merged_into=one))
    assert store.touch_due(99) == 0
    assert store.touch_due(100) == 1
    touched = sa.select(t.hub.c.id).where(t.hub.c.touched == 1)
    assert store._c.execute(touched).scalars().all() == [one]
    assert store.touch_due(100) == 0, "each is due anew once it has been looked at"
    store.save_due({two: 105})
    assert store.touch_due(104) == 0
    store.save_due({two: None})
    assert store.touch_due(1000) == 0


def test_of_a_moment_the_latest_score_is_kept(store: Store) -> None:
    [one] = people(store, 1)
    store.log_scores([ScoreRow(one, NOON, 40, 20, 30, "C4")])
    store.log_scores(
        [ScoreRow(one, NOON, 40, 30, 35, "C3"), ScoreRow(one, NOON + timedelta(days=1), None, 20, 20, None)]
    )
    assert store.scores_of(one) == [
        ScoreRow(one, NOON, 40, 30, 35, "C3"),
        ScoreRow(one, NOON + timedelta(days=1), None, 20, 20, None),
    ]


def test_who_is_forgotten_has_no_scores_left(store: Store) -> None:
    one, two = people(store, 2)
    for hub in (one, two):
        store.log_scores([ScoreRow(hub, NOON, 40, 20, 30, "C4")])
        store.save_due({hub: 100})
    assert store.held([one], [], [])["score"] == 1
    store.erase_person([one], [], [])
    assert [len(store.scores_of(hub)) for hub in (one, two)] == [0, 1]
    assert store._c.execute(sa.select(t.score_due.c.hub_id)).scalars().all() == [two]


def test_the_newest_model_is_the_one_that_counts(store: Store) -> None:
    assert store.newest_model() is None
    models = [
        ModelRow(
            f"{n:032x}", NOON, NOON, [{"field": "industry", "is": "it"}], {"coefficients": [0.5], "intercept": n}, {}
        )
        for n in (1, 2)
    ]
    for model in reversed(models):
        store.save_model(model)
    assert store.newest_model() == models[1]
