"""The funnel of a period with every cut, over a past made by `bench.past`, in a process of its own.

    python -m bench.alignment DATABASE {quarter,years}      prints one line of JSON

Processor time of the whole process: imports, reading, counting.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML

import mapping
from alignment.funnel.counting import funnel, read_books
from alignment.periods import Period
from bench.past import NOW, STEPS
from mapping.config import ProjectFile
from state.database import open_database
from state.facts import Facts

PERIODS = {
    "quarter": Period(date(2026, 4, 1), date(2026, 6, 30)),
    "years": Period(date(2024, 7, 1), date(2026, 6, 30)),
}
CHIEF, SELLER = (
    {"job_title": {"contains": "chief"}, "employees": {"at_least": 100}},
    {"job_title": {"contains": "sales"}},
)


def project() -> ProjectFile:
    text = (Path(mapping.__file__).parent / "presets" / "smarketing.yaml").read_text()
    said: dict[str, Any] = orjson.loads(orjson.dumps(YAML(typ="safe").load(text), option=orjson.OPT_NON_STR_KEYS))
    said["fields"]["campaign"] = {"type": "text"}
    said |= {
        "personas": [{"name": "chief", "when": CHIEF}, {"name": "seller", "when": SELLER}],
        "funnel": {
            "steps": list(STEPS),
            "segments": [{"name": "large", "when": {"employees": {"at_least": 1000}}}],
            "sourced": {"source": ["Web", "Webinar", "Organic search"]},
        },
        "currency": "EUR",
        "rates": {"USD": 0.9},
    }
    return ProjectFile.model_validate(said)


def main(database: str, period: str) -> dict[str, float]:
    engine = open_database(f"sqlite:///{database}", migrate=False)
    with Facts(engine) as facts:
        books = read_books(facts, project(), NOW)
        found = funnel(books, facts, PERIODS[period])
        cpu = time.process_time()
        funnel(books, facts, PERIODS[period], cuts=("source",))
        cut = time.process_time() - cpu
    if len(found.cuts) != 8 or not found.steps[0].entered:
        raise RuntimeError(f"not what was to be measured: {list(found.cuts)}")
    return {"cpu": cpu, "cut": cut, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(orjson.dumps(main(*sys.argv[1:3])).decode())
