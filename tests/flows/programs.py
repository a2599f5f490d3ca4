"""Real programs for a test: each in a process group of its own, its output in a file, ended with the test."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 15.0
"""Seconds that a program may take to end when it is asked to."""


@dataclass
class Program:
    process: subprocess.Popen[str]
    log: Path

    @property
    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


@contextmanager
def running(name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> Iterator[Program]:
    """SIGINT to the group, since that is what Prefect's programs end on; whatever is left after that is killed."""
    log = folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=dict(env),
            cwd=CHECKOUT,
            text=True,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
    try:
        yield Program(process, log)
    finally:
        _signal(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        _signal(process, signal.SIGKILL)
        process.wait(PATIENCE)


def heed_interrupts() -> None:
    """A shell starts what is in its background with SIGINT ignored, and so would be our children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def done(command: Sequence[str], env: Mapping[str, str], seconds: float = 60) -> str:
    """What a program printed that ended well. Raises AssertionError with its output where it did not."""
    ended = subprocess.run(
        command, env=dict(env), cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL
    )
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout[-4000:]}\n{ended.stderr[-4000:]}"
    return ended.stdout


def until(what: str, look: Callable[[], T | None], seconds: float, *programs: Program) -> T:
    """The first answer of `look` that is one. Raises AssertionError, with the logs, after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.1)
    logs = "\n".join(f"--- {program.log.name}\n{program.tail}" for program in programs)
    raise AssertionError(f"not within {seconds:.0f} s: {what}\n{logs}")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what steers Prefect or names a project, and with this checkout's code."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "SMARKETING_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # uncompiled, every Prefect process begins five seconds later
    local = {"PYTHONPATH": str(CHECKOUT), "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}
    return {**kept, **local, **more}


PYTHON = sys.executable
