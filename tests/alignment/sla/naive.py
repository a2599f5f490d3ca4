"""Business time counted minute by minute, by asking the clock on the wall at each: slow, and nothing to get wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from alignment.sla.calendar import MINUTE

ZONES = ("Europe/Madrid", "America/Sao_Paulo", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
CHANGES = {
    "Europe/Madrid": ["2026-03-29", "2026-10-25"],
    "America/Sao_Paulo": ["2017-10-15", "2018-02-18", "2018-11-04", "2019-02-17"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "Asia/Kolkata": ["2026-01-26"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],
}
"""Days on which clocks are changed; in Kolkata they never are."""


@dataclass(frozen=True)
class Place:
    """A calendar as its parts. `hours`: weekday -> spans in minutes of the day."""

    zone: str
    hours: dict[int, list[tuple[int, int]]]
    off: frozenset[date]

    def minutes(self, first: datetime, last: datetime) -> list[bool]:
        """Of each minute from the first on and before the last: whether work is done."""
        zone, found, at = ZoneInfo(self.zone), [], first
        while at < last:
            wall = at.astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            spans = self.hours.get(wall.weekday(), ())
            found.append(wall.date() not in self.off and any(a <= minute < b for a, b in spans))
            at += timedelta(minutes=1)
        return found


@dataclass(frozen=True)
class Window:
    """Minutes of a stretch of time, each known to be business time or not."""

    first: datetime
    open: list[bool]

    def at(self, index: int) -> int:
        """Microseconds since 1970 of a minute."""
        return (round(self.first.timestamp()) // 60 + index) * MINUTE

    def read(
        self, start: int, allowed: int, stop: int | None, now: int, paused: Sequence[tuple[int, int | None]]
    ) -> tuple[int, int | None]:
        """Minutes on the clock, and the minute by which `allowed` have passed (None: not in this stretch, or never)."""
        elapsed, passed, due = 0, 0, None
        end = now if stop is None else min(stop, now)
        for minute in range(start, len(self.open)):
            if due is None and passed == allowed:
                due = minute
            if due is not None and minute >= end:
                break
            if self.open[minute] and not any(a <= minute and (b is None or minute < b) for a, b in paused):
                passed += 1
                elapsed += minute < end
                if passed == allowed and due is None:
                    due = minute + 1
        return elapsed, due


def random_place(dice: random.Random) -> tuple[Place, Window]:
    """A random calendar, and a stretch of days around a day on which its clocks are changed or any other."""
    zone = dice.choice(ZONES)
    kind = dice.randrange(4)
    hours: dict[int, list[tuple[int, int]]] = {}
    for day in range(7):
        if kind == 0 or dice.random() < 0.75:
            cuts = sorted(dice.sample(range(0, 24 * 60 + 1, dice.choice([1, 5, 15, 30])), dice.choice([2, 2, 4, 6])))
            hours[day] = [(0, 1440)] if kind == 0 else list(zip(cuts[::2], cuts[1::2], strict=True))
    hours = hours or {dice.randrange(7): [(540, 1020)]}
    centre = date.fromisoformat(dice.choice(CHANGES[zone])) + timedelta(
        days=dice.choice([0, 0, 0, dice.randrange(200)])
    )
    off = frozenset(centre + timedelta(days=dice.randrange(-3, 4)) for _ in range(dice.choice([0, 0, 1, 2])))
    first = datetime(centre.year, centre.month, centre.day, tzinfo=UTC) - timedelta(
        days=2, minutes=dice.randrange(1440)
    )
    place = Place(zone, hours, off)
    return place, Window(first, place.minutes(first, first + timedelta(days=5)))
