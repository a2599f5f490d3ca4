"""One job: how far it is, and what came of it. For every kind of work; what it leads to, its result says.

A result names the page to look at next: `url`, or `plan` or `run` by its id. Invariant: the page is right without a script
too: it then asks again by itself until the job has ended.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from alignment.words import Words
from console.web.jobs import Job
from console.web.page import Operator, Page, Refused, Viewer

router = APIRouter(prefix="/jobs")
PHASES = ("read", "plan", "write", "index")


@router.get("/{id}")
def show(page: Viewer, id: str, follow: Annotated[bool, Query()] = False) -> Response:
    """`follow`: whoever started it goes on to what it was started for, as soon as that is there."""
    job = _job(page, id)
    onward = leads_to(job)
    if follow and onward:
        return page.go(onward)
    return page.show(
        "job.html", job=job, onward=onward, follow=follow, title=called(job, page.words), phases=phases(page.words)
    )


@router.post("/{id}/stop")
def stop(page: Operator, id: str) -> Response:
    job = _job(page, id)
    if job.running:
        page.site.jobs.stop(id)
        page.note("job-stopped", id, kind=job.kind)
    return page.go(f"/jobs/{id}", page.words("jobs.stopping") if job.running else "", "warn")


def leads_to(job: Job) -> str:
    """The page that the result is about; empty where there is none."""
    found = job.result or {}
    if found.get("url"):
        return str(found["url"])
    for key in ("run", "plan"):
        if found.get(key):
            return f"/{key}s/{found[key]}"
    return ""


def called(job: Job, words: Words) -> str:
    """What kind of work it is."""
    key = f"jobs.kind_{job.kind.replace('-', '_')}"
    return words(key) if key in words else job.kind


def phases(words: Words) -> dict[str, str]:
    """Phase -> what is done in it."""
    return {name: words(f"jobs.phase_{name}") for name in PHASES}


def _job(page: Page, id_: str) -> Job:
    job = page.site.jobs.get(id_)
    if job is None:
        raise Refused(404, "jobs.gone")
    return job
