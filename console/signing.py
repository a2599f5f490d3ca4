"""A pact in plain words, to be read aloud and signed. Pure: lines with the style that they are shown in.

Invariant: every promise that is measured is told, and nothing that is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alignment.sla.target import Target
from alignment.sla.words import PROMISES as SAY
from mapping.agreement.calendar import Calendar
from mapping.agreement.sla import Pact, Sales
from mapping.conditions import asked

Line = tuple[str, str]


def lines_of(pact: Pact, found: Target | None) -> Iterator[Line]:
    """(style, text)"""
    yield "accent", SAY["heading"].format(version=pact.version)
    names = _listed([f"{one.name} ({one.team})" for one in pact.agreed_by])
    dates = {"agreed_on": pact.agreed_on, "re_evaluate_on": pact.re_evaluate_on}
    yield "", SAY["agreed"].format(names=names, **dates)
    promises = list(_marketing(pact, found))
    if promises:
        yield from (("", ""), ("accent", SAY["marketing"]))
        yield from promises
    promises = list(_sales(pact.sales))
    if promises:
        yield from (("", ""), ("accent", SAY["sales"]))
        yield from promises
    yield from (("", ""), ("accent", SAY["how"]))
    for name, calendar in pact.calendars.items():
        yield "", f"  {_calendar(name, calendar, pact.calendar_by or '')}"
    yield "", f"  {SAY['pauses'].format(stages=_listed(pact.pauses_in, 'or'))}"
    yield "", ""
    for one in pact.agreed_by:
        yield "", f"{SAY['signature'].format(team=one.team, name=one.name):40}{'_' * 30}"


def _marketing(pact: Pact, found: Target | None) -> Iterator[Line]:
    said = pact.marketing
    if said.volume is not None and found is not None:
        told = {"stage": said.stage, "per": said.volume.per}
        if found.leads is None or found.value is None:
            yield "", f"  • {SAY['volume_unknown'].format(**told)}"
        else:
            worth = money(found.value * found.leads)
            yield "", f"  • {SAY['volume'].format(leads=f'{found.leads:,}', value=worth, **told)}"
        yield "quiet", f"    {SAY['derived']}:"
        for line in derivation(pact, found):
            yield "quiet", f"      {line}"
    if said.quality is not None:
        share, accept = f"{said.quality.at_least:.0%}", said.quality.accept
        yield "", f"  • {SAY['quality'].format(share=share, accept=accept)}"
    if said.completeness is not None:
        share, fields = f"{said.completeness.at_least:.0%}", _listed(said.completeness.fields)
        yield "", f"  • {SAY['completeness'].format(share=share, fields=fields)}"


def derivation(pact: Pact, found: Target) -> Iterator[str]:
    """From the revenue back to the leads, a line a step."""
    volume = pact.marketing.volume
    assert volume is not None
    yield SAY["revenue"].format(revenue=money(found.revenue), per=volume.per)
    months = volume.measured_over
    if found.average_deal is None or found.won is None:
        yield SAY["deal_unknown"]
    else:
        deals = SAY["measured_deal"].format(months=months, of=found.deals)
        basis = deals if found.deal_basis == "measured" else SAY["agreed_basis"]
        yield SAY["deal"].format(deal=money(found.average_deal), basis=basis, won=_number(found.won))
    for step in found.steps:
        told = {"before": step.before, "stage": step.stage}
        if step.rate is None:
            yield SAY["step_unknown"].format(**told)
            continue
        measured = SAY["measured_rate"].format(months=months, of=step.of)
        basis = measured if step.basis == "measured" else SAY["agreed_basis"]
        needed = _number(step.needed) if step.needed is not None else "–"
        yield SAY["step"].format(rate=f"{step.rate:.1%}", basis=basis, needed=needed, **told)


def _sales(said: Sales) -> Iterator[Line]:
    if (first := said.first_response) is not None:
        yield "", f"  • {SAY['first_response'].format(stage=first.stage, types=_listed(first.types, 'or'))}"
        for segment in first.segments:
            when = SAY["when"].format(condition=asked(segment.when)) if segment.when else SAY["otherwise"]
            yield "", f"      {SAY['segment'].format(name=segment.name, within=segment.within, when=when)}"
    if (decision := said.decision) is not None:
        reason = SAY["reason"] if decision.reason else ""
        told = {"stage": decision.stage, "accept": decision.accept, "within": decision.within, "reason": reason}
        yield "", f"  • {SAY['decision'].format(**told)}"
    if (tries := said.attempts) is not None:
        least = SAY["apart_least"].format(time=tries.apart_at_least) if tries.apart_at_least else ""
        most = SAY["apart_most"].format(time=tries.apart_at_most) if tries.apart_at_most else ""
        types = _listed(tries.types, "or")
        text = SAY["attempts"].format(stage=tries.stage, count=tries.at_least, types=types, least=least, most=most)
        yield "", f"  • {text}"
    if (follow := said.follow_up) is not None:
        until, types = _listed(follow.until, "or"), _listed(follow.types, "or")
        yield "", f"  • {SAY['follow_up'].format(stage=follow.stage, until=until, days=follow.days, types=types)}"


def _calendar(name: str, calendar: Calendar, by: str) -> str:
    hours = "; ".join(f"{day} {_listed(spans)}" for day, spans in calendar.hours.items() if spans)
    free, place = "", calendar.holidays
    if place is not None:
        where = f"{place.country}-{place.subdivision}" if place.subdivision else place.country
        free = SAY["holidays"].format(place=where)
    regions = SAY["regions"].format(by=by, regions=_listed(calendar.regions, "or")) if calendar.regions else ""
    return SAY["calendar"].format(name=name, zone=calendar.zone, hours=hours, holidays=free, regions=regions)


def money(amount: float) -> str:
    return f"{amount:,.2f}".removesuffix(".00")


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _listed(words: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])
