"""`funnel`: who came how far, to look at; and who stands behind each number. Reads the database alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.text import Text

from alignment.funnel.counting import Books, leads_behind, not_converted, read_books
from alignment.funnel.counting import funnel as count_funnel
from alignment.funnel.figures import Counts, Deals, Funnel
from alignment.funnel.groups import BLANK, OTHERS, PERIOD
from alignment.funnel.selecting import OUTCOMES
from alignment.periods import Period, local_day, month_on
from console.bars import against, bar, document, left_out, middle, money, percent, span, uncertain, write_csv
from console.failures import Exit, Refusal
from console.names import names_in
from console.screen import Screen, Sheet, count, many, moment, plain, table
from mapping.config import ProjectFile
from mapping.problems import listed, nearest
from state.facts import Facts
from sync.project import Opened, open_project

WORDS = {
    "open": "still open", "not_qualified": "not qualified", "lost": "lost at the close", BLANK: "(none)",
    OTHERS: "(all others)", "no_reason": "no reason given",
}  # fmt: skip
"""What people read for what figures are called."""


class Asked(NamedTuple):
    """The options as they were typed."""

    start: str | None = None
    end: str | None = None
    by: str | None = None
    only: str | None = None
    leads: str | None = None
    limit: int = 50
    csv: bool = False


async def funnel(screen: Screen, folder: Path, asked: Asked) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        period = period_of(opened.project.config, asked.start, asked.end)
        with Facts(opened.engine) as facts:
            books = read_books(facts, opened.project.config)
            if asked.leads is not None:
                return _behind(screen, opened, books, facts, period, asked)
            cuts = _cuts(books, asked.by)
            found = count_funnel(books, facts, period, cuts=cuts)
        with opened.store(dry=True) as store:
            names = names_in(store, [list(values) for values in found.cuts.values()])
    if asked.csv:
        _csv(found, names)
    else:
        screen.emit({"ok": True, "exit": 0, **document(found), "names": names})
        if not screen.as_json:
            show(screen, found, {**names, **labels(opened.project.config)})
    return Exit.DONE


def period_of(config: ProjectFile, start: str | None, end: str | None) -> Period:
    """From days as people type them; the last three months where they type none. Raises Refusal."""
    zone = config.funnel.time_zone
    today = local_day(datetime.now(UTC), zone)
    last = _day(end, "--to") if end else today
    first = _day(start, "--from") if start else month_on(last, -2)
    if last < first:
        raise Refusal("usage", "--to lies before --from.", "Give the earlier day to --from.")
    return Period(first, last, zone)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal("usage", f"{option}: {plain(text, 40)} is no day.", "Write it as 2026-01-31.") from None


def _cuts(books: Books, by: str | None) -> list[str]:
    if by is None:
        return []
    known = [*books.groups, PERIOD]
    if by not in known:
        likely = nearest(by, known)
        hint = f"Did you mean {likely}? " if likely else ""
        raise Refusal(
            "no-figure", f"Figures are not told apart by {plain(by, 40)}.", f"{hint}There is {listed(known)}."
        )
    return [by]


def labels(config: ProjectFile) -> dict[str, str]:
    return {one.name: one.label.within(config.languages[0]) or one.name for one in config.personas} | WORDS


# -- to look at ---------------------------------------------------------------------------------------------------------


def show(screen: Screen, found: Funnel, names: Mapping[str, str]) -> None:
    screen.gap()
    screen.title("Funnel", f"{span(found.period)}, beside {span(found.period.before)}")
    screen.gap()
    screen.say(steps_of(found.total, found.before, found.within))
    _passed(screen, found.total)
    _left(screen, found.total)
    if found.total.deals is not None:
        screen.gap()
        screen.say(_deals(found.total.deals, found.before.deals if found.before else None))
        _warn(screen, found.total.deals)
    for name, groups in found.cuts.items():
        screen.gap()
        screen.say(_cut(name, groups, names))
    out = [(found.excluded["without_stage"], "without any stage"), (found.excluded["in_future"], "with a time to come")]
    for number, why in out:
        if number:
            screen.say(Text.assemble(("● ", "quiet"), (f"left out: {many(number, 'lead')} {why}", "quiet")))


def steps_of(total: Counts, before: Counts | None, within: int) -> Sheet:
    what = table(
        "!Stage", "!", ">Entered", "~>Before", ">Go on", f"~>In {within} d", "~>Median d", "~>p90 d", ">There now",
        ">Stuck", "~>In", "~>Out",
    )  # fmt: skip
    most = max((step.entered for step in total.steps), default=0) or 1
    for number, step in enumerate(total.steps):
        earlier = before.steps[number].entered if before else None
        median, p90 = middle(step.days)
        what.add_row(
            Text(step.stage, style="bold"),
            bar(step.entered / most),
            count(step.entered),
            against(step.entered, earlier),
            uncertain(step.reached),
            percent(step.within.value),
            median,
            p90,
            count(step.waiting),
            count(step.stuck, "warn"),
            count(step.inflow),
            count(step.outflow),
        )
    return what


def _passed(screen: Screen, counts: Counts) -> None:
    passed = counts.passed
    if not passed.passed:
        return
    screen.gap()
    what = table("!What became of those passed to sales", ">Leads", ">Share", "!", "Reasons")
    rows = [("accepted", passed.accepted.part), ("converted", passed.converted.part), ("open", passed.open)]
    rows += [("not_qualified", passed.not_qualified), ("lost", passed.lost)]
    for name, number in rows:
        reasons = passed.reasons.get(name, {})
        told = ", ".join(f"{plain(reason) or WORDS['no_reason']} {n:,}" for reason, n in list(reasons.items())[:5])
        style = "good" if name in ("accepted", "converted") else "quiet" if name == "open" else "warn"
        share = number / passed.passed
        what.add_row(WORDS.get(name, name), count(number), percent(share), bar(share, 12, style), told)
    screen.say(what)


def _left(screen: Screen, counts: Counts) -> None:
    if not counts.left:
        return
    screen.gap()
    what = table("!Left the ladder", "Reason", ">Leads", "!")
    most = max(n for reasons in counts.left.values() for n in reasons.values())
    for side, reasons in counts.left.items():
        for number, (reason, n) in enumerate(list(reasons.items())[:8]):
            shown = plain(reason) or WORDS["no_reason"]
            what.add_row(Text(side if not number else "", style="bold"), shown, count(n), bar(n / most, 12, "warn"))
    screen.say(what)


def _deals(deals: Deals, before: Deals | None) -> Sheet:
    what = table("!Deals", ">Deals", ">Amount", ">Sourced by marketing", ">Influenced", ">Won before")
    what.add_row(
        Text("won", style="bold"), count(deals.won), money(deals.revenue), money(deals.sourced_revenue),
        money(deals.influenced_revenue), money(before.revenue) if before else "–",
    )  # fmt: skip
    what.add_row(
        Text("open", style="bold"), count(deals.open), money(deals.pipeline), money(deals.sourced_pipeline),
        money(deals.influenced_pipeline), "",
    )  # fmt: skip
    what.add_row(
        Text("lost", style="bold"), count(deals.lost), "", Text.assemble("won ", uncertain(deals.rate)), "", ""
    )
    return what


def _warn(screen: Screen, deals: Deals) -> None:
    """What the sums do not hold."""
    said = [(name, left_out(some)) for name, some in (("won", deals.revenue), ("open", deals.pipeline))]
    for name, missing in said:
        if missing:
            screen.say(Text.assemble(("● ", "warn"), f"not in the amount of {name} deals: {missing}"))
    if deals.without_date:
        screen.say(
            Text.assemble(("● ", "warn"), f"{many(deals.without_date, 'closed deal')} without a date, in no period")
        )


def _cut(name: str, groups: Mapping[str, Counts], names: Mapping[str, str]) -> Sheet:
    """A row for each value: how many entered each step, and what share of them went on."""
    stages = [step.stage for step in next(iter(groups.values())).steps]
    what = table(f"!{name.capitalize()}", *(f">{stage}" for stage in stages), "~!Won")
    for value, counts in groups.items():
        cells = [
            Text.assemble(count(step.entered), " ", (percent(step.reached.value).plain if step.next else "", "quiet"))
            for step in counts.steps
        ]
        won = money(counts.deals.revenue) if counts.deals else "–"
        if any(step.entered or step.waiting for step in counts.steps) or won != "–":
            what.add_row(Text(plain(names.get(value, value), 30), style="bold"), *cells, won)
    return what


def _csv(found: Funnel, names: Mapping[str, str]) -> None:
    """A line for each step of each group; all leads are the group without a cut."""
    header = [
        "cut", "value", "name", "stage", "entered", "reached", "share", "low", "high", "mature", "within", "median_days",
        "p90_days", "waiting", "stuck", "inflow", "outflow",
    ]  # fmt: skip
    groups = [("", "", found.total), *((c, v, n) for c, some in found.cuts.items() for v, n in some.items())]
    rows: list[list[Any]] = []
    for cut, value, counts in groups:
        for step in counts.steps:
            low, high = step.reached.interval or (None, None)
            rows.append(
                [
                    cut, value, names.get(value, ""), step.stage, step.entered, step.reached.part, step.reached.value, low,
                    high, step.within.whole, step.within.part, step.days.median, step.days.p90, step.waiting, step.stuck,
                    step.inflow, step.outflow,
                ]
            )  # fmt: skip
    write_csv(header, rows)


# -- who stands behind a figure -----------------------------------------------------------------------------------------


def _behind(screen: Screen, opened: Opened, books: Books, facts: Facts, period: Period, asked: Asked) -> Exit:
    assert asked.leads is not None
    first, _, second = asked.leads.partition(":")
    stage, figure = (first, second or "entered") if first in books.past.stages else (None, first)
    if second == "" and stage in books.terms.lifecycle.side and stage is not None and asked.leads != OUTCOMES[2]:
        figure = "left"
    if asked.leads in OUTCOMES:
        stage, figure = None, asked.leads
    cut: tuple[str, str] | None = None
    if asked.only is not None:
        name, _, value = asked.only.partition("=")
        cut = name, value
    try:
        ids = leads_behind(books, facts, period, figure, stage=stage, cut=cut)
    except (KeyError, ValueError):
        raise Refusal(
            "no-figure", f"No figure is called {plain(asked.leads, 40)}{' ' + plain(asked.only, 40) if asked.only else ''}.",
            "A stage, stage:reached, stage:stuck, passed, not_qualified, lost; with --only a cut and one of its values.",
        ) from None  # fmt: skip
    details = {one.lead: one for one in not_converted(books, period, [figure])} if figure in OUTCOMES else {}
    owners = {one.owner for one in details.values()}
    some = ids if screen.as_json else ids[: asked.limit]
    with opened.store(dry=True) as store:
        names = names_in(store, list(some), [owner for owner in owners if owner])
    rows = [
        {
            "lead": i,
            "who": names.get(i, i),
            **({k: v for k, v in asdict(details[i]).items() if k != "lead"} if details else {}),
        }
        for i in some
    ]
    for row in rows:
        if row.get("owner"):
            row["owner"] = names.get(row["owner"], row["owner"])
    if asked.csv:
        header = list(rows[0]) if rows else ["lead", "who"]
        write_csv(header, [[row[name] for name in header] for row in rows])
        return Exit.DONE
    screen.emit(
        {"ok": True, "exit": 0, "period": document(period), "figure": asked.leads, "count": len(ids), "leads": rows}
    )
    if not screen.as_json:
        _list(screen, asked, period, ids, rows)
    return Exit.DONE


def _list(screen: Screen, asked: Asked, period: Period, ids: list[str], rows: list[dict[str, Any]]) -> None:
    screen.title(f"{asked.leads}: {many(len(ids), 'lead')}", span(period))
    detailed = bool(rows) and "outcome" in rows[0]
    what = table("Who", *(("!Stage", "Reason", "Owner", "!Passed", "!Left") if detailed else ()), "~!ID")
    for row in rows:
        more = (
            (
                row["stage"],
                plain(row["reason"]),
                plain(row["owner"] or "–"),
                moment(row["passed_at"]),
                moment(row["at"]),
            )
            if detailed
            else ()
        )
        what.add_row(Text(plain(row["who"], 60), style="bold"), *more, Text(row["lead"], style="quiet"))
    screen.say(what)
    if len(ids) > len(rows):
        screen.say(Text(f"… and {len(ids) - len(rows):,} more: --limit, --csv, --json", style="quiet"))
