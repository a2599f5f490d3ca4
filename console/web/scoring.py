"""Scoring as it is: the rules in words, the grades as a grid, how the leads are spread, and what the outcomes say of each rule.

Not here: how a score is counted (`mapping.scoring`), the editor (`scoring_edit`). Invariant: nothing is scored in a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.criteria import described
from alignment.scoring.explain import threshold_of
from alignment.scoring.outcomes import qualified_stage
from alignment.words import Words
from console.names import names_in
from console.web import histogram
from console.web.counting import look, shown
from console.web.kept import Question
from console.web.page import Refused, Viewer
from mapping.config import ProjectFile
from mapping.moves import earned_by
from mapping.scored import ENGAGEMENT_GRADES, FIT_GRADES, GRADES, EngagementRule, Scoring

router = APIRouter()
SCORES = Question("scores", {})


@dataclass(frozen=True)
class Rule:
    """`text`: what it looks at; `more`: how it decays, and where it ends."""

    name: str
    points: int
    text: str
    more: str = ""


@router.get("/scoring")
def scoring(page: Viewer, anew: bool = False) -> Response:
    config = page.site.opened.project.config
    if config.scoring is None:
        return page.show("scoring.html", scoring=None)
    seen = look(page, SCORES, anew=anew)
    least = least_of(config)
    chart = histogram.histogram(seen.value["totals"], page.words, "spread", least) if seen.kept else ""
    return shown(
        page, "scoring.html", seen, scoring=config.scoring, axes=list(axes(config, page.words)), chart=chart,
        least=least, stage=qualified_stage(config), earned=_earned(config, page.words),
        grid=grid_of(config.scoring), bands=histogram.bands(seen.value["totals"]) if seen.kept else [],
        named=histogram.named,
    )  # fmt: skip


@router.get("/scoring/leads")
def leads(page: Viewer, grade: str = "", band: int = -1) -> Response:
    """Raises Refused for what is no grade and no band."""
    if (grade and grade not in GRADES) or (not grade and not 0 <= band < histogram.BANDS):
        raise Refused(404, "shell.http_404")
    seen = look(page, SCORES)
    ids: list[str] = (seen.value or {}).get("newest", {}).get(grade or f"band-{band}", [])
    with page.site.reading() as store:
        found = store.hubs(ids)
        names = names_in(store, ids)
    listed = [found[one] for one in ids if one in found]
    if seen.kept:
        count = seen.value["grades"].get(grade, 0) if grade else histogram.bands(seen.value["totals"])[band]
    else:
        count = 0
    return shown(
        page, "scored_leads.html", seen, listed=listed, names=names, count=count, grade=grade, band=band,
        title=grade or histogram.named(band),
    )  # fmt: skip


@router.get("/scoring/outcomes")
def outcomes(page: Viewer, anew: bool = False) -> Response:
    config = page.site.opened.project.config
    if config.scoring is None:
        return page.show("scoring.html", scoring=None)
    seen = look(page, Question("calibration", {}), anew=anew)
    with page.site.reading() as store:
        model = store.newest_model()
    return shown(
        page, "scoring_outcomes.html", seen, scoring=config.scoring, model=model, asked=config.scoring.predictive
    )


# -- what there is to say of the rules ------------------------------------------------------------------------------------


def axes(config: ProjectFile, words: Words) -> Iterator[tuple[str, int, list[Rule]]]:
    """Axis, cap and rules of each axis that has any."""
    scoring = config.scoring
    assert scoring is not None
    if scoring.fit_rules:
        rules = [Rule(one.name, one.points, described(one.when, config.fields, words)) for one in scoring.fit_rules]
        yield "fit", scoring.fit_cap, rules
    if scoring.engagement is not None:
        yield "engagement", scoring.engagement.cap, [_engaging(one, config, words) for one in scoring.engagement.rules]


def _engaging(one: EngagementRule, config: ProjectFile, words: Words) -> Rule:
    if one.when is not None:
        return Rule(one.name, one.points, described(one.when, config.fields, words))
    assert config.scoring is not None
    assert config.scoring.engagement is not None
    half = one.half_life or config.scoring.engagement.half_life
    more = [words("scoring.each_time")]
    if half is not None:
        more.append(words("scoring.halved", count=_whole(half)))
    if one.within is not None:
        more.append(words("scoring.within", count=one.within))
    if one.cap is not None:
        more.append(words("scoring.at_most", count=one.cap))
    return Rule(one.name, one.points, words.either(words(f"activities.{t}") for t in one.on or ()), "; ".join(more))


def _whole(number: float) -> float:
    return int(number) if float(number).is_integer() else number


def least_of(config: ProjectFile) -> int | None:
    """The points that earn the qualified stage, where there are such."""
    condition = earned_by(config).get(qualified_stage(config))
    return threshold_of(condition) if condition is not None else None


def _earned(config: ProjectFile, words: Words) -> dict[str, str]:
    return {stage: described(one, config.fields, words) for stage, one in earned_by(config).items()}


def grid_of(scoring: Scoring) -> dict[str, Any] | None:
    """Rows from A to D, columns from 1 to 4; None where there are no grades."""
    if not scoring.graded:
        return None
    fit = [*scoring.grades.of_fit.values(), 0]
    engagement = [*scoring.grades.of_engagement.values(), 0]
    return {
        "rows": list(zip((*FIT_GRADES, "D"), fit, strict=True)),
        "columns": list(zip((*ENGAGEMENT_GRADES, "4"), engagement, strict=True)),
        "stages": scoring.grid,
    }
