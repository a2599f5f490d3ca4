"""Business time: against a count minute by minute, and the cases in which counting goes wrong."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from alignment.sla.calendar import MINUTE, BusinessCalendar, business
from alignment.sla.clocks import Span, read
from mapping.agreement.calendar import Calendar
from tests.alignment.sla.naive import Window, random_place

CASES = 10_000
A_PLACE = 50
"""Cases that share a calendar and its stretch of time."""


def at(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 60_000_000 // 60


OFFICE = {day: [(9 * 60, 17 * 60)] for day in range(5)}


def test_clocks_show_what_a_count_minute_by_minute_shows() -> None:
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    dues = breaches = pauses = 0
    for _ in range(CASES // A_PLACE):
        place, window = random_place(dice)
        calendar = BusinessCalendar(place.zone, place.hours, place.off)
        for _ in range(A_PLACE):
            due, breached, paused = _case(dice, calendar, window, seed)
            dues, breaches, pauses = dues + due, breaches + breached, pauses + paused
    assert min(dues, breaches, pauses) > CASES // 10  # the cases are such that something happens


def _case(dice: random.Random, calendar: BusinessCalendar, window: Window, seed: int) -> tuple[bool, bool, bool]:
    size = len(window.open)
    start, now = sorted(dice.sample(range(size), 2))
    stop = dice.randrange(start, size) if dice.random() < 0.5 else None
    allowed = dice.choice([1, 15, 60, dice.randrange(1, 2000)])
    paused: list[tuple[int, int | None]] = []
    for _ in range(dice.choice([0, 0, 1, 3])):
        a = dice.randrange(size)
        paused.append((a, None if dice.random() < 0.1 else dice.randrange(a, size + 1)))
    before = paused  # what comes after the end has no say in it
    if stop is not None:
        before = [(a, stop if b is None else min(b, stop)) for a, b in paused if a < stop]
    elapsed, due = window.read(start, allowed, stop, now, before)
    span = Span(
        "decision",
        window.at(start),
        allowed * MINUTE,
        "",
        None if stop is None else window.at(stop),
        None if stop is None else "met",
    )
    still = [(window.at(a), None if b is None else window.at(b)) for a, b in paused]
    got = read(span, calendar, still, window.at(now), [0.5])
    told = f"seed {seed}: {calendar.zone} {span} paused {still} now {window.at(now)}"
    assert got.elapsed == elapsed * MINUTE, told
    if due is not None:
        assert got.due == window.at(due), told
    else:
        assert got.due is None or got.due > window.at(size - 1), told
    over = elapsed > allowed
    assert (got.state == "breached") == over, told
    exceeded = got.over is not None and got.over <= min(window.at(now), span.stop or window.at(now))
    assert exceeded == over, told
    assert got.late == max(0, elapsed - allowed) * MINUTE, told
    if stop is not None and stop <= now and not over:
        assert got.state == "met", told
    if got.reminders and got.due is not None:
        assert span.start <= got.reminders[0] <= got.due, told
    if not paused:
        assert calendar.between(span.start, window.at(now)) == sum(window.open[start:now]) * MINUTE, told
    return due is not None, over, bool(paused)


def test_nine_to_five_stays_nine_to_five_when_the_clocks_change() -> None:
    calendar = BusinessCalendar("Europe/Madrid", OFFICE)
    friday, monday = at("2026-03-27T16:00", "Europe/Madrid"), at("2026-03-30T10:00", "Europe/Madrid")
    assert calendar.between(friday, monday) == 120 * MINUTE
    assert calendar.add(friday, 120 * MINUTE) == monday


def test_an_hour_that_is_skipped_is_none_and_one_that_is_repeated_counts_twice() -> None:
    always = {day: [(0, 24 * 60)] for day in range(7)}
    calendar = BusinessCalendar("Europe/Madrid", always)
    spring = [at(f"2026-03-{day}T00:00", "Europe/Madrid") for day in (29, 30)]
    autumn = [at(f"2026-10-{day}T00:00", "Europe/Madrid") for day in (25, 26)]
    assert calendar.between(*spring) == 23 * 60 * MINUTE
    assert calendar.between(*autumn) == 25 * 60 * MINUTE
    night = BusinessCalendar("Europe/Madrid", {6: [(2 * 60, 2 * 60 + 30)]})
    assert night.between(*spring) == 0
    assert night.between(*autumn) == 60 * MINUTE
    lord_howe = BusinessCalendar("Australia/Lord_Howe", always)
    day = [at(f"2026-04-0{day}T00:00", "Australia/Lord_Howe") for day in (5, 6)]
    assert lord_howe.between(*day) == (24 * 60 + 30) * MINUTE


def test_public_holidays_and_days_off_are_free() -> None:
    calendar = business(
        Calendar.model_validate(
            {"zone": "Europe/Madrid", "hours": {"monday": "09:00-17:00", "tuesday": "09:00-17:00", "friday": "09:00-17:00"},
             "holidays": {"country": "ES", "subdivision": "MD"}, "days_off": ["2026-05-04..2026-05-05"]}
        )
    )  # fmt: skip
    first_of_may = at("2026-05-01T00:00", "Europe/Madrid")
    assert calendar.add(first_of_may, 1) == at("2026-05-08T09:00", "Europe/Madrid") + 1
    labour_day, eve = at("2026-05-01T12:00", "Europe/Madrid"), at("2026-04-28T12:00", "Europe/Madrid")
    assert calendar.between(eve, labour_day) == 5 * 60 * MINUTE


def test_a_business_day_ends_with_its_hours() -> None:
    calendar = BusinessCalendar("America/New_York", OFFICE, [date(2026, 7, 3)])
    wednesday = at("2026-07-01T23:30", "America/New_York")
    assert calendar.days_later(wednesday, 1) == at("2026-07-02T17:00", "America/New_York")
    assert calendar.days_later(wednesday, 2) == at("2026-07-06T17:00", "America/New_York")
    assert calendar.days_later(at("2026-07-04T10:00", "America/New_York"), 1) == at(
        "2026-07-06T17:00", "America/New_York"
    )


def test_a_length_runs_over_the_end_of_the_years_that_are_made() -> None:
    calendar = BusinessCalendar("Asia/Kolkata", {0: [(0, 1)]})
    start = round(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    due = calendar.add(start, 500 * MINUTE)
    assert calendar.between(start, due) == 500 * MINUTE
    assert calendar.local(due).year == 2035


def test_a_calendar_without_time_never_comes_to_an_end() -> None:
    calendar = BusinessCalendar("Asia/Kolkata", {})
    with pytest.raises(OverflowError):
        calendar.add(0, MINUTE)
    assert calendar.between(0, 1 << 50) == 0
