"""Rate budgets as values, and the clockwork that keeps them.

A policy is one or more windows ("100 calls in any 10 s"); a connector has as many policies as its vendor counts
separately (HubSpot counts searches apart from the rest). `Window` is the value, `Log` the arithmetic without clock
or network, `RateLimits` what `connectors.http` waits on.

Invariant: however the calls are timed, the vendor never counts more than `calls` of them in any `seconds`. It counts a
call somewhere between our sending it and our reading its answer; so a slot is taken from the sending on, and falls free
`seconds` after the answer. What that costs is one round trip a window.

Not kept here: the day's allowance (`Budget`), which no waiting gives back.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import bisect_right, insort
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

Seconds = float
Monotonic = Callable[[], Seconds]
Sleep = Callable[[Seconds], Awaitable[None]]

DEFAULT = "default"

LONGEST_CALL: Seconds = 60.0
"""Calls are remembered this much longer than their window, for the headers of a call that took long."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `calls` in any `seconds`."""

    calls: int
    seconds: Seconds

    def __post_init__(self) -> None:
        if self.calls < 1 or self.seconds <= 0:
            raise ValueError(f"a window needs at least one call and some time, not {self.calls} in {self.seconds} s")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a response's headers say of one policy: its window, and the calls left in it. None: not said."""

    window: Window | None = None
    remaining: int | None = None


class Log:
    """The calls of one policy that the vendor may still be counting. Pure: every method is told the time.

    `margin` is the share of a window that is left unused, for clocks that tick differently.
    """

    def __init__(self, windows: Sequence[Window], margin: float = 0.002) -> None:
        self.windows = list(windows)
        self.margin = margin
        self._flying = 0
        self._answered: list[Seconds] = []
        """When each call was answered, ascending."""
        self._not_before = -math.inf

    def wait(self, now: Seconds) -> Seconds:
        """Seconds until a call may be sent; 0 is now, infinity "when one that is under way is answered"."""
        self._forget(now)
        if now < self._not_before:
            return self._not_before - now
        return max((self._until_free(window, now) for window in self.windows), default=0.0)

    def send(self) -> None:
        self._flying += 1

    def answer(self, now: Seconds) -> None:
        """Of one call that was sent, whichever: also of one that failed, since it may have been counted."""
        self._flying -= 1
        insort(self._answered, now)

    def correct(self, seen: Seen, sent: Seconds, now: Seconds) -> None:
        """Believe the vendor where it allows less than we reckoned: others may use the same allowance. It told what
        was left at some moment since the call was `sent`; a slot that fell free in the meantime is not theirs."""
        if seen.window is not None:
            self._adopt(seen.window)
        if seen.remaining is not None and self.windows:
            window = seen.window or self.windows[0]
            used_by_others = window.calls - self._used(window, sent) - seen.remaining
            for _ in range(max(0, used_by_others)):
                insort(self._answered, now)

    def pause(self, seconds: Seconds, now: Seconds) -> None:
        """Send nothing for so long: the vendor said so."""
        self._not_before = max(self._not_before, now + seconds)

    def _until_free(self, window: Window, now: Seconds) -> Seconds:
        over = self._used(window, now) - window.calls + 1
        if over <= 0:
            return 0.0
        span = window.seconds * (1 + self.margin)
        at = bisect_right(self._answered, now - span) + over - 1
        # At least a hair: rounding must not let a waiter wake up just too early, for ever.
        return max(self._answered[at] + span - now, 1e-6) if at < len(self._answered) else math.inf

    def _used(self, window: Window, now: Seconds) -> int:
        """Calls that the vendor may still be counting."""
        span = window.seconds * (1 + self.margin)
        return self._flying + len(self._answered) - bisect_right(self._answered, now - span)

    def _adopt(self, told: Window) -> None:
        for i, known in enumerate(self.windows):
            if math.isclose(known.seconds, told.seconds, rel_tol=0.05):
                self.windows[i] = told
                return
        self.windows.append(told)

    def _forget(self, now: Seconds) -> None:
        longest = max((w.seconds for w in self.windows), default=0.0) * (1 + self.margin)
        del self._answered[: bisect_right(self._answered, now - longest - LONGEST_CALL)]


class RateLimits:
    """The policies of one connector, shared by all its calls. First come, first served within a policy.

    >>> limits = RateLimits({"default": [Window(100, 10)], "search": [Window(5, 1)]})
    >>> async with limits.slot("search"): ...
    """

    def __init__(
        self,
        policies: Mapping[str, Sequence[Window]] | None = None,
        *,
        clock: Monotonic = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._logs = {name: Log(windows) for name, windows in (policies or {}).items()}
        self._clock = clock
        self._sleep = sleep
        self._turns: dict[str, asyncio.Lock] = {}
        self._answered: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def slot(self, policy: str = DEFAULT) -> AsyncIterator[None]:
        """Wait for a slot of the policy and hold it until the call is answered. An unknown policy has no limit."""
        log = self._logs.get(policy)
        if log is None:
            yield
            return
        async with self._turns.setdefault(policy, asyncio.Lock()):
            await self._free(policy, log)
            log.send()
        try:
            yield
        finally:
            log.answer(self._clock())
            self._answered.setdefault(policy, asyncio.Event()).set()

    def correct(self, seen: Mapping[str, Seen], sent: Seconds) -> None:
        """What the headers of a call said that was sent at `sent`, by this object's clock."""
        for policy, what in seen.items():
            self._logs.setdefault(policy, Log([])).correct(what, sent, self._clock())

    def pause(self, policy: str, seconds: Seconds) -> None:
        if policy in self._logs:
            self._logs[policy].pause(seconds, self._clock())

    async def _free(self, policy: str, log: Log) -> None:
        while (wait := log.wait(self._clock())) > 0:
            if math.isinf(wait):
                event = self._answered.setdefault(policy, asyncio.Event())
                event.clear()
                await event.wait()
            else:
                await self._sleep(wait)
