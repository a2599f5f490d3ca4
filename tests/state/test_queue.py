"""The questions as a queue, on both databases: whatever is asked of it is what plain Python makes of the rows."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from state.history import History, ReviewRow
from state.ids import new_id
from state.queue import FieldCount, Queue, Tally, Wanted
from state.records import Review
from state.store import Store
from tests.state.made import AT

KINDS = ("conflict", "match", "duplicate", "bad_value", "dead_letter", "owner", "guard")
FIELDS = ("title", "phone", "a_b")


def made(chance: random.Random, n: int) -> Review:
    kind: Any = chance.choice(KINDS)
    system, name, of = chance.choice(("crm", "mkt")), chance.choice(FIELDS), chance.choice(("lead", "company"))
    hub = new_id()
    if kind == "conflict":
        claims = chance.choice(({"crm": 1, "mkt": 2}, {"hub (from crm)": 1, "sup": 2}))
        return Review(kind, f"{hub}:{name}", {"field": name, "claims": claims}, hub, record_kind=of)  # type: ignore[arg-type]
    if kind in ("bad_value", "dead_letter"):
        detail = {"problems": [{"field": name, "message": "no"}]}
        return Review(kind, f"{system}:{n}", detail, None, system, str(n), record_kind=of)  # type: ignore[arg-type]
    if kind == "guard":
        return Review(kind, f"sync{n}", {"stops": [{"code": "guard-first", "system": system, "message": ""}]})
    return Review(kind, f"{system}:{n}", {"by": name}, None, system, str(n), record_kind=of)  # type: ignore[arg-type]


@pytest.fixture
def asked(store: Store) -> list[ReviewRow]:
    """Four hundred questions, some answered, some carried out, some closed by themselves."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for n in range(400):
        store.open_reviews([made(chance, n)], "run", AT + timedelta(days=chance.randrange(40)))
    for review in store.reviews():
        if chance.random() < 0.4:
            at = AT + timedelta(days=50, seconds=chance.randrange(5))
            store.resolve_review(review.id, {"ignore": True}, chance.choice(("ana", "luis")), at)
        if chance.random() < 0.3:
            store.close_reviews([(review.kind, review.subject)], AT + timedelta(days=60))
    store.commit()
    return list(History(store).reviews_by_id(range(1, 401)).values())


def open_(r: ReviewRow) -> bool:
    return r.closed_at is None and r.resolution is None


def meant(r: ReviewRow, wanted: Wanted, kind: bool = True) -> bool:
    systems = [r.system] if r.system else [s["system"] for s in r.detail.get("stops", ())]
    systems += [c.split(" (from ")[-1].rstrip(")") for c in r.detail.get("claims", ())]
    fields = [r.detail.get("field"), *(p["field"] for p in r.detail.get("problems", ()))]
    return (
        (not kind or wanted.kind in ("", r.kind))
        and wanted.record_kind in ("", r.record_kind)
        and (not wanted.system or wanted.system in systems)
        and (not wanted.field or wanted.field in fields)
        and (wanted.before is None or r.opened_at < wanted.before)
    )


WANTED = [
    Wanted(),
    Wanted("conflict"),
    Wanted(system="crm"),
    Wanted(system="sup"),
    Wanted(record_kind="company"),
    Wanted(field="title"),
    Wanted(field="a_b"),
    Wanted("dead_letter", "mkt", "lead", "phone"),
    Wanted(before=AT + timedelta(days=20)),
    Wanted("match", "mkt", before=AT + timedelta(days=9)),
]


@pytest.mark.parametrize("wanted", WANTED, ids=repr)
def test_a_filter_means_what_it_says(store: Store, asked: list[ReviewRow], wanted: Wanted) -> None:
    queue = Queue(store)
    expected = sorted(r.id for r in asked if open_(r) and meant(r, wanted))
    assert queue.count(wanted) == len(expected)
    met: list[int] = []
    while page := queue.page(wanted, 7, after=met[-1] if met else 0):
        met += [r.id for r in page]
    assert met == expected
    back: list[int] = []
    while page := queue.page(wanted, 7, before=back[0] if back else 10**6):
        back = [r.id for r in page] + back
    assert back == expected
    for number in (0, 200, *expected[:3], *expected[-2:]):
        earlier = max((i for i in expected if i < number), default=None)
        assert queue.beside(wanted, number) == (earlier, min((i for i in expected if i > number), default=None))
    tallies: dict[str, Tally] = {}
    for r in asked:
        if r.closed_at is None and meant(r, wanted, kind=False):
            waits, done = tallies.get(r.kind, Tally())
            tallies[r.kind] = Tally(waits + (r.resolution is None), done + (r.resolution is not None))
    assert queue.tallies(wanted) == tallies


def test_what_was_decided_stands_newest_first(store: Store, asked: list[ReviewRow]) -> None:
    queue = Queue(store)
    expected = sorted(
        ((r.resolved_at, r.id) for r in asked if r.resolution and r.closed_at and r.resolved_at), reverse=True
    )
    met: list[tuple[Any, int]] = []
    while page := queue.decided(9, met[-1] if met else None):
        met += [(r.resolved_at, r.id) for r in page]
    assert met == expected
    at, by = AT + timedelta(days=50, seconds=2), "ana"
    mine = [r.id for r in asked if r.resolved_at == at and r.resolved_by == by and r.closed_at is None]
    assert queue.together(by, at) == mine


def test_conflicts_are_counted_by_field(store: Store, asked: list[ReviewRow]) -> None:
    counts: dict[tuple[str, str], list[int]] = {}
    for r in asked:
        if r.kind == "conflict":
            count = counts.setdefault((r.record_kind, r.detail["field"]), [0, 0])
            count[0] += open_(r)
            count[1] += r.resolution is not None
    expected = {FieldCount(*key, *count) for key, count in counts.items() if any(count)}
    found = Queue(store).fields_in_conflict()
    assert set(found) == expected
    assert [one.open for one in found] == sorted((one.open for one in found), reverse=True)
    for answered in (True, False):
        over = Queue(store).conflicts_over("lead", "title", 1000, answered=answered)
        assert [r.id for r in over] == [
            r.id
            for r in reversed(asked)
            if r.kind == "conflict" and r.record_kind == "lead" and r.detail["field"] == "title"
            and (r.resolution is not None if answered else open_(r))
        ]  # fmt: skip


def test_an_answer_is_of_the_run_that_was_under_way(store: Store, engine: sa.Engine) -> None:
    runs = [new_id() for _ in range(3)]
    for n, run in enumerate(runs):
        store.begin_run(run, "sync", AT + timedelta(hours=n), "")
        store.end_run(run, AT + timedelta(hours=n, minutes=10), "done", {})
    for n in range(4):
        store.open_reviews([Review("match", f"crm:{n}", {})], "run", AT)
    for n, minutes in enumerate((-5, 1, 65, 130)):
        store.close_reviews([("match", f"crm:{n}")], AT + timedelta(minutes=minutes))
    store.commit()
    found = History(store).reviews_by_id([1, 2, 3, 4])
    assert Queue(store).carried_out_by(found.values()) == {2: runs[0], 3: runs[1], 4: runs[2]}


def test_answers_to_many_are_noted_and_taken_back(store: Store) -> None:
    for n in range(2000):
        store.open_reviews([Review("bad_value", f"crm:{n}", {"problems": []})], "run", AT)
    store.close_reviews([("bad_value", "crm:0")], AT)
    store.resolve_review(2, {"retry": True}, "ana", AT)
    assert store.answer_reviews(range(1, 2001), {"ignore": True}, "luis", AT) == 1998
    assert store.withdraw_answers(range(1, 1001)) == 999, "all but the closed one"
    store.commit()
    rows = History(store).reviews_by_id([1, 2, 3, 1500])
    assert [rows[i].resolution for i in (1, 2, 3, 1500)] == [None, None, None, {"ignore": True}]
    assert (rows[3].resolved_by, rows[3].resolved_at) == (None, None)


def test_a_field_that_a_rule_decides_is_asked_about_no_more(store: Store, asked: list[ReviewRow]) -> None:
    store.close_conflicts("lead", ["phone", "a_b"], AT + timedelta(days=90))
    store.commit()
    now = History(store).reviews_by_id(range(1, 401))
    closed = {r.id for r in asked if r.closed_at is None and now[r.id].closed_at is not None}
    assert closed == {
        r.id for r in asked if open_(r) and r.kind == "conflict" and r.record_kind == "lead" and r.detail["field"] == "title"
    }  # fmt: skip
