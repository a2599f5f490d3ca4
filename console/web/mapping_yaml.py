"""The files themselves, with line numbers and what is wrong in each line: the same draft, as text."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from console.publishing import bare
from console.web.drafting import ChangedMeanwhile, Said, digest, edit, trial, work_of
from console.web.mapping import bar
from console.web.page import Admin, Page, Refused, Viewer
from mapping.source import LARGEST_FILE

router = APIRouter()


@router.get("/mapping/yaml/{file:path}")
def text(page: Viewer, file: str) -> Response:
    return _shown(page, file)


@router.post("/mapping/check-yaml/{file:path}")
def check(page: Admin, file: str, form: Said) -> Response:
    """What is wrong with the text as it is typed; nothing is saved."""
    work = work_of(page)
    if file not in work.files:
        raise Refused(404, "shell.http_404")
    typed = _typed(form, work.files[file])
    errors = trial(page, {**work.files, file: typed}).errors
    return page.show("mapping_yaml_check.html", errors=errors, file=file, lines=typed.count("\n") + 1)


@router.post("/mapping/yaml/{file:path}")
def save(page: Admin, file: str, form: Said) -> Response:
    work = work_of(page)
    if file not in work.files:
        raise Refused(404, "shell.http_404")
    typed = _typed(form, work.files[file])
    if len(typed.encode("utf-8", "replace")) > LARGEST_FILE:
        return _shown(page, file, typed, page.words("mapping.too_large"), 422)
    seen = form.get("seen", "")
    try:
        edit(page, lambda files: {**files, file: typed}, file, lambda files: digest(files[file]) == seen)
    except ChangedMeanwhile:
        return _shown(page, file, typed, page.words("mapping.text_changed"), 409)
    except Refused as error:
        return _shown(page, file, typed, page.words(error.key), error.status)
    return page.go(f"/mapping/yaml/{file}", page.words("mapping.text_saved"))


def _typed(form: dict[str, str], was: str) -> str:
    """Browsers send every line with CR and LF; the file keeps the ends that it has."""
    text = form.get("text", "").replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\n", "\r\n") if "\r\n" in was else text
    return "\ufeff" + text if was.startswith("\ufeff") else text


def _shown(page: Page, file: str, typed: str | None = None, wrong: str = "", status: int = 200) -> Response:
    work = work_of(page)
    if file not in work.files:
        raise Refused(404, "shell.http_404")
    stored = work.files[file]
    text = stored if typed is None else typed
    may = page.visitor is not None and page.visitor.may("admin")
    if not may and bare(work.files, work.errors, file):
        raise Refused(403, "mapping.secret_there")
    errors = work.errors if typed is None else trial(page, {**work.files, file: typed}).errors
    return page.show(
        "mapping_yaml.html", status, work=work, bar=bar(page, work), file=file, files=list(work.files),
        text=text.removeprefix("\ufeff"), seen=digest(stored), errors=errors, lines=text.count("\n") + 1, wrong=wrong,
        stored=stored if wrong else "", may=may,
    )  # fmt: skip
