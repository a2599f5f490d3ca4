"""How the project stands, in numbers that take a look at everything: kept, and counted again in the background.

Over a million leads that takes a second or two, which no page waits for. Invariant: a page gets the newest numbers that there
are, with their time; counting never takes more than a twentieth of a processor, however many pages are open; and where it is
done in no time, it is done at once, so that a page shows what was just done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from state.clocks import ClockRow, Clocks
from state.history import Engine, History, Run
from state.totals import Counted

AT_ONCE = 0.03
"""Seconds that a page may wait for."""

SHARE = 20
"""For every second of counting, so many seconds of rest."""

RUNS, CLOCKS = 8, 6


@dataclass(frozen=True)
class Standing:
    """`clocks`: state -> how many have not stopped. `soonest`: those whose time runs out first."""

    at: datetime
    counted: Counted
    runs: list[Run]
    stages: dict[str, int]
    clocks: dict[str, int]
    soonest: list[ClockRow]

    @property
    def overdue(self) -> int:
        return self.clocks.get("breached", 0)

    @property
    def questions(self) -> int:
        """Without those that are answered and wait for the next run."""
        return sum(self.counted.reviews.values()) - self.counted.answered


def look(engine: Engine) -> Standing:
    with History(engine) as history:
        counted, runs, stages = history.counted(), history.runs(RUNS), history.stages_now()
    with Clocks(engine) as clocks:
        return Standing(datetime.now(UTC), counted, runs, stages, clocks.counted_open(), clocks.soonest(CLOCKS))


class Watch:
    """`clock`: seconds that only go forward."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._last: Standing | None = None
        self._looked, self._took = 0.0, 0.0
        self._busy = False

    def now(self) -> Standing:
        with self._lock:
            last = self._last
            fresh = last is not None and self._took > AT_ONCE and self._clock() - self._looked < SHARE * self._took
            begin = not fresh and not self._busy and last is not None and self._took > AT_ONCE
            self._busy = self._busy or begin
        if fresh and last is not None:
            return last
        if last is None or self._took <= AT_ONCE:
            return self._look()
        if begin:
            threading.Thread(target=self._in_background, daemon=True).start()
        return last

    def _in_background(self) -> None:
        try:
            self._look()
        finally:
            with self._lock:
                self._busy = False

    def _look(self) -> Standing:
        began = self._clock()
        found = look(self._engine)
        with self._lock:
            self._last, self._looked, self._took = found, self._clock(), self._clock() - began
        return found
