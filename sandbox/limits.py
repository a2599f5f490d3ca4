"""Rate limits as the vendor's server enforces them: sliding windows that refuse, and count what they refused.

Only decides and counts. How a refusal is worded, and which request counts against which window, is each vendor's
own affair. A refused call does not use up the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.clock import Clock

GRAINS = 2000
"""A window remembers at most about this many moments, however many calls it allows."""


@dataclass(frozen=True, slots=True)
class Window:
    """`calls` allowed in any `seconds`. `name` is what the vendor calls the policy."""

    name: str
    calls: int
    seconds: float


class RateLimit:
    """One window and what was used of it."""

    def __init__(self, window: Window, clock: Clock) -> None:
        self.window = window
        self.refused = 0
        self.taken = 0
        self._clock = clock
        self._moments: deque[list[float]] = deque()
        self._used = 0

    def used(self) -> int:
        since = self._clock.elapsed() - self.window.seconds
        while self._moments and self._moments[0][0] <= since:
            self._used -= int(self._moments.popleft()[1])
        return self._used

    def remaining(self) -> int:
        return max(0, self.window.calls - self.used())

    def resets_in(self) -> float:
        """Seconds until the oldest call leaves the window; 0 when it is empty."""
        if not self.used():
            return 0.0
        return max(0.0, self._moments[0][0] + self.window.seconds - self._clock.elapsed())

    def take(self) -> None:
        now = self._clock.elapsed()
        if self._moments and now - self._moments[-1][0] < self.window.seconds / GRAINS:
            self._moments[-1][1] += 1
        else:
            self._moments.append([now, 1])
        self._used += 1
        self.taken += 1

    def clear(self) -> None:
        self._moments.clear()
        self._used = self.refused = self.taken = 0


def admit(limits: Iterable[RateLimit]) -> RateLimit | None:
    """Take one call from every window, or from none: returns the window that refused, None when the call may go on."""
    limits = list(limits)
    for limit in limits:
        if limit.used() >= limit.window.calls:
            limit.refused += 1
            return limit
    for limit in limits:
        limit.take()
    return None
