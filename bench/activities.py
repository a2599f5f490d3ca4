"""Activities: how fast they are kept, and what ten million of them cost everything else. Each step in a process of its own.

    python -m bench.activities FOLDER make LEADS                 people as a file, synced into FOLDER/state.sqlite
    python -m bench.activities FOLDER load COUNT {plain,counted} COUNT new activities as a file, read by a run: timed
    python -m bench.activities FOLDER fill COUNT                 COUNT activities straight through the store: not timed
    python -m bench.activities FOLDER edit COUNT                 COUNT people change, read by a run: timed

Prints one line of JSON. The files are read by the real file connector. Activities are as a marketing tool exports them:
over three years, in the order of time but for a few late ones, most about one person, some about two; ids are by chance,
those of what people enter rise.
`counted`: with two roll-ups, so that every lead that something happens to is summed up anew.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import orjson

from connectors.registry import connect
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rules, count_activities, latest_activity
from state.database import open_database
from state.history import History
from state.records import Activity
from state.rows import dumps
from state.store import Store
from sync.context import Report
from sync.run import Options, sync

SYSTEM = "files"
FIRST = datetime(2023, 3, 1, tzinfo=UTC)
SPAN = timedelta(days=1095)
LATE = 0.02
SEVERAL = 0.05
TYPES = ("email_open", "email_open", "email_open", "email_click", "page_visit", "page_visit", "form", "call", "meeting")
BY_HAND = ("call", "meeting")
FILL = 10_000
"""Activities that are kept in one transaction where the time does not count."""


class Event(NamedTuple):
    id: str
    at: datetime
    type: str
    people: tuple[int, ...]
    subject: str
    campaign: str


def events(count: int, people: int, seed: str) -> Iterator[Event]:
    """The same for the same seed."""
    dice = random.Random(seed)
    chance = dice.random
    for n in range(count):
        share = chance() if chance() < LATE else n / count
        type_ = TYPES[int(chance() * len(TYPES))]
        whom = tuple({int(chance() * people) for _ in range(2 if chance() < SEVERAL else 1)})
        id_ = f"{seed}-{n:09}" if type_ in BY_HAND else f"{dice.getrandbits(64):016x}"
        at = FIRST + share * SPAN
        yield Event(id_, at, type_, whom, f"What is new: number {n % 500}", f"Campaign {n % 40}")


def rules(kind: str) -> Rules:
    """People, read only; with their activities, but for "people"."""

    def text(name: str) -> FieldMap:
        return FieldMap(name, name, lambda v: v or None, lambda v: v, push=False, spec=name)

    mapper = Mapper(SYSTEM, [text(name) for name in ("email", "first_name", "last_name", "city")])
    sums = (count_activities("opens", ["email_open"], days=90), latest_activity("last_activity", days=365))
    return Rules(
        {SYSTEM: mapper},
        activities=frozenset() if kind == "people" else frozenset({SYSTEM}),
        rollups=sums if kind == "counted" else (),
        hash="bench",
    )


def make(folder: Path, count: int) -> dict[str, float]:
    (folder / "in").mkdir(exist_ok=True)
    _write_people(folder, range(count), "Boston")
    (folder / "people").write_text(str(count))
    return _run(folder, "people")


def load(folder: Path, count: int, kind: str) -> dict[str, float]:
    number = len(list((folder / "in").glob("events-*.csv")))
    with (folder / "in" / f"events-{number}.csv").open("w") as file:
        file.write("id,at,type,leads,subject,campaign,url\n")
        for e in events(count, _people(folder), f"file{number}"):
            whom = ";".join(f"p{n}" for n in e.people)
            file.write(
                f"{e.id},{e.at.isoformat()},{e.type},{whom},{e.subject},{e.campaign},https://example.com/{e.id}\n"
            )
    measured = _run(folder, kind)
    if measured["fresh"] != count:
        raise RuntimeError(f"not what was to be measured: {measured}")
    return measured


def fill(folder: Path, count: int) -> dict[str, float]:
    store = Store(open_database(f"sqlite:///{folder / 'state.sqlite'}"))
    hubs = _hubs(store, _people(folder))
    at = datetime.now(UTC)
    batch: list[Activity] = []
    began = time.process_time()
    for e in events(count, len(hubs), f"fill{_sizes(folder)['stored']:.0f}"):
        rest = dumps({"subject": e.subject, "campaign": e.campaign, "url": f"https://example.com/{e.id}"})
        leads = tuple(hubs[n] for n in e.people)
        batch.append(Activity(f"event:{e.id}", e.type, e.at, e.at, leads, None, None, None, rest))
        if len(batch) == FILL:
            _keep(store, batch, at)
    _keep(store, batch, at)
    store.close()
    store.engine.dispose()
    os.sync()  # else the next step, which is timed, waits until the disk has written what this one left
    return {"records": count, "cpu": time.process_time() - began, **_sizes(folder)}


def edit(folder: Path, count: int) -> dict[str, float]:
    """Every time other people, and the same number."""
    number = len(list((folder / "in").glob("people-*.csv")))
    people = random.Random(number).sample(range(_people(folder)), count)
    _write_people(folder, people, f"Town {number}")
    measured = _run(folder, "plain")
    if measured["people"] != count:
        raise RuntimeError(f"not what was to be measured: {measured}")
    return measured


def _run(folder: Path, kind: str) -> dict[str, float]:
    store = Store(open_database(f"sqlite:///{folder / 'state.sqlite'}"))
    gc.collect()
    report, seconds, cpu = asyncio.run(_timed(folder, store, kind))
    began, began_cpu = time.perf_counter(), time.process_time()
    store.close()
    store.engine.dispose()
    seconds, cpu = seconds + time.perf_counter() - began, cpu + time.process_time() - began_cpu
    people, happened = report.systems[SYSTEM], report.systems.get(f"{SYSTEM}/activity")
    if report.outcome != "done" or report.writes:
        raise RuntimeError(f"not what was to be measured: {report}")
    counts = {"people": people.fresh, "records": happened.read if happened else people.read}
    fresh = happened.fresh if happened else 0
    return {**counts, "fresh": fresh, "seconds": seconds, "cpu": cpu, **_sizes(folder)}


async def _timed(folder: Path, store: Store, kind: str) -> tuple[Report, float, float]:
    people = {"files": "people-*.csv", "id": ["id"]}
    happened = {"files": "events-*.csv", "id": ["id"], "time": "at"}
    connector = connect(
        SYSTEM,
        "file",
        {
            "folder": str(folder / "in"),
            "lead": people,
            "activity": {"event": happened},
            "settle_seconds": 0,
            "unfinished_seconds": 0,
        },
    )
    began, began_cpu = time.perf_counter(), time.process_time()
    report = await sync(rules(kind), {SYSTEM: connector}, store, options=Options(confirmed=True))
    taken = time.perf_counter() - began, time.process_time() - began_cpu
    await connector.aclose()
    return report, *taken


def _keep(store: Store, batch: list[Activity], at: datetime) -> None:
    store.keep_activities(SYSTEM, batch, "fill", at)
    store.commit()
    batch.clear()


def _hubs(store: Store, people: int) -> list[str]:
    known = store.known(SYSTEM, [f"p{n}" for n in range(people)])
    return [known[f"p{n}"].hub_id for n in range(people)]


def _people(folder: Path) -> int:
    return int((folder / "people").read_text())


def _write_people(folder: Path, people: range | list[int], city: str) -> None:
    number = len(list((folder / "in").glob("people-*.csv")))
    with (folder / "in" / f"people-{number}.csv").open("w") as file:
        file.write("id,email,first_name,last_name,city\n")
        for n in people:
            file.write(f"p{n},person{n}@company{n % 5000}.example,Ana {n % 97},Almeida {n % 89},{city}\n")


def _sizes(folder: Path) -> dict[str, float]:
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    with History(engine) as history:
        stored = sum(history.counted().activities.values())
    engine.dispose()
    return {
        "stored": stored,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "database_bytes": os.path.getsize(folder / "state.sqlite"),
    }


def main(arguments: list[str]) -> dict[str, float]:
    folder, step, count = Path(arguments[0]), arguments[1], int(arguments[2])
    if step == "load":
        return load(folder, count, arguments[3])
    steps = {"make": make, "fill": fill, "edit": edit}
    return steps[step](folder, count)


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1:])).decode())
