"""`kill -9` of real `smarketing sync` processes at random moments, against the sandbox in a process of its own.

After the kills one undisturbed run ends the story. It must end as a story without kills does: the same people with
the same values on both sides, none twice, none missing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console import playground
from console.folders import make
from sandbox.both import Both
from sandbox.serve import serve

PEOPLE = {"marketing": 400, "crm": 300, "shared": 200}
WORLD_SEED = 7


def kill_runs(folder: Path, kills: int, seed: int, tell: Callable[[str], object]) -> list[str]:
    """What is wrong after `kills` kills; empty where nothing is."""
    tell(f"an undisturbed story first, then {kills} runs killed at random moments (seed {seed})")
    with story(folder / "calm") as (both, project):
        for _ in range(3):
            finish(project)
        expected = picture(both)
    killed = finished = 0
    r = random.Random(seed)
    cities: dict[str, str] = {}
    with story(folder / "killed") as (both, project):
        length = 2.5
        while killed < kills:
            process = start(project)
            try:
                process.wait(timeout=0.3 + r.random() * length)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                killed += 1
            else:
                settled(process, project)
                finished += 1
                length = max(0.8, length * 0.8)  # nothing was left to interrupt: aim earlier
                give_work(both, r, cities)
        for email, city in cities.items():
            set_city(both, email, city)
        for _ in range(3):
            finish(project)
        found = picture(both)
        problems = duplicates(both)
    tell(f"{killed} runs killed, {finished} finished between them")
    return problems + differences(expected, found)


def give_work(both: Both, r: random.Random, cities: dict[str, str]) -> None:
    """New cities for a third of the contacts; `cities` keeps the old ones, which come back before the end."""
    live = {
        email: c
        for c in both.hubspot.contacts.live.values()
        if (email := c.values.get("email")) and c.values.get("city")
    }
    for email in r.sample(sorted(live), min(130, len(live))):
        cities.setdefault(email, live[email].values["city"])
        set_city(both, email, f"City {r.randrange(10**6)}")


def set_city(both: Both, email: str, city: str) -> None:
    both.hubspot.edit({"do": "set", "email": email, "fields": {"city": city}})


@contextmanager
def story(folder: Path) -> Iterator[tuple[Both, Path]]:
    both = Both.make(WORLD_SEED, **PEOPLE)
    with serve(both.apps) as urls:
        addresses = {f"{name.upper()}_URL": url for name, url in urls.items()}
        make(folder, playground.SYSTEMS, {**playground.CREDENTIALS, **addresses})
        call("provision", folder).wait(timeout=60)
        yield both, folder


def call(command: str, project: Path, *options: str) -> subprocess.Popen[bytes]:
    arguments = [sys.executable, "-m", "console.cli", command, "--project", str(project), "--json", *options]
    log = (project / "output.json").open("wb")
    return subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def start(project: Path) -> subprocess.Popen[bytes]:
    return call("sync", project, "--confirm")


def finish(project: Path) -> None:
    process = start(project)
    process.wait(timeout=120)
    settled(process, project)


def settled(process: subprocess.Popen[bytes], project: Path) -> None:
    if process.returncode not in (0, 1):
        said = (project / "output.json").read_text()[-2000:]
        raise RuntimeError(f"a sync ended with exit code {process.returncode}: {said}")


def picture(both: Both) -> dict[str, Any]:
    return {"hubspot": hubspot_people(both), "salesforce": salesforce_people(both)}


def hubspot_people(both: Both) -> Counter[str]:
    shown = ("email", "firstname", "lastname", "phone", "jobtitle", "city", "lifecyclestage", "smarketing_score")
    return Counter(json.dumps([c.values.get(n) or None for n in shown]) for c in both.hubspot.contacts.live.values())


def salesforce_people(both: Both) -> Counter[str]:
    shown = ("Email", "FirstName", "LastName", "Phone", "Title", "City", "Status", "Smarketing_Score__c")
    return Counter(json.dumps([row.get(n) for n in shown]) for row in salesforce_rows(both))


def salesforce_rows(both: Both) -> list[dict[str, Any]]:
    tables = both.salesforce.org.dump()["rows"]
    return [row for name in ("Lead", "Contact") for row in tables[name] if not row.get("IsDeleted")]


def duplicates(both: Both) -> list[str]:
    ids = Counter(row["Smarketing_Id__c"] for row in salesforce_rows(both) if row.get("Smarketing_Id__c"))
    return [f"{count} records in Salesforce for one lead ({id_})" for id_, count in ids.items() if count > 1]


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    problems = []
    for system in expected:
        for missing in (expected[system] - found[system]).elements():
            problems.append(f"{system} should have {missing}")
        for extra in (found[system] - expected[system]).elements():
            problems.append(f"{system} should not have {extra}")
    return problems[:20]
