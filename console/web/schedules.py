"""The schedules beside the console: a Prefect server, unless there is one, and the process that runs what is due.

Both are children that end with us, and are started again where they end by themselves. Where PREFECT_API_URL is set, that
server is used, and none is started. Nothing of the sync is kept in Prefect. What they say goes to `logs/schedules.log`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Self

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 10.0
"""Seconds that a child may take to end before it is killed."""

READY = 90.0
"""Seconds that Prefect's server may take to answer."""

FIRST_REST, LONGEST_REST = 2.0, 300.0
"""Seconds before a child that has ended is started again: longer each time."""


class Schedules:
    """`with Schedules(folder):` they run. `told`: where they are, for a person."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._ours = "PREFECT_API_URL" not in os.environ
        self._port = _free_port() if self._ours else 0
        self.url = f"http://127.0.0.1:{self._port}/api" if self._ours else os.environ["PREFECT_API_URL"]
        self.told = f"{self.url.removesuffix('/api')} (Prefect)"

    def __enter__(self) -> Self:
        logs = self._folder / "logs"
        logs.mkdir(exist_ok=True)
        log = os.fdopen(os.open(logs / "schedules.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w")
        python = sys.executable
        commands = [[python, "-m", "flows.serve", "--project", str(self._folder)]]
        if self._ours:
            commands.insert(
                0, [python, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
            )
        for number, command in enumerate(commands):
            waits = self._ours and number > 0
            thread = threading.Thread(target=self._keep, args=(command, log, waits), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def _keep(self, command: list[str], log: IO[str], waits: bool) -> None:
        """One child, started again for as long as we are here."""
        env = {
            **os.environ, "PREFECT_API_URL": self.url, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        }  # fmt: skip
        rest = FIRST_REST
        while not self._over.is_set():
            if waits and not self._ready():
                continue
            child = subprocess.Popen(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True
            )
            while child.poll() is None and not self._over.wait(0.25):
                pass
            _end(child)
            self._over.wait(rest)
            rest = min(2 * rest, LONGEST_REST)

    def _ready(self) -> bool:
        """Whether the server answers; waits for it as long as it may take."""
        for _ in range(int(READY * 2)):
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):  # noqa: S310  (an address of this machine)
                    return True
            except (urllib.error.URLError, OSError):
                if self._over.wait(0.5):
                    break
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    """The child and all that it has started. By SIGINT: on SIGTERM, a worker of Prefect's may stay."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            return
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            continue
        if sign == signal.SIGKILL:
            return


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
