"""What takes the whole past: what is kept of it is shown at once, and counted anew in the background where it is old.

No page counts: a job does (`counts`), one at a time whoever asks for whatever, since each needs up to half a gigabyte with a
million leads. Old is what another configuration counted, what the history has gone past, and what is past its age. Invariant:
what is shown was counted after the last person was forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fastapi.responses import Response

from console.web.jobs import Job
from console.web.kept import Kept, Question, drop, find
from console.web.page import Page
from console.web.site import Site
from state.watermark import Watermark, watermark

KIND = "count"


class Age(NamedTuple):
    """What is younger than `young` is not counted anew, but by another configuration; what is older than `old` is, even where
    nothing has changed, since time alone changes it too."""

    young: timedelta = timedelta(minutes=5)
    old: timedelta = timedelta(hours=6)


AGES: Mapping[str, Age] = {
    "sla": Age(old=timedelta(minutes=15)),
    "calibration": Age(young=timedelta(days=1), old=timedelta(days=7)),
    "scoring_effect": Age(young=timedelta(hours=1)),
}
"""Of those that are not as the others: clocks run over by themselves; outcomes come over months."""

AGAIN = timedelta(minutes=1)
"""So long after a failure it is not tried again."""

TOGETHER = 1
_lock = threading.Lock()


class Look(NamedTuple):
    """`kept`: None where nothing was counted yet. `job`: what counts it right now; `queued`: it will be, after another.
    `failure`: why the last one did not end well, as `Job.failure`."""

    question: Question
    kept: Kept | None
    job: Job | None = None
    queued: bool = False
    failure: dict[str, Any] | None = None

    @property
    def counting(self) -> bool:
        return self.job is not None or self.queued

    @property
    def value(self) -> Any:
        return self.kept.head.value if self.kept else None

    @property
    def step(self) -> tuple[str, int] | None:
        """How far the counting is: what it is at, and how many of it."""
        steps = list(self.job.steps.items()) if self.job else []
        return (f"{steps[-1][0][0]}_{steps[-1][0][1]}", steps[-1][1]) if steps else None


def look(page: Page, question: Question, *, anew: bool = False) -> Look:
    """What there is of it; begins to count it where that is due. `anew`: in any case."""
    site, now = page.site, page.now
    mark = watermark(site.engine)
    kept = known(site, question, mark)
    if kept is not None and not anew and not due(site, kept, mark, now):
        return Look(question, kept)
    with _lock:
        running = [job for job in site.jobs.running() if job.kind == KIND]
        mine = next((job for job in running if job.arguments["question"] == question.document()), None)
        if mine is None:
            failed = None if anew else _failed(site, question, now)
            if failed is not None:
                return Look(question, kept, failure=failed.failure)
            if len(running) >= TOGETHER:
                return Look(question, kept, queued=True)
            mine = site.jobs.start(KIND, page.by, question=question.document())
    return Look(question, kept, mine)


def known(site: Site, question: Question, mark: Watermark) -> Kept | None:
    """What is kept of it. All goes that was counted before somebody was forgotten."""
    kept = find(site.folder, question)
    if kept is not None and kept.head.mark.erasures != mark.erasures:
        drop(site.folder)
        return None
    return kept


def due(site: Site, kept: Kept, mark: Watermark, now: datetime) -> bool:
    head = kept.head
    if head.config != site.opened.project.hash:
        return True
    of, age = AGES.get(head.question.name, Age()), now - head.as_of
    return age > of.old or (age > of.young and mark != head.mark)


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
