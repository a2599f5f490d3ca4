"""Paginators as values, loops of tokens, and cursors that pass nothing."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ProtocolChanged
from connectors.paging import (
    SLACK,
    ByCursor,
    ByKeyset,
    ByLink,
    ByOffset,
    Paginator,
    Position,
    next_since,
    pages,
    read_from,
    run_start,
)

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("paginator", "params", "body", "following"),
    [
        (ByCursor("after", ("paging", "next", "after")), {"limit": 2}, {"paging": {"next": {"after": "7"}}}, {"limit": 2, "after": "7"}),
        (ByCursor("after", ("paging", "next", "after")), {"after": "7"}, {"results": []}, None),
        (ByCursor("after", ("after",)), {}, {"after": ""}, None),
        (ByCursor("after", ("after",)), {}, ["not", "an", "object"], None),
        (ByLink(("next",)), {}, {"next": "https://x.test/a/b?p=2&q="}, {"url": "/a/b", "p": "2", "q": ""}),
        (ByLink(("next",)), {"p": 1}, {"next": None}, None),
        (ByOffset(2, ("rows",)), {}, {"rows": [1, 2]}, {"offset": 2}),
        (ByOffset(2, ("rows",)), {"offset": 2}, {"rows": [3]}, None),
        (ByOffset(2), {"offset": 2}, [3, 4], {"offset": 4}),
        (ByKeyset(1, (("t", ("at",)), ("id", ("id",)))), {}, [{"at": 5, "id": "a"}], {"t": 5, "id": "a"}),
        (ByKeyset(2, (("id", ("id",)),)), {}, [{"id": "a"}], None),
    ],
)  # fmt: skip
def test_the_next_page(paginator: Paginator, params: Mapping[str, Any], body: Any, following: Any) -> None:
    assert paginator.next(params, body) == following


class Chain:
    """Pages 0, 1, 2 ... by a table of what follows what."""

    def __init__(self, following: Mapping[int, int | None]) -> None:
        self.following = following
        self.fetched: list[int] = []

    async def fetch(self, params: Mapping[str, Any]) -> Any:
        await asyncio.sleep(0)
        self.fetched.append(params["p"])
        return {"p": params["p"], "next": self.following[params["p"]]}


NEXT = ByCursor("p", ("next",))


@pytest.mark.parametrize("ahead", [False, True])
async def test_every_page_comes_once_in_order(ahead: bool) -> None:
    chain = Chain({0: 1, 1: 2, 2: None})
    got = [(turn.body["p"], turn.next) async for turn in pages(chain.fetch, NEXT, {"p": 0}, ahead=ahead)]
    assert got == [(0, {"p": 1}), (1, {"p": 2}), (2, None)]
    assert chain.fetched == [0, 1, 2]


@pytest.mark.parametrize("ahead", [False, True])
async def test_ahead_has_the_next_page_under_way_while_one_is_worked_on(ahead: bool) -> None:
    chain = Chain({0: 1, 1: None})
    async for _ in pages(chain.fetch, NEXT, {"p": 0}, ahead=ahead):
        await asyncio.sleep(0.01)
        break_at = list(chain.fetched)
        break
    assert break_at == ([0, 1] if ahead else [0])


@given(tail=st.integers(0, 40), loop=st.integers(1, 40))
def test_a_loop_of_page_tokens_ends_the_read(tail: int, loop: int) -> None:
    last = tail + loop - 1
    chain = Chain({n: n + 1 if n < last else tail for n in range(last + 1)})

    async def follow() -> None:
        async for _ in pages(chain.fetch, NEXT, {"p": 0}):
            assert len(chain.fetched) <= 3 * (tail + loop) + 3

    with pytest.raises(ProtocolChanged, match="leads back"):
        asyncio.run(follow())


@given(length=st.integers(1, 300))
def test_a_long_scan_is_no_loop(length: int) -> None:
    chain = Chain({n: n + 1 if n < length - 1 else None for n in range(length)})

    async def follow() -> int:
        return len([turn async for turn in pages(chain.fetch, NEXT, {"p": 0})])

    assert asyncio.run(follow()) == length


# The cursor rule


def test_a_cursor_is_the_run_start_or_the_newest_seen_whichever_is_earlier() -> None:
    minute = timedelta(minutes=1)
    assert next_since(NOON, NOON + minute, None) == NOON
    assert next_since(NOON, NOON - minute, None) == NOON - minute
    assert next_since(NOON, None, NOON - minute) == NOON - minute, "nothing new: it stays"
    assert next_since(NOON, None, None) == NOON
    assert next_since(NOON, NOON - 2 * minute, NOON - minute) == NOON - minute, "it never goes back"


def test_a_quiet_system_is_not_read_from_its_last_import_on_for_ever() -> None:
    assert next_since(NOON, NOON - timedelta(days=400), None) == NOON - SLACK


def test_a_fast_clock_of_ours_does_not_carry_the_cursor_past_a_change() -> None:
    theirs = "Fri, 01 May 2026 11:50:00 GMT"
    assert run_start(NOON, theirs) == NOON - timedelta(minutes=10)
    assert run_start(NOON - timedelta(hours=1), theirs) == NOON - timedelta(hours=1), "a slow one does no harm"
    assert run_start(NOON, None) == run_start(NOON, "soon") == NOON


def test_a_position_survives_json() -> None:
    position = Position(phase="scan", began=NOON).step({"after": "12"}, NOON - timedelta(minutes=3))
    again = Position.load(json.loads(json.dumps(position.save())))
    assert again == position
    assert again is not None
    done = again.finish(NOON - timedelta(minutes=9), memo={"swept": "x"})
    assert done == Position(phase="changes", since=NOON - timedelta(minutes=3), memo={"swept": "x"})
    assert Position.load(json.loads(json.dumps(done.save()))) == done


@pytest.mark.parametrize(
    "cursor", [{}, {"phase": "dance"}, {"phase": "scan", "began": "noon"}, {"phase": "scan", "more": 1}]
)
def test_a_cursor_that_is_not_ours_is_none(cursor: dict[str, Any]) -> None:
    assert Position.load(cursor) is None


@pytest.mark.parametrize("seed", range(200))
def test_no_change_is_ever_missed(seed: int) -> None:
    """A vendor whose clock differs from ours, whose changes show up late, that is read slowly while people edit."""
    dice = random.Random(seed)
    skew, delay = timedelta(seconds=dice.uniform(-300, 300)), dice.uniform(0, 20)
    changed: dict[int, float] = dict.fromkeys(range(30), 0.0)  # seconds on our clock
    seen: dict[int, float] = {}
    now, position = 0.0, None

    def stamp(at: float) -> datetime:
        return NOON + timedelta(seconds=at) + skew

    for _ in range(6):
        began = run_start(NOON + timedelta(seconds=now), (stamp(now)).strftime("%a, %d %b %Y %H:%M:%S GMT"))
        since = None if position is None else read_from(position.since, timedelta(seconds=20))
        reading = Position(phase="changes", since=position.since if position else None, began=began)
        for id in sorted(changed):
            shown = changed[id] if changed[id] + delay <= now or changed[id] == 0.0 else None
            if shown is not None and (since is None or stamp(shown) >= since):
                seen[id] = shown
                reading = reading.step({"id": id}, stamp(shown))
            now += dice.uniform(0, 2)
            if dice.random() < 0.1:
                changed[dice.randrange(30)] = now
        position = reading.finish()
        now += dice.uniform(30, 600)
    final = read_from(position.since, timedelta(seconds=20))
    seen |= {id: at for id, at in changed.items() if stamp(at) >= final}
    assert seen == changed, f"seed {seed}"
