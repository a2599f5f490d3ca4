"""The reports that were made: to look at, to download, to make one now; and what the meetings decided.

Not here: any figure of a report (`alignment.reports`), and making one (a job, `work.report`). Invariant: of the folder nothing is
served but what is a report by its name; one that is looked at can run nothing and fetch nothing, whatever stands in it.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import FileResponse, HTMLResponse, Response

from console.web.headers import POLICY
from console.web.page import Number, Operator, Page, Refused, Viewer
from console.web.site import LANGUAGES
from state import decisions
from state.decisions import DecisionState
from sync.reporting import FOLDER

router = APIRouter()
TYPES = {
    "html": "text/html", "pdf": "application/pdf", "md": "text/markdown; charset=utf-8", "json": "application/json",
}  # fmt: skip
NAME = re.compile(r"(week|month|period)-(\d{4}-\d\d-\d\d)(?:-([a-z]{2}))?")
FILE = re.compile(r"([A-Za-z0-9_-]{1,80})\.(html|pdf|md|json)")
SHOWN = 60
"""Reports, and closed decisions, of one page."""
TEXT = 2000
"""Characters of a decision at most."""


@dataclass(frozen=True)
class Kept:
    """`kind`: week, month or period; empty for a note. `forms`: the endings that there are."""

    name: str
    kind: str
    until: date | None
    language: str
    at: datetime
    forms: tuple[str, ...]


@router.get("/reports")
def reports(page: Viewer) -> Response:
    made = _kept(page.site.folder)
    jobs = [job for job in page.site.jobs.all() if job.kind == "report"]
    return page.show(
        "reports.html", tab="reports", made=made[:SHOWN], more=max(0, len(made) - SHOWN), today=_today(page),
        running=next((job for job in jobs if job.running), None), failed=jobs[0].failure if jobs else None,
        project_language=page.site.opened.project.config.languages[0],
    )  # fmt: skip


@router.post("/reports")
def make(
    page: Operator,
    kind: Annotated[str, Form()],
    until: Annotated[str, Form()] = "",
    language: Annotated[str, Form()] = "",
) -> Response:
    """Raises Refused for what is no kind, no language, or no day that has come."""
    last = _day(until)
    if kind not in ("week", "month") or (language and language not in LANGUAGES) or (last and last > _today(page)):
        raise Refused(422, "meetings.wrong_report")
    if any(job.kind == "report" for job in page.site.jobs.running()):
        return page.go("/reports", page.words("meetings.making_already"), "warn")
    page.site.jobs.start("report", page.by, of=kind, until=until, language=language)
    page.note("report", kind, until=until, language=language)
    return page.go("/reports")


@router.get("/reports/decisions")
def decided(page: Viewer) -> Response:
    all_ = decisions.decisions(page.site.engine)
    today = _today(page)
    opened = sorted((one for one in all_ if one.state == "open"), key=lambda one: (one.due or date.max, one.id))
    closed = [one for one in reversed(all_) if one.state != "open"]
    return page.show(
        "decisions.html", tab="decisions", opened=opened, closed=closed[:SHOWN], more=max(0, len(closed) - SHOWN),
        today=today, text_limit=TEXT,
    )  # fmt: skip


@router.post("/reports/decisions")
def decide(
    page: Operator,
    text: Annotated[str, Form()],
    who: Annotated[str, Form()] = "",
    due: Annotated[str, Form()] = "",
    met: Annotated[str, Form()] = "",
) -> Response:
    """Raises Refused where nothing was decided, or a day is none."""
    said = " ".join(text.split())
    if not said or len(said) > TEXT or len(who) > 255:
        raise Refused(422, "meetings.no_text")
    day = _day(met) or _today(page)
    id_ = decisions.decide(page.site.engine, day, said, " ".join(who.split()), _day(due), page.now, page.by)
    page.note("decide", f"decision {id_}")
    return page.go("/reports/decisions", page.words("meetings.noted"))


@router.post("/reports/decisions/{number}")
def close(page: Operator, number: Number, state: Annotated[str, Form()]) -> Response:
    """Raises Refused where there is no such open decision."""
    states: Mapping[str, DecisionState] = {"done": "done", "dropped": "dropped"}
    if state not in states or not decisions.close(page.site.engine, number, states[state], page.now, page.by):
        raise Refused(404, "meetings.no_decision")
    page.note("close", f"decision {number}", state=state)
    return page.go("/reports/decisions", page.words(f"meetings.closed_{state}"))


@router.get("/reports/files/{file}")
def download(page: Viewer, file: str) -> Response:
    """HTML to be looked at, by a policy of its own; all else to be kept."""
    path, ending = _file(page.site.folder, file)
    if ending == "html":
        return document(path.read_text("utf-8"))
    return FileResponse(path, media_type=TYPES[ending], filename=file)


@router.get("/reports/{name}")
def look(page: Viewer, name: str) -> Response:
    """The report in a frame, which can do nothing."""
    found = next((one for one in _kept(page.site.folder) if one.name == name), None)
    if found is None:
        raise Refused(404, "meetings.no_report")
    answer = page.show("report.html", one=found)
    answer.headers["Content-Security-Policy"] = f"{POLICY}; frame-src 'self'"
    return answer


def document(text: str) -> Response:
    """A report as a page of its own: its own styles, known by their digest, and nothing else."""
    styles = re.findall(r"<style>(.*?)</style>", text, re.S)
    digests = " ".join(f"'sha256-{b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in styles)
    policy = (
        f"default-src 'none'; style-src {digests or chr(39) + 'none' + chr(39)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox"
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"})


# -- the folder -----------------------------------------------------------------------------------------------------------


def _kept(folder: Path) -> list[Kept]:
    """The newest first."""
    forms: dict[str, list[str]] = {}
    at: dict[str, float] = {}
    for path in (folder / FOLDER).glob("*"):
        found = FILE.fullmatch(path.name)
        if found and path.is_file():
            forms.setdefault(found[1], []).append(found[2])
            at[found[1]] = max(at.get(found[1], 0.0), path.stat().st_mtime)
    made = []
    for name, endings in forms.items():
        told = NAME.fullmatch(name)
        kind, until, language = told.groups("") if told else ("", "", "")
        when = datetime.fromtimestamp(at[name], UTC)
        order = tuple(sorted(endings, key=list(TYPES).index))
        made.append(Kept(name, kind, _day(until), language, when, order))
    return sorted(made, key=lambda one: (one.at, one.name), reverse=True)


def _file(folder: Path, file: str) -> tuple[Path, str]:
    found = FILE.fullmatch(file)
    path = folder / FOLDER / file
    if found is None or not path.is_file() or path.is_symlink():
        raise Refused(404, "meetings.no_report")
    return path, found[2]


def _day(text: str) -> date | None:
    """Raises Refused for what is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Refused(422, "vocabulary.no_day", day=text[:40]) from None


def _today(page: Page) -> date:
    zone = page.site.opened.project.config.funnel.time_zone
    return page.now.astimezone(ZoneInfo(zone)).date()
