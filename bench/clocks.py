"""Ticks of the clocks of a pact, over a past made by `bench.past`: the first one, a quiet one, and one after calls.

    python -m bench.clocks DATABASE OPEN CALLED     prints one line of JSON

The pact is agreed on so late in the past that about OPEN leads have clocks that run. Processor time of each tick alone.
Changes the database.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from bench.alignment import project
from bench.past import NOW
from mapping.config import ProjectFile
from state import tables as t
from state.clocks import OVERLAP
from state.database import open_database
from state.records import Activity
from state.store import Store
from sync.clocks import tick

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
PACT: dict[str, Any] = {
    "version": 1,
    "agreed_by": [{"name": "Marta", "team": "marketing"}, {"name": "Tom", "team": "sales"}],
    "re_evaluate_on": "2027-07-05",
    "calendars": {
        "madrid": {"zone": "Europe/Madrid", "hours": {day: ["09:00-14:00", "15:00-18:00"] for day in WEEKDAYS}}
    },
    "sales": {
        "first_response": {
            "segments": [
                {"name": "hot", "when": {"score": {"at_least": 60}}, "within": "1 h"},
                {"name": "others", "within": "4 h"},
            ]
        },
        "attempts": {"at_least": 3, "apart_at_least": "2 h", "apart_at_most": "16 h"},
        "decision": {"within": "16 h"},
        "follow_up": {"days": 3},
    },
    "teams": {"east": {"side": "sales", "members": [], "channels": ["json://127.0.0.1:9/none"]}},
}


def pact(engine: sa.Engine, leads: int) -> ProjectFile:
    """Agreed on the day from which on about so many leads came to `mql`, and have not left the ladder."""
    e, h = t.stage_event.c, t.hub.c
    here = h.stage.in_(("mql", "sal", "sql", "opportunity"))
    query = sa.select(e.at).join_from(t.stage_event, t.hub, h.id == e.hub_id).where(e.new == "mql", here, e.at < NOW)
    with engine.connect() as connection:
        agreed = connection.execute(query.order_by(e.at.desc()).limit(leads)).scalars().all()[-1]
    said = project().model_dump(by_alias=True, exclude_unset=True, mode="json")
    return ProjectFile.model_validate({**said, "sla": {**PACT, "agreed_on": agreed.date().isoformat()}})


def main(database: str, leads: int, called: int) -> dict[str, float]:
    engine = open_database(f"sqlite:///{database}", migrate=False)
    config = pact(engine, leads)
    at = NOW + timedelta(minutes=5)
    store = Store(engine)
    store.begin_run("past", "sync", NOW, "")  # which brought all that there is
    store.end_run("past", NOW, "done", {})
    store.commit()
    first, found = _timed(engine, config, at)
    with engine.connect() as connection:
        c = t.sla_clock.c
        running = sa.and_(c.stopped.is_(None), c.state != "cancelled")
        count = sa.select(sa.func.count(), sa.func.count(sa.distinct(c.hub_id)))
        clocks, open_ = connection.execute(count.where(running)).one()
        some = sa.select(c.hub_id).where(running, c.clause == "first_response").distinct().order_by(c.hub_id)
        ids = connection.execute(some.limit(called)).scalars().all()
    quiet, none = _timed(engine, config, at)
    store.begin_run("past-and-calls", "sync", at, "")
    calls = [Activity(f"called-{id_}", "call", at, None, (id_,), None, None, None, "{}") for id_ in ids]
    store.keep_activities("salesforce", calls, "past-and-calls", at)
    store.end_run("past-and-calls", at, "done", {})
    store.commit()
    store.close()
    after, touched = _timed(engine, config, at + timedelta(seconds=1))
    if not found or none > OVERLAP or not len(ids) <= touched <= len(ids) + OVERLAP or not ids:
        raise RuntimeError(f"not what was to be measured: {found}, {none}, {touched}")
    return {
        "first": first,
        "leads": found,
        "open": open_,
        "running": clocks,
        "quiet": quiet,
        "called": after,
        "calls": len(ids),
    }


def _timed(engine: sa.Engine, config: ProjectFile, at: Any) -> tuple[float, int]:
    began = time.process_time()
    ticked = tick(engine, config, at)
    return time.process_time() - began, ticked.leads


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))).decode())
