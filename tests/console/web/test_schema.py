"""The systems' fields as they are today, with what stands in them; and what of a draft does not fit them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from console.discovering import discover
from console.web.discovered import STALE, Schema, schema_of_document
from console.web.draft import published
from console.web.marks import marks, said
from console.web.site import LANGUAGES, Site
from state.database import open_database
from state.picking import any_one, spread
from state.store import Store
from tests.console.folder import fill, held, make_project
from tests.console.web.conftest import Browser, seen

SILENT = lambda phase, place, count: None  # noqa: E731


def discovered(project: Path, system: str) -> dict[str, Any]:
    return asyncio.run(discover(project, SILENT, {"system": system}))


def schemas(project: Path, *systems: str) -> dict[str, Schema]:
    return {s: schema_of_document(discovered(project, s), datetime.now(UTC)) for s in systems}


def change_field(project: Path, system: str, name: str, /, **changes: Any) -> None:
    path = project / f"{system}.json"
    body = json.loads(path.read_text())
    body["schema"] = [{**f, **changes} if f["name"] == name else f for f in body["schema"]]
    path.write_text(json.dumps(body))


def waited(site: Site, system: str) -> Schema:
    until = time.monotonic() + 30
    while (job := site.schemas.last(system)) is not None and job.running and time.monotonic() < until:
        time.sleep(0.02)
    found = site.schemas.get(system)
    assert found is not None
    return found


@pytest.mark.parametrize("synced", [True, False])
def test_every_field_with_how_often_it_is_filled(project: Path, tmp_path: Path, synced: bool) -> None:
    if not synced:  # nobody is known yet: what has changed last is looked at
        project = make_project(tmp_path / "fresh")
    told = discovered(project, "marketing")["kinds"]["lead"]
    people = list(held(project, "marketing").values())
    assert told["records"] == len(people)
    assert told["create"]
    schema = json.loads((project / "marketing.json").read_text())["schema"]
    assert [field["name"] for field in told["fields"]] == [field["name"] for field in schema]
    for field in told["fields"]:
        values = [v for person in people if (v := person.get(field["name"])) not in (None, "")]
        assert field["filled"] == len(values), field["name"]
        assert set(field["samples"]) <= {str(value) for value in values}
        assert bool(field["samples"]) == bool(values)
    assert not (tmp_path / "fresh/state.sqlite").exists()


def test_a_look_at_many_is_a_look_all_over(tmp_path: Path) -> None:
    project = make_project(tmp_path / "many")
    fill(project, "crm", [{"Email": f"p{i}@x.example", "First": "P" if i % 2 else ""} for i in range(500)], [])
    at = json.loads((project / "crm.json").read_text())
    at["schema"] = [{"name": "Email"}, {"name": "First"}]
    (project / "crm.json").write_text(json.dumps(at))
    told = discovered(project, "crm")["kinds"]["lead"]
    assert told["records"] == 200
    assert told["fields"][1]["filled"] == 100


def test_records_are_picked_evenly(project: Path) -> None:
    engine = open_database(f"sqlite:///{project}/state.sqlite")
    store = Store(engine, dry=True)
    everybody = spread(store, "marketing", 50)
    assert sorted(everybody) == sorted(held(project, "marketing"))
    assert set(spread(store, "marketing", 2)) == {everybody[0], everybody[-1]}
    assert {any_one(store, "marketing", share / 20) for share in range(20)} == set(everybody)
    assert spread(store, "nowhere", 5) == []
    assert any_one(store, "nowhere", 0.5) is None
    assert spread(store.of("company"), "marketing", 5) == []
    store.close()
    engine.dispose()


# -- marks ------------------------------------------------------------------------------------------------------------

DOUBTS: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "read-only": (lambda p: change_field(p, "marketing", "company", writable=False), "company", "error", "marks.field_read_only"),
    "type": (lambda p: change_field(p, "marketing", "optout", type="date"), "opted_out", "error", "marks.field_type"),
    "not unique": (lambda p: change_field(p, "marketing", "our_id", unique=False), "", "error", "marks.field_not_unique"),
    "word": (lambda p: change_field(p, "marketing", "stage", options=[["subscriber", "S"], ["lead", "L"], ["mq", "M"]]), "stage", "error", "marks.value_missing"),
    "required": (lambda p: change_field(p, "marketing", "size", name="owner", required=True), "", "warning", "marks.required_unmapped"),
    "gone": (lambda p: change_field(p, "marketing", "size", name="siz"), "employees", "error", "marks.field_missing_likely"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTS)
def test_what_does_not_fit_is_marked_in_every_language(project: Path, site: Site, name: str) -> None:
    change, field, severity, key = DOUBTS[name]
    assert marks(published(project), schemas(project, "marketing")) == []
    change(project)
    found = marks(published(project), schemas(project, "marketing"))
    mine = [mark for mark in found if mark.field == field and mark.key.startswith(key)]
    assert mine
    assert {(mark.place, mark.severity) for mark in mine} == {("marketing", severity)}
    texts = {language: said(mine[0], site.words(language)) for language in LANGUAGES}
    assert len(set(texts.values())) == len(LANGUAGES)


def test_a_draft_is_judged_as_it_is_typed(project: Path) -> None:
    known, files = schemas(project, "marketing", "crm"), published(project)
    files["mappings/crm.yaml"] = files["mappings/crm.yaml"].replace("{remote: Phone}", "{remote: Phon}")
    [mark] = marks(files, known)
    assert (mark.place, mark.field, mark.remote, mark.key) == ("crm", "phone", "Phon", "marks.field_missing_likely")
    assert mark.values["likely"] == "Phone"
    broken = {**files, "mappings/crm.yaml": files["mappings/crm.yaml"] + "nonsense: [\n"}
    assert marks(broken, known) == []
    unknown = files["mappings/crm.yaml"].replace("  phone:", "  phne:") + "more: 1\n"
    assert marks({**files, "mappings/crm.yaml": unknown}, known) == []
    assert marks({**files, "smarketing.yaml": ":"}, known) == []


# -- the page ---------------------------------------------------------------------------------------------------------


def test_fields_are_read_once_and_then_shown(admin: Browser, viewer: Browser, site: Site) -> None:
    first = seen(admin.get("/mapping/crm/fields"))
    assert "are being read" in first
    waited(site, "crm")
    page = seen(admin.get("/mapping/crm/fields"))
    assert "Turing" in page
    assert "Job title" in page
    assert "rest on 2 records" in page
    assert len([job for job in site.jobs.all() if job.kind == "schema"]) == 1
    others = seen(viewer.get("/mapping/crm/fields"))
    assert "Turing" not in others
    assert "for admins" in others


def test_search_and_filter(admin: Browser, site: Site) -> None:
    admin.get("/mapping/crm/fields")
    waited(site, "crm")

    def names(query: str) -> set[str]:
        text = admin.get(f"/mapping/crm/fields?{query}").text
        known = [field.remote.name for field in waited(site, "crm").kinds["lead"].fields]
        return {name for name in known if f">{name}</th>" in text or f">{name}<" in text.partition("<tbody>")[2]}

    assert names("q=title") == {"Title"}
    assert names("q=job+title") == {"Title"}
    assert names("q=qualified") == {"Our_Sql", "Status"}
    assert names("show=unmapped") == set()
    assert "No field is found like this" in seen(admin.get("/mapping/crm/fields?q=zzz"))
    assert len(names("show=mapped")) == 11


def test_an_old_schema_is_read_anew_and_a_failure_is_told(admin: Browser, site: Site, project: Path) -> None:
    admin.get("/mapping/crm/fields")
    kept = waited(site, "crm")
    object.__setattr__(kept, "at", kept.at - 2 * STALE)
    env = project / ".env"
    env.write_text(env.read_text().replace("tok-crm-0f9e8d7c6b", "expired"))
    admin.get("/mapping/crm/fields")
    assert waited(site, "crm") is kept
    page = seen(admin.get("/mapping/crm/fields"))
    assert "does not accept the token" in page
    assert "Turing" in page
    admin.get("/mapping/crm/fields")
    assert len([job for job in site.jobs.all() if job.kind == "schema"]) == 2


def test_who_may_and_what_is_not_there(viewer: Browser, app: FastAPI, admin: Browser) -> None:
    assert viewer.post("/mapping/crm/fields/refresh").status_code == 403
    assert viewer.get("/mapping/nowhere/fields").status_code == 404
    assert admin.post("/mapping/nowhere/fields/refresh").status_code == 404
    assert app.state.site.jobs.all() == []
