"""One report of a month over a past made by `bench.past`, with the clocks that `bench.clocks` has left in it.

    python -m bench.reports DATABASE OPEN     prints one line of JSON; OPEN: as for `bench.clocks`

Processor time of the whole process; writing the report down, as a page or on paper, is no part of it.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import orjson

from alignment.funnel.figures import Period
from alignment.reports.build import report
from bench.clocks import pact
from bench.past import NOW
from mapping.loader import Project
from state.database import open_database

MONTH = Period(date(2026, 6, 1), date(2026, 6, 30))


def main(database: str, leads: int) -> dict[str, float]:
    engine = open_database(f"sqlite:///{database}")
    project = Project(Path(), pact(engine, leads), {})
    made = report(engine, project, MONTH, NOW + timedelta(minutes=10))
    cpu = time.process_time()
    if not made.leads or len(made.sections) < 8:
        raise RuntimeError(f"not what was to be measured: {made.leads} leads, {len(made.sections)} sections")
    return {"cpu": cpu, "leads": made.leads, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1], int(sys.argv[2]))).decode())
