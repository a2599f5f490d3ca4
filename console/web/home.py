"""The overview: are the systems in sync?"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from console.web.page import Viewer

router = APIRouter()


@router.get("/")
def home(page: Viewer) -> Response:
    with page.site.history() as history:
        counted = history.counted()
    return page.show("home.html", counted=counted, systems=page.site.opened.project.config.systems)
