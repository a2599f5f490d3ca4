"""Counting in business time: how much of it lies between two points in time, and where so much more of it ends. Pure.

A point in time is business time where a clock on the wall shows a business hour of a business day: an hour that the
clocks skip is none, one that they repeat counts twice. Points in time and lengths are microseconds (since 1970, UTC).
Invariant: `between(t, add(t, n)) == n`, and no instant before that has as much.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from mapping.agreement.calendar import WEEKDAYS, Calendar, span_of

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
_EPOCH = date(1970, 1, 1)
FARTHEST = 60
"""Years that are looked ahead for business time at most."""


class BusinessCalendar:
    """Intervals of business time with their running sums, made for whole years when they are first asked for."""

    def __init__(
        self, zone: str, hours: Mapping[int, Collection[tuple[int, int]]], off: Collection[date] = (),
        holidays: Mapping[str, str | None] | None = None,
    ) -> None:  # fmt: skip
        """`hours`: weekday (Monday is 0) -> spans in minutes of the day. `holidays`: country and subdivision."""
        self.zone = ZoneInfo(zone)
        self._hours = {day: sorted(spans) for day, spans in hours.items()}
        self._off, self._holidays = frozenset(off), holidays
        self._first = self._last = 0
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._sums: list[int] = [0]
        """Business time before each interval; at the end, that of all."""
        self._days: list[int] = []
        """Business days, in days since 1970."""
        self._day_ends: dict[int, int] = {}

    # -- counting ------------------------------------------------------------------------------------------------------

    def between(self, start: int, end: int) -> int:
        """Business time from `start` on and before `end`; 0 where `end` is not later."""
        if end <= start:
            return 0
        self._cover(start, end)
        return self._before(end) - self._before(start)

    def add(self, start: int, length: int) -> int:
        """The earliest point in time by which `length` of business time has passed. Raises OverflowError where there is
        not so much for decades."""
        if length <= 0:
            return start
        self._cover(start, start + 2 * length)
        target = self._before(start) + length
        while self._sums[-1] < target:
            if self._last - _year(start) > FARTHEST:
                raise OverflowError("the calendar has too little business time")
            self._make(self._first, self._last + 2)
        at = bisect_left(self._sums, target) - 1
        return self._starts[at] + target - self._sums[at]

    def days_later(self, start: int, days: int) -> int:
        """The end of the business hours of the `days`-th business day after the local day of `start`."""
        self._cover(start, start + 14 * days * DAY)
        here = self.local_day(start)
        while (at := bisect_right(self._days, here) + days - 1) >= len(self._days):
            if self._last - _year(start) > FARTHEST:
                raise OverflowError("the calendar has too few business days")
            self._make(self._first, self._last + 2)
        return self._day_ends[self._days[at]]

    def local_day(self, at: int) -> int:
        """Days since 1970 on the calendar in the zone."""
        return (self.local(at).date() - _EPOCH).days

    def local(self, at: int) -> datetime:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).astimezone(self.zone)

    def midnight(self, day: date) -> int:
        """When a day begins in the zone."""
        return round(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp()) * SECOND

    def _before(self, at: int) -> int:
        place = bisect_right(self._starts, at) - 1
        if place < 0:
            return 0
        return self._sums[place] + min(at, self._ends[place]) - self._starts[place]

    # -- making the intervals ------------------------------------------------------------------------------------------

    def _cover(self, start: int, end: int) -> None:
        first, last = _year(start) - 1, _year(end) + 1
        if not self._last:
            self._make(first, last)
        elif first < self._first or last > self._last:
            self._make(min(first, self._first), max(last, self._last))

    def _make(self, first: int, last: int) -> None:
        """All intervals from the year `first` to the year `last`, both in it."""
        self._first, self._last = first, last
        free = {(day - _EPOCH).days for day in self._off}
        if self._holidays is not None:
            free |= _public_holidays(self._holidays["country"] or "", self._holidays.get("subdivision"), first, last)
        offsets = _offsets(self.zone, first, last)
        found: list[tuple[int, int]] = []
        self._day_ends = {}
        at = 0
        for day in range((date(first, 1, 1) - _EPOCH).days, (date(last + 1, 1, 1) - _EPOCH).days):
            spans = self._hours.get((day + 3) % 7)  # the first of January 1970 was a Thursday
            if not spans or day in free:
                continue
            while at + 1 < len(offsets) and offsets[at + 1][0] <= (day - 1) * DAY:
                at += 1
            pieces = sorted(_instants(day, spans, offsets[at:]))
            if pieces:
                found += pieces
                self._day_ends[day] = pieces[-1][1]
        found.sort()  # clocks that are put back over midnight show a day again after the next has begun
        self._starts, self._ends = [start for start, _ in found], [end for _, end in found]
        self._sums = list(accumulate((end - start for start, end in found), initial=0))
        self._days = list(self._day_ends)


def _instants(
    day: int, spans: Collection[tuple[int, int]], offsets: list[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """When the clocks show these hours of this day: in two pieces, or shorter, where they are changed meanwhile."""
    for index, (since, offset) in enumerate(offsets):
        until = offsets[index + 1][0] if index + 1 < len(offsets) else (day + 3) * DAY
        if since > (day + 2) * DAY:
            return
        for first, last in spans:
            start = max(day * DAY + first * MINUTE - offset, since)
            end = min(day * DAY + last * MINUTE - offset, until)
            if start < end:
                yield start, end


def _year(at: int) -> int:
    return 1970 + at // (366 * DAY)  # at most a year off in centuries, and a year more is made on both sides


def _offsets(zone: ZoneInfo, first: int, last: int) -> list[tuple[int, int]]:
    """From when on which offset from UTC holds, in these years."""
    at = (date(first, 1, 1) - _EPOCH).days * DAY - 2 * DAY
    end = (date(last + 1, 1, 1) - _EPOCH).days * DAY + 2 * DAY
    found = [(at, _offset(zone, at))]
    while at < end:
        low, high = at, at + DAY
        if _offset(zone, high) != found[-1][1]:
            while high - low > SECOND:
                middle = (low + high) // (2 * SECOND) * SECOND
                low, high = (middle, high) if _offset(zone, middle) == found[-1][1] else (low, middle)
            found.append((high, _offset(zone, high)))
        at += DAY
    return found


def _offset(zone: ZoneInfo, at: int) -> int:
    shift = datetime.fromtimestamp(at // SECOND, zone).utcoffset()
    return round((shift or timedelta()).total_seconds()) * SECOND


@cache
def _public_holidays(country: str, subdivision: str | None, first: int, last: int) -> set[int]:
    import holidays  # a second of imports that most commands do not need

    found = holidays.country_holidays(country, subdiv=subdivision, years=range(first, last + 1))
    return {(day - _EPOCH).days for day in found}


def business(calendar: Calendar) -> BusinessCalendar:
    """The calendar of a pact, to count with."""
    hours = {WEEKDAYS.index(day): [span_of(span) for span in spans] for day, spans in calendar.hours.items()}
    asked = calendar.holidays
    holidays = {"country": asked.country, "subdivision": asked.subdivision} if asked else None
    return BusinessCalendar(calendar.zone, hours, list(calendar.off()), holidays)
