"""What changed: who came in, how many went on and how fast, what was won; each beside the period before. Pure."""

from __future__ import annotations

from datetime import timedelta

from alignment.funnel.figures import Days, Deals, Money, Share
from alignment.periods import midnight
from alignment.reports.material import Material
from alignment.reports.model import Better, Cell, Chart, Figure, Mark, Name, Say, Section, Series, Table, Term
from alignment.reports.periods import weeks

WEEKS = 13
"""That the chart of the inflow goes back."""


def counted(value: int | None, before: int | None = None, better: Better = "") -> Figure:
    return Figure(value, "count", before, better=better)


def shared(share: Share, before: Share | None = None, better: Better = "more") -> Figure:
    low, high = share.interval or (None, None)
    return Figure(share.value, "share", before.value if before else None, low, high, share.whole, better=better)


def days(now: Days, before: Days | None = None) -> Figure:
    return Figure(now.median, "days", before.median if before else None, of=now.count, better="less")


def money(now: Money | None, before: Money | None, currency: str) -> Figure:
    """In the project's currency; where it has none, in that of the largest total."""
    if now is None:
        return Figure(None, "money", currency=currency)
    code = currency or max(now.totals, key=lambda one: (now.totals[one], one), default="")
    earlier = before.totals.get(code, 0.0) if before else None
    return Figure(now.totals.get(code, 0.0), "money", earlier, of=now.deals, currency=code, better="more")


def changed(seen: Material) -> Section:
    total, before = seen.funnel.total, seen.funnel.before
    rates = {one.stage: one for one in seen.conversions}
    rows: list[tuple[Cell, ...]] = []
    for place, step in enumerate(total.steps):
        rate = rates.get(step.stage)
        earlier = before.steps[place] if before else None
        rows.append(
            (
                Term(step.stage),
                counted(step.entered, earlier.entered if earlier else None, "more"),
                shared(rate.now, rate.before) if rate else Figure(None, "share"),
                days(seen.took(step.stage, seen.period), seen.took(step.stage, seen.period.before))
                if rate else Figure(None, "days"),
                counted(step.waiting),
            )
        )  # fmt: skip
    tables = [Table("steps", ("stage", "entered", "went_on", "took", "there"), tuple(rows))]
    bars = tuple(
        Mark(Term(step.stage), step.entered, before=before.steps[n].entered if before else None)
        for n, step in enumerate(total.steps)
    )
    edges = weeks(seen.period, WEEKS)
    terms = seen.books.terms
    shown = dict.fromkeys([terms.passed, terms.sales_qualified, terms.converted])
    lines = tuple(
        Series(Term(stage), seen.inflow(stage, [midnight(day, seen.period.zone) for day in edges])) for stage in shown
    )
    charts = (Chart("entered", "bars", bars), Chart("inflow", "lines", series=lines, days=tuple(edges[:-1])))
    notes = [Say("note_went_on", {"count": terms.settings.within}), Say("note_took")]
    if total.deals is not None:
        tables.append(_deals(total.deals, before.deals if before else None, terms.config.currency or ""))
        notes += _missing(total.deals)
    notes += left_out(seen)
    inferred = sum(step.inferred for step in total.steps)
    if inferred:
        notes.append(Say("note_inferred", {"count": inferred}))
    return Section("changed", tuple(_points(seen, total.deals)), charts, tuple(tables), tuple(notes))


def _deals(deals: Deals, before: Deals | None, currency: str) -> Table:
    def of(name: str) -> Figure:
        return money(getattr(deals, name), getattr(before, name) if before else None, currency)

    def now(name: str) -> Figure:
        """What is open has no before: nobody knows what was."""
        return money(getattr(deals, name), None, currency)

    nothing = Figure(None, "money")
    rows: tuple[tuple[Cell, ...], ...] = (
        (Say("deals_won"), counted(deals.won, before.won if before else None, "more"), of("revenue"),
         of("sourced_revenue"), of("influenced_revenue")),
        (Say("deals_lost"), counted(deals.lost, before.lost if before else None, "less"), nothing, nothing, nothing),
        (Say("deals_rate"), shared(deals.rate, before.rate if before else None), nothing, nothing, nothing),
        (Say("deals_open"), counted(deals.open), now("pipeline"), now("sourced_pipeline"), now("influenced_pipeline")),
    )  # fmt: skip
    return Table("deals", ("deals", "number", "amount", "sourced", "influenced"), rows)


def _missing(deals: Deals) -> list[Say]:
    """What the sums do not hold."""
    told = [
        ("note_without_amount", deals.revenue.without_amount + deals.pipeline.without_amount),
        ("note_other_currency", deals.revenue.other_currency + deals.pipeline.other_currency),
        ("note_without_date", deals.without_date),
        ("note_without_leads", deals.without_leads),
    ]
    found = [Say(key, {"count": number}) for key, number in told if number]
    if deals.sourced_revenue is None:
        found.append(Say("note_not_sourced"))
    others = sorted({*deals.revenue.totals, *deals.pipeline.totals})
    if len(others) > 1:
        found.append(Say("note_currencies", {"currencies": ", ".join(others)}))
    return found


def left_out(seen: Material) -> list[Say]:
    told = [(f"note_{key}", number) for key, number in seen.funnel.excluded.items()]
    found = [Say(key, {"count": number}) for key, number in told if number]
    if seen.now < seen.period.end - timedelta(microseconds=1):
        found.append(Say("note_unfinished"))
    return found


def _points(seen: Material, deals: Deals | None) -> list[Say]:
    total, before, terms = seen.funnel.total, seen.funnel.before, seen.books.terms
    names = [step.stage for step in total.steps]
    found = []
    for stage in dict.fromkeys([terms.passed, terms.converted]):
        if stage in names:
            place = names.index(stage)
            earlier = before.steps[place].entered if before else None
            found.append(
                Say("point_entered", {"stage": Term(stage), "number": counted(total.steps[place].entered, earlier)})
            )
    if deals is not None:
        earlier_deals = before.deals if before else None
        amount = money(deals.revenue, earlier_deals.revenue if earlier_deals else None, terms.config.currency or "")
        found.append(
            Say(
                "point_won",
                {"number": counted(deals.won, earlier_deals.won if earlier_deals else None), "amount": amount},
            )
        )
    return found


def named(label: str) -> Cell:
    """A group of the funnel as people read it."""
    return Say("no_value") if label == "" else Say("others") if label == "…" else Name(label)
