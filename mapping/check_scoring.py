"""Whether the scoring makes sense: rules, grades that can be reached, cells of the grid. See `mapping.checks`."""

from __future__ import annotations

from collections.abc import Iterable

from mapping.conditions import Condition, leaves
from mapping.config import ProjectFile
from mapping.derived import COMPUTED, ENGAGEMENT_SCORE, FIT_SCORE, GRADE, PREDICTED_SCORE
from mapping.names import Names, check_condition
from mapping.problems import listed, nearest
from mapping.scored import GRADES, Scoring
from mapping.source import Loc, Source


def check_scoring(main: Source, config: ProjectFile, names: Names) -> None:
    scoring = config.scoring
    if scoring is None:
        return
    seen: set[str] = set()
    place: Loc = ("scoring", "rules") if scoring.rules is not None else ("scoring", "fit", "rules")
    rules = [((*place, n), rule.name, rule.when) for n, rule in enumerate(scoring.fit_rules)]
    place = ("scoring", "engagement", "rules")
    rules += [((*place, n), rule.name, rule.when or _ALWAYS) for n, rule in enumerate(scoring.engagement_rules)]
    for loc, name, when in rules:
        if name in seen:
            main.error((*loc, "name"), "two rules have the same name")
        seen.add(name)
        if when is not _ALWAYS:
            _check_rule(main, (*loc, "when"), when, names)
    _check_caps(main, scoring)
    _check_grades(main, scoring)
    _check_grid(main, scoring, names)


_ALWAYS = Condition.model_construct()


def _check_rule(main: Source, loc: Loc, when: Condition, names: Names) -> None:
    check_condition(main, loc, when, names)
    for where, name in _fields_of(when, loc):
        field = names.field(name)
        if name in COMPUTED or (field is not None and field.derived and not (field.rollup or field.happened)):
            main.error(where, f"{name} is itself computed", "a field that is not")


def _fields_of(condition: Condition, loc: Loc) -> Iterable[tuple[Loc, str]]:
    return [((*loc, *path), name) for path, name, _ in leaves(condition)]


def _check_caps(main: Source, scoring: Scoring) -> None:
    for n, rule in enumerate(scoring.engagement_rules):
        if rule.cap is not None and rule.cap < abs(rule.points):
            loc: Loc = ("scoring", "engagement", "rules", n, "cap")
            main.error(loc, "one activity alone is worth more than the cap", f"{abs(rule.points)} or more")


def _check_grades(main: Source, scoring: Scoring) -> None:
    """A grade above the cap of its axis would never be given."""
    engagement_cap = scoring.engagement.cap if scoring.engagement else 100
    axes: tuple[tuple[str, dict[str, int], int], ...] = (
        ("fit", scoring.grades.of_fit, scoring.fit_cap),
        ("engagement", scoring.grades.of_engagement, engagement_cap),
    )
    for axis, given, cap in axes:
        for grade, points in given.items():
            if points > cap and scoring.graded:
                main.error(
                    ("scoring", "grades", axis, grade), f"{axis} never comes to more than {cap}", f"at most {cap}"
                )


def _check_grid(main: Source, scoring: Scoring, names: Names) -> None:
    for cell, stage in scoring.grid.items():
        loc: Loc = ("scoring", "grid", cell)
        if cell not in GRADES:
            main.error(loc, f"there is no grade {cell!r}", listed(GRADES, 16), nearest(cell, GRADES))
        elif not scoring.graded:
            main.error(loc, "there are grades only where both axes have rules", "rules of fit and of engagement")
        names.known_stage(main, loc, stage, names.ladder)


def missing_score(scoring: Scoring | None, name: str) -> tuple[str, str] | None:
    """Why there is nothing to send in a field of the score, and what it takes; None where there is."""
    if scoring is None:
        return "there is no score to send", "scoring rules in smarketing.yaml"
    if name == GRADE and not scoring.graded:
        return (
            "there are grades only where both axes have rules",
            "scoring.fit and scoring.engagement in smarketing.yaml",
        )
    if name == FIT_SCORE and not scoring.fit_rules:
        return "there is no fit score to send", "scoring.fit in smarketing.yaml"
    if name == ENGAGEMENT_SCORE and not scoring.engagement_rules:
        return "there is no engagement score to send", "scoring.engagement in smarketing.yaml"
    if name == PREDICTED_SCORE and not scoring.predictive.push:
        return "the learned score is not pushed", "scoring.predictive.push: true in smarketing.yaml"
    return None
