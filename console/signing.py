"""A pact in plain words, to be read aloud and signed, in the language of whoever reads it. Pure.

Invariant: every promise that is measured is told, and nothing that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alignment.sla.target import Target
from alignment.words import Words
from mapping.agreement.calendar import Calendar
from mapping.agreement.sla import Pact, Signature
from mapping.conditions import Condition, asked

Line = tuple[str, str]
Told = Callable[[Condition], str]
"""A condition in words."""


@dataclass(frozen=True)
class Promise:
    """`more`: a line each, under `title` where there is one."""

    text: str
    more: tuple[str, ...] = ()
    title: str = ""


def lines_of(pact: Pact, found: Target | None, words: Words | None = None, told: Told = asked) -> Iterator[Line]:
    """(style, text), for a terminal and for paper."""
    say = words or Words("en")
    yield "accent", say("pact.heading", version=str(pact.version))
    yield "", agreed(pact, say)
    for key, promises in (("marketing", marketing(pact, found, say)), ("sales", sales(pact, say, told))):
        if promises:
            yield from (("", ""), ("accent", say(f"pact.{key}")))
        for one in promises:
            yield "", f"  • {one.text}"
            if one.title:
                yield "quiet", f"    {one.title}:"
            yield from (("quiet" if one.title else "", f"      {line}") for line in one.more)
    yield from (("", ""), ("accent", say("pact.how")))
    yield from (("", f"  {line}") for line in times(pact, say))
    yield "", ""
    for signature in pact.agreed_by:
        yield "", f"{say('pact.signature', team=signature.team, name=signature.name):40}{'_' * 30}"


def agreed(pact: Pact, say: Words) -> str:
    names = say.every(map(_signed, pact.agreed_by))
    return say("pact.agreed", names=names, agreed_on=pact.agreed_on, re_evaluate_on=pact.re_evaluate_on)


def _signed(one: Signature) -> str:
    return f"{one.name} ({one.team})"


def marketing(pact: Pact, found: Target | None, say: Words) -> list[Promise]:
    """`found`: what the number comes to; None where it is not known yet, and then nothing is said of it."""
    said, promises = pact.marketing, list[Promise]()
    if said.volume is not None and found is not None:
        about = {"stage": said.stage, "per": say(f"pact.per_{said.volume.per}")}
        if found.leads is None or found.value is None:
            text = say("pact.volume_unknown", **about)
        else:
            text = say("pact.volume", leads=found.leads, value=money(found.value * found.leads, say), **about)
        promises.append(Promise(text, tuple(derivation(pact, found, say)), say("pact.derived")))
    if said.quality is not None:
        share, accept = say.percent(said.quality.at_least), said.quality.accept
        promises.append(Promise(say("pact.quality", share=share, accept=accept)))
    if said.completeness is not None:
        fields = say.every(said.completeness.fields)
        share = say.percent(said.completeness.at_least)
        promises.append(Promise(say("pact.completeness", share=share, fields=fields)))
    return promises


def derivation(pact: Pact, found: Target, say: Words) -> Iterator[str]:
    """From the revenue back to the leads, a line a step."""
    volume = pact.marketing.volume
    assert volume is not None
    yield say("pact.revenue", revenue=money(found.revenue, say), per=say(f"pact.per_{volume.per}"))
    months = volume.measured_over
    if found.average_deal is None or found.won is None:
        yield say("pact.deal_unknown")
    else:
        deals = say("pact.measured_deal", months=months, of=found.deals)
        basis = deals if found.deal_basis == "measured" else say("pact.agreed_basis")
        yield say("pact.deal", deal=money(found.average_deal, say), basis=basis, won=_number(found.won, say))
    for step in found.steps:
        about = {"before": step.before, "stage": step.stage}
        if step.rate is None:
            yield say("pact.step_unknown", **about)
            continue
        measured = say("pact.measured_rate", months=months, of=step.of)
        basis = measured if step.basis == "measured" else say("pact.agreed_basis")
        needed = _number(step.needed, say) if step.needed is not None else "–"
        yield say("pact.step", rate=say.percent(step.rate, 1), basis=basis, needed=needed, **about)


def sales(pact: Pact, say: Words, told: Told) -> list[Promise]:
    said, promises = pact.sales, list[Promise]()

    def types(names: tuple[str, ...]) -> str:
        return say.either(say(f"activities.{name}") for name in names)

    if (first := said.first_response) is not None:
        segments = []
        for segment in first.segments:
            when = say("pact.when", condition=told(segment.when)) if segment.when else say("pact.otherwise")
            segments.append(say("pact.segment", name=segment.name, within=segment.within, when=when))
        text = say("pact.first_response", stage=first.stage, types=types(first.types))
        promises.append(Promise(text, tuple(segments)))
    if (decision := said.decision) is not None:
        reason = say("pact.reason") if decision.reason else ""
        about = {"stage": decision.stage, "accept": decision.accept, "within": decision.within, "reason": reason}
        promises.append(Promise(say("pact.decision", **about)))
    if (tries := said.attempts) is not None:
        least = say("pact.apart_least", time=tries.apart_at_least) if tries.apart_at_least else ""
        most = say("pact.apart_most", time=tries.apart_at_most) if tries.apart_at_most else ""
        number = tries.at_least
        promises.append(
            Promise(
                say("pact.attempts", stage=tries.stage, number=number, types=types(tries.types), least=least, most=most)
            )
        )
    if (follow := said.follow_up) is not None:
        until, touch = say.either(follow.until), types(follow.types)
        promises.append(Promise(say("pact.follow_up", stage=follow.stage, until=until, days=follow.days, types=touch)))
    return promises


def times(pact: Pact, say: Words) -> Iterator[str]:
    """When clocks run, and when they stand still."""
    for name, calendar in pact.calendars.items():
        yield _calendar(name, calendar, pact.calendar_by or "", say)
    yield say("pact.pauses", stages=say.either(pact.pauses_in))


def _calendar(name: str, calendar: Calendar, by: str, say: Words) -> str:
    days = dict(
        zip(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), range(7), strict=True)
    )
    named = say.locale.days["format"]["wide"]
    hours = "; ".join(f"{named[days[day]]} {say.every(spans)}" for day, spans in calendar.hours.items() if spans)
    free, place = "", calendar.holidays
    if place is not None:
        where = f"{place.country}-{place.subdivision}" if place.subdivision else place.country
        free = say("pact.holidays", place=where)
    regions = say("pact.regions", by=by, regions=say.either(calendar.regions)) if calendar.regions else ""
    return say("pact.calendar", name=name, zone=calendar.zone, hours=hours, holidays=free, regions=regions)


def money(amount: float, say: Words) -> str:
    """Without a currency; with cents where there are some."""
    return say.number(round(amount, 2), 0 if round(amount, 2).is_integer() else 2)


def _number(value: float, say: Words) -> str:
    return say.number(value, 0 if round(value, 1).is_integer() else 1)
