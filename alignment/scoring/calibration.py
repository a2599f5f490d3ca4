"""Whether the rules are worth their points: by what became of the leads that they spoke of.

Every lead is scored as of its cut-off (`outcomes`), by the rules as they stand now. Suggestions are shown and never
applied. Invariant: nothing is said that rests on fewer outcomes than `LEAST`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from alignment.proportions import wilson
from alignment.scoring.explain import threshold_of
from alignment.scoring.features import Example, engaged_at
from alignment.scoring.outcomes import qualified_stage
from mapping.conditions import predicate
from mapping.derived import GRADE, SCORE, lifecycle_of
from mapping.fields import ENGAGED, Fields
from mapping.loader import Project, compile_scorer
from mapping.moves import earned_by
from mapping.scoring import Score, decays_of

LEAST, LEAST_OF_EACH = 50, 10
"""Outcomes, and of either kind."""
STEP = 5
"""Points between two thresholds of the curve."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of these leads were won. `low`, `high`: where the true rate lies, 95 times of 100."""

    leads: int
    won: int
    rate: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RuleWorth:
    """What a rule tells apart. `lift`: how many times as often those are won to whom it applies; None where there is
    nothing to compare. `suggested`: points by the outcomes; None where the rule always applies, or never."""

    rule: str
    axis: str
    points: int
    applies: Rate
    else_: Rate
    lift: float | None
    suggested: int | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of the leads that reach it, `precision` were won; of those that were won, `recall` reach it."""

    what: str
    leads: int
    won: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """`too_few`: why nothing can be told, in words; empty where it can."""

    outcomes: int
    won: int
    too_few: str = ""
    rules: list[RuleWorth] = field(default_factory=list)
    now: Threshold | None = None
    """What earns the stage today."""
    curve: list[Threshold] = field(default_factory=list)
    """By the total, for thresholds from 0 to 100."""
    left_out: dict[str, int] = field(default_factory=dict)


def scored(project: Project) -> Callable[[Example], Score]:
    """The score of a lead as of its cut-off."""
    score = compile_scorer(project)
    decays = decays_of(project.config.scoring, project.config.keep_activities)

    def of(example: Example) -> Score:
        fields = {**example.fields, ENGAGED: engaged_at(decays, example.activities, example.cutoff)}
        return score(fields)

    return of


def calibrate(project: Project, examples: Sequence[Example]) -> Calibration:
    """All that the outcomes tell of the rules."""
    won = sum(example.won for example in examples)
    if len(examples) < LEAST or min(won, len(examples) - won) < LEAST_OF_EACH:
        told = f"{LEAST} outcomes are needed, {LEAST_OF_EACH} of either kind"
        return Calibration(
            len(examples), won, f"{told}; there are {len(examples):,}: {won:,} won, {len(examples) - won:,} not."
        )
    score = scored(project)
    scores = [score(example) for example in examples]
    outcomes = [example.won for example in examples]
    return Calibration(
        len(examples),
        won,
        rules=_rules(project, scores, outcomes),
        now=_now(project, examples, scores),
        curve=list(_curve(scores, outcomes)),
    )


def _rate(outcomes: Sequence[bool]) -> Rate:
    won = sum(outcomes)
    return Rate(
        len(outcomes), won, won / len(outcomes) if outcomes else None, *(wilson(won, len(outcomes)) or (0.0, 1.0))
    )


def _rules(project: Project, scores: Sequence[Score], outcomes: Sequence[bool]) -> list[RuleWorth]:
    scoring = project.config.scoring
    assert scoring is not None
    rules = [("fit", rule.name, rule.points) for rule in scoring.fit_rules]
    rules += [("engagement", rule.name, rule.points) for rule in scoring.engagement_rules]
    counted = [dict(score.parts) for score in scores]
    suggested = _suggested({name: points for _, name, points in rules}, counted, outcomes)
    found: list[RuleWorth] = []
    for axis, name, points in rules:
        applies = _rate([won for won, parts in zip(outcomes, counted, strict=True) if parts.get(name)])
        others = _rate([won for won, parts in zip(outcomes, counted, strict=True) if not parts.get(name)])
        lift = applies.rate / others.rate if applies.rate is not None and others.rate else None
        found.append(RuleWorth(name, axis, points, applies, others, lift, suggested.get(name)))
    return found


def _suggested(points: dict[str, int], counted: Sequence[dict[str, int]], outcomes: Sequence[bool]) -> dict[str, int]:
    """Coefficients of a logistic regression over what the rules gave, as points: scaled so that all of them together
    weigh what they weigh now, and kept within 100."""
    from sklearn.linear_model import LogisticRegression

    names = [name for name, worth in points.items() if worth and len({parts.get(name, 0) for parts in counted}) > 1]
    if not names:
        return {}
    rows = [[parts.get(name, 0) / points[name] for name in names] for parts in counted]
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(rows, [int(won) for won in outcomes])
    weights = [float(weight) for weight in fitted.coef_[0]]
    heavy = sum(abs(weight) for weight in weights)
    if heavy < 1e-9:
        return dict.fromkeys(names, 0)
    scale = sum(abs(points[name]) for name in names) / heavy
    return {name: max(-100, min(100, round(weight * scale))) for name, weight in zip(names, weights, strict=True)}


def _now(project: Project, examples: Sequence[Example], scores: Sequence[Score]) -> Threshold | None:
    """What earns the stage today, judged by the score alone as of the cut-off."""
    stage = qualified_stage(project.config)
    condition = earned_by(project.config).get(stage)
    if condition is None:
        return None
    holds = predicate(condition, lifecycle_of(project.config))

    def reaches(example: Example, score: Score) -> bool:
        fields: Fields = {**example.fields, SCORE: score.total, GRADE: score.grade}
        return holds(fields)

    reached = [reaches(example, score) for example, score in zip(examples, scores, strict=True)]
    least = threshold_of(condition)
    what = f"{stage}, from {least} points on" if least is not None else stage
    return _threshold(what, reached, [example.won for example in examples])


def _curve(scores: Sequence[Score], outcomes: Sequence[bool]) -> Iterator[Threshold]:
    for least in range(0, 101, STEP):
        yield _threshold(str(least), [score.total >= least for score in scores], outcomes)


def _threshold(what: str, reached: Sequence[bool], outcomes: Sequence[bool]) -> Threshold:
    both = sum(r and won for r, won in zip(reached, outcomes, strict=True))
    leads, won = sum(reached), sum(outcomes)
    return Threshold(what, leads, both, both / leads if leads else None, both / won if won else None)
