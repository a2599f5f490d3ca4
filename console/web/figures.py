"""Figures that take the whole past: what is kept of them is shown at once, and counted anew in the background where it is old.

No page counts them: a job does (`counts`), one at a time, since each needs half a gigabyte with a million leads. Invariant:
what is shown was counted after the last person was forgotten.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fastapi.responses import Response

from console.web.counts import configured
from console.web.jobs import Job
from console.web.kept import Kept, Question, drop, find
from console.web.page import Page
from console.web.site import Site
from state.watermark import Watermark, watermark

KIND = "figures"
YOUNG, OLD = timedelta(minutes=5), timedelta(hours=6)
"""What is younger is not counted anew; what is older is, even where nothing has changed, since leads wait longer by the hour."""

AGAIN = timedelta(minutes=1)
"""So long after a failure it is not tried again."""

TOGETHER = 1
_lock = threading.Lock()


class Look(NamedTuple):
    """`kept`: None where nothing was counted yet. `job`: what counts it right now; `queued`: it will be, after another.
    `failure`: why the last one did not end well, as `Job.failure`."""

    question: Question
    kept: Kept | None
    job: Job | None
    queued: bool
    failure: dict[str, Any] | None

    @property
    def counting(self) -> bool:
        return self.job is not None or self.queued


def look(page: Page, question: Question) -> Look:
    """What there is of it; begins to count it where that is due."""
    site, now = page.site, page.now
    mark = watermark(site.engine)
    kept = known(site, question, mark)
    if kept is not None and not due(site, kept, mark, now):
        return Look(question, kept, None, False, None)
    with _lock:
        running = [job for job in site.jobs.running() if job.kind == KIND]
        mine = next((job for job in running if job.arguments["question"] == question.document()), None)
        if mine is None:
            failed = _failed(site, question, now)
            if failed is not None:
                return Look(question, kept, None, False, failed.failure)
            if len(running) >= TOGETHER:
                return Look(question, kept, None, True, None)
            mine = site.jobs.start(KIND, page.by, question=question.document())
    return Look(question, kept, mine, False, None)


def known(site: Site, question: Question, mark: Watermark) -> Kept | None:
    """What is kept of it. All goes that was counted before somebody was forgotten."""
    kept = find(site.folder, question)
    if kept is not None and kept.head.mark.erasures != mark.erasures:
        drop(site.folder)
        return None
    return kept


def due(site: Site, kept: Kept, mark: Watermark, now: datetime) -> bool:
    head = kept.head
    if head.config != configured(site.opened.project.config):
        return True
    age = now - head.as_of
    return age > OLD or (age > YOUNG and mark != head.mark)


def _failed(site: Site, question: Question, now: datetime) -> Job | None:
    """The last job of this question, where it failed a moment ago."""
    for job in site.jobs.all():
        if job.kind == KIND and job.arguments["question"] == question.document():
            lately = job.ended is not None and now - job.ended < AGAIN
            return job if job.failure is not None and lately else None
    return None


def shown(page: Page, template: str, seen: Look, **values: Any) -> Response:
    """The page; and a word to htmx, which asks for the state alone while it is counted, once the rest is to be taken anew."""
    answer = page.show(template, look=seen, **values)
    if page.request.headers.get("HX-Target") == "state" and not seen.counting:
        answer.headers["HX-Trigger"] = "counted"
    return answer
