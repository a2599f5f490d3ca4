"""One measured run of the real engine against the page server, in this process alone.

    python -m bench.load URL DATABASE {first,rescan} {plain,scored}     prints one line of JSON

What is timed is `sync.run.sync` and nothing before it: the imports, the compiling of the mapping and the making of the
database are not; the plan and the guard are.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import time

import orjson

from bench.project import SYSTEM, rules
from connectors.hubspot import HubSpot, Settings
from state.database import open_database
from state.store import Store
from sync.run import Options, sync

LIMITLESS = 1_000_000


async def run(url: str, database: str, kind: str, project: str) -> dict[str, float]:
    connector = HubSpot(SYSTEM, Settings(access_token="bench", base_url=url, calls_in_10_seconds=LIMITLESS))
    engine = open_database(f"sqlite:///{database}")
    store = Store(engine)
    compiled = rules(scoring=project == "scored")
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    report = await sync(
        compiled, {SYSTEM: connector}, store, options=Options(full=kind == "rescan", confirmed=True)
    )
    seconds, busy = time.perf_counter() - began, time.process_time() - cpu
    await connector.aclose()
    store.close()
    engine.dispose()
    counts = report.systems[SYSTEM]
    if report.outcome != "done" or report.writes or counts.fresh != (counts.read if kind == "first" else 0):
        raise RuntimeError(f"not what was to be measured: {report}")
    return {
        "records": counts.read,
        "seconds": seconds,
        "cpu": busy,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "database_bytes": os.path.getsize(database),
    }


if __name__ == "__main__":
    print(orjson.dumps(asyncio.run(run(*sys.argv[1:5]))).decode())
