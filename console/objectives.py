"""`objectives …`: how they stand, and what is kept of them for good. Reads the database; `freeze`, `restate` and `accept`
write to it, and nothing is ever overwritten."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from alignment.objectives import MONEY, TEAMS, Goal, Progress, goals, over
from alignment.periods import local_day
from alignment.standing import key, measured, standing
from console.bars import bar, document, percent, write_csv
from console.failures import Exit, Refusal
from console.screen import Screen, many, moment, plain, table
from mapping.agreement.objectives import SHARES
from mapping.problems import listed, nearest
from state.attainments import Acceptance, AlreadyFrozen, Attainment, attainments, newest
from state.attainments import accept as keep_acceptance
from state.attainments import freeze as keep
from sync.project import Opened, open_project


async def show(screen: Screen, folder: Path, label: str | None, as_csv: bool) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        found = standing(opened.engine, opened.project.config, _goals(opened, label), datetime.now(UTC))
        history = attainments(opened.engine)
    language = opened.project.config.languages[0]
    documents = [document_of(one, language) for one in found]
    if as_csv:
        write_csv(list(documents[0]) if documents else CSV, [[flat(v) for v in one.values()] for one in documents])
        return Exit.DONE
    screen.emit({"ok": True, "exit": 0, "objectives": documents, "history": [document(one) for one in history]})
    if not screen.as_json:
        _show(screen, found, opened.project.config.currency or "", language)
    return Exit.DONE


def _goals(opened: Opened, label: str | None, day: date | None = None) -> list[Goal]:
    config = opened.project.config
    if not config.objectives:
        raise Refusal(
            "no-objective", "There are no objectives.", "Say what you want to reach: objectives, in smarketing.yaml."
        )
    today = local_day(datetime.now(UTC), config.funnel.time_zone)
    try:
        found = goals(config, day or today, label)
    except ValueError:
        raise Refusal(
            "usage", f"{plain(label, 40)} is no period.", "Write 2026-03, 2026-Q1, 2026-H1 or 2026."
        ) from None
    if label is not None and not found:
        raise Refusal("no-objective", f"No objective holds in {label}.", "See `from`, `to` and `period` of each.")
    return found


def _named(opened: Opened, name: str, label: str | None) -> Goal:
    known = [one.name for one in opened.project.config.objectives]
    if name not in known:
        likely = nearest(name, known)
        hint = f"Did you mean {likely}?" if likely else f"There is {listed(known)}." if known else ""
        raise Refusal("no-objective", f"There is no objective {plain(name, 40)}.", hint)
    found = [one for one in _goals(opened, label) if one.objective.name == name]
    if not found:
        raise Refusal("no-objective", f"{name} does not hold in that period.", "See its `from`, `to` and `period`.")
    return found[0]


# -- what is kept -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """`goals`: what was frozen just now; `unmeasured`: the names of those that nothing measures, which were not."""

    goals: list[Goal]
    unmeasured: list[str]


def keep_over(opened: Opened, label: str | None, by: str, now: datetime) -> Kept:
    """Freeze what is over and not frozen yet: of the period with this label, or of the last one of each objective. Raises
    Refusal."""
    wanted = _goals(opened, label) if label else last_over(opened)
    if label and not all(over(one, now) for one in wanted):
        raise Refusal("not-over", f"{label} is not over yet.", "Freeze it when its last day has passed.")
    due = unfrozen(opened, wanted, now)
    found = measured(opened.engine, opened.project.config, due, now)
    kept = Kept([], [])
    for goal in due:
        value = found[key(goal)]
        if value is None:
            kept.unmeasured.append(goal.objective.name)
            continue
        keep(opened.engine, goal.objective.name, goal.label, value.value, goal.target, value.basis, now, by)
        kept.goals.append(goal)
    return kept


def unfrozen(opened: Opened, wanted: Sequence[Goal], now: datetime) -> list[Goal]:
    """Those of which the period is over, and nothing is kept."""
    held = newest(attainments(opened.engine))
    return [one for one in wanted if over(one, now) and key(one) not in held]


async def freeze(screen: Screen, folder: Path, label: str | None, by: str | None) -> Exit:
    now = datetime.now(UTC)
    async with open_project(folder, systems=()) as opened:
        kept = keep_over(opened, label, by or getpass.getuser(), now)
        rows = standing(opened.engine, opened.project.config, kept.goals, now)
    result = Exit.FINDINGS if kept.unmeasured else Exit.DONE
    language = opened.project.config.languages[0]
    screen.emit(
        {
            "ok": not kept.unmeasured,
            "exit": int(result),
            "frozen": [document_of(one, language) for one in rows],
            "unmeasured": kept.unmeasured,
        }
    )
    if not screen.as_json:
        if rows:
            _show(screen, rows, opened.project.config.currency or "", language)
        screen.say(
            f"[good]✓[/] {many(len(rows), 'objective')} frozen."
            if rows
            else "Nothing to freeze: all that is over is kept."
        )
        for name in kept.unmeasured:
            screen.say(Text.assemble(("● ", "warn"), f"{name}: nothing measures it; not frozen"))
    return result


def last_over(opened: Opened) -> list[Goal]:
    """Each objective in the last period that is over."""
    found: dict[str, Goal] = {}
    for goal in _goals(opened, None):
        before = goals(opened.project.config, goal.period.first - timedelta(days=1))
        found |= {one.objective.name: one for one in before if one.objective.name == goal.objective.name}
    for name in {one.name for one in opened.project.config.objectives} - found.keys():  # they may hold no longer
        end = next(one.end for one in opened.project.config.objectives if one.name == name)
        if end is not None:
            found |= {
                one.objective.name: one for one in goals(opened.project.config, end) if one.objective.name == name
            }
    return list(found.values())


def keep_again(
    opened: Opened, name: str, label: str, reason: str, by: str, now: datetime
) -> tuple[Attainment, Progress]:  # fmt: skip
    """Count what is frozen anew and keep that besides: the row that held until now, and how the objective stands. Raises
    Refusal."""
    if not reason.strip():
        raise Refusal("usage", "Why is it restated?", "Say it with --reason; it is kept.")
    goal = _named(opened, name, label)
    old = newest(attainments(opened.engine)).get((name, goal.label))
    if old is None:
        raise Refusal("not-frozen", f"{name} is not frozen for {goal.label}.", "smarketing objectives freeze")
    value = measured(opened.engine, opened.project.config, [goal], now)[key(goal)]
    if value is None:
        raise Refusal("no-objective", f"Nothing measures {name} any more.", "The frozen value stays.")
    try:
        keep(
            opened.engine, name, goal.label, value.value, goal.target, value.basis, now, by, restates=old.id,
            reason=reason.strip(),
        )  # fmt: skip
    except AlreadyFrozen:
        raise Refusal("not-frozen", "Somebody has restated it in this moment.", "Look at it again.") from None
    (row,) = standing(opened.engine, opened.project.config, [goal], now)
    return old, row


async def restate(screen: Screen, folder: Path, name: str, label: str, reason: str, by: str | None) -> Exit:
    async with open_project(folder, systems=()) as opened:
        old, row = keep_again(opened, name, label, reason, by or getpass.getuser(), datetime.now(UTC))
    screen.emit(
        {"ok": True, "exit": 0, "was": document(old), "objective": document_of(row, opened.project.config.languages[0])}
    )
    screen.say(
        f"[good]✓[/] {name} {row.goal.label}: {old.value:,.2f} → {row.value or 0:,.2f}. The old value stays on record."
    )
    return Exit.DONE


def stand_by(opened: Opened, name: str, team: str, label: str | None, by: str, now: datetime) -> Acceptance:
    """A team accepts what was frozen, or before that the target. Raises Refusal."""
    if team not in TEAMS:
        raise Refusal("usage", f"There is no team {plain(team, 40)}.", "marketing or sales")
    goal = _named(opened, name, label)
    held = newest(attainments(opened.engine)).get((name, goal.label))
    said = Acceptance(
        name, goal.label, team, held.target if held else goal.target, now, by, held.id if held else None
    )  # fmt: skip
    keep_acceptance(opened.engine, said)
    return said


async def accept(screen: Screen, folder: Path, name: str, team: str, label: str | None, by: str | None) -> Exit:
    async with open_project(folder, systems=()) as opened:
        said = stand_by(opened, name, team, label, by or getpass.getuser(), datetime.now(UTC))
    came = said.attainment_id is not None
    what = f"what came of {name} in {said.period}" if came else f"the target of {name} for {said.period}"
    screen.emit({"ok": True, "exit": 0, "accepted": document(said)})
    screen.say(f"[good]✓[/] {plain(said.accepted_by)} accepts {what} for {team}.")
    return Exit.DONE


# -- to look at ---------------------------------------------------------------------------------------------------------

CSV = [
    "objective", "label", "team", "metric", "period", "from", "to", "target", "value", "attainment", "forecast", "method",
    "derived_from", "basis", "frozen_at", "frozen_by", "restated_from", "reason", "accepted",
]  # fmt: skip


def label_of(one: Progress, language: str) -> str:
    return one.goal.objective.label.within(language) or one.goal.objective.name


def document_of(one: Progress, language: str) -> dict[str, Any]:
    """By the columns of `CSV`."""
    goal, frozen = one.goal, one.frozen
    return dict(
        zip(
            CSV,
            [
                goal.objective.name, label_of(one, language), goal.objective.team,
                goal.objective.metric, goal.label, goal.period.first, goal.period.last,
                frozen.target if frozen else goal.target, one.value, one.attainment, one.forecast, method(one),
                list(goal.chain[:-1]), dict(one.basis), frozen.frozen_at if frozen else None,
                frozen.frozen_by if frozen else None, frozen.restated_from if frozen else None,
                frozen.reason if frozen else None,
                {team: said.accepted_by for team, said in one.accepted.items()},
            ],
            strict=True,
        )
    )  # fmt: skip


def flat(value: Any) -> Any:
    """As one cell of CSV."""
    if isinstance(value, dict):
        return "; ".join(f"{key}={inner}" for key, inner in value.items())
    return " > ".join(value) if isinstance(value, list) else value


def method(one: Progress) -> str:
    """How the forecast came about."""
    if one.frozen:
        return "frozen"
    if one.value is None or one.forecast is None:
        return "nothing to go by"
    if one.forecast == one.value:
        return "as it stands"
    return f"run rate: {one.elapsed:.1f} of {one.whole} {'business days' if one.business_days else 'days'}"


def _show(screen: Screen, found: Sequence[Progress], currency: str, language: str) -> None:
    screen.gap()
    screen.title("Objectives")
    screen.gap()
    what = table(
        "!Objective", "~!Team", "!Period", ">Target", ">Reached", ">", "!", "~>Forecast", "~How", "~Accepted by"
    )
    for one in found:
        goal, share = one.goal, one.attainment or 0.0
        ahead = one.forecast is not None and one.forecast >= (one.frozen.target if one.frozen else goal.target)
        depth = len(goal.chain) - 1
        what.add_row(
            Text(
                "  " * (depth - 1) + ("└ " if depth else "") + plain(label_of(one, language)),
                style="bold",
            ),
            Text(goal.objective.team, style="quiet"),
            goal.label,
            _number(one.frozen.target if one.frozen else goal.target, goal, currency),
            _number(one.value, goal, currency),
            percent(one.attainment),
            bar(share, 16, "good" if ahead else "warn"),
            Text(_number(one.forecast, goal, currency), style="good" if ahead else "warn"),
            Text(f"frozen {moment(one.frozen.frozen_at)}" if one.frozen else method(one), style="quiet"),
            ", ".join(f"{team}: {plain(said.accepted_by, 20)}" for team, said in sorted(one.accepted.items())) or "–",
        )
    screen.say(what)


def _number(value: float | None, goal: Goal, currency: str) -> str:
    if value is None:
        return "–"
    metric = goal.objective.metric
    if metric in SHARES:
        return f"{value:.0%}"
    return f"{value:,.0f} {currency}".strip() if metric in MONEY else f"{value:,.0f}"
