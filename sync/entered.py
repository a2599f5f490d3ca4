"""When a lead really entered the stages that a run found it in: from a move, the events to write down. Pure.

As best known: the date that a system keeps of the stage, else the last change of the record that said so, else the time
of the run. A step that was skipped, and that a system dates, gets an event of its own. What cannot be read, lies ahead, or
is older than any of these systems (a placeholder) is no date.

Invariant: of one lead, no event happens before the one written before it, and none later than now; every event is a move
that the lifecycle allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from mapping.lifecycle import Lifecycle
from state.records import Hub
from sync.reconcile import StageMove

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""1900-01-01 and 1970-01-01 are how systems say that they do not know."""

DAY = timedelta(days=1)
Dated = Literal["vendor", "changed", "run"]


class When(NamedTuple):
    """`whole`: a day without a time; `at` is its beginning (UTC)."""

    at: datetime
    whole: bool


class Told(NamedTuple):
    """By which system a stage was entered when."""

    system: str
    when: When


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to be written. `evidence` in words."""

    at: datetime
    dated: Dated
    move: StageMove


@dataclass(frozen=True, slots=True)
class Moves:
    """What one settling made of a lead's stage, and what its systems say of the times: everything that dating it takes
    but the event before."""

    hub_id: str
    row: Mapping[str, Any]
    moves: tuple[StageMove, ...]
    told: Mapping[str, Sequence[Told]]
    changed: Mapping[str, datetime | None]
    """Of every system that has a record: its last change."""


def noted(
    hub: Hub, entered: Mapping[str, Mapping[str, Any]], moves: tuple[StageMove, ...], row: Mapping[str, Any]
) -> Moves:
    """`entered`: of each system, stage -> when, in the vendor's words; `row`: what all events of it have in common."""
    told: dict[str, list[Told]] = {}
    for system, stages in sorted(entered.items()):
        for stage, raw in stages.items():
            when = read(raw)
            if when is not None:
                told.setdefault(stage, []).append(Told(system, when))
    changed = {system: link.side.seen_at for system, link in hub.links.items()}
    return Moves(hub.id, row, moves, told, changed)


def read(raw: Any) -> When | None:
    """A vendor's date or time: ISO 8601, or milliseconds since 1970 as a number or digits; None for what is neither. A
    time without a zone is UTC, as all three vendors write it."""
    try:
        if isinstance(raw, str):
            raw = raw.strip()
            if not raw.lstrip("-").isdigit():
                if len(raw) == len("2026-01-31"):
                    day = date.fromisoformat(raw)
                    return When(datetime(day.year, day.month, day.day, tzinfo=UTC), True)
                at = datetime.fromisoformat(raw)
                return When(at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC), False)
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            return None
        return When(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(raw)), False)
    except (ValueError, OverflowError):
        return None


def entries(moves: Moves, lifecycle: Lifecycle, before: datetime | None, now: datetime) -> Iterator[Entry]:
    """The events of these moves, in order. `before`: when the lead's last event happened, None where it has none."""
    last = before
    for move in moves.moves:
        at, dated = _when(move, moves, last, now)
        old = move.old
        for stage, told in _skipped(move, moves, lifecycle):
            found = _valid(told, last, at)
            if found is None or not (lifecycle.allowed(old, stage) and lifecycle.allowed(stage, move.new)):
                continue
            system, last = found
            step = StageMove(old, stage, system, None, f"dated by {system}")
            yield Entry(last, "vendor", step)
            old = stage
        at = at if last is None else max(at, last)
        yield Entry(at, dated, move if old is move.old else replace(move, old=old))
        last = at


def _when(move: StageMove, moves: Moves, last: datetime | None, now: datetime) -> tuple[datetime, Dated]:
    """What a system says counts from when it came about there; what we compute, or a person answers, from now on."""
    if move.source not in moves.changed:
        return now, "run"
    told = moves.told.get(move.new, ())
    own = [one for one in told if one.system == move.source]
    found = _valid(own, last, now) or _valid(told, last, now)
    if found is not None:
        return found[1], "vendor"
    changed = moves.changed[move.source]
    if changed is not None and OLDEST <= changed <= now:
        return changed if last is None else max(changed, last), "changed"
    return now, "run"


def _skipped(move: StageMove, moves: Moves, lifecycle: Lifecycle) -> Iterator[tuple[str, Sequence[Told]]]:
    """The steps between, in the order of the ladder, that some system dates. Before a side state it may be any."""
    if not moves.told:
        return
    top = lifecycle.rank(move.new) if move.new in lifecycle.ladder else len(lifecycle.ladder)
    for stage in lifecycle.ladder[lifecycle.rank(move.old) + 1 : top]:
        if stage in moves.told:
            yield stage, moves.told[stage]


def _valid(told: Iterable[Told], last: datetime | None, latest: datetime) -> tuple[str, datetime] | None:
    """The earliest date between the event before and the one after. A whole day is valid where any hour of it is."""
    found: list[tuple[datetime, str]] = []
    for system, (at, whole) in told:
        if last is not None and whole and at < last < at + DAY:
            at = last
        if (last is None or last <= at) and OLDEST <= at <= latest:
            found.append((at, system))
    return (min(found)[1], min(found)[0]) if found else None
