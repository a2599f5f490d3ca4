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

PATIENCE = 0.05
"""Seconds that a page waits for the first numbers of all; after that it says that they are being counted."""

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
        self._error: Exception | None = None
        self._looked, self._took = 0.0, 0.0
        self._busy = False
        self._first = threading.Event()
        """There is something to tell: numbers, or why there are none."""

    def start(self) -> None:
        """Count, so that the first page need not wait for it."""
        with self._lock:
            begin, self._busy = not self._busy, True
        if begin:
            threading.Thread(target=self._in_background, name="standing", daemon=True).start()

    def now(self, patience: float | None = None) -> Standing | None:
        """None where nothing was ever counted and it takes more than `patience` seconds (`PATIENCE` where it is not said). Raises
        what the first look raised, where none has come to its end."""
        with self._lock:
            last = self._last
            resting = last is not None and self._took > AT_ONCE and self._clock() - self._looked < SHARE * self._took
            at_once = last is not None and self._took <= AT_ONCE
        if at_once:
            return self._look()
        if not resting:
            self.start()
        if last is None:
            self._first.wait(PATIENCE if patience is None else patience)
            with self._lock:
                last, error = self._last, self._error
                self._error = None
                if error is not None and last is None:
                    self._first.clear()
                    raise error
        return last

    def counted(self) -> Standing:
        """The same for whoever has the time, and must have numbers."""
        found = self.now(patience=600)
        if found is None:
            raise TimeoutError
        return found

    def _in_background(self) -> None:
        try:
            self._look()
        except Exception as error:  # told to whoever asks next, if there is nothing else to tell
            with self._lock:
                self._error = error
        finally:
            with self._lock:
                self._busy = False
            self._first.set()

    def _look(self) -> Standing:
        began = self._clock()
        found = look(self._engine)
        with self._lock:
            self._last, self._looked, self._took = found, self._clock(), self._clock() - began
        return found
