"""Personas: whom both teams sell to, how many leads each is, how far they come, and what sales has learned of them.

Not here: any figure (`counts.personas`, by a job). Invariant: a persona that the configuration names is shown, also while nothing
has been counted yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.criteria import called, described
from console.web.counting import Look, look, shown
from console.web.kept import Question
from console.web.page import Page, Refused, Viewer
from console.web.periods import check_days
from mapping.agreement.personas import Persona

router = APIRouter()
NOBODY = "none"
"""In an address: the leads that fit no persona."""


@router.get("/personas")
def personas(page: Viewer, start: str = "", end: str = "", anew: bool = False) -> Response:
    config = page.site.opened.project.config
    check_days(start, end)
    if not config.personas:
        return page.show("personas.html", entries=[], look=None, start=start, end=end)
    seen = look(page, Question("personas", {"start": start, "end": end}), anew=anew)
    figures = _figures(seen)
    entries = [(one.name, _told(page, one), figures.get(one.name)) for one in config.personas]
    entries.append((NOBODY, {"name": page.words("personas.nobody"), "means": "", "when": ""}, figures.get(None)))
    return shown(page, "personas.html", seen, entries=entries, start=start, end=end)


@router.get("/personas/{name}")
def persona(page: Viewer, name: str, start: str = "", end: str = "", anew: bool = False) -> Response:
    """Raises Refused where there is none of that name."""
    config = page.site.opened.project.config
    check_days(start, end)
    found = next((one for one in config.personas if one.name == name), None)
    if found is None and (name != NOBODY or not config.personas):
        raise Refused(404, "personas.unknown", name=name[:40])
    seen = look(page, Question("personas", {"start": start, "end": end}), anew=anew)
    told = _told(page, found) if found else {"name": page.words("personas.nobody"), "means": "", "when": ""}
    return shown(
        page, "persona.html", seen, name=name, persona=told, figures=_figures(seen).get(found.name if found else None),
        start=start, end=end, within=config.funnel.within,
        field=lambda one: called(one, config.fields, page.words),
    )  # fmt: skip


def _figures(seen: Look) -> dict[str | None, Mapping[str, Any]]:
    return {one["persona"]: one for one in (seen.value or {}).get("personas", ())}


def _told(page: Page, one: Persona) -> dict[str, str]:
    config = page.site.opened.project.config
    language, first = page.words.language, config.languages[0]
    return {
        "name": one.label.within(language, first) or one.name,
        "means": one.means.within(language, first),
        "when": described(one.when, config.fields, page.words),
    }
