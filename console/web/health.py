"""/health: whether the console can do its work, for whatever starts it anew or sends it visitors.

Open to everybody, and so without any data: two words, and the status 200 or 503.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from console.web.page import Anybody
from console.web.site import Site
from mapping.problems import ConfigErrors
from state.listing import Listing

router = APIRouter()
log = logging.getLogger(__name__)


@router.get("/health")
def health(page: Anybody) -> Response:
    found = {"database": _database(page.site), "configuration": _configuration(page.site)}
    well = all(found.values())
    return JSONResponse({"status": "ok" if well else "failing", **found}, 200 if well else 503)


def _database(site: Site) -> bool:
    try:
        with Listing(site.engine) as listing:
            return listing.answers()
    except Exception as error:  # whatever the driver raises, it does not answer
        log.warning("The database does not answer: %s", type(error).__name__)
        return False


def _configuration(site: Site) -> bool:
    try:
        return bool(site.opened.project.config.systems)
    except (ConfigErrors, OSError):
        return False
