"""Where a read of one org stands: what is kept from run to run, and the checkpoint within a run. Pure.

Each object has a mark, the newest row seen. The next run reads from the mark minus the overlap, since rows become
visible late; only once a whole overlap has passed since the mark was first seen, and a run has looked again, is it
settled and nothing before it read any more. Both ends of that comparison are our own clock's, so a vendor whose clock
is wrong cannot make rows disappear.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from connectors.base import Cursor
from connectors.paging import Position
from connectors.salesforce.kinds import LEAD, Entity
from connectors.salesforce.soql import LOWEST_ID, Place, after, moment, since, stamp_time

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class Mark(BaseModel):
    """The newest row seen of an object; `seen` is when (our clock) a run that saw it first began."""

    model_config = _FROZEN

    place: Place
    seen: AwareDatetime
    settled: bool = False


class Memo(BaseModel):
    """Kept from run to run. `ran`: start of the last finished run. `deleted`: how far deletions were read."""

    model_config = _FROZEN

    ran: AwareDatetime
    marks: dict[Entity, Mark] = {}
    deleted: dict[Entity, AwareDatetime] = {}


class Checkpoint(BaseModel):
    """Within a run: the last row read of each object, and each object's newest row. A scan reads one object after the
    other: `entity` (None: at the first), perhaps by a Bulk job, of which `locator` is the next page."""

    model_config = _FROZEN

    entity: Entity | None = None
    after: dict[Entity, Place] = {}
    job: str | None = None
    created: AwareDatetime | None = None
    locator: str | None = None
    newest: dict[Entity, Place] = {}

    def past(self, entity: Entity, place: Place | None) -> Checkpoint:
        """Once the rows of an object up to `place` were read."""
        if place is None:
            return self
        newest = later(self.newest.get(entity), place) or place
        return self.seen(entity, newest).model_copy(update={"after": {**self.after, entity: place}})

    def seen(self, entity: Entity, place: Place | None) -> Checkpoint:
        """With this row as the newest of its object."""
        return self if place is None else self.model_copy(update={"newest": {**self.newest, entity: place}})


def load(
    cursor: Cursor | None, entities: Collection[Entity] = LEAD.entities
) -> tuple[Position, Memo | None, Checkpoint | None] | None:
    """The parts of a saved cursor; None for none, and for one that is not ours or not of these objects: everything is
    read then."""
    position = Position.load(cursor) if cursor is not None else None
    if position is None:
        return None
    try:
        memo = Memo.model_validate(position.memo) if position.memo else None
        checkpoint = Checkpoint.model_validate(position.at) if position.at is not None else None
    except ValidationError:
        return None
    if checkpoint and checkpoint.entity and checkpoint.entity not in entities:
        return None
    return (position, memo, checkpoint) if memo or (position.phase == "scan" and checkpoint) else None


def cursor_at(at: datetime, now: datetime, entities: Collection[Entity] = LEAD.entities) -> Cursor:
    """A cursor from which everything changed at or after `at` is read, however long ago that is. It asks for no
    deletions: those of a window of the past are long known, or can no longer be."""
    mark = Mark(place=Place(moment(at), LOWEST_ID), seen=now, settled=True)
    memo = Memo(ran=now, marks=dict.fromkeys(entities, mark), deleted=dict.fromkeys(entities, now))
    return Position(phase="changes", since=at, memo=dumped(memo)).save()


def dumped(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True)


def starting(mark: Mark | None, overlap: timedelta) -> str:
    """The WHERE with which an incremental read of one object begins; "" reads all of it."""
    if mark is None:
        return ""
    return after(mark.place) if mark.settled else since(stamp_time(mark.place.stamp) - overlap)


def later(one: Place | None, other: Place | None) -> Place | None:
    """The newer of two rows."""
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda place: (stamp_time(place.stamp), place.id))


def next_mark(before: Mark | None, newest: Place | None, began: datetime, overlap: timedelta) -> Mark | None:
    """The mark after a run that began at `began` and saw `newest`."""
    if before is None or (newest is not None and later(newest, before.place) != before.place):
        return Mark(place=newest, seen=began) if newest is not None else None
    return before if before.settled or began - before.seen <= overlap else before.model_copy(update={"settled": True})
