"""The sandbox's time: a vendor's clock that may be wrong, be stopped, or be moved on by hand.

Two readings that never mix: `now` is what the vendor stamps on records (skewed, stopped when frozen); `elapsed`
counts the seconds that rate windows, token lifetimes and index delays go by. Moving the clock on moves both, skew
moves `now` alone: so a wrong clock never changes how fast a client may call.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """`start` is the first reading of `now` (default: the machine's time); `skew` is added to every reading of it."""

    def __init__(self, start: datetime | None = None, *, skew: timedelta = timedelta(0), frozen: bool = False) -> None:
        self._zero = time.monotonic()
        self._moved = 0.0
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._held: timedelta | None = timedelta(0) if frozen else None
        self._lost = timedelta(0)
        self.skew = skew

    def elapsed(self) -> float:
        """Seconds since this clock was made, advances included. Never goes back."""
        return time.monotonic() - self._zero + self._moved

    def now(self) -> datetime:
        """The vendor's idea of the time, UTC."""
        return self._start + self._run() + self.skew

    def advance(self, seconds: float) -> None:
        """Move both readings on. Raises ValueError for a negative number: time only goes forward; use `skew`."""
        if seconds < 0:
            raise ValueError(f"cannot advance the clock by {seconds} s: set `skew` to turn it back")
        self._moved += seconds
        if self._held is not None:
            self._held += timedelta(seconds=seconds)

    def freeze(self) -> None:
        """Stop `now`; `elapsed` runs on, so that a client that waits for a rate window is not stuck."""
        if self._held is None:
            self._held = self._run()

    def unfreeze(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._lost = timedelta(seconds=self.elapsed()) - held

    def set(self, moment: datetime) -> None:
        """Make `now` read `moment` (skew included), whichever way that is."""
        self._start += moment.astimezone(UTC) - self.now()

    @property
    def frozen(self) -> bool:
        return self._held is not None

    def _run(self) -> timedelta:
        return self._held if self._held is not None else timedelta(seconds=self.elapsed()) - self._lost
