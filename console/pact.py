"""`smarketing sla`: the pact in plain words, how it stands, and a tick by hand.

Reads the database alone; only `tick` writes, and sends. Not here: how anything is measured (`alignment.sla`). Invariant:
what was left out of a number is told beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from alignment.journeys import Journey, journeys
from alignment.periods import current, label_of
from alignment.sla import words
from alignment.sla.attainment import Attained, Group, attainment, of_team
from alignment.sla.messages import name_of, re_evaluation, told_length
from alignment.sla.target import Delivered, Measured, Target, delivered, measure, steps_of, target
from console.failures import Exit, Refusal
from console.screen import Screen, briefly, count, plain, table
from console.signing import lines_of
from mapping.agreement.objectives import Unit
from mapping.agreement.sla import Pact
from mapping.config import ProjectFile
from mapping.derived import lifecycle_of
from state.clocks import AlertRow, ClockRow, Clocks
from state.facts import Facts, microseconds
from state.history import Engine
from sync.clocks import PactError, pact_of
from sync.project import open_project

WON = "won"
"""The stage of a deal that brings revenue."""

SOON = 20
"""Open clocks that are shown; all of them with --json."""


async def show(screen: Screen, folder: Path) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        pact = _pact(opened.project.config)
        found = target_of(opened.engine, opened.project.config, pact, datetime.now(UTC))
    lines = list(lines_of(pact, found))
    due = re_evaluation(pact, datetime.now(UTC))
    screen.emit(
        {
            "ok": True,
            "exit": 0,
            "version": pact.version,
            "pact": pact.terms(),
            "text": [line for _, line in lines],
            "target": asdict(found) if found else None,
            "re_evaluation": due,
        }
    )
    for style, line in lines:
        screen.say(Text(plain(line, 1000), style=style))
    if due:
        screen.say(Text.assemble(("● ", "warn"), due))
    return Exit.DONE


async def status(screen: Screen, folder: Path) -> Exit:
    now = datetime.now(UTC)
    async with open_project(folder, systems=(), reading=True) as opened:
        config = opened.project.config
        pact = _pact(config)
        here = current(per_of(pact), now, pact.zone)
        with Clocks(opened.engine) as clocks:
            open_, last = clocks.all_clocks(open_only=True), clocks.position().at
            shown = open_ if screen.as_json else open_[:SOON]
            names = {id_: name_of(fields) for id_, fields in clocks.become(row.hub_id for row in shown).items()}
            attained = attainment(clocks.all_clocks(here.start), here.zone, per_of(pact))
            alerts, undelivered = clocks.counted_alerts(), clocks.alerts("dropped", "unknown", "failed", limit=50)
        found = target_of(opened.engine, config, pact, now)
        brought = delivered_of(opened.engine, config, pact, now, here.start, found)
    notes = list(_notes(pact, undelivered, brought, last))
    period = label_of(per_of(pact), here.first)
    screen.emit(
        {
            "ok": True,
            "exit": 0,
            "period": period,
            "last_tick": last,
            "open": [_clock(row, names) for row in open_],
            "attainment": [{**group._asdict(), **one.document()} for group, one in attained.items()],
            "marketing": asdict(brought) if brought else None,
            "target": asdict(found) if found else None,
            "alerts": alerts,
            "notes": notes,
        }
    )
    if not screen.as_json:
        _show(screen, open_, names, attained, brought, found, period)
        for note in notes:
            screen.say(Text.assemble(("● ", "warn"), plain(note, 500)))
    return Exit.DONE


async def tick(screen: Screen, folder: Path) -> Exit:
    from delivery.clocks import tick_project

    try:
        done = await tick_project(folder)
    except PactError as error:
        raise Refusal(error.code, error.message, error.hint) from error
    ticked, sent = done.ticked, done.sent
    notes = [
        words.STATUS[key].format(count=number)
        for key, number in (
            ("stale", ticked.stale), ("left_future", ticked.left.future), ("left_undated", ticked.left.undated),
            ("left_unmatched", ticked.left.unmatched), ("unknown", sent.unknown), ("failed", sent.failed),
            ("given_up", sent.dropped),
        )
        if number
    ]  # fmt: skip
    result = Exit.FINDINGS if sent.failed or sent.dropped or sent.unknown else Exit.DONE
    screen.emit({"ok": True, "exit": int(result), "ticked": asdict(ticked), "sent": asdict(sent), "notes": notes})
    told = f"{ticked.leads:,} leads looked at, {ticked.clocks:,} clocks changed, {sent.sent:,} alerts sent"
    screen.say(Text.assemble(("✓ ", "good"), told))
    for channel, said in sent.errors.items():
        screen.say(Text.assemble(("● ", "bad"), f"{channel}: {plain(said, 300)}"))
    for note in notes:
        screen.say(Text.assemble(("● ", "warn"), note))
    return result


# -- what there is to tell ------------------------------------------------------------------------------------------------


def _pact(config: ProjectFile) -> Pact:
    try:
        return pact_of(config)
    except PactError as error:
        raise Refusal(error.code, error.message, error.hint) from error


def per_of(pact: Pact) -> Unit:
    """How long a period of the pact is."""
    return pact.marketing.volume.per if pact.marketing.volume else "month"


def _journeys(facts: Facts, config: ProjectFile) -> Iterator[Journey]:
    return journeys(facts.stage_events(), lifecycle_of(config))


def target_of(engine: Engine, config: ProjectFile, pact: Pact, now: datetime) -> Target | None:
    """What marketing has to bring; None where it has promised no number. Reads the whole past where a rate is measured."""
    volume = pact.marketing.volume
    if volume is None:
        return None
    since = now - timedelta(days=round(volume.measured_over * 30.44))
    with Facts(engine) as facts:
        amounts = [
            float(amount)
            for _, (stage, amount, closed) in facts.values("deal", ("stage", "amount", "close_date"))
            if stage == WON and isinstance(amount, int | float) and str(closed or "") >= f"{since:%Y-%m-%d}"
        ]
        measured = (
            measure(_journeys(facts, config), steps_of(pact.marketing), microseconds(since), amounts)
            if "measured" in volume.rates.values()
            else Measured({}, amounts)
        )
    return target(pact.marketing, measured)


def delivered_of(
    engine: Engine, config: ProjectFile, pact: Pact, now: datetime, since: datetime, found: Target | None,
    until: datetime | None = None,
) -> Delivered | None:  # fmt: skip
    """What marketing has brought from `since` on and before `until`, up to now where that is None. Reads the whole past."""
    marketing = pact.marketing
    if marketing.volume is None and marketing.quality is None and marketing.completeness is None:
        return None
    end = microseconds(now) + 1
    with Facts(engine) as facts:
        names = marketing.completeness.fields if marketing.completeness else ()
        told = facts.values("lead", names) if names else ()
        fields = {hub_id: dict(zip(names, values, strict=True)) for hub_id, values in told}
        return delivered(
            marketing, _journeys(facts, config), fields, lifecycle_of(config).side, microseconds(since),
            end if until is None else min(end, microseconds(until)), microseconds(now), found.value if found else None,
        )  # fmt: skip


def _notes(pact: Pact, alerts: list[AlertRow], brought: Delivered | None, last: datetime | None) -> Iterator[str]:
    if due := re_evaluation(pact, datetime.now(UTC)):
        yield due
    if last is None:
        yield words.STATUS["no_tick"]
    kinds = {
        "no_owner_channel": sum(a.state == "dropped" and a.error == "no-channel" for a in alerts),
        "given_up": sum(a.state == "dropped" and a.error != "no-channel" for a in alerts),
        "unknown": sum(a.state == "unknown" for a in alerts),
        "failed": sum(a.state == "failed" for a in alerts),
        "left_future": brought.future if brought else 0,
        "left_undated": brought.undated if brought else 0,
    }
    yield from (words.STATUS[key].format(count=number) for key, number in kinds.items() if number)


def _clock(row: ClockRow, names: dict[str, str]) -> dict[str, Any]:
    told = asdict(row)
    for name in ("allowed", "elapsed"):
        length = told.pop(name)
        told[f"{name}_minutes"] = None if length is None else round(length / 60_000_000, 1)
    return {**told, "lead": names.get(row.hub_id, "")}


# -- on the screen --------------------------------------------------------------------------------------------------------


def _show(
    screen: Screen, open_: list[ClockRow], names: dict[str, str], attained: dict[Group, Attained],
    brought: Delivered | None, found: Target | None, period: str,
) -> None:  # fmt: skip
    if open_:
        what = table("!Due", "Lead", "!Clause", "!Owner", "~!State", "~>Allowed", title="Open clocks")
        for row in open_[:SOON]:
            style = {"breached": "bad", "paused": "quiet"}.get(row.state, "")
            what.add_row(
                briefly(row.due), plain(names.get(row.hub_id, ""), 60), words.CLAUSES[row.clause],
                plain(row.owner or words.NOBODY, 60), Text(row.state, style=style), told_length(row.allowed),
            )  # fmt: skip
        screen.say(what)
        if len(open_) > SOON:
            screen.say(Text(f"… and {len(open_) - SOON:,} more", style="quiet"))
        screen.gap()
    what = table("!Clause", "!Team", "!Owner", ">Met", ">Breached", ">Open", "~>Excluded", ">Kept", "~>Median", "~>p90",
                 title=f"Attainment, {period}")  # fmt: skip
    by_team: dict[Group, None] = dict.fromkeys(of_team(group) for group in attained)
    for group, one in attained.items():
        what.add_row(
            words.CLAUSES[group.clause], plain(group.team or "–", 40), plain(group.owner or words.NOBODY, 60),
            count(one.met, "good"), count(one.breached, "bad"), count(one.open), count(one.excluded), told_share(one),
            told_length(one.median), told_length(one.p90),
        )  # fmt: skip
    if by_team:
        screen.say(what)
    if brought:
        goal = f" of {found.leads:,}" if found and found.leads is not None else ""
        screen.say(Text(f"Handed over in {period}: {brought.leads:,}{goal}", style="accent"))
        if brought.acceptance is not None:
            screen.say(f"Accepted: {brought.acceptance:.0%} of {brought.accepted + brought.rejected:,} decided upon")
        if brought.completeness is not None:
            screen.say(f"Complete: {brought.completeness:.0%}")


def told_share(one: Attained) -> str:
    """ "80 % (49–94)" """
    if one.share is None or one.interval is None:
        return "–"
    return f"{one.share:.0%} ({one.interval.low * 100:.0f}–{one.interval.high * 100:.0f})"
