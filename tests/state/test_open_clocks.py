"""Open clocks a page at a time, and leads drawn at random, on both databases: as a sort of all of them has it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random
from typing import get_args

import sqlalchemy as sa

from state.clocks import ClockRow, Clocks
from state.facts import Facts
from state.ids import new_id
from state.open_clocks import Which, counted, open_clocks
from state.store import Store
from tests.state.made import AT, lead, put

SEED = 71
SOON = AT + timedelta(days=1)


def made(dice: Random, hub_id: str) -> ClockRow:
    due = AT + timedelta(hours=dice.choice([-30, -1, 0, 5, 5, 5, 24, 90])) if dice.random() < 0.8 else None
    state = dice.choice(["running", "breached", "paused", "met", "cancelled"])
    stopped = AT if state in ("met", "cancelled") else None
    started = AT - timedelta(minutes=dice.randrange(10_000), microseconds=dice.randrange(10**6))
    clause = dice.choice(["first_response", "decision", "attempts"])
    return ClockRow(hub_id, clause, started, 1, "", "", "", state, 1, 0, due, None, 0, None, stopped, "")


def test_every_open_clock_comes_once_and_in_order(engine: sa.Engine) -> None:
    print(f"seed {SEED}")
    dice = Random(SEED)
    hubs = [new_id() for _ in range(12)]
    rows = {(one.hub_id, one.clause, one.started): one for one in (made(dice, dice.choice(hubs)) for _ in range(400))}
    with Clocks(engine) as clocks:
        clocks.save_clocks(list(rows.values()))
        clocks.commit()
    open_ = [one for one in rows.values() if one.stopped is None]
    wanted = {
        "late": [one for one in open_ if one.due and one.due <= AT],
        "soon": [one for one in open_ if one.due and AT < one.due <= SOON],
        "later": [one for one in open_ if one.due and one.due > SOON],
        "still": [one for one in open_ if one.due is None],
    }
    for which in get_args(Which):
        for clause, limit, most in (("", 7, 5000), ("decision", 7, 5000), ("decision", 3, 11)):
            found, after, pages = list[ClockRow](), None, 0
            while pages == 0 or after is not None:
                rows_, after = open_clocks(engine, which, AT, SOON, clause=clause, after=after, limit=limit, most=most)
                assert len(rows_) <= limit
                found, pages = found + rows_, pages + 1
            some = [one for one in wanted[which] if clause in ("", one.clause)]
            assert found == sorted(some, key=lambda one: (one.due or AT, one.hub_id, one.clause, one.started))
    told = counted(engine, AT, SOON)
    assert (told.late, told.soon, told.open) == (len(wanted["late"]), len(wanted["soon"]), len(open_))


def test_leads_are_drawn_without_those_that_became_others(engine: sa.Engine, store: Store) -> None:
    hubs = [lead(email=f"l{n}@x") for n in range(30)]
    hubs[3].merged_into = hubs[4].id
    put(store, *hubs)
    store.update_hubs([hubs[3]])
    store.commit()
    alive = {hub.id: hub.fields for hub in hubs if hub is not hubs[3]}
    with Facts(engine) as facts:
        assert facts.sample("lead", 100, Random(1)) == (sorted(alive), 29)
        assert facts.sample("company", 5, Random(1)) == ([], 0)
        often = Counter(id_ for seed in range(150) for id_ in facts.sample("lead", 10, Random(seed))[0])
        assert facts.some([hubs[3].id, hubs[4].id, "nobody"]) == {hubs[4].id: hubs[4].fields}
    assert often.keys() == alive.keys()
    assert max(often.values()) < 2.5 * min(often.values()), f"each as likely as any other (seeds 0 to 149): {often}"
