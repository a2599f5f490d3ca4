"""The schemas of the systems as they were last read, in memory: a page shows what is there and never waits for a vendor.

Not here: the reading (`console.discovering`, as a job). Invariant: at most one reading of a system is under way, and one that
failed is not tried again by itself for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import RemoteField
from console.fitting import Shape
from console.web.jobs import Job, Jobs
from mapping.fields import RecordKind

KIND = "schema"
STALE = timedelta(days=1)
PATIENCE = timedelta(minutes=5)
"""After a failure."""


@dataclass(frozen=True)
class Field:
    """`filled`: of the records that were looked at, those that have a value."""

    remote: RemoteField
    filled: int
    samples: tuple[str, ...]


@dataclass(frozen=True)
class OfKind:
    """`records`: how many were looked at."""

    shape: Shape
    records: int = 0
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Schema:
    """`errors`: kinds of records that could not be read -> code, message, hint."""

    system: str
    at: datetime
    kinds: Mapping[RecordKind, OfKind]
    errors: Mapping[str, Mapping[str, str]]

    @property
    def shapes(self) -> dict[RecordKind, Shape]:
        """As `console.fitting` takes them."""
        return {kind: one.shape for kind, one in self.kinds.items()}

    @property
    def stale(self) -> bool:
        return datetime.now(UTC) - self.at > STALE


class Schemas:
    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._kept: dict[str, Schema] = {}
        self._last: dict[str, Job] = {}
        jobs.listeners.append(self._heard)

    def get(self, system: str) -> Schema | None:
        return self._kept.get(system)

    def last(self, system: str) -> Job | None:
        """The newest reading, under way or ended."""
        return self._last.get(system)

    def forget(self, before: datetime) -> None:
        """What was read before then, or began to be, is kept no longer."""
        for system, job in list(self._last.items()):
            if not job.running and job.started < before:
                self._kept.pop(system, None)
                self._last.pop(system, None)

    def refresh(self, system: str, by: str, files: Mapping[str, str] | None = None) -> Job:
        """Read it anew, unless that is under way. `files`: a draft, where only that has the system."""
        with self._lock:
            last = self._last.get(system)
            if last is None or not last.running:
                last = self._last[system] = self._jobs.start(
                    KIND, by, system=system, **({"files": files} if files else {})
                )
            return last

    def keep_fresh(self, system: str, by: str, files: Mapping[str, str] | None = None) -> None:
        """Read it where it never was, or a day ago."""
        kept, last = self._kept.get(system), self._last.get(system)
        tried = last is not None and last.failure is not None and datetime.now(UTC) - last.started < PATIENCE
        if (kept is None or kept.stale) and not tried:
            self.refresh(system, by, files)

    def _heard(self, job: Job) -> None:
        if job.kind == KIND and job.ended is not None and job.result is not None:
            self._kept[job.result["system"]] = schema_of_document(job.result, job.ended)


def schema_of_document(told: Mapping[str, Any], at: datetime) -> Schema:
    return Schema(told["system"], at, {kind: _kind(one) for kind, one in told["kinds"].items()}, told["errors"])


def _kind(told: Mapping[str, Any]) -> OfKind:
    fields = tuple(_field(one) for one in told.get("fields", ()))
    remote = [field.remote for field in fields] if "fields" in told else None
    return OfKind(Shape(remote, told["create"], told["archive"], told["merge"]), told.get("records", 0), fields)


def _field(told: Mapping[str, Any]) -> Field:
    options = tuple((str(value), str(label)) for value, label in told["options"])
    rest = {name: value for name, value in told.items() if name not in ("options", "filled", "samples")}
    return Field(RemoteField(**rest, options=options), told["filled"], tuple(told["samples"]))
