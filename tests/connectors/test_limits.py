"""Rate budgets: never over, hardly under."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.limits import Log, RateLimits, Seen, Window


class Server:
    """A vendor that counts a call at some moment between its sending and its answer."""

    def __init__(self, dice: random.Random, slowest: float) -> None:
        self.dice = dice
        self.slowest = slowest
        self.counted: list[float] = []

    def call(self, sent: float) -> float:
        """When it answers."""
        answered = sent + self.dice.uniform(0.0, self.slowest)
        self.counted.append(self.dice.uniform(sent, answered))
        return answered

    def most_in(self, seconds: float) -> int:
        times = sorted(self.counted)
        return max(sum(1 for t in times[i:] if t < start + seconds) for i, start in enumerate(times))


def run(log: Log, server: Server, calls: int, workers: int) -> float:
    """`workers` calls at a time, as fast as the log lets them. Returns the time the last one was answered."""
    now, under_way, left = 0.0, list[float](), calls
    while left or under_way:
        wait = log.wait(now) if left and len(under_way) < workers else float("inf")
        if wait <= 0:
            log.send()
            heapq.heappush(under_way, server.call(now))
            left -= 1
        elif under_way and under_way[0] <= now + wait:
            now = heapq.heappop(under_way)
            log.answer(now)
        else:
            now += wait
    return now


windows = st.builds(Window, st.integers(1, 12), st.sampled_from([0.5, 1.0, 10.0]))


@given(st.lists(windows, min_size=1, max_size=2), st.integers(0, 2**32), st.integers(1, 20), st.floats(0.0, 3.0))
@settings(max_examples=150, deadline=None)
def test_no_window_is_ever_exceeded_however_late_the_answers_are(
    policy: Sequence[Window], seed: int, workers: int, slowest: float
) -> None:
    server = Server(random.Random(seed), slowest)
    run(Log(policy), server, 60, workers)
    assert len(server.counted) == 60
    for window in policy:
        assert server.most_in(window.seconds) <= window.calls


@pytest.mark.parametrize("window", [Window(5, 1.0), Window(100, 10.0), Window(190, 10.0)])
def test_at_least_95_percent_of_the_allowed_rate_is_used_when_there_is_work(window: Window) -> None:
    server, rounds = Server(random.Random(1), slowest=0.02), 20
    took = run(Log([window]), server, window.calls * rounds, workers=8)
    # The first window's worth of calls may go at once, so it takes one window less than the rounds.
    assert window.calls * rounds / (took + window.seconds) >= 0.95 * window.calls / window.seconds


def test_the_vendor_is_believed_where_it_allows_less() -> None:
    log = Log([Window(100, 10.0)])
    log.send()
    log.answer(0.1)
    log.correct(Seen(Window(100, 10.0), remaining=0), 0.0, 0.1)
    assert log.wait(0.2) == pytest.approx(9.92, abs=0.01)


def test_the_vendor_is_believed_where_it_allows_more() -> None:
    log = Log([Window(100, 10.0)])
    log.correct(Seen(Window(190, 10.0), remaining=190), 0.0, 0.0)
    for _ in range(190):
        assert log.wait(0.0) == 0
        log.send()
    assert log.wait(0.0) == float("inf")


def test_calls_under_way_are_not_taken_for_somebody_elses() -> None:
    """The headers of the first answer do not know yet of the nine calls that are on their way."""
    log = Log([Window(20, 10.0)])
    for _ in range(10):
        log.send()
    log.answer(0.1)
    log.correct(Seen(Window(20, 10.0), remaining=19), 0.0, 0.1)
    assert log.wait(0.1) == 0


def test_a_slot_that_falls_free_while_the_answer_is_on_its_way_is_not_somebody_elses() -> None:
    log = Log([Window(2, 10.0)])
    for answered in (0.1, 10.2):  # counted by the vendor at 0.1 and 10.0: none is left then
        log.send()
        log.answer(answered)
    log.correct(Seen(Window(2, 10.0), remaining=0), 10.0, 10.2)
    assert log.wait(10.2) == 0


def test_a_pause_holds_everything_back() -> None:
    log = Log([Window(5, 1.0)])
    log.pause(7.0, 1.0)
    assert log.wait(2.0) == pytest.approx(6.0)
    assert log.wait(8.0) == 0


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one call"):
        Window(0, 1.0)


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


async def test_policies_do_not_wait_for_each_other() -> None:
    time = Time()
    limits = RateLimits({"search": [Window(1, 10.0)], "default": [Window(3, 10.0)]}, clock=time, sleep=time.sleep)
    async with limits.slot("search"):
        pass
    for _ in range(3):
        async with limits.slot():
            pass
    assert time.now == 0.0
    async with limits.slot("search"):
        pass
    assert time.now == pytest.approx(10.0, rel=0.01)


async def test_a_call_waits_for_one_under_way_when_all_slots_are_taken() -> None:
    time = Time()
    limits = RateLimits({"default": [Window(1, 1.0)]}, clock=time, sleep=time.sleep)
    order: list[str] = []
    release = asyncio.Event()

    async def hold() -> None:
        async with limits.slot():
            order.append("first in")
            await release.wait()
            order.append("first out")

    async def follow() -> None:
        async with limits.slot():
            order.append("second in")

    tasks = [asyncio.create_task(hold()), asyncio.create_task(follow())]
    await asyncio.sleep(0.01)
    assert order == ["first in"]
    release.set()
    await asyncio.gather(*tasks)
    assert order == ["first in", "first out", "second in"]
    assert time.now >= 1.0


async def test_a_call_that_fails_gives_its_slot_back() -> None:
    time = Time()
    limits = RateLimits({"default": [Window(1, 1.0)]}, clock=time, sleep=time.sleep)
    with pytest.raises(RuntimeError):
        async with limits.slot():
            raise RuntimeError
    async with limits.slot():
        pass
    assert time.now == pytest.approx(1.0, rel=0.01)


async def test_an_unknown_policy_has_no_limit() -> None:
    async with RateLimits().slot("whatever"):
        pass
