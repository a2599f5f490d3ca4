"""What a run is doing, while it does it: redrawn on a terminal, a line now and then anywhere else.

Invariant: the first line is out before anything slow begins, and a log of a run in CI has a handful of lines, not one
a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from console.names import place_in_words
from console.screen import Screen, many

EVERY = 5.0
"""Seconds between two lines where nobody is watching."""

_VERBS = {"read": ("reading", "read"), "write": ("writing", "written")}


class Told(Protocol):
    """`sync.context.Progress`: phase, system, how many so far."""

    def __call__(self, phase: str, system: str, count: int) -> None: ...


@contextmanager
def shown(screen: Screen, first: str) -> Iterator[Told]:
    """Shows what it is told, from `first` on, until the block ends."""
    if screen.as_json:
        yield lambda phase, system, count: None
    elif screen.live:
        with _Redrawn(screen, first) as redrawn:
            yield redrawn
    else:
        if first:
            screen.say(Text(first))
        lines = _Lines(screen)
        yield lines
        lines.finish()


class _Redrawn:
    """One line a system and phase; writing has a bar, since the plan says how much there is."""

    def __init__(self, screen: Screen, first: str) -> None:
        spinner = "dots" if screen.console.encoding.startswith("utf") else "line"
        self._bars = Progress(
            SpinnerColumn(spinner, finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(24),
            TextColumn("{task.fields[told]}", justify="right"),
            TimeElapsedColumn(),
            console=screen.console,
            transient=True,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._planned = 0
        self._written: dict[str, int] = {}
        self._add(("", ""), first, None)

    def __enter__(self) -> _Redrawn:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, phase: str, system: str, count: int) -> None:
        self._end(("", ""))
        if phase == "plan":
            self._planned = count
            self._tell(("plan", ""), "planning", f"{count:,} writes", None)
        elif phase == "write":
            self._end(("plan", ""))
            self._written[system] = count
            done = sum(self._written.values())
            self._tell(("write", ""), "writing", f"{done:,} of {self._planned:,}", self._planned, done)
        else:
            self._tell(
                (phase, system), f"{_VERBS.get(phase, (phase,))[0]} {place_in_words(system)}", f"{count:,}", None
            )

    def _tell(self, key: tuple[str, str], what: str, told: str, total: int | None, done: int = 0) -> None:
        if key not in self._tasks:
            for other in self._tasks:
                self._end(other)
            self._add(key, what, total)
        self._bars.update(self._tasks[key], completed=done, told=told, total=total)

    def _add(self, key: tuple[str, str], what: str, total: int | None) -> None:
        self._tasks[key] = self._bars.add_task(what, total=total, told="")

    def _end(self, key: tuple[str, str]) -> None:
        task = self._tasks.get(key)
        if task is not None and not self._bars.tasks[self._bars.task_ids.index(task)].finished:
            self._bars.update(task, total=1, completed=1)


class _Lines:
    """For pipes, logs and CI: how far it is every few seconds, and the sum of each phase at its end."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._sums: dict[tuple[str, str], int] = {}
        self._last = time.monotonic()

    def __call__(self, phase: str, system: str, count: int) -> None:
        key = (phase, system)
        if key not in self._sums and phase != "write":  # writing goes on in all systems at once
            self.finish()
            self._last = time.monotonic()
        self._sums[key] = count
        if time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            self._line(key, count, " so far")

    def finish(self) -> None:
        for key, count in self._sums.items():
            self._line(key, count)
        self._sums = {}

    def _line(self, key: tuple[str, str], count: int, more: str = "") -> None:
        phase, system = key
        what = (
            f"{many(count, 'record')} {_VERBS.get(phase, ('', phase))[1]}"
            if system
            else f"{many(count, 'write')} planned"
        )
        self._screen.say(Text(f"  {place_in_words(system) + ': ' if system else ''}{what}{more}", style="quiet"))
