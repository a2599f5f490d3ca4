"""Finding people among many: the index made for the first time, kept up after changes, and asked, in a process of its own.

    python -m bench.search FOLDER LEADS [keep]     prints one line of JSON; `keep`: the database stays, and is taken again

The people have names as unevenly spread as names are: a few that thousands have, many that hardly anybody has. Times of
questions are processor time, of several hundred of each sort.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa

from bench.past import STEPS
from state import tables as t
from state.bulk import Bulk
from state.database import open_database
from state.indexing import Indexer
from state.rows import CHANGE, HUB, LINK
from state.search import Question, Search

FIRST = (
    "an",
    "be",
    "car",
    "da",
    "el",
    "fa",
    "ga",
    "hel",
    "isa",
    "jo",
    "ka",
    "lu",
    "ma",
    "ni",
    "os",
    "pe",
    "ri",
    "sa",
    "ti",
    "va",
)
LAST = (
    "ga",
    "mar",
    "lo",
    "san",
    "rod",
    "fer",
    "mül",
    "schmi",
    "nov",
    "silv",
    "pere",
    "da",
    "co",
    "os",
    "tor",
    "ra",
    "vas",
    "kow",
)
CHUNK, ASKED, SHOWN = 20_000, 200, 50


def names(parts: Sequence[str], count: int) -> list[str]:
    n = len(parts)
    return [
        (parts[i % n] + parts[i // n % n] + (parts[i // n // n % n] if i >= n * n else "")).capitalize()
        for i in range(count)
    ]


def people(leads: int, dice: np.random.Generator) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hub id and fields."""
    first, last = names(FIRST, 3_000), names(LAST, 5_000)
    a, b = (np.minimum(dice.zipf(1.35, leads) - 1, len(pool) - 1).tolist() for pool in (first, last))
    firm, owner, stage = (
        dice.integers(0, 40_000, leads).tolist(),
        dice.integers(0, 50, leads).tolist(),
        dice.integers(0, 6, leads).tolist(),
    )
    for n in range(leads):
        name, family = first[a[n]], last[b[n]]
        fields = {
            "first_name": name, "last_name": family, "company": f"{last[firm[n] % 5_000]} {first[firm[n] % 2_999]} Ltd",
            "email": f"{name}.{family}{n}@firm{firm[n]}.example".lower(), "owner": f"018f{owner[n]:028x}", "stage": STEPS[stage[n]],
            "score": n % 100,
        }  # fmt: skip
        yield f"0190{n:028x}", fields


def make(engine: sa.Engine, leads: int) -> None:
    """What a first load leaves: a hub record, a record in each of two systems, a first change."""
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        hub, link, change = (
            Bulk(engine.dialect, table.insert(), names)
            for table, names in ((t.hub, HUB), (t.link, LINK), (t.change, CHANGE))
        )
        rows: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
        for n, (id_, fields) in enumerate(people(leads, np.random.default_rng(1))):
            text = orjson.dumps(fields).decode()
            rows[0].append((id_, "lead", text, '{"":"hubspot"}', fields["stage"], 0, 0, None))
            for system in ("hubspot", "salesforce"):
                rows[1].append(
                    (id_, system, "lead", str(7_000_000 + n), "live", 1, None, text, "{}", None, None, None, None)
                )
            rows[2].append((id_, "first", 1_767_225_600_000_000 + n, "created", "hubspot", None))
            if n % CHUNK == CHUNK - 1 or n == leads - 1:
                for bulk, some in zip((hub, link, change), rows, strict=True):
                    bulk.run(connection, some)
                    some.clear()
        connection.commit()


def questions(leads: int, dice: np.random.Generator) -> dict[str, list[Question]]:
    """By sort."""
    first, last = names(FIRST, 3_000), names(LAST, 5_000)
    common = [(first[int(i)], last[int(j)]) for i, j in dice.integers(0, 40, (ASKED, 2))]
    rare = [(first[int(i)], last[int(j)]) for i, j in dice.integers(0, 3_000, (ASKED, 2))]
    return {
        "a name that many have": [Question(name) for name, _ in common],
        "a name and the beginning of another": [Question(f"{name} {family[:2]}") for name, family in common],
        "two common names": [Question(f"{name} {family}") for name, family in common],
        "two rare names": [Question(f"{name} {family}") for name, family in rare],
        "one letter": [Question(name[0]) for name, _ in common],
        "two letters of each name": [Question(f"{name[:2]} {family[:2]}") for name, family in common],
        "an address": [Question(f"{name}.{family}".lower()) for name, family in rare],
        "a domain": [Question(f"firm{int(n)}.example") for n in dice.integers(0, 40_000, ASKED)],
        "a name, stage and owner": [
            Question(name, stage="mql", owner=f"018f{int(n):028x}")
            for (name, _), n in zip(common, dice.integers(0, 50, ASKED), strict=True)
        ],
        "no word, stage and owner": [
            Question(stage="mql", owner=f"018f{int(n):028x}") for n in dice.integers(0, 50, ASKED)
        ],
        "nothing at all": [Question(kind="lead")] * ASKED,
    }


def change(engine: sa.Engine, leads: int, count: int) -> None:
    with engine.begin() as connection:
        for n in range(0, leads, max(1, leads // count)):
            id_ = f"0190{n:028x}"
            name = sa.func.json_set(t.hub.c.fields, "$.last_name", f"Renamed{n}")
            connection.execute(t.hub.update().where(t.hub.c.id == id_).values(fields=name))
            connection.execute(
                t.change.insert().values(
                    hub_id=id_, run_id="then", at=t.EPOCH, kind="merged", system="hubspot", detail="{}"
                )
            )


def main(folder: str, leads: int, keep: str = "") -> dict[str, Any]:
    path = Path(folder) / "search.sqlite"
    engine = open_database(f"sqlite:///{path}")
    if not path.stat().st_size > 1_000_000:
        make(engine, leads)
    before = path.stat().st_size
    waits: list[float] = []
    began = time.perf_counter()
    with Indexer(engine, pause=waits.append) as indexer:
        indexer.catch_up()
    built = time.perf_counter() - began
    slowest: dict[str, float] = {}
    middle: dict[str, float] = {}
    found: dict[str, int] = {}
    with Search(engine) as search:
        for sort, some in questions(leads, np.random.default_rng(2)).items():
            took = []
            for question in some:
                start = time.process_time()
                answer = search.find(question, SHOWN)
                took.append(time.process_time() - start)
                found[sort] = max(found.get(sort, 0), len(answer.ids))
                if not answer.through:
                    found[sort + " (not through)"] = found.get(sort + " (not through)", 0) + 1
            slowest[sort], middle[sort] = max(took) * 1000, sorted(took)[len(took) // 2] * 1000
    size = path.stat().st_size
    change(engine, leads, 2_000)
    began = time.perf_counter()
    with Indexer(engine) as indexer:
        indexer.catch_up()
    followed = time.perf_counter() - began
    engine.dispose()
    if found["a name that many have"] < SHOWN or not found["a domain"]:
        raise RuntimeError(f"not what was to be measured: {found}")
    if not keep:
        path.unlink()
    return {
        "build": built, "bytes": (size - before) / leads, "base_bytes": before / leads, "longest": max(waits, default=0.0), "followed": followed,
        "slowest": slowest, "median": middle, "found": found,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:4])).decode())
