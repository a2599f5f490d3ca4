"""One measured run of the real engine against the page server, in this process alone.

    python -m bench.load URL DATABASE {first,rescan} {plain,scored}     prints one line of JSON

What is timed is `sync.run.sync` and the closing of the database, which writes the last pages home. Not timed: imports,
compiling the mapping, making the tables, connecting.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import time

import orjson

from bench.project import SYSTEM, read_only
from connectors.registry import connect
from mapping.rules import Rules
from state.database import open_database
from state.store import Store
from sync.context import Counts, Report
from sync.run import Options, sync

LIMITLESS = 1_000_000


def measure(url: str, database: str, kind: str, project: str) -> dict[str, float]:
    rules = read_only(scoring=project == "scored")
    engine = open_database(f"sqlite:///{database}")
    store = Store(engine)
    gc.collect()
    report, seconds = asyncio.run(load(url, rules, store, full=kind == "rescan"))
    began = time.perf_counter()
    store.close()
    engine.dispose()
    seconds += time.perf_counter() - began
    counts = _checked(report, kind)
    return {
        "records": counts.read,
        "seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "database_bytes": os.path.getsize(database),
    }


async def load(url: str, rules: Rules, store: Store, *, full: bool) -> tuple[Report, float]:
    """The report of a run, and how many seconds it took."""
    settings = {"access_token": "bench", "base_url": url, "calls_in_10_seconds": LIMITLESS}
    connector = connect(SYSTEM, "hubspot", settings)
    began = time.perf_counter()
    report = await sync(rules, {SYSTEM: connector}, store, options=Options(full=full, confirmed=True))
    seconds = time.perf_counter() - began
    await connector.aclose()
    return report, seconds


def _checked(report: Report, kind: str) -> Counts:
    """Raises RuntimeError where the run was not the one that was to be measured."""
    counts = report.systems[SYSTEM]
    new = counts.read if kind == "first" else 0
    if report.outcome != "done" or report.writes or (counts.fresh, counts.new) != (new, new):
        raise RuntimeError(f"not what was to be measured: {report}")
    return counts


if __name__ == "__main__":
    print(orjson.dumps(measure(*sys.argv[1:5])).decode())
