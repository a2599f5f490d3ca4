"""`score`: what a lead's score is made of, what the outcomes say of the rules, and the score that is learned from them.

Not here: how any of it is counted (`alignment.scoring`). Invariant: nothing here changes a rule; `train` adds a model,
and nothing else is ever written.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from alignment.scoring import prediction
from alignment.scoring.calibration import Calibration, Rate, Threshold, calibrate, scored
from alignment.scoring.explain import Axis, Explanation, Known, explain
from alignment.scoring.outcomes import Decisions, decisions
from console.failures import Exit, Refusal
from console.names import name_of
from console.screen import Screen, Sheet, many, moment, plain, table
from mapping.config import ProjectFile
from state.facts import Facts
from state.ids import new_id
from state.outcomes import Outcomes
from state.records import Hub
from state.scores import ModelRow, ScoreRow
from state.store import Store
from sync.project import Opened, open_project

SHOWN = 5
"""Activities of a rule that are named, and earlier scores."""


async def score(screen: Screen, folder: Path, what: str) -> Exit:
    """Raises Refusal in a project without scoring."""
    async with open_project(folder, systems=(), reading=what != "train") as opened:
        if opened.project.config.scoring is None:
            raise Refusal("no-scoring", "This project has no scores.", "Say `scoring` in smarketing.yaml.")
        if what == "calibrate":
            return _calibrate(screen, opened)
        if what in ("backtest", "train"):
            return _learn(screen, opened, keep=what == "train")
        return _lead(screen, opened, what)


# -- a lead -----------------------------------------------------------------------------------------------------------


def explain_score(opened: Opened, store: Store, lead: Hub) -> Explanation | None:
    """By the rules as they stand, and what happened to the lead up to now; None in a project without scoring."""
    if opened.project.config.scoring is None:
        return None
    happened = Outcomes(store).activities([lead.id]).get(lead.id, [])
    return explain(opened.project, Known(lead.fields, happened, datetime.now(UTC)))


def _lead(screen: Screen, opened: Opened, asked: str) -> Exit:
    from console.lookup import find
    from state.history import History

    store = Store(opened.engine, dry=True)
    try:
        with History(store) as history:
            hub = store.hubs([hub_id := find(opened, history, asked)])[hub_id]
        if hub.kind != "lead":
            raise Refusal("no-lead", f"{asked!r} is a {hub.kind}, and only leads have a score.", "")
        told = explain_score(opened, store, hub)
        assert told is not None
        past, row = store.scores_of(hub.id), store.newest_model()
        tally: dict[str, int] = {}
        for type_, _ in Outcomes(store).activities([hub.id]).get(hub.id, []):
            tally[type_] = tally.get(type_, 0) + 1
    finally:
        store.close()
    learned = _learned(row, hub, tally) if row else None
    screen.emit({
        "ok": True, "exit": 0, "id": hub.id, "who": name_of(hub), **asdict(told), "predicted": learned,
        "history": [one._asdict() for one in past],
    })  # fmt: skip
    if not screen.as_json:
        screen.gap()
        screen.title(name_of(hub), f"lead {hub.id}")
        show_score(screen, told)
        _show_learned(screen, learned)
        _show_past(screen, past)
    return Exit.DONE


def show_score(screen: Screen, told: Explanation) -> None:
    grade = f", grade {told.grade}" if told.grade else ""
    screen.gap()
    head = Text(f"Score {told.total}{grade}", style="bold")
    screen.say(head.append(f"   {told.weighing}" if told.weighing else "", style="quiet"))
    for axis in told.axes:
        screen.say(_axis(axis))
    if told.pending is not None:
        screen.say(Text(f"The systems show {told.pending}; the next run tells them.", style="warn"))
    if told.promotes_to:
        screen.say(Text(f"Has earned {told.promotes_to}; the next run gives it.", style="good"))
    for one in told.next:
        way = (
            f", such as {' and '.join(map(plain, one.rules))}"
            if one.rules
            else ", more than the rules that are left give"
        )
        screen.say(Text(f"To {one.what}: {one.points} more {many(one.points, 'point').split()[-1]} of {one.axis}{way}"))


def _axis(axis: Axis) -> Sheet:
    kept = f" (the rules come to {axis.sum}, kept between 0 and {axis.cap})" if axis.sum != axis.value else ""
    what = table(">Points", "Rule", "It looked at", title=f"{axis.name.capitalize()} {axis.value}{kept}")
    for line in axis.lines:
        if line.holds:
            points = Text(f"{line.counts:+d}", style="good" if line.counts > 0 else "bad")
        else:
            points = Text(f"({line.points:+d})", style="quiet")
        what.add_row(points, plain(line.rule), Text(plain(line.because, 120), style="quiet"))
        for did in line.activities[:SHOWN]:
            seen = f"{did.type.replace('_', ' ')} on {did.at:%Y-%m-%d}, {many(did.age, 'day')} ago: {did.worth:+.2f}"
            what.add_row("", "", Text(seen, style="quiet"))
        if len(line.activities) > SHOWN:
            what.add_row("", "", Text(f"and {len(line.activities) - SHOWN} earlier (--json has them)", style="quiet"))
    return what


def _learned(row: ModelRow, hub: Hub, tally: dict[str, int]) -> dict[str, Any]:
    model = prediction.Model.of(row)
    chance = round(100 * model.probability(hub.fields, tally))
    return {"score": chance, "model": row.id, "until": row.until, "reasons": model.reasons(hub.fields, tally)}


def _show_learned(screen: Screen, learned: dict[str, Any] | None) -> None:
    if learned is not None:
        why = ", ".join(f"{plain(name)} {weight:+.2f}" for name, weight in learned["reasons"])
        screen.gap()
        text = Text(f"Predicted {learned['score']}", style="bold")
        screen.say(text.append(f"   learned from outcomes until {moment(learned['until'])}: {why}", style="quiet"))


def _show_past(screen: Screen, past: list[ScoreRow]) -> None:
    if len(past) > 1:
        what = table("!When", ">Score", ">Fit", ">Engagement", "Grade", title="How it came to this")
        for row in past[-SHOWN:]:
            axes = ["" if points is None else str(points) for points in (row.fit, row.engagement)]
            what.add_row(moment(row.at), str(row.total), *axes, row.grade or "")
        screen.gap()
        screen.say(what)


# -- the outcomes -----------------------------------------------------------------------------------------------------


def decisions_of(opened: Opened) -> Decisions:
    """Every lead that was decided, as of its cut-off."""
    store = Store(opened.engine, dry=True)
    try:
        with Facts(opened.engine) as facts:
            return decisions(opened.project.config, facts, Outcomes(store))
    finally:
        store.close()


def _calibrate(screen: Screen, opened: Opened) -> Exit:
    decided = decisions_of(opened)
    told = calibrate(opened.project, decided.examples)
    screen.emit({"ok": True, "exit": 0, **asdict(told), "left_out": decided.left_out})
    if screen.as_json:
        return Exit.DONE
    screen.gap()
    screen.say(Text(f"{many(told.outcomes, 'lead')} decided, {told.won:,} won", style="bold"))
    _show_left_out(screen, decided)
    if told.too_few:
        screen.say(Text(f"Too few outcomes to tell anything: {told.too_few}", style="warn"))
        return Exit.DONE
    screen.say(_rules(told))
    screen.say(_thresholds(told))
    screen.say(Text("Suggestions are never applied by themselves: change `scoring` where you agree.", style="quiet"))
    return Exit.DONE


def _show_left_out(screen: Screen, decided: Decisions) -> None:
    for why, count in sorted(decided.left_out.items()):
        screen.say(Text(f"left out: {count:,}, {why}", style="quiet"))


def _rules(told: Calibration) -> Sheet:
    what = table("Rule", ">Points", ">Won where it applies", ">Won else", ">Lift", ">Suggested", title="Rules")
    for rule in told.rules:
        lift = f"{rule.lift:.2f}" if rule.lift is not None else ""
        suggested = f"{rule.suggested:+d}" if rule.suggested is not None else ""
        what.add_row(plain(rule.rule), f"{rule.points:+d}", _rate(rule.applies), _rate(rule.else_), lift, suggested)
    return what


def _rate(rate: Rate) -> str:
    if rate.rate is None:
        return "nobody"
    return f"{rate.rate:.0%} of {rate.leads:,} ({rate.low:.0%} to {rate.high:.0%})"


def _thresholds(told: Calibration) -> Sheet:
    what = table("Score from", ">Leads", ">Won", ">Precision", ">Recall", title="Thresholds")
    for one in [*([told.now] if told.now else []), *told.curve]:
        style = "bold" if one is told.now else ""
        what.add_row(Text(one.what, style=style), f"{one.leads:,}", f"{one.won:,}", *_shares(one))
    return what


def _shares(one: Threshold) -> list[str]:
    return ["" if share is None else f"{share:.0%}" for share in (one.precision, one.recall)]


def _learn(screen: Screen, opened: Opened, *, keep: bool) -> Exit:
    """`keep`: store the model. Exit code 1 where there are too few outcomes to learn from."""
    config = opened.project.config
    assert config.scoring is not None
    decided = decisions_of(opened)
    score_of = scored(opened.project)
    few = prediction.enough(decided.examples, config.scoring.predictive)
    tested = few or prediction.backtest(config, decided.examples, lambda example: score_of(example).total)
    if isinstance(tested, prediction.TooFew):
        screen.emit({"ok": False, "exit": 1, "too_few": tested.why, "left_out": decided.left_out})
        screen.say(Text(f"Nothing can be learned yet. {tested.why}", style="warn"))
        _show_left_out(screen, decided)
        return Exit.FINDINGS
    kept = _keep(opened, config, decided, tested) if keep else None
    screen.emit({
        "ok": True, "exit": 0, "backtest": tested.document(), "left_out": decided.left_out,
        "model": None if kept is None else {"id": kept.id, "until": kept.until, "features": len(kept.features)},
    })  # fmt: skip
    if not screen.as_json:
        _show_backtest(screen, tested)
        _show_left_out(screen, decided)
        if kept is not None:
            shown = "the next run pushes it" if config.scoring.predictive.push else "shown by `smarketing score LEAD`"
            screen.say(Text(f"✓ learned from {many(len(decided.examples), 'lead')}, kept as {kept.id}; {shown}."))
    return Exit.DONE


def _keep(opened: Opened, config: ProjectFile, decided: Decisions, tested: prediction.Backtest) -> ModelRow:
    model = prediction.learn(config, decided.examples)
    until = max(example.outcome_at for example in decided.examples)
    row = ModelRow(
        new_id(), datetime.now(UTC), until, list(model.features),
        {"coefficients": list(model.coefficients), "intercept": model.intercept}, tested.document(),
    )  # fmt: skip
    store = Store(opened.engine)
    try:
        store.save_model(row)
        store.commit()
    finally:
        store.close()
    return row


def _show_backtest(screen: Screen, told: prediction.Backtest) -> None:
    screen.gap()
    screen.say(Text(f"Learned from {many(told.trained, 'lead')} decided before {told.split:%Y-%m-%d}", style="bold"))
    screen.say(f"Tested on {many(told.tested, 'lead')} from then on, {told.won:,} won.")
    rules = f"; the rules' score {told.rules_auc:.3f}" if told.rules_auc is not None else ""
    screen.say(
        f"AUC {told.auc:.3f} (0.5 is chance{rules}). Brier {told.brier:.4f} (everybody's average: {told.base_brier:.4f})."
    )
    what = table(">Tenth", ">Leads", ">Predicted", ">Won", title="What was predicted, and what became of it")
    for n, one in enumerate(told.deciles, 1):
        what.add_row(str(n), f"{one.leads:,}", f"{one.predicted:.0%}", f"{one.won:.0%}")
    screen.say(what)
