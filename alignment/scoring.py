"""A lead's score, rule by rule, for people: which rules hold, which do not and what each weighs. Pure.

The points themselves are counted in `mapping.scoring`, by which every run computes the score. Invariant: what is shown
here adds up to what was pushed.
"""

from __future__ import annotations

from dataclasses import dataclass

from mapping.conditions import evidence
from mapping.fields import Fields
from mapping.loader import Project, compile_rules, compile_scorer
from mapping.scoring import Score


@dataclass(frozen=True, slots=True)
class Line:
    """One rule. `because` tells the values that it looked at."""

    rule: str
    points: int
    holds: bool
    because: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`total` is kept between 0 and 100; `sum` is what the rules came to before that."""

    total: int
    sum: int
    lines: tuple[Line, ...]
    promotes_to: str | None = None
    """The stage that the lead has earned and is yet to be given."""


def score(project: Project, fields: Fields) -> Score:
    """The total, and the rules that hold with their points."""
    return compile_scorer(project)(fields)


def explain(project: Project, fields: Fields) -> Explanation:
    """Every rule of the project against one lead's fields, in the order of the file."""
    found = score(project, fields)
    held = dict(found.parts)
    rules = project.config.scoring.rules if project.config.scoring else ()
    lines = tuple(Line(rule.name, rule.points, rule.name in held, evidence(rule.when, fields)) for rule in rules)
    return Explanation(found.total, sum(held.values()), lines, _promotion(project, fields))


def _promotion(project: Project, fields: Fields) -> str | None:
    rules = compile_rules(project)
    earned = rules.promote({**fields, **rules.derive(fields)})
    return earned[0] if earned else None
