"""What one run carries with it: the rules, the connectors, the store, the clock, and its report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.base import Clock, Connector
from mapping.fields import Kind, RecordKind, place
from mapping.rules import Rules
from state.ids import new_id
from state.records import WriteRow
from state.store import Store
from sync.forgotten import Forgotten
from sync.match import entries

BATCH = 2000
"""Records worked on in one transaction. With more, memory grows and nothing gets faster; with fewer, a large database
slows down: every batch writes to most pages of its one index that is filled in random order."""

Progress = Callable[[str, str, int], None]
"""Told (phase, place, records so far)."""


@dataclass
class Counts:
    """What a run did with one kind of record in one system."""

    read: int = 0
    fresh: int = 0
    new: int = 0
    matched: int = 0
    vanished: int = 0
    conflicts: int = 0
    reviews: int = 0
    planned_creates: int = 0
    planned_updates: int = 0
    planned_archives: int = 0
    planned_merges: int = 0
    created: int = 0
    updated: int = 0
    archived: int = 0
    merged: int = 0
    """Records that were made part of another there."""
    forgotten: int = 0
    """Records that were not taken in: of people who asked to be forgotten."""
    rejected: int = 0
    unknown: int = 0
    recovered: int = 0
    calls: int = 0
    api_used: int | None = None
    api_limit: int | None = None
    """Of the vendor's allowance, as it last told; None where it does not say."""


@dataclass
class Report:
    """What a run has to say for itself. `outcome`: done; partial (a system was left out); stopped (by the guard).
    `systems`, and everything else that is told by system, by place: "hubspot", "hubspot/deal"."""

    run_id: str
    kind: str
    started: datetime
    outcome: str = "done"
    systems: dict[str, Counts] = field(default_factory=dict)
    stops: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, dict[str, str]] = field(default_factory=dict)
    seconds: float = 0.0
    reverts: str = ""
    """The run that this one takes back."""
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds by phase: recover, read, settle, plan, write."""
    left: list[dict[str, str]] = field(default_factory=list)
    """Of a revert: what it does not take back, and why; by ids and fields, without values."""

    @property
    def writes(self) -> int:
        return sum(c.created + c.updated + c.archived + c.merged for c in self.systems.values())

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "started": self.started.isoformat()}


@dataclass
class Context:
    """A run at work on one kind of record; `of` gives the same run at work on another. What belongs to the run as a
    whole (report, questions, approvals) is shared between them."""

    run_id: str
    rules: Rules
    connectors: Mapping[str, Connector]
    store: Store
    clock: Clock
    report: Report
    mapping: int = 0
    specs: dict[int, dict[str, dict[str, str]]] = field(default_factory=dict)
    confirmed: bool = False
    progress: Progress = lambda phase, system, count: None
    make_id: Callable[[], str] = new_id
    keep_alive: Callable[[], None] = lambda: None
    batch: int = BATCH
    approved: set[tuple[str, str]] = field(default_factory=set)
    """(code, system) of the guard's stops that a person has looked at and waved through"""
    vanished: dict[str, int] = field(default_factory=dict)
    empty: set[str] = field(default_factory=set)
    open_questions: set[tuple[str, str]] = field(default_factory=set)
    """(kind, subject) of the reviews that were open when the run began"""
    ignored: set[str] = field(default_factory=set)
    """system:id of the records that a person said to leave alone"""
    behind: set[str] = field(default_factory=set)
    """systems whose reading took so long, or went so far back, that they have to be asked for what is new"""
    forgotten: Forgotten | None = None
    """whose records are not taken in; None where nobody has asked to be forgotten"""
    met: set[str] = field(default_factory=set)
    """the records, as system:id, that were not taken in for that reason"""
    look_again: dict[str, set[str]] = field(default_factory=dict)
    """records that took another's place and have not been read as such yet"""
    merges: dict[str, list[WriteRow]] = field(default_factory=dict)
    """by system, the merges of records there that may be done (`sync.merging`)"""
    away: dict[str, set[str]] = field(default_factory=dict)
    """by system, the owners who have left it (`sync.owners`)"""
    every: Mapping[Kind, Rules] = field(default_factory=dict)
    """the rules of every kind that is synced"""

    reads: RecordKind | None = None
    """What is read, where that is not the kind of hub record that the run is at work on: activities"""

    def __post_init__(self) -> None:
        self.entries = entries(self.rules.mappers)

    @property
    def kind(self) -> Kind:
        return self.rules.kind

    def of(self, kind: Kind) -> Context:
        """Raises Misconfigured where a mapped system does not have this kind."""
        rules = self.rules.of(kind)
        connectors = {s: c.of(kind) for s, c in self.connectors.items() if s in rules.mappers}
        fresh: dict[str, Any] = {"vanished": {}, "empty": set(), "behind": set(), "look_again": {}, "merges": {}}
        return replace(self, rules=rules, connectors=connectors, store=self.store.of(kind), **fresh)

    def of_activities(self) -> Context:
        """The same run, reading what happened to the hub records that it is at work on."""
        return replace(self, reads="activity")

    def place(self, system: str) -> str:
        """What people are told of these records in this system by."""
        return place(system, self.reads or self.kind)

    def subject(self, system: str, remote_id: str | None) -> str:
        """What a question about a record is filed under."""
        return f"{self.place(system)}:{remote_id}"

    def counts(self, system: str) -> Counts:
        place = self.place(system)
        return self.report.systems.get(place) or self.report.systems.setdefault(place, Counts())

    def may(self, code: str, system: str) -> bool:
        """Whether a person has confirmed what the guard would stop."""
        return self.confirmed or (code, self.place(system)) in self.approved

    def commit(self) -> None:
        self.store.commit()
        self.keep_alive()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Python searches for dead cycles after every 700 objects. A batch makes some 80,000, all alive until it is stored
    and none in a cycle: to search only where more than that lie about makes a first load more than a tenth faster."""
    before = gc.get_threshold()
    gc.set_threshold(150_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
