"""May this plan run? Pure. Judges the whole plan before its first write.

A stop is not an error: it says what looks wrong, with its numbers, and is lifted by `--confirm` once a person has
looked. What it guards against is the Friday afternoon on which a changed mapping, an emptied list or a broken key
turns into sixty thousand duplicates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mapping.rules import Limits
from sync.plan import Tally


class Stop(NamedTuple):
    """`code` is documented in docs/errors.md."""

    code: str
    system: str
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the guard must know besides the plan. `deleted`: by system, the links whose records a complete scan did not
    meet, and that are kept until somebody has looked; `empty`: the systems whose complete scan returned nothing though
    they have links; `first`: the systems never written to; `first_archives`: those in which nothing that left its rule has been archived
    yet; `reverts`: the run whose writes the plan takes back."""

    rules_changed: bool = False
    first: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    deleted: Mapping[str, int] = field(default_factory=dict)
    missing_canaries: Mapping[str, str] = field(default_factory=dict)
    reverts: str = ""
    first_archives: frozenset[str] = frozenset()
    first_merges: frozenset[str] = frozenset()
    """The systems in which we have not merged any two records yet."""


def guard(tallies: Mapping[str, Tally], limits: Limits, facts: Facts) -> list[Stop]:
    """Every reason to stop; empty when the plan may run."""
    stops = []
    for system, tally in sorted(tallies.items()):
        stops += _system(system, tally, limits, facts)
    for system, canary in sorted(facts.missing_canaries.items()):
        stops.append(
            Stop("guard-canary", system, f"{system}: the canary {canary} was not found; is this the right account?")
        )
    if facts.rules_changed and any(tally.writes for tally in tallies.values()):
        stops.append(Stop("guard-rules", "", "The configuration has changed since the last run that wrote."))
    return stops


def _system(system: str, tally: Tally, limits: Limits, facts: Facts) -> list[Stop]:
    stops = []
    linked = max(tally.linked, 1)
    deleted = facts.deleted.get(system, 0)

    def stop(code: str, message: str) -> None:
        stops.append(Stop(code, system, f"{system}: {message}"))

    if system in facts.first and tally.writes:
        stop("guard-first", f"first write to this system: {tally.creates:,} creates, {tally.updates:,} updates.")
    else:
        if tally.creates > limits.create_count:
            stop("guard-creates", f"{tally.creates:,} creates, more than {limits.create_count:,}.")
        if tally.creates > limits.floor and tally.creates / linked > limits.create_share:
            stop("guard-creates", f"{tally.creates:,} creates on {tally.linked:,} linked records.")
        for name, count in sorted(tally.fields.items()):
            share = count / linked
            if name not in limits.moving and count > limits.floor and share > limits.change_share:
                stop("guard-changes", f"{name} would change on {count:,} of {tally.linked:,} records.")
    if tally.archives and not facts.reverts:
        told = f"{tally.archives:,} of {tally.linked:,} linked records would be archived"
        if system in facts.first_archives:
            stop("guard-archives", f"{told}, the first ever here.")
        elif tally.archives > limits.archive_count:
            stop("guard-archives", f"{told}, more than {limits.archive_count:,}.")
        elif tally.archives > limits.floor and tally.archives / linked > limits.archive_share:
            stop("guard-archives", f"{told}.")
    if tally.merges:
        told = f"{tally.merges:,} records would be merged into others, for good"
        if system in facts.first_merges:
            stop("guard-merges", f"{told}, the first ever here.")
        elif tally.merges > limits.merge_count:
            stop("guard-merges", f"{told}, more than {limits.merge_count:,}.")
    if facts.reverts and tally.writes:
        stop(
            "guard-revert",
            f"takes back what run {facts.reverts} wrote: {tally.updates:,} updates, {tally.archives:,} archived.",
        )
    for name, count in sorted(tally.blanks.items()):
        if count > limits.blank_count and name not in limits.moving:
            stop("guard-blanks", f"{name} would be blanked on {count:,} records.")
    if system in facts.empty:
        stop("guard-empty", f"a complete scan returned no records, where {tally.linked:,} are linked.")
    elif deleted > limits.floor and deleted / linked > limits.delete_share:
        stop("guard-deletes", f"{deleted:,} of {tally.linked:,} linked records have vanished.")
    return stops


class ErrorMonitor:
    """Ends the writing to a system that refuses too much: 1,000 refusals in all, 10 in a row, or 15 of the last
    100. A run that goes on hammering a broken mapping only fills the queue of dead letters."""

    def __init__(self, most: int = 1000, in_a_row: int = 10, of_last_100: int = 15) -> None:
        self.most, self.in_a_row, self.of_last_100 = most, in_a_row, of_last_100
        self.errors = self.row = 0
        self.last: deque[bool] = deque(maxlen=100)

    def note(self, failed: bool) -> None:
        self.errors += failed
        self.row = self.row + 1 if failed else 0
        self.last.append(failed)

    @property
    def tripped(self) -> str | None:
        if self.errors >= self.most:
            return f"{self.errors:,} writes refused"
        if self.row >= self.in_a_row:
            return f"{self.row} writes refused in a row"
        if len(self.last) == self.last.maxlen and sum(self.last) >= self.of_last_100:
            return f"{sum(self.last)} of the last {len(self.last)} writes refused"
        return None
