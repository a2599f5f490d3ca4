"""The clocks of one lead: when each starts and stops, what it shows, when it is due. Pure.

`spans` finds the clocks in what happened to the lead, `read` reads one of them at a moment. Points in time and lengths
are microseconds; lengths are business time. Invariant: the same history gives the same clocks, however often and in
however many steps it is read; what lies in the future, or has no time, is left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from alignment.sla.calendar import MINUTE, BusinessCalendar
from mapping.agreement.calendar import minutes_of
from mapping.agreement.sla import Attempts, Decision, FirstResponse, FollowUp, Pact, Segment
from mapping.lifecycle import Lifecycle

State = Literal["running", "paused", "met", "breached", "cancelled"]
Clause = Literal["first_response", "attempts", "decision", "follow_up"]
CLAUSES: tuple[Clause, ...] = ("first_response", "decision", "attempts", "follow_up")
How = Literal["met", "cancelled", "failed"]


class Moved(NamedTuple):
    """A lead went to a stage. `at`: None where nobody knows."""

    at: int | None
    new: str
    reason: str | None = None


class Touched(NamedTuple):
    """Somebody in sales did something for the lead."""

    at: int | None
    type: str


@dataclass(frozen=True, slots=True)
class Span:
    """A clock as the history tells it. `allowed`: None where nothing but the end decides. `stop`, `how`: None while it
    is open. `failed` breaks the promise whatever the time."""

    clause: Clause
    start: int
    allowed: int | None
    segment: str = ""
    stop: int | None = None
    how: How | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock shows. `due`: when the time is used up; None where the clock stands still with no end in sight, or has
    no limit. `over`: when it is exceeded, which is not before there is business time again. `breached`: since when the
    promise is broken; `late`: by how much, growing until it stops. `reminders`: when each share of the time had passed or
    will have."""

    state: State
    elapsed: int
    due: int | None
    over: int | None = None
    breached: int | None = None
    late: int = 0
    reminders: tuple[int, ...] = ()
    stopped: int | None = None


@dataclass(slots=True)
class Left:
    """What of a history was left out."""

    future: int = 0
    undated: int = 0
    unmatched: int = 0
    """Leads that fit no segment."""

    def add(self, other: Left) -> None:
        self.future += other.future
        self.undated += other.undated
        self.unmatched += other.unmatched


@dataclass(slots=True)
class History:
    """What happened to one lead until now, in the order of time. `paused`: stretches in which its clocks stand still;
    the end of the last is None while it does."""

    moves: list[tuple[int, str, str | None]] = field(default_factory=list)
    touches: list[tuple[int, str]] = field(default_factory=list)
    paused: list[tuple[int, int | None]] = field(default_factory=list)
    left: Left = field(default_factory=Left)


def history(moves: Iterable[Moved], touches: Iterable[Touched], pauses_in: Sequence[str], now: int) -> History:
    made = History()
    for at, new, reason in moves:
        if _counts(at, now, made.left) and at is not None:
            made.moves.append((at, new, reason))
    for at, type_ in touches:
        if _counts(at, now, made.left) and at is not None:
            made.touches.append((at, type_))
    made.moves.sort(key=lambda move: move[0])
    made.touches.sort()
    since: int | None = None
    for at, new, _ in made.moves:
        if new in pauses_in:
            since = at if since is None else since
        elif since is not None:
            made.paused.append((since, at))
            since = None
    if since is not None:
        made.paused.append((since, None))
    return made


def _counts(at: int | None, now: int, left: Left) -> bool:
    if at is None:
        left.undated += 1
    elif at > now:
        left.future += 1
    return at is not None and at <= now


# -- from a history to its clocks ---------------------------------------------------------------------------------------

Fits = Callable[[Segment], bool]
"""Whether the lead is in a segment."""


def spans(pact: Pact, lifecycle: Lifecycle, calendar: BusinessCalendar, lead: History, fits: Fits) -> list[Span]:
    """Every clock of the lead, clause by clause, each from its earliest on."""
    sales, found = pact.sales, list[Span]()
    if sales.first_response is not None:
        found += _first_response(sales.first_response, pact, lifecycle, lead, fits)
    if sales.decision is not None:
        found += _decision(sales.decision, lifecycle, lead)
    if sales.attempts is not None:
        found += _attempts(sales.attempts, lifecycle, calendar, lead)
    if sales.follow_up is not None:
        found += _follow_up(sales.follow_up, pact, lifecycle, calendar, lead)
    return found


def _entries(stage: str, lead: History) -> Iterator[tuple[int, int]]:
    """Whenever the lead came to the stage: when, and which move that was. Who jumps over it was never handed over."""
    here: str | None = None
    for index, (at, new, _) in enumerate(lead.moves):
        if new == stage and here != stage:
            yield at, index
        here = new


def _first_response(
    clause: FirstResponse, pact: Pact, lifecycle: Lifecycle, lead: History, fits: Fits
) -> Iterator[Span]:
    open_until = -1
    for start, index in _entries(clause.stage, lead):
        if start < open_until:
            continue  # it came back while its clock was standing still
        segment = next((one for one in clause.segments if fits(one)), None)
        if segment is None:
            lead.left.unmatched += 1
            return
        touch = next((at for at, type_ in lead.touches if at >= start and type_ in clause.types), None)
        gone = _gone(lead, index, lifecycle, pact.pauses_in)
        stop, how = _sooner(touch, gone)
        yield Span("first_response", start, _allowed(segment.within), segment.name, stop, how)
        open_until = stop if stop is not None else 1 << 62


def _gone(lead: History, index: int, lifecycle: Lifecycle, pauses_in: Sequence[str]) -> int | None:
    """When a lead left the ladder for a state in which nobody works on it any more."""
    later = lead.moves[index + 1 :]
    return next((at for at, new, _ in later if new in lifecycle.side and new not in pauses_in), None)


def _sooner(touch: int | None, gone: int | None) -> tuple[int | None, How | None]:
    if touch is not None and (gone is None or touch <= gone):
        return touch, "met"
    return (gone, "cancelled") if gone is not None else (None, None)


def _decision(clause: Decision, lifecycle: Lifecycle, lead: History) -> Iterator[Span]:
    for start, index in _entries(clause.stage, lead):
        span = Span("decision", start, _allowed(clause.within))
        for at, new, reason in lead.moves[index:]:
            if lifecycle.at_least(new, clause.accept):
                yield replace(span, stop=at, how="met", note="accepted")
                break
            if new in lifecycle.side:
                wrong = clause.reason and not (reason or "").strip()
                how: How = "failed" if wrong else "met"
                yield replace(span, stop=at, how=how, note="no_reason" if wrong else "rejected")
                break
        else:
            yield span


def _attempts(clause: Attempts, lifecycle: Lifecycle, calendar: BusinessCalendar, lead: History) -> Iterator[Span]:
    """One clock an attempt; the first from the stage on, each of the others from the attempt before."""
    apart = _allowed(clause.apart_at_least) if clause.apart_at_least else 0
    allowed = _allowed(clause.apart_at_most) if clause.apart_at_most else None
    for entry, index in _entries(clause.stage, lead):
        start, done = entry, 0
        ends = [(at, new) for at, new, _ in lead.moves[index + 1 :] if new != clause.stage]
        end, to = ends[0] if ends else (None, "")
        for at, type_ in lead.touches:
            if done == clause.at_least or at < entry or (end is not None and at > end) or type_ not in clause.types:
                continue
            if done and calendar.between(start, at) < apart:
                continue
            if at > start or not done:
                yield Span("attempts", start, allowed, str(done + 1), at, "met")
                start, done = at, done + 1
        if done == clause.at_least:
            continue
        open_ = Span("attempts", start, allowed, str(done + 1))
        if end is None:
            yield open_
        elif to in lifecycle.side:
            yield replace(open_, stop=end, how="failed", note=f"given_up_after:{done}")
        else:
            yield replace(open_, stop=end, how="cancelled")


def _follow_up(
    clause: FollowUp, pact: Pact, lifecycle: Lifecycle, calendar: BusinessCalendar, lead: History
) -> Iterator[Span]:
    """One clock a silence: from the stage or a touch until the next touch, or until the lead is closed."""
    for entry, end in _worked(clause, pact, lifecycle, lead):
        touches = (at for at, type_ in lead.touches if type_ in clause.types and at > entry)
        starts = [entry, *dict.fromkeys(at for at in touches if end is None or at < end)]
        for start, until in zip(starts, [*starts[1:], end], strict=True):
            allowed = calendar.between(start, calendar.days_later(start, clause.days))
            yield Span("follow_up", start, allowed, "", until, "met" if until is not None else None)


def _worked(clause: FollowUp, pact: Pact, lifecycle: Lifecycle, lead: History) -> Iterator[tuple[int, int | None]]:
    """From when to when somebody had the lead in hand."""
    since: int | None = None
    for at, new, _ in lead.moves:
        closed = new in clause.until or (new in lifecycle.side and new not in pact.pauses_in)
        if since is None and not closed and lifecycle.at_least(new, clause.stage):
            since = at
        elif since is not None and closed:
            if at > since:
                yield since, at
            since = None
    if since is not None:
        yield since, None


def _allowed(text: str) -> int:
    return minutes_of(text) * MINUTE


# -- reading a clock ----------------------------------------------------------------------------------------------------

Stretch = tuple[int, int | None]


def read(
    span: Span, calendar: BusinessCalendar, paused: Iterable[Stretch], now: int, reminders: Sequence[float] = ()
) -> Reading:
    """What the clock shows at `now`. `paused`: stretches in which it stands still, in any order."""
    still = _united(paused if span.stop is None else _until(span.stop, paused))
    end = now if span.stop is None else min(span.stop, now)
    elapsed = _passed(calendar, span.start, end, still)
    due = _when(calendar, span.start, span.allowed, still) if span.allowed is not None else None
    over = _when(calendar, span.start, span.allowed + 1, still) if span.allowed is not None else None
    told: tuple[int, ...] = ()
    if span.allowed is not None:
        places = (_when(calendar, span.start, round(span.allowed * share), still) for share in sorted(reminders))
        told = tuple(place for place in places if place is not None)
    late = max(0, elapsed - span.allowed) if span.allowed is not None else 0
    breached = due if late else None
    if span.how == "failed" and breached is None:
        breached = span.stop
    state: State
    if span.how == "cancelled" and breached is None:
        state = "cancelled"
    elif breached is not None:
        state = "breached"
    elif span.how == "met":
        state = "met"
    else:
        state = "paused" if any(a <= now and (b is None or now < b) for a, b in still) else "running"
    return Reading(state, elapsed, due, over, breached, late, told, span.stop)


def _until(stop: int, paused: Iterable[Stretch]) -> Iterator[Stretch]:
    """What comes after the end has no say in it: so a clock that has stopped shows the same for ever."""
    for start, end in paused:
        if start < stop:
            yield start, stop if end is None else min(end, stop)


def _united(paused: Iterable[Stretch]) -> list[Stretch]:
    """In order, and none touching another."""
    found: list[Stretch] = []
    for start, end in sorted(paused, key=lambda stretch: stretch[0]):
        if end is not None and end <= start:
            continue
        if found and (found[-1][1] is None or start <= found[-1][1]):
            last = found[-1][1]
            found[-1] = found[-1][0], None if last is None or end is None else max(last, end)
        else:
            found.append((start, end))
    return found


def _running(start: int, still: Sequence[Stretch]) -> Iterator[Stretch]:
    """The stretches from `start` on in which the clock runs."""
    for since, until in still:
        if until is not None and until <= start:
            continue
        if since > start:
            yield start, since
        if until is None:
            return
        start = max(start, until)
    yield start, None


def _passed(calendar: BusinessCalendar, start: int, end: int, still: Sequence[Stretch]) -> int:
    runs = _running(start, still)
    return sum(calendar.between(a, end if b is None else min(b, end)) for a, b in runs if a < end)


def _when(calendar: BusinessCalendar, start: int, length: int, still: Sequence[Stretch]) -> int | None:
    """When so much business time will have passed on the clock; None where it stands still before and for good."""
    for a, b in _running(start, still):
        if b is None:
            return calendar.add(a, length)
        there = calendar.between(a, b)
        if there >= length:
            return calendar.add(a, length)
        length -= there
    return None
