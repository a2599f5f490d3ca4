"""Scores: how fast leads are scored anew that something happened to, or whose points decay. Each step in a process of its own.

    python -m bench.scores FOLDER make LEADS ACTIVITIES      straight through the store, and scored once: not timed
    python -m bench.scores FOLDER adopt COUNT                a past of `bench.past`, as scores.sqlite: as if synced and scored
    python -m bench.scores FOLDER rescore COUNT              COUNT leads that something happened to: timed
    python -m bench.scores FOLDER age DAYS                   so many days later, the leads whose points change: timed

Prints one line of JSON; `seconds` is the time of the process, without the machine's other work. The rules are the
preset's; activities are as in `bench.activities`, over three years up to now.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import sqlalchemy as sa

from bench import past
from bench.activities import FIRST, SPAN, events
from console.folders import SYSTEMS, make
from mapping.loader import compile_rules, load_project
from mapping.rules import Rules
from state import tables as t
from state.database import open_database
from state.facts import microseconds
from state.records import Activity, Hub, Link, Side
from state.store import Store
from sync.aging import age_scores
from sync.context import Context, Report, rare_collections
from sync.pull import settle_touched

NOW = FIRST + SPAN
TITLES = ("Chief Engineer", "Head of Sales", "Clerk", "Analyst", None)
SYSTEM = "hubspot"


def rules() -> Rules:
    with TemporaryDirectory() as folder:
        make(Path(folder), {name: SYSTEMS[name] for name in ("hubspot", "salesforce")})
        return compile_rules(load_project(Path(folder)))


def context(store: Store, at: datetime) -> Context:
    return Context("bench", rules(), {}, store, lambda: at, Report("bench", "sync", at))


def build(folder: Path, leads: int, count: int) -> dict[str, float]:
    store = Store(open_database(f"sqlite:///{folder / 'scores.sqlite'}"))
    dice = random.Random(leads)
    ids = [f"{n:032x}" for n in range(1, leads + 1)]
    for start in range(0, leads, 2000):
        part = ids[start : start + 2000]
        hubs = []
        for id_ in part:
            fields = {
                "email": f"{id_[-9:]}@example.com", "first_name": "Ada", "last_name": "Lovelace", "company": "Acme",
                "job_title": dice.choice(TITLES), "employees": dice.choice([10, 200, None]), "stage": "lead",
                "source": dice.choice(["Web", "Fair"]), "phone": "+14155552671", "city": "Boston", "country": "US",
            }  # fmt: skip
            hubs.append(Hub(id_, fields, {"": SYSTEM}))
        store.insert_hubs(hubs)
        store.insert_links([Link(h.id, SYSTEM, h.id, Side(dict(h.fields), dict(h.fields)), mapping=1) for h in hubs])
    batch: list[Activity] = []
    for e in events(count, leads, "scores"):
        batch.append(Activity(e.id, e.type, e.at, None, tuple(ids[n] for n in e.people), None, None, None, "{}"))
        if len(batch) == 10_000:
            store.keep_activities(SYSTEM, batch, "bench", NOW)
            store.commit()
            batch = []
    store.keep_activities(SYSTEM, batch, "bench", NOW)
    store.flag_all(touched=True)
    store.commit()
    return _timed(store, NOW, leads)


def adopt(folder: Path, count: int) -> dict[str, float]:
    """Every lead gets a link, a score and a day on which it is due; those that `rescore` will take are really scored."""
    store = Store(open_database(f"sqlite:///{folder / 'scores.sqlite'}"))
    day = (past.NOW - t.EPOCH).days
    of_leads = "FROM hub WHERE kind = 'lead' ORDER BY id"
    for statement in (
        "INSERT INTO link (hub_id, system, kind, remote_id, state, mapping, base_remote, base_hub) "
        f"SELECT id, '{SYSTEM}', kind, id, 'live', 1, fields, '{{}}' {of_leads}",
        "INSERT INTO score (hub_id, at, fit, engagement, total, grade) "
        f"SELECT id, {microseconds(past.NOW)}, 40, 20, 30, 'C4' {of_leads}",
        f"INSERT INTO score_due (hub_id, day) SELECT id, {day} + rowid % 60 {of_leads}",
    ):
        store._c.exec_driver_sql(statement)
    store.touch(_chosen(store, count))
    store.commit()
    return _timed(store, past.NOW, count)


def _chosen(store: Store, count: int) -> list[str]:
    ids = store.ids()
    return random.Random(count).sample(ids, min(count, len(ids)))


def rescore(folder: Path, count: int) -> dict[str, float]:
    """Leads by chance; to each of them something has just happened."""
    store = Store(open_database(f"sqlite:///{folder / 'scores.sqlite'}"))
    chosen = _chosen(store, count)
    now: datetime = store._c.execute(sa.select(sa.func.max(t.score.c.at))).scalar_one()
    at = now + timedelta(minutes=5)
    new = [Activity(f"new-{i}", "form", at, None, (i,), None, None, None, "{}") for i in chosen]
    store.keep_activities(SYSTEM, new, "bench", at)
    store.touch(chosen)
    store.commit()
    return _timed(store, at + timedelta(minutes=5), len(chosen))


def age(folder: Path, days: int) -> dict[str, float]:
    store = Store(open_database(f"sqlite:///{folder / 'scores.sqlite'}"))
    at = NOW + timedelta(days=days)
    began = time.process_time()
    found = age_scores(context(store, at))
    return {"due_seconds": round(time.process_time() - began, 3), **_timed(store, at, found)}


def _timed(store: Store, at: datetime, leads: int) -> dict[str, float]:
    ctx = context(store, at)
    wall, began = time.monotonic(), time.process_time()
    with rare_collections():
        settle_touched(ctx)
    seconds = time.process_time() - began
    history = store._c.execute(sa.select(sa.func.count()).select_from(t.score)).scalar_one()
    return {"leads": leads, "seconds": round(seconds, 3), "wall": round(time.monotonic() - wall, 3), "history": history}


def main(arguments: list[str]) -> None:
    folder, verb, *numbers = Path(arguments[0]), arguments[1], *map(int, arguments[2:])
    folder.mkdir(parents=True, exist_ok=True)
    steps = {"make": build, "adopt": adopt, "rescore": rescore, "age": age}
    print(orjson.dumps({"at": datetime.now(UTC), **steps[verb](folder, *numbers)}).decode())


if __name__ == "__main__":
    main(sys.argv[1:])
