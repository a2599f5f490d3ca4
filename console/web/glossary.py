"""The shared vocabulary, a stage an anchor that other pages link to; and why the systems count differently.

Not here: what an entry says (`alignment.glossary`), how the systems are compared (`sync.compare`, by a job). Invariant: whoever
is behind a difference is named from the database as it is now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.glossary import glossary, spelled
from console.names import names_in
from console.web.counting import look, shown
from console.web.kept import Question
from console.web.page import Number, Page, Refused, Viewer
from console.web.periods import check_days

router = APIRouter()
ROWS = 50
"""Differences of one page."""


@router.get("/glossary")
def entries(page: Viewer) -> Response:
    told = glossary(page.site.opened.project, page.words.language)
    kinds = {kind: [one for one in told.entries if one.kind == kind] for kind in ("ladder", "side")}
    return page.show("glossary.html", kinds=kinds, spelled=lambda one: spelled(one, page.words))


@router.get("/glossary/compare")
def comparison(
    page: Viewer,
    stage: str = "",
    start: str = "",
    end: str = "",
    system: str = "",
    why: str = "",
    beyond: bool = False,
    number: Number = 1,
    anew: bool = False,
) -> Response:
    """`system`, `why`, `beyond`: the differences whose leads are listed. Raises Refused for what is no stage or no day."""
    ladder = page.site.opened.rules.lifecycle.ladder
    if stage and stage not in ladder:
        raise Refused(404, "vocabulary.no_stage", stage=stage[:40])
    check_days(start, end)
    if not stage:
        return page.show("compare.html", look=None, ladder=ladder, stage=stage, start=start, end=end)
    seen = look(page, Question("compare", {"stage": stage, "start": start, "end": end}), anew=anew)
    compared: dict[str, Any] | None = seen.value
    some: list[Mapping[str, Any]] = []
    if compared and why:
        some = [
            one for one in compared["differences"]
            if one["system"] == system and one["why"] == why and (one["entered"] is None) == beyond
        ]  # fmt: skip
    number = max(1, min(number, -(-len(some) // ROWS)))
    listed = [
        {**one, "entered": datetime.fromisoformat(one["entered"]) if one["entered"] else None}
        for one in some[(number - 1) * ROWS : number * ROWS]
    ]
    return shown(
        page, "compare.html", seen, ladder=ladder, stage=stage, start=start, end=end, compared=compared, system=system,
        why=why, beyond=beyond, number=number, pages=-(-len(some) // ROWS), found=len(some), listed=listed,
        names=_names(page, listed),
    )  # fmt: skip


def _names(page: Page, some: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    with page.site.reading() as store:
        return names_in(store, [one["hub"] for one in some if one["hub"]])
