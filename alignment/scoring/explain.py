"""A lead's score, rule by rule, for people: what each looked at, what it counts, what it would take to get further. Pure.

Invariant: what is shown here adds up to what was pushed: the lines of an axis to its sum, that between 0 and the cap to
the axis, both axes by their weights to the total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from alignment.scoring.features import engaged_at
from mapping.conditions import Condition, evidence, leaves
from mapping.decay import Decay, day_of
from mapping.derived import SCORE
from mapping.fields import ENGAGED, Fields
from mapping.loader import Project, compile_rules, compile_scorer
from mapping.moves import earned_by
from mapping.scored import ENGAGEMENT_GRADES, FIT_GRADES, EngagementRule, ScoreRule, Scoring
from mapping.scoring import Score, decays_of, total_of


@dataclass(frozen=True, slots=True)
class Did:
    """One activity that a rule looked at. `worth`: of the rule's points, what it has left."""

    type: str
    at: datetime
    age: int
    worth: float


@dataclass(frozen=True, slots=True)
class Line:
    """One rule. `counts`: the points that it gives now; `points`: as the file has them, for one activity where it is
    about activities. `because`: the values that it looked at, or what it has to say of its activities."""

    rule: str
    points: int
    counts: int
    holds: bool
    because: str
    activities: tuple[Did, ...] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """`value` is kept between 0 and `cap`; `sum` is what the rules came to before that."""

    name: str
    value: int
    sum: int
    cap: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """What it would take to get further: so many more points on an axis, as the rules that do not hold could give them,
    the fewest of them; none where they cannot."""

    what: str
    axis: str
    points: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`weighing`: how the axes make the total, in words. `promotes_to`: the stage that the lead has earned and is yet to
    be given. `pending`: the total that the hub holds still, where the next run will tell another one."""

    total: int
    grade: str | None
    axes: tuple[Axis, ...]
    weighing: str = ""
    next: tuple[Next, ...] = ()
    promotes_to: str | None = None
    pending: int | None = None

    @property
    def lines(self) -> tuple[Line, ...]:
        return tuple(line for axis in self.axes for line in axis.lines)


@dataclass(frozen=True, slots=True)
class Known:
    """What the score looks at: the lead's fields, and what happened to it as (type, when)."""

    fields: Fields
    activities: Sequence[tuple[str, datetime]] = ()
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def counted(self, decays: Sequence[Decay]) -> Fields:
        """The fields, with what the activities are worth at that moment."""
        return {**self.fields, ENGAGED: engaged_at(decays, self.activities, self.at)} if decays else self.fields


def score(project: Project, fields: Fields) -> Score:
    """The total, and the rules that hold with their points, as they stand with the lead."""
    return compile_scorer(project)(fields)


def explain(project: Project, known: Known) -> Explanation | None:
    """Every rule of the project against one lead, in the order of the file; None in a project without scoring."""
    scoring = project.config.scoring
    if scoring is None:
        return None
    rules = decays_of(scoring, project.config.keep_activities)
    fields = known.counted(rules)
    found = score(project, fields)
    axes: list[Axis] = []
    if scoring.fit_rules:
        lines = tuple(_line(rule, dict(found.fit_parts), fields) for rule in scoring.fit_rules)
        axes.append(Axis("fit", found.fit or 0, sum(line.counts for line in lines), scoring.fit_cap, lines))
    if scoring.engagement is not None:
        decays = {one.rule: one for one in rules}
        counts = dict(found.engagement_parts)
        lines = tuple(
            _activity_line(rule, decays[rule.name], counts, known)
            if rule.when is None
            else _line(ScoreRule(name=rule.name, points=rule.points, when=rule.when), counts, fields)
            for rule in scoring.engagement.rules
        )
        total = sum(line.counts for line in lines)
        axes.append(Axis("engagement", found.engagement or 0, total, scoring.engagement.cap, lines))
    held = known.fields.get(SCORE)
    return Explanation(
        found.total,
        found.grade,
        tuple(axes),
        _weighing(scoring, found),
        tuple(_next(project, scoring, found, axes, fields)),
        _promotion(project, fields),
        held if isinstance(held, int) and held != found.total else None,
    )


def _line(rule: ScoreRule, counts: Mapping[str, int], fields: Fields) -> Line:
    return Line(rule.name, rule.points, counts.get(rule.name, 0), rule.name in counts, evidence(rule.when, fields))


def _activity_line(rule: EngagementRule, decay: Decay, counts: Mapping[str, int], known: Known) -> Line:
    today = day_of(known.at)
    looked = [
        Did(type_, at, today - day, decay.points * decay.factor(today - day))
        for type_, at in known.activities
        if type_ in decay.types and decay.counts(day := day_of(at), today)
    ]
    looked.sort(key=lambda one: one.at, reverse=True)
    counted = counts.get(rule.name, 0)
    told = f"{len(looked)} in the last {decay.within} days" if decay.within is not None else f"{len(looked)} so far"
    if looked:
        worth = sum(one.worth for one in looked)
        told += f", worth {worth:.2f}" + (f", capped at {decay.cap}" if abs(worth) > (decay.cap or abs(worth)) else "")
    return Line(rule.name, rule.points, counted, counted != 0, told, tuple(looked))


def _weighing(scoring: Scoring, found: Score) -> str:
    if found.fit is None or found.engagement is None:
        return ""
    weights = scoring.weights
    both = weights.fit + weights.engagement
    return f"{found.fit} × {weights.fit / both:.0%} + {found.engagement} × {weights.engagement / both:.0%}"


def _next(project: Project, scoring: Scoring, found: Score, axes: Sequence[Axis], fields: Fields) -> Iterator[Next]:
    by_name = {axis.name: axis for axis in axes}
    if found.grade is not None:
        grades: tuple[tuple[str, str, tuple[str, ...], dict[str, int]], ...] = (
            ("fit", found.grade[0], FIT_GRADES, scoring.grades.of_fit),
            ("engagement", found.grade[1], ENGAGEMENT_GRADES, scoring.grades.of_engagement),
        )
        for name, now, order, given in grades:
            better = order[: order.index(now)] if now in order else order
            if better:
                yield _needed(f"{name} {better[-1]}", by_name[name], given[better[-1]])
    for stage, condition in earned_by(project.config).items():
        threshold = threshold_of(condition)
        if threshold is None or found.total >= threshold:
            continue
        for axis in axes:
            points = _axis_needed(scoring, found, axis, threshold)
            if points is not None:
                yield _needed(f"{stage}, a score of {threshold}", axis, points)


def threshold_of(condition: Condition) -> int | None:
    """The least total that a condition asks for, where it asks for one."""
    limits = [test.at_least for _, name, test in leaves(condition) if name == SCORE and test.at_least is not None]
    numbers = [ceil(limit) for limit in limits if isinstance(limit, int | float)]
    return min(numbers, default=None)


def _axis_needed(scoring: Scoring, found: Score, axis: Axis, threshold: int) -> int | None:
    """The least value of the axis by which the total reaches the threshold, the other one as it is."""
    for value in range(axis.value + 1, axis.cap + 1):
        fit, engagement = (value, found.engagement) if axis.name == "fit" else (found.fit, value)
        if total_of(scoring, fit, engagement) >= threshold:
            return value
    return None


def _needed(what: str, axis: Axis, value: int) -> Next:
    """`value`: of the axis. What its rules come to may lie below 0, and has to be made up for first."""
    missing = value - axis.sum
    open_ = sorted((line for line in axis.lines if line.points > 0 and (not line.holds or line.activities)),
                   key=lambda line: (-line.points, line.rule))  # fmt: skip
    chosen: list[str] = []
    rest = missing
    for line in open_:
        if rest <= 0:
            break
        chosen.append(line.rule)
        rest -= line.points
    return Next(what, axis.name, missing, tuple(chosen) if rest <= 0 else ())


def _promotion(project: Project, fields: Fields) -> str | None:
    rules = compile_rules(project)
    earned = rules.promote({**fields, **rules.derive(fields)})
    return earned[0] if earned else None
