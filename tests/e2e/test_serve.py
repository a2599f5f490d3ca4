"""`smarketing serve` as a process: the console answers, the schedules are there, and nothing outlives it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.console.folder import make_project
from tests.e2e.serving import command, environment, served

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("serve")]
PATIENCE = 90.0


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
    env = environment(PREFECT_HOME=str(tmp_path / "home"), PREFECT_SERVER_ANALYTICS_ENABLED="false")
    with served(folder, "--schedules", env=env) as told:
        assert "Choose a password" in answer(told["first_account"])
        prefect = told["schedules"].partition(" ")[0]
        end, found = time.monotonic() + PATIENCE, list[Any]()
        while len(found) < 6 and time.monotonic() < end:
            found = waited(f"{prefect}/api/deployments/filter", b"{}")
            time.sleep(0.5)
        flows = {one["name"] for one in waited(f"{prefect}/api/flows/filter", b"{}")}
        assert {one["name"] for one in found} == {"project"}
        assert flows == {"sync", "rescan", "backfill", "clocks", "reports", "calibration"}
    with pytest.raises((urllib.error.URLError, OSError)):
        answer(f"{prefect}/api/health")


def test_the_console_alone(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with served(folder, "--no-schedules") as told:
        assert "schedules" not in told
        assert "Sign in" in answer(told["console"])
        port = told["console"].rpartition(":")[2]
        again = command("serve", "--project", str(folder), "--port", port, "--no-schedules")
        taken = subprocess.run(again, capture_output=True, text=True, env=environment(), check=False)
        assert taken.returncode == 2
        assert "port-taken" in taken.stderr
