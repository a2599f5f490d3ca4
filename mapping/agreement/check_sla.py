"""Whether a pact fits its project: stages, fields, zones and countries that exist, clauses that can be kept, segments that
some lead can be in.

Invariant: a lead's segment that no lead can ever be in is told, where the conditions are plain tests of single fields; of
others (`any`, `not`) nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import available_timezones

from mapping.agreement.calendar import Calendar, PublicHolidays, minutes_of
from mapping.agreement.sla import Marketing, Pact, Sales, Segment
from mapping.conditions import Condition, Test
from mapping.config import ProjectFile
from mapping.names import Names, check_condition
from mapping.problems import listed, nearest
from mapping.source import Loc, Source

BASE: Loc = ("sla",)


def check_sla(main: Source, config: ProjectFile, names: Names) -> None:
    pact = config.sla
    if pact is None:
        return
    _check_calendars(main, pact, names)
    for index, stage in enumerate(pact.pauses_in):
        side = [one for one in names.stages if one not in names.ladder]
        names.known_stage(main, (*BASE, "pauses_in", index), stage, side, "side state")
    _check_marketing(main, pact.marketing, names)
    _check_sales(main, pact.sales, names)
    _check_people(main, pact, names)
    if pact.sales == Sales() and pact.marketing == Marketing():
        main.error(BASE, "nobody promises anything", "clauses under marketing and sales")


# -- calendars ----------------------------------------------------------------------------------------------------------


def _check_calendars(main: Source, pact: Pact, names: Names) -> None:
    known = list(dict.fromkeys([*pact.calendars, *main.keys(*BASE, "calendars")]))
    if pact.calendar is not None and pact.calendar not in known:
        main.error((*BASE, "calendar"), "there is no such calendar", listed(known), nearest(pact.calendar, known))
    if pact.calendar_by is not None:
        names.known_field(main, (*BASE, "calendar_by"), pact.calendar_by)
    taken: dict[str, str] = {}
    for name, calendar in pact.calendars.items():
        loc = (*BASE, "calendars", name)
        _check_calendar(main, loc, calendar)
        if calendar.regions and pact.calendar_by is None:
            main.error((*loc, "regions"), "nothing says which field they are values of", "calendar_by: country")
        for index, region in enumerate(calendar.regions):
            other = taken.setdefault(region.casefold(), name)
            if other != name:
                main.error(
                    (*loc, "regions", index), f"{region} has the calendar {other} already", "one for each region"
                )
        if pact.calendar_by is not None and not calendar.regions and name != pact.main_calendar:
            main.error(loc, "no lead is ever worked by this calendar", "regions")


def _check_calendar(main: Source, loc: Loc, calendar: Calendar) -> None:
    zones = available_timezones()
    if calendar.zone not in zones:
        likely = nearest(calendar.zone, zones)
        main.error((*loc, "zone"), f"there is no time zone {calendar.zone!r}", "an IANA name: Europe/Madrid", likely)
    if not any(calendar.hours.values()):
        main.error((*loc, "hours"), "there is no business time in a week", 'monday: "09:00-17:00"')
    if calendar.holidays is not None:
        _check_holidays(main, (*loc, "holidays"), calendar.holidays)


def _check_holidays(main: Source, loc: Loc, asked: PublicHolidays) -> None:
    import holidays  # slow to import

    countries: Mapping[str, Sequence[str]] = holidays.list_supported_countries()
    if asked.country not in countries:
        likely = "GB" if asked.country == "UK" else nearest(asked.country, countries)
        main.error(
            (*loc, "country"), f"no holidays are known of {asked.country!r}", "two capitals, as in ISO 3166", likely
        )
    elif asked.subdivision is not None and asked.subdivision not in countries[asked.country]:
        known = countries[asked.country]
        where = (*loc, "subdivision")
        message = f"{asked.country} has no subdivision {asked.subdivision!r} with holidays of its own"
        main.error(where, message, listed(known, 60) or "no subdivision", nearest(asked.subdivision, known))


# -- promises -----------------------------------------------------------------------------------------------------------


def _check_marketing(main: Source, said: Marketing, names: Names) -> None:
    base = (*BASE, "marketing")
    ladder = names.ladder
    known = names.known_stage(main, (*base, "stage"), said.stage, ladder)
    start = ladder.index(said.stage) if known else -1
    if said.quality is not None and names.known_stage(main, (*base, "quality", "accept"), said.quality.accept, ladder):
        _check_after(main, (*base, "quality", "accept"), said.quality.accept, said.stage, ladder)
    if said.completeness is not None:
        for index, name in enumerate(said.completeness.fields):
            names.known_field(main, (*base, "completeness", "fields", index), name)
    if said.volume is None:
        return
    last = start
    for stage in said.volume.rates:
        loc = (*base, "volume", "rates", stage)
        if not names.known_stage(main, loc, stage, ladder):
            continue
        if ladder.index(stage) <= last:
            main.error(
                loc, "rates stand in the order of the ladder, from the qualified lead up", listed(ladder[start + 1 :])
            )
        last = max(last, ladder.index(stage))
    if said.volume.average_deal == "measured" and "deal" not in names.kinds:
        main.error(
            (*base, "volume", "average_deal"), "deals are not synced, so there is nothing to measure", "an amount"
        )


def _check_after(main: Source, loc: Loc, later: str, stage: str, ladder: Sequence[str]) -> None:
    if stage in ladder and ladder.index(later) <= ladder.index(stage):
        main.error(loc, f"{later} does not come after {stage}", listed(ladder[ladder.index(stage) + 1 :]))


def _check_sales(main: Source, said: Sales, names: Names) -> None:
    base = (*BASE, "sales")
    for key in ("first_response", "attempts", "decision", "follow_up"):
        clause = getattr(said, key)
        if clause is not None:
            names.known_stage(main, (*base, key, "stage"), clause.stage, names.ladder)
    if said.first_response is not None:
        _check_segments(main, (*base, "first_response", "segments"), said.first_response.segments, names)
    if said.decision is not None and names.known_stage(
        main, (*base, "decision", "accept"), said.decision.accept, names.ladder
    ):
        _check_after(main, (*base, "decision", "accept"), said.decision.accept, said.decision.stage, names.ladder)
    if said.follow_up is not None:
        for index, stage in enumerate(said.follow_up.until):
            names.known_stage(main, (*base, "follow_up", "until", index), stage)
            if stage == said.follow_up.stage:
                main.error((*base, "follow_up", "until", index), "it would end where it begins", "a later stage")
    attempts = said.attempts
    if attempts is not None and attempts.apart_at_least and attempts.apart_at_most:
        least, most = minutes_of(attempts.apart_at_least), minutes_of(attempts.apart_at_most)
        if most < least:
            message = "an attempt would be due before it counts"
            main.error((*base, "attempts", "apart_at_most"), message, f"at least {attempts.apart_at_least}")


def _check_segments(main: Source, loc: Loc, segments: Sequence[Segment], names: Names) -> None:
    seen: list[Segment] = []
    for index, segment in enumerate(segments):
        here = (*loc, index)
        if segment.when is not None:
            check_condition(main, (*here, "when"), segment.when, names)
        if any(one.name == segment.name for one in seen):
            main.error((*here, "name"), "two segments have the same name")
        if segment.when is not None and _impossible(segment.when):
            main.error((*here, "when"), "no lead can be so", "tests that can hold together")
        elif taker := next((one.name for one in seen if covers(one.when, segment.when)), None):
            message = f"no lead ever gets here: {taker} takes all of them before"
            main.error(here, message, "the narrower segment first")
        seen.append(segment)


def _plain(condition: Condition) -> dict[str, list[Test]] | None:
    """The tests that must all hold, by field; None where there are alternatives."""
    if condition.any is not None or condition.not_ is not None:
        return None
    found = {name: [test] for name, test in condition.tests.items()}
    for part in condition.all or ():
        inner = _plain(part)
        if inner is None:
            return None
        for name, tests in inner.items():
            found.setdefault(name, []).extend(tests)
    return found


def covers(wide: Condition | None, narrow: Condition | None) -> bool:
    """Whether whoever fits the second fits the first; False where that cannot be told."""
    if wide is None or wide == narrow:
        return True
    if narrow is None:
        return False
    outer, inner = _plain(wide), _plain(narrow)
    if outer is None or inner is None:
        return False
    return all(any(_implies(b, a) for b in inner.get(name, ())) for name, tests in outer.items() for a in tests)


def _implies(narrow: Test, wide: Test) -> bool:
    """Whether a value that passes the first test passes the second."""
    words, asked = _words(narrow), wide.given()
    for kind, wanted in asked.items():
        if kind == "present":
            if wanted is not (narrow.present if narrow.present is not None else True):
                return False
        elif kind in ("equals", "in_"):
            if words is None or not words <= (_words(wide) or set()):
                return False
        elif kind in ("at_least", "at_most"):
            if not _within(narrow, words, kind, wanted):
                return False
        elif narrow.contains is None or str(wanted).casefold() not in narrow.contains.casefold():
            return False
    return True


def _within(narrow: Test, words: set[Any] | None, kind: str, wanted: Any) -> bool:
    limit = getattr(narrow, kind)
    values: Iterable[Any] = [limit] if limit is not None else words or ()
    values = list(values)
    if not values or not all(_alike(one, wanted) and not isinstance(one, str) for one in values):
        return False
    return all(one >= wanted if kind == "at_least" else one <= wanted for one in values)


def _words(test: Test) -> set[Any] | None:
    values = [test.equals] if test.equals is not None else list(test.in_) if test.in_ is not None else None
    return None if values is None else {one.casefold() if isinstance(one, str) else one for one in values}


def _alike(one: Any, other: Any) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float)


def _impossible(condition: Condition) -> bool:
    """Whether the plain tests of one field exclude each other."""
    for tests in (_plain(condition) or {}).values():
        sets = [words for test in tests if (words := _words(test)) is not None]
        if sets and not set.intersection(*sets):
            return True
        low = max((t.at_least for t in tests if isinstance(t.at_least, int | float)), default=None)
        high = min((t.at_most for t in tests if isinstance(t.at_most, int | float)), default=None)
        if low is not None and high is not None and low > high:
            return True
        if any(t.present is False for t in tests) and any(t.given().keys() - {"present"} or t.present for t in tests):
            return True
        numbers = [one for words in sets for one in words if isinstance(one, int | float) and not isinstance(one, bool)]
        if numbers and all((low is not None and n < low) or (high is not None and n > high) for n in numbers):
            return True
    return False


# -- people -------------------------------------------------------------------------------------------------------------


def _check_people(main: Source, pact: Pact, names: Names) -> None:
    first: dict[str, str] = {}
    for name, team in pact.teams.items():
        loc = (*BASE, "teams", name)
        for index, member in enumerate(team.members):
            other = first.setdefault(member.casefold(), name)
            if other != name:
                main.error((*loc, "members", index), f"{member} is in {other} already", "one team for each person")
        for index, url in enumerate(team.channels):
            _check_url(main, (*loc, "channels", index), url)
    if pact.alerts.mail is not None:
        _check_url(main, (*BASE, "alerts", "mail"), pact.alerts.mail)
    if pact.absences and "owner" not in names.kinds:
        main.error((*BASE, "absences"), "owners are not synced, so nobody is known to be away", "owners: {fields: …}")


def _check_url(main: Source, loc: Loc, url: str) -> None:
    """An address of a channel is itself a secret: whoever has it can write there. So nothing of it is repeated."""
    if "${" not in url and not _harmless(url):
        main.error(loc, "a secret stands in the file", "${NAME}, a variable of the environment")


def _harmless(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    plain = scheme in ("mailto", "mailtos", "json", "xml", "form", "syslog", "jsons")
    return plain and "@" not in rest.partition("/")[0] and "pass" not in rest
