"""What activities are worth to a lead's score today, and the day on which that changes by itself.

Effects: reads the store, and marks the leads that are due. A lead is looked at again when something happens to it, and
on the day for which `score_due` has it; never because a day has passed. Invariant: the parts that stand with a lead are
those of any day from the one on which it was looked at until that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alignment.scoring.prediction import Model, predictor
from mapping.decay import Day, Decay, day_of, next_change
from mapping.derived import ENGAGEMENT_SCORE, FIT_SCORE, GRADE, PREDICTED_SCORE, SCORE
from mapping.fields import Fields, Value
from mapping.rules import Rules
from mapping.scoring import engaged
from state.records import Hub
from state.store import Store
from sync.context import Context
from sync.rollup import BEGINNING

AHEAD = timedelta(days=3661)
"""How far ahead an activity may be planned (`sync.activities`)."""

MODEL = "model"
"""The stream under which it is noted which learned model the leads were looked at with."""


def engagement(
    store: Store, rules: Rules, hubs: Sequence[Hub], at: datetime
) -> dict[str, tuple[str | None, int | None]]:
    """Hub id -> what each rule over activities counts on that day, as it stands with the lead; and the next day on which
    any of them counts otherwise. Empty where there are no such rules."""
    if not rules.decays:
        return {}
    today = day_of(at)
    happened: dict[str, dict[str, list[Day]]] = {}
    for hub_id, type_, day, count in store.activity_days([hub.id for hub in hubs], *_span(rules.decays, at)):
        by_type = happened.get(hub_id)
        if by_type is None:
            by_type = happened[hub_id] = {}
        days = by_type.get(type_)
        if days is None:
            by_type[type_] = [(day, count)]
        else:
            days.append((day, count))
    nothing: dict[str, list[Day]] = {}
    return {hub.id: worth(rules.decays, happened.get(hub.id, nothing), today) for hub in hubs}


def worth(decays: Sequence[Decay], happened: dict[str, list[Day]], today: int) -> tuple[str | None, int | None]:
    """One lead's parts, and when they change. `happened`: type -> the days on which something did."""
    if not happened:
        return None, None
    parts: dict[str, int] = {}
    due: int | None = None
    for rule in decays:
        days = [day for type_ in rule.types if type_ in happened for day in happened[type_]]
        if days:
            sum_ = rule.worth(days, today)
            parts[rule.rule] = rule.rounded(sum_)
            then = next_change(rule, days, today, sum_)
            if then is not None and (due is None or then < due):
                due = then
    return engaged(parts), due


def _span(decays: Sequence[Decay], at: datetime) -> tuple[datetime, datetime]:
    """From when on an activity may count, until when it may be planned."""
    lengths = [rule.within for rule in decays]
    longest = None if None in lengths else max(length for length in lengths if length is not None)
    midnight = BEGINNING + timedelta(days=day_of(at))
    return (BEGINNING if longest is None else max(BEGINNING, midnight - timedelta(days=longest))), midnight + AHEAD


def age_scores(ctx: Context) -> int:
    """Mark the leads whose points decay to others today, or have since the last run; returns how many."""
    if not ctx.rules.decays:
        return 0
    found = ctx.store.touch_due(day_of(ctx.clock()))
    ctx.commit()
    return found


def score_of(fields: Fields) -> tuple[int | None, int | None, int, str | None] | None:
    """Fit, engagement, total and grade, as the history keeps them; None before there is a score."""
    total, grade = fields.get(SCORE), fields.get(GRADE)
    if not isinstance(total, int):
        return None
    return _points(fields.get(FIT_SCORE)), _points(fields.get(ENGAGEMENT_SCORE)), total, str(grade) if grade else None


def _points(value: Value) -> int | None:
    return value if isinstance(value, int) else None


# -- the learned score ------------------------------------------------------------------------------------------------


def with_model(store: Store, rules: Rules) -> Rules:
    """The rules by which `predicted_score` is computed too, where it is pushed and something was learned. Leads are all
    looked at again with a model that is new."""
    if not rules.predicts:
        return rules
    row = store.newest_model()
    if row is None:
        return rules
    predict, derive = predictor(Model.of(row)), rules.derive

    def derived(hub: Fields) -> Fields:
        return {**derive(hub), PREDICTED_SCORE: predict(hub)}

    return replace(rules, derive=derived)


def look_again_with_model(ctx: Context) -> None:
    """Once a new model has been learned, its score is computed for everybody."""
    row = ctx.store.newest_model() if ctx.rules.predicts else None
    if row is not None and (ctx.store.cursor("", MODEL) or {}).get("id") != row.id:
        ctx.store.flag_all(touched=True)
        ctx.store.save_cursor("", MODEL, {"id": row.id}, ctx.clock())
