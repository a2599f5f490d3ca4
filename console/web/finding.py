"""Keeping the index by which records are found up to date, behind the pages.

A thread looks every few seconds whether something has changed. A little it takes in itself; the first time, or a great deal, is
a job (`work.index`). Invariant: of all processes on a database one at a time fills the index, and it gives way to runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from connectors.base import utc_now
from console.web.jobs import Jobs
from state.history import Engine
from state.indexing import BEHIND, Indexer
from state.lock import Busy, Lease, held

EVERY, COUNTED_EVERY = 5.0, 30.0
"""Seconds between two looks, and between two counts."""

EASY, BUSY = 0.5, 4.0
"""For how long it pauses after each transaction, measured by that: where nobody runs, and where somebody does."""

LONGEST = 2.0
"""Seconds of a pause at most."""

AGAIN = timedelta(minutes=1)
"""After which a job that has failed is begun anew."""

LOCK, JOB = "search", "search"


def index(engine: Engine, go_on: Callable[[], bool] = lambda: True) -> bool:
    """Until all that there is can be found. False where somebody else is at it already, or it was told not to go on."""
    try:
        lease = Lease(engine, LOCK, utc_now)
    except Busy:
        return False

    def pause(seconds: float) -> None:
        lease.renew()
        time.sleep(min(LONGEST, seconds * (BUSY if held(engine, "sync", utc_now()) else EASY)))

    try:
        with Indexer(engine, pause=pause, go_on=go_on) as indexer:
            return indexer.catch_up()
    finally:
        lease.release()


class Finder:
    """`trouble`: what kept it from its work the last time, in the words of the error; empty where nothing did."""

    def __init__(self, engine: Engine, jobs: Jobs, also: Callable[[], None] = lambda: None) -> None:
        """`also`: what is to be done at each look besides."""
        self._engine, self._jobs, self._also = engine, jobs, also
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._counts: dict[str, int] = {}
        self._counted_at = -COUNTED_EVERY
        self.trouble = ""

    def start(self) -> None:
        self._thread = threading.Thread(target=self._look, name="finder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def counts(self) -> dict[str, int]:
        """Kind -> how many records can be found, as of a moment ago; nothing before all of them can."""
        return self._counts

    def turn(self) -> None:
        """One look, and what follows from it."""
        with Indexer(self._engine) as indexer:
            behind = indexer.behind()
        if behind is None or behind > BEHIND:
            self._have_it_done()
        elif behind:
            index(self._engine, lambda: not self._ended.is_set())
        if behind is not None and (behind or not self._counts) and time.monotonic() - self._counted_at > COUNTED_EVERY:
            with Indexer(self._engine) as indexer:
                self._counts = indexer.counted()
            self._counted_at = time.monotonic()

    def _have_it_done(self) -> None:
        """Raises RuntimeError where it has failed a moment ago."""
        last = next((job for job in self._jobs.all() if job.kind == JOB), None)
        if last is not None and last.ended is not None and last.failure and utc_now() - last.ended < AGAIN:
            raise RuntimeError(str(last.failure.get("message")))
        if last is None or not last.running:
            self._jobs.start(JOB, "smarketing")

    def _look(self) -> None:
        while not self._ended.is_set():
            try:
                self._also()
                self.turn()
                self.trouble = ""
            except Exception as error:  # told on the page; the next look tries again
                self.trouble = str(error)
            self._ended.wait(EVERY)
