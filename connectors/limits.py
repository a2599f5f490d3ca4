"""Rate budgets as values, and the clockwork that keeps them.

A policy is one or more windows ("100 calls in any 10 s"); a connector has as many policies as its vendor counts
separately (HubSpot counts searches apart from the rest). `Window` is the value, `Log` the arithmetic without clock
or network, `RateLimits` what `connectors.http` waits on.

Invariant: however the calls are timed, the vendor never counts more than `calls` of them in any `seconds`. The vendor
counts a call somewhere between our sending it and our reading its answer, so a slot falls free `seconds` after the
latest moment at which it can have been counted. That moment is taken as the sending plus whatever the answer took
longer than the fastest one did: what every call needs alike shifts the vendor's clock against ours and costs nothing,
so that a far-away vendor is still used to its limit.

Not kept here: the day's allowance (`Budget`), which no waiting gives back.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

Seconds = float
Monotonic = Callable[[], Seconds]
Sleep = Callable[[Seconds], Awaitable[None]]

DEFAULT = "default"


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
    """When the calls of one policy can have been counted. Pure: every method is told the time.

    `margin` is the share of a window that is left unused, for clocks that tick differently.
    """

    def __init__(self, windows: Sequence[Window], margin: float = 0.01) -> None:
        self.windows = list(windows)
        self.margin = margin
        self._counted: list[Seconds] = []
        """Latest moments at which answered calls were counted, ascending."""
        self._flying: dict[int, Seconds] = {}
        self._next = 0
        self._fastest = math.inf
        self._not_before = -math.inf

    def wait(self, now: Seconds) -> Seconds:
        """Seconds until a call may be sent; 0 is now, infinity "when one that is under way is answered"."""
        self._forget(now)
        return (
            max((self._until_free(w, now) for w in self.windows), default=0.0)
            if now >= self._not_before
            else (self._not_before - now)
        )

    def send(self, now: Seconds) -> int:
        """Take a slot; the number names it for `answer`."""
        self._next += 1
        self._flying[self._next] = now
        return self._next

    def answer(self, slot: int, now: Seconds) -> None:
        sent = self._flying.pop(slot)
        self._fastest = min(self._fastest, now - sent)
        self._count(sent + (now - sent - self._fastest))

    def correct(self, seen: Seen, now: Seconds) -> None:
        """Believe the vendor where it allows less than we reckoned: others may use the same allowance."""
        if seen.window is not None:
            self._adopt(seen.window)
        if seen.remaining is not None and self.windows:
            window = seen.window or self.windows[0]
            used_by_others = window.calls - self._used(window, now) - seen.remaining
            for _ in range(max(0, used_by_others)):
                self._count(now)

    def pause(self, seconds: Seconds, now: Seconds) -> None:
        """Send nothing for so long: the vendor said so."""
        self._not_before = max(self._not_before, now + seconds)

    def _until_free(self, window: Window, now: Seconds) -> Seconds:
        over = self._used(window, now) - window.calls + 1
        if over <= 0:
            return 0.0
        span = window.seconds * (1 + self.margin)
        recent = [at for at in self._counted if at + span > now]
        return recent[over - 1] + span - now if over <= len(recent) else math.inf

    def _used(self, window: Window, now: Seconds) -> int:
        span = window.seconds * (1 + self.margin)
        return len(self._flying) + sum(1 for at in self._counted if at + span > now)

    def _adopt(self, told: Window) -> None:
        for i, known in enumerate(self.windows):
            if math.isclose(known.seconds, told.seconds, rel_tol=0.05):
                self.windows[i] = told
                return
        self.windows.append(told)

    def _count(self, at: Seconds) -> None:
        self._counted.append(at)
        if len(self._counted) > 1 and at < self._counted[-2]:
            self._counted.sort()

    def _forget(self, now: Seconds) -> None:
        longest = max((w.seconds for w in self.windows), default=0.0) * (1 + self.margin)
        stale = 0
        while stale < len(self._counted) and self._counted[stale] + longest <= now:
            stale += 1
        del self._counted[:stale]


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
            slot = log.send(self._clock())
        try:
            yield
        finally:
            log.answer(slot, self._clock())
            self._answered.setdefault(policy, asyncio.Event()).set()

    def correct(self, seen: Mapping[str, Seen]) -> None:
        for policy, what in seen.items():
            self._logs.setdefault(policy, Log([])).correct(what, self._clock())

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
