"""What a person has approved of a plan that was shown to them: whole writes, or writes without some of their fields. Pure.

A write is recognised by its fingerprint as it was shown; what has changed since is another write, and nobody has approved that.
A field that is held back is taken out of the write, so no base of it advances: it simply stays behind, and the next plan has
it again. Invariants: nothing is written that was not shown; nothing is held back without which what is written would mean
something else: a create that would not say who has opted out, could not be found again, or would be filled up with a default
waits as a whole, and so do fields that are told together or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from mapping.fields import CONSENT, REASON, STAGE
from mapping.mapper import Mapper
from state.records import WriteRow

DIVISIBLE = ("create", "update", "restore")
"""The operations of which fields can be held back; what else there is concerns a record as such."""

TOGETHER: tuple[frozenset[str], ...] = (frozenset(CONSENT), frozenset((STAGE, REASON)))
"""Fields that come from one telling: who gets one without the others reads something that nobody has said."""


@dataclass(frozen=True)
class Approval:
    """`writes`: fingerprint of each approved write -> the fields of it that are held back. `met`: those of them that the run
    found in its own plan, noted by the run."""

    writes: Mapping[str, Collection[str]]
    met: set[str] = field(default_factory=set)

    def of(self, row: WriteRow, fingerprint: str, mapper: Mapper) -> WriteRow | None:
        """What may be written of a write that a run has planned; None where it is nothing."""
        held = self.writes.get(fingerprint)
        if held is None:
            return None
        self.met.add(fingerprint)
        return without(row, held, mapper)


def without(row: WriteRow, held: Collection[str], mapper: Mapper) -> WriteRow | None:
    """The write with these fields held back, and with them those that go together with them; None where nothing of it is
    left, or where it has to wait as a whole."""
    out = held_with(row.operation, row.fields, held)
    if not out:
        return row
    if row.operation == "create" and out & needed_to_create(mapper):
        return None
    fields = {name: values for name, values in row.fields.items() if name not in out}
    return replace(row, fields=fields) if fields else None


def held_with(operation: str, fields: Collection[str], held: Collection[str]) -> set[str]:
    """Which of a write's fields are held back by that."""
    if operation not in DIVISIBLE:
        return set()
    out = set(held)
    for group in TOGETHER:
        if out & group:
            out |= group
    return out.intersection(fields)


def needed_to_create(mapper: Mapper) -> set[str]:
    """The fields without which no record is created in this system."""
    return {
        *(name for entry in mapper.match for name in entry),
        *mapper.consent,
        *(m.hub for m in mapper.maps.values() if m.push and (m.once or m.default is not None)),
    }
