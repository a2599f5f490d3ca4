"""Mappings: what is synced with each system, and each system's table of fields, edited row by row in a draft.

`router` is to be the last among those under /mapping: it takes every /mapping/<name of a system>.
Invariant: nothing that is saved here reaches a run before it is published (`mapping_publish`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from console.web import mapping_rows as rows
from console.web.drafting import ChangedMeanwhile, Said, Work, data, digest, edit, trial, work_of
from console.web.mapping_rows import Row, file_of, kinds_of, shared, systems_of
from console.web.mapping_titles import field_title, place_title, transform_title
from console.web.page import Admin, Page, Refused, Viewer
from console.web.remote import remote_of, told
from mapping.derived import computed
from mapping.editing import CannotEdit
from mapping.fields import KINDS, Kind
from mapping.folder import MAIN
from mapping.problems import ConfigError
from mapping.spelling import flow

router = APIRouter()
DIRECTIONS = ("both", "pull", "push")
NAMES = (
    "text",
    "name",
    "email",
    "phone",
    "country",
    "boolean",
    "integer",
    "number",
    "date",
    "datetime",
    "multipicklist",
)
"""What a new shared field may be at once; what needs more to be said is made in the file."""


@router.get("/mapping")
def overview(page: Viewer) -> Response:
    work = work_of(page)
    main = work.main
    systems = [_summary(work, main, name, system) for name, system in systems_of(main).items()]
    used = {kind for one in systems for kind in one["kinds"]}
    return page.show(
        "mapping.html", work=work, bar=bar(page, work), systems=systems,
        kinds=[kind for kind in ("lead", "company", "deal", "owner") if kind in used],
        files=[(name, sum(error.file == name for error in work.errors)) for name in work.files],
        last=page.site.publications.last(), others=_others(page),
    )  # fmt: skip


@router.get("/mapping/{system}")
def table(page: Viewer, system: str, kind: str = "lead", edit: str = "", add: bool = False) -> Response:
    return shown(page, system, kind, editing=edit, adding=add, form=dict(page.request.query_params))


@router.post("/mapping/{system}/check")
def check(page: Admin, system: str, form: Said) -> Response:
    """What would be wrong if the row were saved as it is typed; nothing is saved."""
    work, kind = _at(page, system, form.get("kind", "lead"))
    name = form.get("field") or form.get("new_name", "").strip()
    errors: list[ConfigError] = []
    doubts: list[tuple[str, str]] = []
    if name:
        files, wrong = work.files, ""
        try:
            files = _edited(work.files, system, kind, form)
        except (CannotEdit, Refused) as error:
            wrong = _cannot(page, error)
        if wrong:
            errors = [ConfigError(file_of(work.files, system), 0, "", wrong)]
        else:
            tried = trial(page, files)
            known = {(one.file, one.key, one.message) for one in work.errors}
            file = file_of(files, system)
            loc = (*rows.base_of(kind), "fields", name)
            own = tried.errors_at(file, loc) + tried.errors_at(MAIN, loc)
            errors = own + [
                one for one in tried.errors if (one.file, one.key, one.message) not in known and one not in own
            ]
            doubts = told(page, remote_of(page, tried, system, kind).about(name))
    remote = remote_of(page, work, system, kind)
    last = page.site.schemas.last(system)
    return page.show(
        "mapping_check.html", errors=errors, doubts=doubts, checked=bool(name), remote=remote, typed=form.get("remote", "").strip(),
        system=system, reading=not remote.known and last is not None and last.running,
    )  # fmt: skip


@router.post("/mapping/{system}/field")
def save(page: Admin, system: str, form: Said) -> Response:
    work, kind = _at(page, system, form.get("kind", "lead"))
    name = form.get("field") or form.get("new_name", "").strip()
    if not name:
        return shown(page, system, kind, adding=True, form=form, wrong=page.words("mapping.which_field"), status=422)
    adding = "was" not in form

    def still(files: Mapping[str, str]) -> bool:
        return digest(_state(files, system, kind, name)) == form.get("was", digest(None))

    try:
        edit(page, lambda files: _edited(files, system, kind, form), f"{system}: {kind} {name}", still)
    except ChangedMeanwhile:
        if adding:
            wrong, there = page.words("mapping.mapped_already"), None
        else:
            wrong, there = page.words("mapping.changed_meanwhile"), _state(work_of(page).files, system, kind, name)
        return shown(
            page, system, kind, editing="" if adding else name, adding=adding, form=form, wrong=wrong, there=there, status=409
        )  # fmt: skip
    except (CannotEdit, Refused) as error:
        wrong = _cannot(page, error)
        return shown(
            page, system, kind, editing="" if adding else name, adding=adding, form=form, wrong=wrong, status=422
        )  # fmt: skip
    return _after(page, system, kind, name, page.words("mapping.saved", field=_named(work, kind, name, page)))


@router.post("/mapping/{system}/remove")
def remove(page: Admin, system: str, form: Said) -> Response:
    work, kind = _at(page, system, form.get("kind", "lead"))
    name, file = form.get("field", ""), file_of(work.files, system)

    def still(files: Mapping[str, str]) -> bool:
        return digest(_state(files, system, kind, name)) == form.get("was")

    try:
        edit(page, lambda files: rows.without_row(files, file, kind, name), f"{system}: {kind} {name} removed", still)
    except ChangedMeanwhile:
        there = _state(work_of(page).files, system, kind, name)
        return shown(
            page,
            system,
            kind,
            editing=name,
            form={},
            wrong=page.words("mapping.changed_meanwhile"),
            there=there,
            status=409,
        )
    except CannotEdit as error:
        return shown(page, system, kind, wrong=_cannot(page, error), status=422)
    return _after(page, system, kind, "", page.words("mapping.removed", field=_named(work, kind, name, page)))


def shown(
    page: Page, system: str, kind: str, *, editing: str = "", adding: bool = False, form: Mapping[str, str] | None = None,
    wrong: str = "", there: Any = None, status: int = 200,
) -> Response:  # fmt: skip
    """The table, with one of its rows (or a new one) open where somebody edits. `form`: what was typed so far."""
    work, of = _at(page, system, kind)
    main, form = work.main, form or {}
    fields = shared(main, of)
    found = rows.rows_of(work, system, of)
    mapping = data(work.files[file_of(work.files, system)])
    remote = remote_of(page, work, system, of)
    may = page.visitor is not None and page.visitor.may("admin")
    taken = {row.name for row in found}
    free = [name for name in fields if name not in taken and not (of == "lead" and name in ("stage", "stage_reason"))]
    opened: dict[str, Any] | None = None
    if may and (editing in taken or adding):
        opened = _form(page, work, system, of, next((row for row in found if row.name == editing), None), fields, form)
    return page.show(
        "mapping_table.html", status, work=work, bar=bar(page, work), system=system, kind=of, rows=found, may=may,
        kinds=kinds_of(main, mapping), systems=list(systems_of(main)), role=systems_of(main)[system].get("role", "other"),
        remote=remote, doubts=told(page, remote.about("")), doubts_of=lambda name: told(page, remote.about(name)),
        free=free, opened=opened, editing=editing if opened else "", adding=adding and opened is not None, wrong=wrong, there=there,
        title_of=lambda name: field_title(name, fields.get(name, {}), page.words),
        transform_of=lambda row: transform_title(row.entry.get("transform"), row.usual_transform, page.words),
        digest=digest, state_of=lambda name: _state(work.files, system, of, name), stage=rows.group(mapping, "stage"),
        believed=believed(main), file=file_of(work.files, system), flow=flow, status=status, linked=work.project is not None,
    )  # fmt: skip


def believed(main: Mapping[str, Any]) -> list[str]:
    """The systems in the order in which they are believed where no rule says otherwise."""
    role = {"crm": 0, "marketing": 1}
    return sorted(systems := systems_of(main), key=lambda name: (role.get(str(systems[name].get("role")), 2), name))


def bar(page: Page, work: Work) -> dict[str, Any]:
    """What stands on top of every page about the configuration."""
    return {
        "work": work, "may": page.visitor is not None and page.visitor.may("admin"),
        "last": page.site.publications.last(),
    }  # fmt: skip


def _form(
    page: Page, work: Work, system: str, kind: Kind, row: Row | None, fields: Mapping[str, Mapping[str, Any]],
    typed: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """What the open row shows: what was typed, else what the file says."""
    name = row.name if row else typed.get("field", "")
    new_type = typed.get("new_type", "text")
    field = fields.get(name, {"type": new_type} if name == "" else {})
    said = row.transform if row else ("", {})
    usual = (rows.transforms_for(field) or ("text",))[0]
    transform = typed.get("transform") or said[0] or usual
    if transform not in rows.transforms_for(field):
        transform = usual
    options = []
    for option in rows.options_of(transform):
        own = said[1].get(option.name) if said[0] == transform else None
        before = typed.get(f"o_{option.name}") if typed.get("was_transform") == transform else None
        options.append((option, before if before is not None else rows.shown_option(option, own, field)))
    policy = row.policy if row else None
    rule = policy if isinstance(policy, str) else next(iter(policy), "") if isinstance(policy, dict) else ""
    named = rows.group(policy).get(rule) if isinstance(policy, dict) else None
    default = row.entry.get("default") if row else None
    counted = row.computed if row else (any(way in field for way in rows.WAYS) or name in computed(kind))
    entry: Mapping[str, Any] = row.entry if row else {"direction": "push"} if counted else {}
    first = "remote" not in typed  # nothing typed yet
    return {
        "name": name, "field": field, "type": field.get("type", "text"), "computed": counted,
        "remote": typed.get("remote", str(entry.get("remote", ""))),
        "direction": typed.get("direction") or entry.get("direction", "both"),
        "transform": transform, "transforms": rows.transforms_for(field), "options": options,
        "rules": ["prefer", "owner", *rules] if (rules := rows.rules_for(field, name)) else [],
        "rule": typed.get("policy", rule), "default_policy": rows.default_policy(kind, name, field),
        "policy_systems": typed.get("policy_systems", ", ".join(named) if isinstance(named, list) else named or ""),
        "policy_file": place_title(row.policy_at[0], page.words) if row and row.policy_at else page.words("mapping.agreed"),
        "known": [*systems_of(work.main), "crm", "marketing", "other"],
        "clears": bool(entry.get("clears")) if first else "clears" in typed,
        "once": bool(entry.get("once")) if first else "once" in typed,
        "default": typed.get("default", "" if default is None else flow(default)),
        "was": typed.get("was") if not first and typed.get("was") else digest(_state(work.files, system, kind, name)),
        "new_name": typed.get("new_name", ""), "new_label": typed.get("new_label", ""), "new_type": new_type,
        "types": NAMES,
    }  # fmt: skip


def _edited(files: Mapping[str, str], system: str, kind: Kind, form: Mapping[str, str]) -> dict[str, str]:
    """The files with the form's row in them. Raises CannotEdit, Refused."""
    made, file = dict(files), file_of(files, system)
    name = form.get("field", "")
    if not name:
        name = form.get("new_name", "").strip()
        if name in shared(data(made[MAIN]), kind):
            raise Refused(422, "mapping.shared_already", field=name)
        made = rows.with_shared(made, kind, name, form.get("new_type", "text"), form.get("new_label", "").strip())
    field = shared(data(made[MAIN]), kind).get(name, {})
    was = rows.group(data(made[file]), *rows.base_of(kind), "fields", name)
    entry = rows.entry_in(form, was, field)
    policy = rows.policy_in(form) if "policy" in form else rows.policy_of(made, kind, name)[0]
    return rows.with_row(made, file, kind, name, entry, policy)


def _state(files: Mapping[str, str], system: str, kind: Kind, name: str) -> Any:
    """All that a row's form is about; None where the field is not mapped."""
    entries = rows.group(data(files[file_of(files, system)]), *rows.base_of(kind), "fields")
    if name not in entries:
        return None
    return {"entry": entries[name], "policy": rows.policy_of(files, kind, name)[0]}


def _at(page: Page, system: str, kind: str) -> tuple[Work, Kind]:
    work = work_of(page)
    try:
        file_of(work.files, system)
    except LookupError as error:
        raise Refused(404, "shell.http_404") from error
    if kind not in KINDS or system not in systems_of(work.main):
        raise Refused(404, "shell.http_404")
    return work, kind


def _cannot(page: Page, error: Exception) -> str:
    if isinstance(error, Refused):
        return page.words(error.key, **error.values)
    return (
        page.words("mapping.not_words") if str(error) == "words" else page.words("mapping.cannot_edit", why=str(error))
    )


def _after(page: Page, system: str, kind: str, name: str, told: str) -> Response:
    return page.go(f"/mapping/{system}?kind={kind}" + (f"#row-{name}" if name else ""), told)


def _named(work: Work, kind: Kind, name: str, page: Page) -> str:
    return field_title(name, shared(work.main, kind).get(name, {}), page.words)


def _summary(work: Work, main: Mapping[str, Any], name: str, system: Mapping[str, Any]) -> dict[str, Any]:
    try:
        file = file_of(work.files, name)
    except LookupError:
        return {"name": name, "system": system, "kinds": {}, "errors": 1, "stage": False}
    mapping = data(work.files[file])
    kinds = {kind: rows.group(mapping, *rows.base_of(kind), "fields") for kind in kinds_of(main, mapping)}
    return {
        "name": name, "system": system, "kinds": {kind: len(fields) for kind, fields in kinds.items()},
        "errors": sum(error.file == file for error in work.errors), "stage": "stage" in mapping,
    }  # fmt: skip


def _others(page: Page) -> list[tuple[str, Any]]:
    """Who else is at work on a draft: name, and since when it was last changed."""
    if page.visitor is None:
        return []
    names = {account.id: account.name for account in page.site.accounts.all()}
    mine = page.visitor.account.id
    return [
        (names.get(one.account_id, "?"), one.changed_at)
        for one in page.site.drafts.all()
        if one.account_id != mine and one.changed
    ]
