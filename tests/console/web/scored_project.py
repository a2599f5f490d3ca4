"""A project with both axes of the score, a few hundred leads with titles, companies and activities, synced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import sqlalchemy as sa

from console.cli import main
from mapping.fields import Fields
from state.database import open_database
from state.facts import Facts
from state.records import Activity
from state.store import Store
from tests.console.folder import CRM_SCHEMA, MARKETING_SCHEMA, fill, make_project

LEADS = 240
SCORING = """\
scoring:
  fit:
    rules:
      - {name: Decides, points: 50, when: {job_title: {contains: chief}}}  # who signs
      - {name: Company known, points: 20, when: {company: {present: true}}}
      - {name: Size, points: 30, when: {employees: {at_least: 50}}}
      - {name: Wants no e-mail, points: -30, when: {opted_out: true}}
  engagement:
    half_life: 10
    rules:
      - {name: Form, points: 30, on: [form], cap: 60}
      - {name: Visit, points: 5, on: [page_visit], within: 60}
      - {name: Asked, points: 15, when: {stage: {at_least: lead}}}
  grades: {fit: {A: 70, B: 50, C: 20}, engagement: {"1": 60, "2": 30, "3": 10}}
  grid: {A1: mql, A2: mql}
"""


def make(folder: Path, seed: int) -> Path:
    """Synced until there is nothing left to do."""
    dice = Random(seed)
    make_project(folder)
    text = (folder / "smarketing.yaml").read_text()
    text = text.replace("mql: {score: {at_least: 30}}", "mql: {score: {at_least: 50}}  # agreed in March")
    (folder / "smarketing.yaml").write_text(text[: text.index("scoring:")] + SCORING)
    people = [
        {
            "email": f"p{n}@x.example", "first": f"Name{n}", "last": "Person",
            "title": dice.choice(["Chief Buyer", "Clerk", "", "chief"]), "company": dice.choice(["Acme", ""]),
            "size": dice.choice([10, 80, None]), "optout": dice.random() < 0.1,
            "stage": dice.choice(["subscriber", "lead", "lead", "sql"]),
        }
        for n in range(LEADS)
    ]  # fmt: skip
    fill(
        folder, "marketing", [{k: v for k, v in one.items() if v not in ("", None)} for one in people], MARKETING_SCHEMA
    )
    fill(folder, "crm", [], CRM_SCHEMA)
    sync(folder)
    now = datetime.now(UTC)
    with opened(folder) as engine:
        store = Store(engine)
        ids = sorted(held(folder))
        done = [
            Activity(f"a{n}", dice.choice(["form", "page_visit"]), now - timedelta(days=dice.uniform(0, 40)),
                     None, (dice.choice(ids),), None, None, None, "{}")
            for n in range(3 * LEADS)
        ]  # fmt: skip
        store.keep_activities("crm", done, "run", now)
        store.touch(ids)
        store.commit()
        store.close()
    sync(folder)
    return folder


def sync(folder: Path) -> None:
    assert main(["sync", "--confirm", "--project", str(folder), "--json"]) in (0, 1)


@contextmanager
def opened(folder: Path) -> Iterator[sa.Engine]:
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    try:
        yield engine
    finally:
        engine.dispose()


def held(folder: Path) -> dict[str, Fields]:
    """The leads as the hub has them."""
    with opened(folder) as engine, Facts(engine) as facts:
        return dict(facts.records("lead"))


def asked(capsys: Any, folder: Path, *command: str) -> Any:
    """What a command says with --json."""
    capsys.readouterr()
    main([*command, "--json", "--project", str(folder)])
    return json.loads(capsys.readouterr().out)
