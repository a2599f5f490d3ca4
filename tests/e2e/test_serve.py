"""`smarketing serve` as a process: the console answers, the schedules are there, and nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.console.folder import make_project

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve")]
ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 90.0


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(folder.parent / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "serve", "--project", str(folder), "--port", "0", "--json", *options],
        stdout=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        yield json.loads("".join(lines)), process
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def answer(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as found:
        return str(found.read().decode())


def waited(url: str, data: bytes | None = None) -> Any:
    """The JSON that is there sooner or later."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            request = urllib.request.Request(url, data, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=10) as found:
                document = json.load(found)
            if document:
                return document
        except (urllib.error.URLError, OSError):
            pass
        assert time.monotonic() < end, f"{url} has nothing to say"
        time.sleep(0.5)


def test_console_and_schedules_in_one_command(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with served(folder, "--schedules") as (told, _):
        assert "Choose a password" in answer(told["first_account"])
        prefect = told["schedules"].partition(" ")[0]
        end = time.monotonic() + PATIENCE
        names: set[str] = set()
        while len(names) < 6 and time.monotonic() < end:
            names = {one["name"] for one in waited(f"{prefect}/api/deployments/filter", b"{}")}
            names |= {
                one["entrypoint"].rpartition(".")[2] for one in waited(f"{prefect}/api/deployments/filter", b"{}")
            }
            time.sleep(0.5)
        assert "project" in names
        assert len(names) >= 6
    with pytest.raises((urllib.error.URLError, OSError)):
        answer(f"{prefect}/api/health")


def test_the_console_alone(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with served(folder, "--no-schedules") as (told, _):
        assert "schedules" not in told
        assert "Sign in" in answer(told["console"])
        port = told["console"].rpartition(":")[2]
        taken = subprocess.run(
            [sys.executable, "-m", "console.cli", "serve", "--project", str(folder), "--port", port, "--no-schedules"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert taken.returncode == 2
        assert "port-taken" in taken.stderr
