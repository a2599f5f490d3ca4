"""The child process of a job: does one piece of work on a project and tells of it in JSON lines (see `jobs`).

What it does is in `works`. Invariant: whatever goes wrong is told as a failure with a code,
never as a traceback.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from console.failures import failure_of
from console.web.works import WORK, Work

EVERY = 0.2
"""Seconds between two lines about one place."""


class Steps:
    """Progress as lines: the first of a place at once, then a few a second, the last before the result."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], tuple[int, float]] = {}

    def __call__(self, phase: str, place: str, count: int) -> None:
        key, now = (phase, place), time.monotonic()
        self._counts[key] = count
        if now - self._told.get(key, (0, 0.0))[1] >= EVERY:
            self._tell(key, count, now)

    def end(self) -> None:
        for key, count in self._counts.items():
            if self._told[key][0] != count:
                self._tell(key, count, time.monotonic())

    def _tell(self, key: tuple[str, str], count: int, now: float) -> None:
        self._told[key] = count, now
        say({"phase": key[0], "place": key[1], "count": count})


def say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def main() -> int:
    asked = json.load(sys.stdin)
    folder, steps = Path(asked["folder"]), Steps()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # one that came while we were starting is heard now
        result = asyncio.run(_do(WORK[asked["kind"]], folder, steps, asked["arguments"]))
    except (Exception, KeyboardInterrupt) as error:
        failure = failure_of(error, folder)
        say({"failure": {**failure.document()["error"], "exit": int(failure.exit_code)}})
        return int(failure.exit_code)
    steps.end()
    say({"result": result})
    return 0


async def _do(work: Work, folder: Path, steps: Steps, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return await work(folder, steps, arguments)


if __name__ == "__main__":
    sys.exit(main())
