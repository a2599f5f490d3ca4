"""The stretches of time that a page offers, by name. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from alignment.periods import Period, label_of, month_on, period_named
from console.web.page import Refused
from mapping.agreement.objectives import MONTHS, Unit

DAYS = "days"
"""From one day to another, as somebody says."""

PERIODS = (
    "this_month", "last_month", "this_quarter", "last_quarter", "three_months", "twelve_months", "this_year", "last_year",
    DAYS,
)  # fmt: skip
USUAL = "three_months"
LONGEST = 3660
"""Days."""


def period_asked(name: str, first: date | None, last: date | None, today: date, zone: str) -> tuple[str, Period]:
    """The name as it is taken, and what it stands for. Whole months and more: of the running one also the days to come, so that
    the question stays the same from one day to the next."""
    if name == DAYS and first is not None and last is not None:
        first, last = min(first, last), max(first, last)
        if within_reason(first, last):
            return DAYS, Period(first, last, zone)
    if name in ("three_months", "twelve_months"):
        return name, Period(month_on(today, -2 if name == "three_months" else -11), _end("month", today, zone), zone)
    when, _, unit = name.partition("_")
    if unit not in MONTHS or when not in ("this", "last"):
        return period_asked(USUAL, None, None, today, zone)
    now = period_named(label_of(unit, today), zone)[1]
    return name, now if when == "this" else now.before


def within_reason(first: date, last: date) -> bool:
    """Ten years at most, and in a time of which somebody can have kept a history."""
    return date(1990, 1, 1) <= first <= last <= date(2199, 12, 31) and (last - first).days < LONGEST


def _end(unit: Unit, today: date, zone: str) -> date:
    return period_named(label_of(unit, today), zone)[1].last


def lately(unit: Unit, today: date, count: int) -> list[str]:
    """The labels of the running period and of those before it, the newest first."""
    found = [label_of(unit, today)]
    while len(found) < count:
        _, period = period_named(found[-1])
        found.append(label_of(unit, period.first - timedelta(days=1)))
    return found


def check_days(first: str, last: str) -> None:
    """Of days as people type them, each of which may be left out. Raises Refused for what is none, or where the last one is before
    the first."""
    days = []
    for text in (first, last):
        try:
            days.append(date.fromisoformat(text) if text else None)
        except ValueError:
            raise Refused(422, "vocabulary.no_day", day=text[:40]) from None
    if days[0] and days[1] and days[1] < days[0]:
        raise Refused(422, "vocabulary.days_turned")
