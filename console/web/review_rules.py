"""What people decide over and over, proposed as a rule: which fields, what each rule would have decided, and the lines for it.

A proposal is an edit of a file (`console.ruling.Edit`); an admin takes it into their draft of the mapping, looks at what it would
do, and publishes it there. Invariants: every figure comes from replaying the rule over the questions themselves; what is taken
into a draft is a proposal of now, put where the draft has its place.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console import ruling
from console.failures import Refusal
from console.names import names_in
from console.ruling import Edit
from console.web.drafting import ChangedMeanwhile, digest, edit, work_of
from console.web.page import Admin, Page, Viewer
from console.web.reviews import telling
from mapping.editing import CannotEdit, set_at
from mapping.fields import Kind
from mapping.loader import Project
from state.queue import Queue

router = APIRouter()


@router.get("/reviews/rules")
def rules(page: Viewer) -> Response:
    with page.site.reading() as store:
        return page.show(
            "review_rules.html",
            tell=telling(page), fields=Queue(store).fields_in_conflict(), yaml=ruling.yaml_lines,
            placeholders=ruling.placeholders(page.site.opened.project, store),
        )  # fmt: skip


@router.post("/reviews/rules")
def take_placeholder(page: Admin, value: Annotated[str, Form()]) -> Response:
    with page.site.reading() as store:
        known = {one.value for one in ruling.placeholders(page.site.opened.project, store)}
    if value not in known:
        raise Refusal("no-rule", page.words("reviews.no_rule"), "")
    return _into_draft(page, ruling.placeholder_edit(_drafted(page), value), "/reviews/rules")


@router.get("/reviews/rules/{kind}/{field}")
def rule(page: Viewer, kind: Kind, field: str) -> Response:
    opened = page.site.opened
    with page.site.reading() as store:
        found = ruling.proposals(opened.project, opened.rules, store, kind, field)
        samples = [sample for one in found for sample in one.samples]
        return page.show(
            "review_rule.html",
            tell=telling(page), kind=kind, field=field, found=found, yaml=ruling.yaml_lines, most=ruling.MOST,
            names=names_in(store, [s.hub_id for s in samples], [(dict(s.claims), s.value) for s in samples]),
            policy=opened.rules.of(kind).policy(field), mark=digest,
        )  # fmt: skip


@router.post("/reviews/rules/{kind}/{field}")
def take_rule(page: Admin, kind: Kind, field: str, rule: Annotated[str, Form()]) -> Response:
    """`rule`: the mark of the proposal."""
    opened = page.site.opened
    with page.site.reading() as store:
        found = ruling.proposals(opened.project, opened.rules, store, kind, field)
    said = next((one.said for one in found if digest(one.edit) == rule), None)
    if said is None:
        raise Refusal("no-rule", page.words("reviews.no_rule"), "")
    made = ruling.rule_edit(_drafted(page), kind, field, said)
    return _into_draft(page, made, f"/reviews/rules/{kind}/{quote(field)}")


def _drafted(page: Page) -> Project:
    """What the draft says, where it can be read."""
    return work_of(page).project or page.site.opened.project


def _into_draft(page: Page, made: Edit, back: str) -> Response:
    try:
        edit(
            page, lambda files: {**files, made.file: set_at(files[made.file], made.loc, made.value)}, ".".join(made.loc)
        )
    except ChangedMeanwhile:
        return page.go(back, page.words("mapping.draft_moved"), "warn")
    except CannotEdit as error:
        return page.go(back, page.words("mapping.cannot_edit", why=str(error)), "warn")
    return page.go("/mapping/preview", page.words("reviews.rule_drafted"))
