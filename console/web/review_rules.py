"""What people decide over and over, proposed as a rule: which fields, what each rule would have decided, and the lines for it.

Nothing is written here: a proposal is an edit of a file (`console.ruling.Edit`) for the draft of the mapping. Invariant: every
figure comes from replaying the rule over the questions themselves.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from console import ruling
from console.names import names_in
from console.web.page import Viewer
from console.web.reviews import telling
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


@router.get("/reviews/rules/{kind}/{field}")
def rule(page: Viewer, kind: str, field: str) -> Response:
    opened = page.site.opened
    with page.site.reading() as store:
        found = ruling.proposals(opened.project, opened.rules, store, kind, field)
        samples = [sample for one in found for sample in one.samples]
        return page.show(
            "review_rule.html",
            tell=telling(page), kind=kind, field=field, found=found, yaml=ruling.yaml_lines, most=ruling.MOST,
            names=names_in(store, [s.hub_id for s in samples], [(dict(s.claims), s.value) for s in samples]),
            policy=opened.rules.of(kind).policy(field),  # type: ignore[arg-type]
        )  # fmt: skip
