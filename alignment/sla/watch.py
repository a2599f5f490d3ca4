"""What becomes of one lead's clocks at a moment: the rows as they should be, and the messages that are due. Pure.

Invariant: the rows depend on what happened, on the pact's version at each clock's start and on the moment, and on nothing
else; a message has the same key whenever and however often it is found to be due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from alignment.sla.calendar import MINUTE, BusinessCalendar, business
from alignment.sla.clocks import Left, Moved, Reading, Span, Stretch, Touched, history, read, spans
from mapping.agreement.calendar import minutes_of
from mapping.agreement.sla import Pact, Segment
from mapping.conditions import Predicate, predicate
from mapping.fields import Fields
from mapping.lifecycle import Lifecycle
from state.clocks import AlertRow, ClockRow
from state.facts import microseconds, moment

STALE = timedelta(days=1)
"""What should have been said longer than this before the last look is said no more: it is in the status."""

MAIL, TEAM = "mail", "team/"
"""Channels: a person's mail, and each of a team's own by its number."""

NO_CHANNEL = "no-channel"
"""Why a message is not sent: nobody has said where."""

KEPT = ("teams", "alerts", "absences")
"""Parts of a pact that go by today's file, whatever the version."""


def restored(terms: Mapping[str, Any], today: Pact) -> Pact:
    """A version as it was signed, with the people and the days off of today."""
    calendars = {
        name: {**body, "days_off": today.calendars[name].days_off if name in today.calendars else ()}
        for name, body in terms["calendars"].items()
    }
    kept = {name: getattr(today, name) for name in KEPT}
    return Pact.model_validate({**terms, "calendars": calendars}).model_copy(update=kept)


@dataclass(frozen=True, slots=True)
class Lead:
    """`owner`: e-mail address in small letters, empty where nobody is known."""

    hub_id: str
    fields: Fields
    owner: str
    moves: Sequence[Moved]
    touches: Sequence[Touched]


@dataclass(slots=True)
class Judged:
    rows: list[ClockRow] = field(default_factory=list)
    """Those that are not as they were."""
    alerts: list[AlertRow] = field(default_factory=list)
    left: Left = field(default_factory=Left)
    stale: int = 0
    """Messages that come too late to be sent."""


class Watch:
    """All versions of a pact at a moment. `since`: when was looked before; None for the first time."""

    def __init__(self, pacts: Mapping[int, Pact], lifecycle: Lifecycle, now: datetime, since: datetime | None) -> None:
        self.pacts, self.lifecycle, self.today = dict(sorted(pacts.items())), lifecycle, pacts[max(pacts)]
        self.now, self._at = now, microseconds(now)
        self._horizon = (since or now) - STALE
        self._calendars: dict[tuple[int, str], BusinessCalendar] = {}
        self._regions = {
            version: {region.casefold(): name for name, one in pact.calendars.items() for region in one.regions}
            for version, pact in self.pacts.items()
        }
        self._agreed = {v: self._named(v, p.main_calendar).midnight(p.agreed_on) for v, p in self.pacts.items()}
        self._fits: dict[tuple[int, str], Predicate] = {}
        self._teams = {
            member.casefold(): name for name, team in self.today.teams.items() for member in team.members
        }  # fmt: skip

    @property
    def begins(self) -> datetime:
        """When the first version was agreed: no clock starts earlier."""
        return moment(min(self._agreed.values()))

    def team(self, owner: str) -> str:
        return self._teams.get(owner, "")

    def of_sales(self, owner: str) -> bool:
        """Whether what this user does is done by sales: everybody's is who is not in a team of marketing."""
        team = self.team(owner)
        return not team or self.today.teams[team].side == "sales"

    def calendar(self, version: int, fields: Fields) -> BusinessCalendar:
        pact = self.pacts[version]
        value = fields.get(pact.calendar_by) if pact.calendar_by else None
        name = self._regions[version].get(value.casefold()) if isinstance(value, str) else None
        return self._named(version, name or pact.main_calendar)

    def _named(self, version: int, name: str) -> BusinessCalendar:
        if (version, name) not in self._calendars:
            self._calendars[version, name] = business(self.pacts[version].calendars[name])
        return self._calendars[version, name]

    def version_at(self, start: int) -> int | None:
        """The newest version that was agreed by then."""
        found = [version for version, agreed in self._agreed.items() if agreed <= start]
        return found[-1] if found else None

    def _segments(self, version: int, fields: Fields) -> Callable[[Segment], bool]:
        def fits(segment: Segment) -> bool:
            if segment.when is None:
                return True
            key = version, segment.name
            if key not in self._fits:
                self._fits[key] = predicate(segment.when, self.lifecycle)
            return self._fits[key](fields)

        return fits

    # -- one lead -------------------------------------------------------------------------------------------------------

    def judge(self, lead: Lead, known: Iterable[ClockRow]) -> Judged:
        """`known`: the lead's clocks as they were."""
        judged = Judged()
        before = {(row.clause, microseconds(row.started)): row for row in known}
        seen: set[tuple[str, int]] = set()
        for version, pact in self.pacts.items():
            if version not in {row.version for row in before.values()} and not self._may_start(version, lead):
                continue
            calendar = self.calendar(version, lead.fields)
            told = history(lead.moves, lead.touches, pact.pauses_in, self._at)
            away = self._away(calendar, lead.owner)
            for span in spans(pact, self.lifecycle, calendar, told, self._segments(version, lead.fields)):
                key: tuple[str, int] = (span.clause, span.start)
                row = before.get(key)
                if (row.version if row else self.version_at(span.start)) != version or key in seen:
                    continue
                seen.add(key)
                self._one(judged, lead, version, span, calendar, [*told.paused, *away], row)
            if version == max(self.pacts):
                judged.left = told.left
        for key, row in before.items():
            if key not in seen and row.open:  # its start proved to be another lead's, or nobody's
                judged.rows.append(replace(row, state="cancelled", stopped=self.now, look=None, note="history_changed"))
        return judged

    def _may_start(self, version: int, lead: Lead) -> bool:
        return any(at is not None and at >= self._agreed[version] for at, _, _ in lead.moves) or any(
            at is not None and at >= self._agreed[version] for at, _ in lead.touches
        )

    def _away(self, calendar: BusinessCalendar, owner: str) -> list[Stretch]:
        day = timedelta(days=1)
        return [
            (calendar.midnight(one.from_), calendar.midnight(one.to + day))
            for one in self.today.absences
            if one.owner.casefold() == owner
        ]

    def _one(
        self, judged: Judged, lead: Lead, version: int, span: Span, calendar: BusinessCalendar,
        still: Sequence[Stretch], row: ClockRow | None,
    ) -> None:  # fmt: skip
        stop = moment(span.stop) if span.stop is not None else None
        if row is not None and row.stopped is not None and row.stopped == stop:
            return  # it was closed by the same event: what was found then stands
        reading = read(span, calendar, still, self._at, self.today.alerts.reminders)
        owner = row.owner if row is not None and stop is not None and row.stopped is not None else lead.owner
        manager_at = self._manager_at(reading, calendar)
        made = ClockRow(
            lead.hub_id, span.clause, moment(span.start), version, span.segment, owner, self.team(owner),
            reading.state, span.allowed, reading.elapsed, _moment(reading.due), None,
            sum(place <= min(self._at, span.stop or self._at) for place in reading.reminders), _moment(reading.breached), stop, span.note,
        )  # fmt: skip
        if stop is None:
            made.look = _moment(self._next(reading, manager_at, still))
        elif span.how == "failed":
            manager_at = span.stop
        self._say(judged, made, reading, span, manager_at)
        if row is None or _changed(row, made):
            judged.rows.append(made)

    def _manager_at(self, reading: Reading, calendar: BusinessCalendar) -> int | None:
        after = self.today.alerts.manager_after
        if reading.over is None or not after:
            return reading.over
        return calendar.add(reading.over, minutes_of(after) * MINUTE)

    def _next(self, reading: Reading, manager_at: int | None, still: Sequence[Stretch]) -> int | None:
        """When there is next something to say, or the clock comes to a standstill or goes on."""
        edges = [edge for stretch in still for edge in stretch]
        places = (*reading.reminders, reading.over, manager_at, *edges)
        return min((place for place in places if place is not None and place > self._at), default=None)

    # -- what is said of it ---------------------------------------------------------------------------------------------

    def _say(self, judged: Judged, row: ClockRow, reading: Reading, span: Span, manager_at: int | None) -> None:
        """The newest of what there is to say: who hears of a breach needs no reminder any more."""
        failed = span.how == "failed"
        if row.stopped is not None and not failed:
            return
        if reading.breached is not None:
            self._add(judged, row, "breach", reading.breached)
            if manager_at is not None and manager_at <= self._at:
                self._add(judged, row, "manager", manager_at)
            return
        passed = [(index, place) for index, place in enumerate(reading.reminders, 1) if place <= self._at]
        if passed and reading.state == "running":
            index, place = passed[-1]
            self._add(judged, row, f"reminder{index}", place)

    def _add(self, judged: Judged, row: ClockRow, event: str, at: int) -> None:
        if moment(at) < self._horizon:
            judged.stale += 1
            return
        kind = event.rstrip("0123456789")
        key = f"{row.hub_id}:{row.clause}:{microseconds(row.started)}:{event}"
        for recipient, channel in self._whom(row, kind):
            mine = f"{key}:{channel}" if channel.startswith(TEAM) else key
            state, next_at, error = ("due", self.now, None) if channel else ("dropped", None, NO_CHANNEL)
            judged.alerts.append(
                AlertRow(
                    mine, kind, row.hub_id, row.clause, row.started, recipient, channel, self.now, state, 0, next_at,
                    None, error,
                )
            )  # fmt: skip

    def _whom(self, row: ClockRow, kind: str) -> list[tuple[str, str]]:
        """Recipients and their channels: by mail where there is an address, else in each of the team's channels, else
        nowhere, which is noted. What the owner is told in the team's channels, a manager without mail has read there."""
        teams, mail = self.today.teams, self.today.alerts.mail
        name = row.team or next((n for n, team in teams.items() if team.side == "sales" and team.channels), "")
        team = teams.get(name)
        open_to_all = [(name, f"{TEAM}{index}") for index in range(len(team.channels))] if team else []
        if kind == "manager":
            if team and team.manager and mail:
                return [(team.manager.casefold(), MAIL)]
            return open_to_all if row.owner and mail else []
        if row.owner and mail:
            return [(row.owner, MAIL)]
        return open_to_all or [(row.owner, "")]


def _changed(row: ClockRow, made: ClockRow) -> bool:
    """Elapsed time alone is no change: it can be read at any moment."""
    return replace(row, elapsed=made.elapsed) != made


def _moment(at: int | None) -> datetime | None:
    return None if at is None else moment(at)
