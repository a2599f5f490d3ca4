"""One engine run for a project folder, tried again as a whole where a system or the database was out of reach.

Without Prefect: the flows give it a logger, the tests a list. Not here: retries of single calls, which are the
connectors' own. Trying again is safe since a run is idempotent: it first finds out what the last one left undone.
Invariant: whatever happens comes back as an `Outcome`; only cancellation goes through.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_exponential

from connectors.base import Clock, utc_now
from flows.outcome import Name, Outcome, of_error, of_report, skipped
from state.history import History
from state.lock import Busy
from sync.project import Opened, open_project, run_opened
from sync.run import Options

Say = Callable[[str], None]
Sleep = Callable[[float], Awaitable[None]]

HURRIED, PATIENT = 2, 6
"""Attempts where the next scheduled run is minutes away, and where it is a week away or never comes: the waits of
30 s, then twice as long each time, add up to a quarter of an hour."""

FIRST_WAIT, LONGEST_WAIT = 30.0, 600.0
EVERY = 15.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class Wanted:
    """`patient`: waits for another run that is under way, and longer for a system that is down."""

    project: Path
    options: Options
    systems: Collection[str] | None = None
    patient: bool = False

    @property
    def folder(self) -> Path:
        return self.project.expanduser().resolve()


async def attempt(wanted: Wanted, say: Say, *, sleep: Sleep = asyncio.sleep, clock: Clock = utc_now) -> Outcome:
    """The outcome of the last attempt. `sleep` takes seconds."""

    def before_sleep(state: RetryCallState) -> None:
        assert state.outcome is not None
        assert state.next_action is not None
        say(f"{state.outcome.result().message} Trying again in {state.next_action.sleep:.0f} s.")

    retrying = AsyncRetrying(
        retry=retry_if_result(lambda outcome: outcome.again),
        stop=stop_after_attempt(PATIENT if wanted.patient else HURRIED),
        wait=wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
        before_sleep=before_sleep,
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        sleep=sleep,
    )
    outcome: Outcome = await retrying(_once, wanted, say, clock)
    return outcome


async def _once(wanted: Wanted, say: Say, clock: Clock) -> Outcome:
    try:
        async with open_project(wanted.folder, systems=wanted.systems or None, clock=clock) as opened:
            steps = Steps(say)
            report = await run_opened(opened, wanted.options, progress=steps, clock=clock)
            steps.end()
            reviews, guard = _waiting(opened)
        return of_report(report, wanted.folder, secrets=opened.secrets, reviews=reviews, guard=guard)
    except Exception as error:
        outcome = of_error(error, wanted.options.kind, wanted.folder)
        if isinstance(error, Busy) and not wanted.patient:
            return skipped(outcome)
        if outcome.summary["outcome"] == "internal":
            return replace(outcome, trace=_places(error))
        return outcome


def _waiting(opened: Opened) -> tuple[dict[str, int], int | None]:
    """Open questions by kind, and the number of the guard's, where it asks."""
    with History(opened.engine) as history:
        asked = history.reviews("guard", limit=1)
        return history.counted().reviews, asked[0].id if asked else None


def _places(error: BaseException) -> tuple[str, ...]:
    """Where it happened, without the values that were at hand: they are people's data, and logs are read by many."""
    return tuple(
        f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )


class Steps:
    """`sync.context.Progress` as lines of a log: how far a phase is now and then, and its sum at its end."""

    def __init__(self, say: Say, now: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now = say, now
        self._sums: dict[tuple[str, str], int] = {}
        self._last = now()

    def __call__(self, phase: str, system: str, count: int) -> None:
        if self._sums and next(iter(self._sums))[0] != phase:
            self.end()
        self._sums[phase, system] = count
        if self._now() - self._last >= EVERY:
            self._last = self._now()
            self._say(f"{_told(phase, system, count)} so far")

    def end(self) -> None:
        for (phase, system), count in self._sums.items():
            self._say(_told(phase, system, count))
        self._sums = {}


def _told(phase: str, system: str, count: int) -> str:
    match phase:
        case "read" | "write":
            return f"{system}: {count:,} records {'read' if phase == 'read' else 'written'}"
        case "plan":
            return f"{count:,} writes planned"
    return f"{system or 'all systems'}: {phase} {count:,}"


__all__ = ["Name", "Outcome", "Steps", "Wanted", "attempt"]
