"""The demo: the first thing that anybody tries."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.console.conftest import Call

ROOT = Path(__file__).parents[2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "console.cli", *words]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    done = subprocess.run(command("demo", str(folder)), capture_output=True, text=True, cwd=ROOT, env=env, timeout=300)
    return folder, done


@pytest.mark.e2e
@pytest.mark.xdist_group("demo")
def test_the_story_goes_as_it_should(played: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = played
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    for said in (
        "2,000 records read", "1,400 records read", "Stopped before the first write", "nothing to write",
        "Every value can say where it came from", "Chief Revenue Officer", "smarketing review resolve",
        "opportunity → customer", "won_deals is 1", "opportunity → lost", "Entered", "The report of both teams:",
    ):  # fmt: skip
        assert said in done.stdout
    page, paper = sorted((folder / "reports").iterdir())
    assert (page.suffix, paper.suffix) == (".html", ".pdf")
    assert page.name in done.stdout.replace("\n", "")
    assert paper.read_bytes().startswith(b"%PDF")
    assert "glossary-mql" in page.read_text()
    assert {path.stat().st_mode & 0o077 for path in (page, paper)} == {0}
    assert (folder / "state.sqlite").exists()
    assert (folder / ".env").stat().st_mode & 0o077 == 0


@pytest.mark.e2e
@pytest.mark.xdist_group("demo")
def test_the_project_is_left_to_play_with(played: tuple[Path, subprocess.CompletedProcess[str]], call: Call) -> None:
    folder, _ = played
    told = call("status", "--project", folder, "--json").json
    assert [run["outcome"] for run in told["runs"]] == ["done", "done", "done"]
    assert told["hub_records"]["company"] > 300
    company = call("explain", "aster-robotics.example", "--project", folder, "--json").json
    assert company["kind"] == "company"
    [deal] = [one for one in company["around"]["deal"] if one["stage"] == "won"]
    told = call("explain", deal["name"], "--project", folder, "--json").json
    [employer] = [field["value"] for field in told["fields"] if field["name"] == "company"]
    assert (told["kind"], told["names"][employer]) == ("deal", "Aster Robotics")
    assert call("explain", f"hubspot/deal:{told['records']['hubspot']['id']}", "--project", folder).exit == 0
    merged = call("explain", "noahschmidt@fjord-software.example", "--project", folder, "--json").json
    assert merged["records"]["hubspot"]["state"] == "live"
    gone = call("explain", "monica.falcao@meridian-logistics.example", "--project", folder, "--json").json
    assert gone["records"]["salesforce"]["state"] == "deleted"
    away = call("sync", "--project", folder, "--json")
    assert away.exit == 4  # nobody serves the two systems any more
    assert {place.partition("/")[0] for place in away.json["errors"]} == {"hubspot", "salesforce"}


@pytest.mark.e2e
@pytest.mark.xdist_group("demo")
def test_serving_again_goes_on_where_it_stopped(
    played: tuple[Path, subprocess.CompletedProcess[str]], call: Call
) -> None:
    folder, _ = played
    process = subprocess.Popen(command("demo", str(folder), "--serve"), stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        urls = json.loads((folder / "sandbox/ports.json").read_text())
        wait_for(urls["hubspot"])
        answer = call("sync", "--project", folder, "--json")
        assert answer.json["writes"] == 0
        assert answer.json["systems"]["hubspot"]["read"] > 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert not answers(urls["hubspot"])  # nothing is left running


@pytest.mark.e2e
@pytest.mark.xdist_group("demo")
def test_nothing_is_left_running_where_the_demo_is_killed(
    played: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = played
    process = subprocess.Popen(command("demo", str(folder), "--serve"), stdout=subprocess.PIPE, text=True, cwd=ROOT)
    url = json.loads((folder / "sandbox/ports.json").read_text())["hubspot"]
    wait_for(url)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not answers(url)


def answers(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while not answers(url):
        assert time.monotonic() < deadline, "the sandbox did not come back"
        time.sleep(0.1)


def test_a_folder_that_no_demo_made_is_left_alone(call: Call, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    answer = call("demo", tmp_path, "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == "demo-folder"
    assert (tmp_path / "precious.txt").exists()


def test_nothing_to_serve_before_the_demo_was_played(call: Call, tmp_path: Path) -> None:
    assert call("demo", tmp_path / "new", "--serve", "--json").json["error"]["code"] == "demo-folder"
