"""The rules editor of the score: a form over the admin's draft, and what it would do to every lead before it is published.

Not here: how the text is changed (`mapping.scoring_edit`), how the effect is counted (`sync.rescoring`, by a job), publishing.
Invariant: nothing is saved but into the draft of whoever edits, and only where the files with it have no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData

from alignment.criteria import called
from alignment.proportions import wilson
from alignment.scoring.outcomes import qualified_stage
from console.names import names_in
from console.web import histogram
from console.web.counting import look, shown
from console.web.drafting import ChangedMeanwhile, Work, data, digest, trial, work_of
from console.web.drafting import edit as change_draft
from console.web.kept import Question
from console.web.page import Admin, Page, Refused
from console.web.scoring_form import TESTS, Wrong, read, rows_of
from mapping.derived import shared_fields
from mapping.editing import CannotEdit
from mapping.folder import MAIN, Files
from mapping.problems import ConfigError, ConfigErrors
from mapping.scored import ENGAGEMENT_GRADES, FIT_GRADES, GRADES
from mapping.scoring_edit import DEFAULTS, rules_of, said_in, scoring_edit, threshold_of
from mapping.shared import ActivityName

router = APIRouter()
QUICK = 20_000
"""Leads that a first answer is counted from."""


@router.get("/scoring/edit")
def edit(page: Admin) -> Response:
    return _form(page, work_of(page), {})


async def _form_of(request: Request) -> FormData:
    return await request.form()


@router.post("/scoring/edit")
def save(page: Admin, form: Annotated[FormData, Depends(_form_of)]) -> Response:
    posted = {name: value for name, value in form.multi_items() if isinstance(value, str) and name != "new_on"}
    return _save(page, posted, [one for one in form.getlist("new_on") if isinstance(one, str)])


@router.get("/scoring/effect")
def effect(page: Admin, whole: bool = False, anew: bool = False) -> Response:
    work = work_of(page)
    config = page.site.opened.project.config
    text = work.files[MAIN]
    differing = {name: told for name, told in work.files.items() if work.now.get(name) != told}
    same = _shown(work.files) == _shown(work.now)
    if same or config.scoring is None:
        return page.show("scoring_effect.html", same=True)
    question = Question("scoring_effect", {"files": differing, "size": 0 if whole else QUICK})
    seen = look(page, question, anew=anew)
    found: Mapping[str, Any] | None = seen.value
    names: dict[str, str] = {}
    if found:
        with page.site.reading() as store:
            names = names_in(store, [one["hub"] for some in found["examples"].values() for one in some])
    stage = found["stage"] if found else ""
    return shown(
        page, "scoring_effect.html", seen, same=False, found=found, whole=whole, names=names, stage=stage,
        publish="/mapping/publish", estimate=lambda count: estimated(count, found), parts=_parts,
        chart=histogram.histogram(
            found["after"], page.words, "effect", _least(text, stage), before=found["before"]
        ) if found else "",
    )  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """Of all leads. `low`, `high`: where the true number lies, 95 times of 100; None where all were counted."""

    count: int
    low: int | None = None
    high: int | None = None


def estimated(count: int, found: Mapping[str, Any] | None) -> Estimate:
    assert found is not None
    if found["looked"] >= found["leads"]:
        return Estimate(count)
    low, high = wilson(count, found["looked"]) or (0.0, 1.0)
    scale = found["leads"] / found["looked"]
    return Estimate(round(count * scale), max(count, int(low * found["leads"])), round(high * found["leads"]))


def _parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Rules whose points differ: name, before, after."""
    old, new = dict(before["parts"]), dict(after["parts"])
    both = [(name, old.get(name, 0), new.get(name, 0)) for name in dict.fromkeys([*old, *new])]
    return [one for one in both if one[1] != one[2]]


# -- the form -------------------------------------------------------------------------------------------------------------


def _shown(files: Files) -> str:
    """A mark of all that the form shows of the files: another one where somebody has changed any of it."""
    said = data(files.get(MAIN, ""))
    return digest([said.get("scoring"), (said.get("vocabulary") or {}).get("promote")])


def _save(page: Page, posted: Mapping[str, str], on: list[str]) -> Response:
    work, config = work_of(page), page.site.opened.project.config

    def change(files: Files) -> dict[str, str]:
        fields = shared_fields(config, "lead")
        changed = scoring_edit(files, read(posted, on, files[MAIN], qualified_stage(config), fields))
        new = [one for one in trial(page, changed).errors if _same(one) not in set(map(_same, work.errors))]
        if new:
            raise ConfigErrors(new)
        return changed

    try:
        draft = change_draft(page, change, "scoring", still=lambda files: _shown(files) == posted.get("shown"))
    except ChangedMeanwhile:
        return _form(page, work_of(page), {}, wrong=[page.words("scoring.stale")], status=409)
    except Wrong as error:
        return _form(page, work, posted, wrong=[page.words(error.key, **error.values)], on=on, status=422)
    except CannotEdit as error:
        wrong = [page.words("scoring.cannot_edit", why=str(error))]
        return _form(page, work, posted, wrong=wrong, on=on, status=422)
    except ConfigErrors as error:
        return _form(page, work, posted, wrong=[str(one) for one in error.errors], on=on, status=422)
    if draft.files == work.files:
        return page.go("/scoring/effect" if work.stored else "/scoring/edit", page.words("scoring.nothing_changed"))
    return page.go("/scoring/effect", page.words("scoring.saved"))


def _same(error: ConfigError) -> tuple[str, str, str]:
    """An error, wherever its line has moved to."""
    return error.file, error.key, error.message


def _form(
    page: Page, work: Work, posted: Mapping[str, str], *, wrong: list[str] | None = None, on: list[str] | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    """`posted`: what somebody typed and is to find again."""
    config, text = page.site.opened.project.config, work.files[MAIN]
    said = said_in(text).get("scoring")
    if config.scoring is None or not isinstance(said, dict):
        raise Refused(409, "scoring.none_text")
    fields = shared_fields(config, "lead")
    stage = qualified_stage(config)
    rules = {axis: rows_of(rules_of(text, axis), fields, page.words) for axis in ("fit", "engagement")}
    engagement = said.get("engagement") or {}
    return page.show(
        "scoring_edit.html", status, posted=posted, wrong=wrong or [], on=on or [], shown=_shown(work.files), rules=rules,
        stage=stage, threshold=threshold_of(text, stage), least=_least(text, stage),
        half_life=engagement.get("half_life", DEFAULTS["half_life"]),
        weights={**DEFAULTS["weights"], **(said.get("weights") or {})},
        grades={axis: {**DEFAULTS["grades"][axis], **((said.get("grades") or {}).get(axis) or {})} for axis in rules},
        grid=said.get("grid") or {}, graded=bool(rules["fit"] and rules["engagement"]), cells=GRADES,
        letters=(*FIT_GRADES, "D"), digits=(*ENGAGEMENT_GRADES, "4"),
        ladder=[one.name for one in config.vocabulary.ladder], activities=get_args(ActivityName), tests=TESTS,
        fields=sorted(((name, called(name, fields, page.words)) for name in fields), key=lambda one: one[1].casefold()),
        changed=_shown(work.files) != _shown(work.now),
    )  # fmt: skip


def _least(text: str, stage: str) -> int | None:
    found = threshold_of(text, stage)
    return int(found) if found is not None else None
