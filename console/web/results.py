"""Figures that take the whole past to count: counted by a job, kept in a file with their time, shown at once from then on.

What is counted is said in `counted`, which the job's process alone imports. A page asks for `standing`: the figure as it was
kept last, and the job that is counting it anew where it is too old, was counted by other rules, or is not there. Invariant: no
request counts anything; one figure is counted by one job at a time; a kept file names no lead but by the hub's id, so that
whoever is forgotten is in none of them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from console.web.jobs import Job
from console.web.page import Page

FOLDER = "figures"
"""Of the project's."""
KIND = "count"
"""Of the job."""
FRESH = timedelta(minutes=15)
"""After that a figure is counted anew as soon as somebody looks."""
AGAIN = timedelta(minutes=1)
"""After a failure it is not tried again by itself before that."""
AT_ONCE = 2
"""Jobs that count at the same time, however many figures are looked at."""
MOST = 200
"""Figures that are kept; the oldest go."""

_lock = threading.Lock()


@dataclass(frozen=True)
class Figure:
    """`at`: when it was counted; `stamp`: by which configuration."""

    at: datetime
    stamp: str
    value: Any


@dataclass(frozen=True)
class Standing:
    """`figure`: None before it was ever counted. `job`: it is being counted. `failure`: why it could not be.
    `waits`: it will be, once others are done."""

    figure: Figure | None
    job: Job | None = None
    failure: Mapping[str, Any] | None = None
    waits: bool = False

    @property
    def value(self) -> Any:
        return self.figure.value if self.figure else None

    @property
    def done(self) -> int:
        """Leads that were looked at so far."""
        return max(self.job.steps.values(), default=0) if self.job else 0


def standing(page: Page, name: str, *, fresh: timedelta | None = FRESH, anew: bool = False, **of: Any) -> Standing:
    """`of`: what tells this figure from others of the name, as JSON can say it. `fresh`: None where it never grows old.
    `anew`: counted again in any case."""
    site = page.site
    stamp = site.opened.project.hash
    figure = read(site.folder, name, of)
    with _lock:
        last = next((job for job in site.jobs.all() if job.kind == KIND and _same(job, name, of)), None)
        if last is not None and last.running:
            return Standing(figure, last)
        old = figure is None or figure.stamp != stamp or (fresh is not None and page.now - figure.at > fresh)
        if not (old or anew):
            return Standing(figure)
        failed = last is not None and last.failure is not None and (figure is None or last.started > figure.at)
        if last is not None and failed and not anew and last.ended is not None and page.now - last.ended < AGAIN:
            return Standing(figure, None, last.failure)
        if sum(job.kind == KIND for job in site.jobs.running()) >= AT_ONCE:
            return Standing(figure, waits=True)
        return Standing(figure, site.jobs.start(KIND, page.by, name=name, of=of))


def _same(job: Job, name: str, of: Mapping[str, Any]) -> bool:
    return bool(job.arguments.get("name") == name and job.arguments.get("of") == of)


def place(folder: Path, name: str, of: Mapping[str, Any]) -> Path:
    mark = blake2b(orjson.dumps(of, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    return folder / FOLDER / f"{name}-{mark}.json"


def read(folder: Path, name: str, of: Mapping[str, Any]) -> Figure | None:
    """None where it was never counted, or what was kept is no longer readable."""
    try:
        told = orjson.loads(place(folder, name, of).read_bytes())
        return Figure(datetime.fromisoformat(told["at"]), told["stamp"], told["value"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Path, name: str, of: Mapping[str, Any], stamp: str, value: Any) -> None:
    """For its owner alone; whole, or not at all."""
    file = place(folder, name, of)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    told = {"at": datetime.now(UTC).isoformat(), "stamp": stamp, "value": value}
    part = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS, default=_plain))
    part.replace(file)
    newest_first = sorted(file.parent.glob("*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in newest_first[MOST:]:
        old.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """What JSON has no word for: named tuples, sets, times."""
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)
