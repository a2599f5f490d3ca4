"""Both systems together: as a process, and as the demo plays with them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx

from sandbox.both import Both
from sandbox.business_edits import business_edits
from sandbox.people import demo_edits
from sandbox.salesforce.seeding import doubled

SMALL = ["--marketing", "200", "--crm", "140", "--shared", "90"]


def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, str]]:
    command = [sys.executable, "-m", "sandbox", *SMALL, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def contacts(url: str) -> int:
    return int(httpx.get(f"{url}/__sandbox__/state").json()["contacts"])


def test_the_process_keeps_what_it_held(tmp_path: Path) -> None:
    process, urls = start("--data", str(tmp_path))
    assert contacts(urls["hubspot"]) == 200
    edit = {"do": "create", "fields": {"email": "new@x.example"}}
    assert httpx.post(f"{urls['hubspot']}/__sandbox__/state", json=edit).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    process, urls = start("--data", str(tmp_path))
    try:
        assert contacts(urls["hubspot"]) == 201
        assert sum(httpx.get(f"{urls['salesforce']}/__sandbox__/state").json()["live"].values()) >= 140
    finally:
        process.kill()
        process.wait()


def test_a_taken_port_is_said_in_words() -> None:
    process, urls = start()
    port = urls["hubspot"].rpartition(":")[2]
    try:
        command = [sys.executable, "-m", "sandbox", *SMALL, "--hubspot-port", port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=20)
    finally:
        process.kill()
        process.wait()
    assert second.returncode == 1
    assert second.stderr.startswith("sandbox: cannot listen")
    assert "Traceback" not in second.stderr


def test_the_demo_plays_every_edit() -> None:
    both = Both.make()
    assert both.hubspot.summary()["contacts"] == 2000
    live = both.salesforce.summary()["live"]
    assert live["Lead"] + live["Contact"] == 1400
    for edit in demo_edits(both.world):
        both.play(edit)
    assert both.hubspot.summary()["merged"] == 2
    assert both.salesforce.summary()["converted"] == 1


def test_the_demo_plays_every_edit_in_business() -> None:
    both = Both.make()
    org = both.salesforce.org
    accounts = len(list(org.tables["Account"].live()))
    done = {edit["why"]: (edit, both.play(edit)["id"]) for edit in business_edits(both.world)}
    won = done["Sales won the deal."][1]
    assert org.tables["Opportunity"].rows[won]["IsWon"]
    lost = done["The deal is lost: too expensive."][1]
    assert both.hubspot.objects["deals"].live[int(lost)].values["hs_is_closed"] == "true"
    merge, master = done["Somebody merged the company's two accounts."]
    assert len(list(org.tables["Account"].live())) == accounts - 1
    assert org.tables["Account"].rows[master]["Website"] == f"https://www.{merge['key']}"
    [move] = [edit for edit in business_edits(both.world) if edit["do"] == "move"]
    _, mover = both.salesforce.find({"email": move["key"]})
    assert org.tables["Account"].rows[mover["AccountId"]]["Website"] == f"https://www.{move['to']}"
    assert not org.tables["User"].rows[done["A salesperson left."][1]]["IsActive"]


def test_a_handful_of_companies_have_two_accounts() -> None:
    both = Both.make()
    sites = Counter(row["Website"] for row in both.salesforce.org.tables["Account"].live())
    twice = sorted(str(site).removeprefix("https://www.") for site, number in sites.items() if number > 1)
    assert 5 <= len(twice) <= 15
    assert twice == doubled(both.world)
