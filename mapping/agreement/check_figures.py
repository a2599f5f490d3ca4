"""Whether personas, funnel and objectives make sense beside the rest of the project. See `mapping.checks`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mapping.agreement.funnel import CUTS
from mapping.agreement.objectives import METRICS, MONTHS, SHARES, Objective, Unit
from mapping.conditions import Condition, leaves
from mapping.config import ProjectFile
from mapping.derived import COMPUTED
from mapping.names import Names, check_condition
from mapping.problems import listed, nearest
from mapping.source import Loc, Source


def check_figures(main: Source, config: ProjectFile, names: Names) -> None:
    """Adds what is wrong to the errors of the source."""
    _check_personas(main, config, names)
    _check_funnel(main, config, names)
    _check_objectives(main, config, names)
    _check_reports(main, config)
    for code in config.rates:
        if config.currency is None:
            main.error(("rates", code), "there is no currency to convert to", "currency: EUR")
        elif code == config.currency:
            main.error(("rates", code), "this is the currency itself", "another currency")


def _check_personas(main: Source, config: ProjectFile, names: Names) -> None:
    seen: set[str] = set()
    for index, persona in enumerate(config.personas):
        loc: Loc = ("personas", index)
        if persona.name in seen:
            main.error((*loc, "name"), "two personas have the same name")
        seen.add(persona.name)
        _check_when(main, (*loc, "when"), persona.when, names)


def _check_when(main: Source, loc: Loc, condition: Condition, names: Names) -> None:
    """A persona is computed, so it is not computed from what is."""
    check_condition(main, loc, condition, names)
    for path, name, _ in leaves(condition):
        field = names.field(name)
        if name in COMPUTED or (field is not None and field.derived and not (field.rollup or field.happened)):
            main.error((*loc, *path), f"{name} is itself computed", "a field that is not")


def _check_funnel(main: Source, config: ProjectFile, names: Names) -> None:
    funnel, loc = config.funnel, ("funnel",)
    ranks: list[int] = []
    for index, stage in enumerate(funnel.steps):
        if names.known_stage(main, (*loc, "steps", index), stage, names.ladder):
            ranks.append(names.ladder.index(stage))
    if ranks != sorted(set(ranks)):
        main.error((*loc, "steps"), "the steps do not stand in the order of the ladder", ", ".join(names.ladder))
    for stage, days in funnel.stuck.items():
        if names.known_stage(main, (*loc, "stuck", stage), stage) and days < 1:
            main.error((*loc, "stuck", stage), "the number is out of range", "1 or more days")
    for key in ("passed", "accepted", "converted"):
        stage = getattr(funnel, key)
        if stage is not None:
            names.known_stage(main, (*loc, key), stage, names.ladder)
    for index, name in enumerate(funnel.cuts):
        if name not in CUTS or funnel.cuts != CUTS:
            names.known_field(main, (*loc, "cuts", index), name)
    seen: set[str] = set()
    for index, segment in enumerate(funnel.segments):
        if segment.name in seen:
            main.error((*loc, "segments", index, "name"), "two segments have the same name")
        seen.add(segment.name)
        check_condition(main, (*loc, "segments", index, "when"), segment.when, names)
    if funnel.sourced is not None:
        check_condition(main, (*loc, "sourced"), funnel.sourced, names)
    try:
        ZoneInfo(funnel.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        main.error((*loc, "time_zone"), "there is no such time zone", "a name such as Europe/Madrid")


def _check_objectives(main: Source, config: ProjectFile, names: Names) -> None:
    by_name: dict[str, Objective] = {}
    for index, one in enumerate(config.objectives):
        loc: Loc = ("objectives", index)
        if one.name in by_name:
            main.error((*loc, "name"), "two objectives have the same name")
        by_name.setdefault(one.name, one)
        known = [*METRICS, *names.ladder]
        if one.metric not in known:
            main.error(
                (*loc, "metric"), f"nothing measures {one.metric!r}", listed(known, 30), nearest(one.metric, known)
            )
        if one.metric in SHARES and (one.derived_from or (one.target or 0) > 1):
            main.error((*loc, "target"), f"{one.metric} is a share", "target: a number from 0 to 1")
        if one.metric in ("won_deals", "revenue", "pipeline", "sourced_revenue") and config.deals is None:
            main.error((*loc, "metric"), "deals are not synced", "deals: {fields: …}, here and in the mappings")
        if one.metric in ("revenue", "pipeline", "sourced_revenue") and config.currency is None:
            main.error((*loc, "metric"), "it is not said in which currency", "currency: EUR, at the top of the file")
        if one.metric == "sourced_revenue" and config.funnel.sourced is None:
            main.error((*loc, "metric"), "it is not said what marketing brings", "funnel: {sourced: …}")
    for index, one in enumerate(config.objectives):
        _check_derivation(main, ("objectives", index), one, by_name)


def _check_derivation(main: Source, loc: Loc, one: Objective, by_name: dict[str, Objective]) -> None:
    chain = [one.name]
    at = one
    while at.derived_from is not None:
        parent = by_name.get(at.derived_from.objective)
        if parent is None:
            if at is one:
                wanted = at.derived_from.objective
                place = (*loc, "derived_from", "from")
                main.error(place, f"there is no objective {wanted!r}", listed(by_name), nearest(wanted, by_name))
            return
        if parent.name in chain:
            if parent is one:
                main.error((*loc, "derived_from"), f"the objectives derive from each other: {' -> '.join(chain)}")
            return
        chain.append(parent.name)
        at = parent
    if one.derived_from is not None and at.metric in SHARES:
        main.error((*loc, "derived_from"), f"{at.name} is a share, from which no number follows", "another objective")
    unit = period_of(one, by_name)
    if one.derived_from is not None and one.period is not None and unit != period_of(at, by_name):
        main.error((*loc, "period"), f"{at.name} is measured by the {period_of(at, by_name)}", "the same, or none here")
    if one.start and one.end and not _holds_one(one.start, one.end, unit):
        main.error((*loc, "to"), f"there is no whole {unit} between its first and its last day", "a later day")


def period_of(one: Objective, by_name: dict[str, Objective]) -> Unit:
    """How long its periods are: what it says itself, or the next on the way that it is derived by that says so."""
    seen: set[str] = set()
    while one.period is None and one.derived_from is not None and one.name not in seen:
        seen.add(one.name)
        parent = by_name.get(one.derived_from.objective)
        if parent is None:
            break
        one = parent
    return one.period or "quarter"


def _holds_one(start: date, end: date, unit: Unit) -> bool:
    """Whether a whole period of the calendar lies between the two days, both included."""
    months = MONTHS[unit]
    first = start.year * 12 + start.month - 1 + (start.day > 1)
    first += -first % months
    after = end.toordinal() + 1
    last = first + months
    return date(last // 12, last % 12 + 1, 1).toordinal() <= after


def _check_reports(main: Source, config: ProjectFile) -> None:
    said = config.reports
    if said is None or said.mail is not None or (config.sla is not None and config.sla.alerts.mail is not None):
        return
    for key, asked in (("weekly", said.weekly), ("monthly", said.monthly)):
        for index, group in enumerate(asked.to if asked else ()):
            if group.people:
                place: Loc = ("reports", key, "to", index, "people")
                main.error(place, "it is not said by which mail server", "mail: an apprise URL, under reports")


def named(objectives: Iterable[Objective]) -> dict[str, Objective]:
    """By name; the first where two have the same."""
    found: dict[str, Objective] = {}
    for one in objectives:
        found.setdefault(one.name, one)
    return found
