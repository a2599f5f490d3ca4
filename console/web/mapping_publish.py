"""From the draft to what runs: looked at once more, published with a note, kept in the history, and taken back by one click.

Invariant: nobody publishes over a state that they have not seen: where the files have changed since the draft was begun, both
sides' changes are shown, entry by entry, and what both have changed is chosen by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console import publishing
from console.publishing import FolderChanged, NothingNew, checked
from console.web.drafting import Said, Work, changes_of, digest, work_of
from console.web.mapping import bar
from console.web.mapping_titles import entry_title, lines_of, parts, place_title, shown
from console.web.page import Admin, Number, Page, Refused, Viewer
from mapping.compared import Change, Choice, Clash, merged
from mapping.editing import CannotEdit
from mapping.folder import MAIN, read_files
from mapping.problems import ConfigErrors
from state.drafts import Publication, StaleDraft

router = APIRouter()
CHOICES: Mapping[str, Choice] = {"mine": "mine", "theirs": "theirs"}


@router.get("/mapping/publish")
def review(page: Viewer) -> Response:
    return _review(page)


@router.post("/mapping/publish")
def publish(page: Admin, version: Annotated[Number, Form()], note: Annotated[str, Form()] = "") -> Response:
    work, site = work_of(page), page.site
    if not work.stored:
        return page.go("/mapping/publish", page.words("mapping.nothing_to_publish"), "warn")
    if work.draft.version != version:
        return _review(page, page.words("mapping.draft_moved"), note, 409)
    if work.behind:
        return page.go("/mapping/merge", page.words("mapping.merge_first"), "warn")
    try:
        done = publishing.publish(
            site.folder,
            site.publications,
            work.draft.begun,
            work.files,
            by=page.by,
            note=note.strip()[:2000],
            at=page.now,
        )
    except ConfigErrors:
        return _review(page, page.words("mapping.has_errors"), note, 422)
    except FolderChanged:
        return page.go("/mapping/merge", page.words("mapping.merge_first"), "warn")
    except NothingNew:
        return page.go("/mapping/publish", page.words("mapping.nothing_to_publish"), "warn")
    except OSError as error:
        return _review(page, page.words("mapping.cannot_write", why=error.strerror or str(error)), note, 500)
    try:
        site.drafts.drop(work.draft)
    except (
        StaleDraft
    ):  # another tab went on editing while this one published: what it has written stays a draft, of what runs now
        _keep_going(page, work, done)
    page.note(
        "publish", str(done.number), note=done.note, changes=[f"{one.file} {one.key}" for one in work.changes][:50]
    )
    return page.go(f"/mapping/history/{done.number}", page.words("mapping.published", number=done.number))


@router.post("/mapping/discard")
def discard(page: Admin, version: Annotated[Number, Form()]) -> Response:
    work = work_of(page)
    try:
        if work.draft.version != version:
            raise StaleDraft
        page.site.drafts.drop(work.draft)
    except StaleDraft:
        return page.go("/mapping/publish", page.words("mapping.draft_moved"), "warn")
    page.note("discard", changes=[f"{one.file} {one.key}" for one in work.changes][:50])
    return page.go("/mapping", page.words("mapping.discarded"))


@router.get("/mapping/merge")
def merge(page: Admin) -> Response:
    return _merge(page)


@router.post("/mapping/merge")
def bring_together(page: Admin, form: Said) -> Response:
    """The draft anew over what the folder says now. Refused while both have changed an entry and nobody has chosen, and where either
    side is not any more what was shown."""
    work = work_of(page)
    if not work.behind:
        return page.go("/mapping/publish", page.words("mapping.nothing_to_merge"), "warn")
    if form.get("seen") != _seen(work):
        return _merge(page, wrong=page.words("mapping.both_moved"), status=409)
    chosen: dict[tuple[str, str], Choice] = {}
    for name, value in form.items():
        if name.startswith("choose ") and (choice := CHOICES.get(value)):
            _, file, key = (*name.split(" ", 2), "")[:3]
            chosen[file, key] = choice
    found = merged(work.draft.begun, work.now, work.files, chosen)
    if found.open:
        return _merge(page, chosen, page.words("mapping.choose_all"), 422)
    try:
        page.site.drafts.save(work.draft, found.files, page.now, begun=work.now)
    except StaleDraft:
        return _merge(page, chosen, page.words("mapping.both_moved"), 409)
    page.note("merge", "draft", clashes=[f"{one.file} {one.key}" for one in found.clashes][:50])
    return page.go("/mapping/publish", page.words("mapping.merged"))


@router.get("/mapping/history")
def history(page: Viewer, before: Number | None = None) -> Response:
    found = page.site.publications.newest(31, before)
    told = [(one, _counted(one, found[at + 1] if at + 1 < len(found) else None)) for at, one in enumerate(found[:30])]
    work = work_of(page)
    last = found[0] if found and before is None else None
    return page.show(
        "mapping_history.html", work=work, bar=bar(page, work), publications=told, more=found[29].number if len(found) > 30 else None,
        unseen=last is not None and last.files != work.now,
    )  # fmt: skip


@router.get("/mapping/history/{number}")
def publication(page: Viewer, number: Number) -> Response:
    one = _publication(page, number)
    before = page.site.publications.get(one.begun_from) if one.begun_from else None
    last = page.site.publications.last()
    now = read_files(page.site.folder)
    _, errors = checked(one.files, page.site.folder)
    return page.show(
        "mapping_publication.html", one=one, before=before, last=last, errors=errors,
        changes=_told(page, changes_of(before.files, one.files)) if before else [],
        lines=lines_of(before.files, one.files) if before else [],
        back=_told(page, changes_of(now, one.files)), runs=now == one.files, seen=digest(now),
        may=page.visitor is not None and page.visitor.may("admin"),
    )  # fmt: skip


@router.post("/mapping/history/{number}/rollback")
def roll_back(page: Admin, number: Number, seen: Annotated[str, Form()], note: Annotated[str, Form()] = "") -> Response:
    one, site = _publication(page, number), page.site
    now = read_files(site.folder)
    if digest(now) != seen:
        return page.go(f"/mapping/history/{number}", page.words("mapping.moved_on"), "warn")
    text = note.strip()[:2000] or page.words("mapping.back_to", number=number)
    try:
        done = publishing.roll_back(site.folder, site.publications, one, now, by=page.by, note=text, at=page.now)
    except ConfigErrors as error:
        told = page.words("mapping.old_has_errors", count=len(error.errors))
        return page.go(f"/mapping/history/{number}", told, "bad")
    except (FolderChanged, NothingNew):
        return page.go(f"/mapping/history/{number}", page.words("mapping.moved_on"), "warn")
    except OSError as error:
        told = page.words("mapping.cannot_write", why=error.strerror or str(error))
        return page.go(f"/mapping/history/{number}", told, "bad")
    page.note("rollback", str(done.number), to=number)
    return page.go(f"/mapping/history/{done.number}", page.words("mapping.rolled_back", number=number, new=done.number))


def _review(page: Page, wrong: str = "", note: str = "", status: int = 200) -> Response:
    work = work_of(page)
    return page.show(
        "mapping_publish.html", status, work=work, bar=bar(page, work), wrong=wrong, note=note,
        changes=_told(page, work.changes), lines=lines_of(work.draft.begun, work.files),
        may=page.visitor is not None and page.visitor.may("admin"), connections=_connections(work.changes),
    )  # fmt: skip


def _connections(changes: Sequence[Change]) -> list[str]:
    """Systems that are reached otherwise than before: their secrets go there, as soon as it is published."""
    return sorted({
        str(one.loc[1])
        for one in changes
        if one.file == MAIN and one.loc[:1] == ("systems",) and one.loc[2:3] in ((), ("connector",), ("settings",))
    })  # fmt: skip


def _merge(
    page: Page, chosen: Mapping[tuple[str, str], Choice] | None = None, wrong: str = "", status: int = 200
) -> Response:
    work = work_of(page)
    if not work.behind:
        return page.go("/mapping/publish")
    broken: str = ""
    clashes: tuple[Clash, ...] = ()
    try:
        clashes = merged(work.draft.begun, work.now, work.files).clashes
    except CannotEdit as error:
        broken = str(error)
    clashing = {(one.file, one.key) for one in clashes}
    theirs, mine = changes_of(work.draft.begun, work.now), changes_of(work.draft.begun, work.files)
    last = page.site.publications.last()
    return page.show(
        "mapping_merge.html", status, work=work, bar=bar(page, work), wrong=wrong, broken=broken, seen=_seen(work),
        clashes=[(one, place_title(one.file, page.words), entry_title(one.loc, page.words)) for one in clashes],
        theirs=_told(page, [one for one in theirs if (one.file, one.key) not in clashing]),
        mine=_told(page, [one for one in mine if (one.file, one.key) not in clashing]),
        chosen=chosen or {}, shown=shown, last=last if last and last.files == work.now else None,
    )  # fmt: skip


def _seen(work: Work) -> str:
    return digest([work.draft.version, work.now])


def _keep_going(page: Page, work: Work, done: Publication) -> None:
    newer = page.site.drafts.of(work.draft.account_id)
    if newer is not None:
        page.site.drafts.save(newer, newer.files, page.now, begun=done.files)


def _publication(page: Page, number: int) -> Publication:
    found = page.site.publications.get(number)
    if found is None:
        raise Refused(404, "shell.http_404")
    return found


def _counted(one: Publication, before: Publication | None) -> int | None:
    """How many entries it changed; None of the first."""
    return len(changes_of(before.files, one.files)) if before else None


def _told(page: Page, changes: list[Change]) -> list[tuple[str, str, str, Any]]:
    """As the template draws them: place, what, key, its parts."""
    return [
        (
            place_title(one.file, page.words),
            entry_title(one.loc, page.words),
            one.key,
            parts(one.before, one.after, page.words) if one.loc else [("", "", page.words("mapping.text_only"))],
        )
        for one in changes
    ]
