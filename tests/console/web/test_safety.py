"""What somebody who means harm, or nobody in particular, sends: every page answers it with a page, and nothing else happens."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from console.cli import main
from console.publishing import by_hand
from console.web.bounds import LARGEST
from console.web.discovered import Schema
from console.web.jobs import Job, Jobs
from console.web.page import SAFE, SESSION
from console.web.site import Site
from tests.console.web.conftest import Browser, methods_of, routes, seen

HUGE = str(2**70)
"""No database has a row of this number, nor a place for it."""

BEYOND_LATIN = "\N{BOMB}"
YAML = "/mapping/yaml/smarketing.yaml"
STREAM = "/live"
HTMX = {"HX-Request": "true"}


def _filled(route: APIRoute, value: str) -> str:
    return re.sub(r"{[^}]+}", value, route.path)


@pytest.mark.parametrize("value", [HUGE, BEYOND_LATIN])
def test_whatever_is_asked_for_no_page_breaks(admin: Browser, value: str) -> None:
    for route in routes():
        if route.path == STREAM or "GET" not in methods_of(route):
            continue
        asked: list[dict[str, Any]] = [{}, *({one.alias: value} for one in route.dependant.query_params)]
        for query in asked:
            answer = admin.get(_filled(route, value), params=query)
            assert answer.status_code < 500, f"{route.path} {query}"


@pytest.mark.parametrize("value", [HUGE, BEYOND_LATIN])
def test_whatever_is_sent_no_page_breaks(admin: Browser, value: str) -> None:
    for route in routes():
        if not methods_of(route) - set(SAFE) or route.path in ("/sign-out", "/account/sessions/end"):
            continue
        form = {one.alias: value for one in route.dependant.body_params}
        answer = admin.post(_filled(route, value), form, headers=HTMX)
        assert answer.status_code < 500, f"{route.path} {form}"


def test_htmx_is_never_sent_to_another_site(admin: Browser) -> None:
    """Browsers leave out a tab before they look where an address leads: "/<tab>/evil.example" is another site."""
    form = {"language": "en", "theme": "dark", "back": "/\t/evil.example"}
    answer = admin.post("/preferences", form, headers=HTMX)
    assert answer.headers["hx-redirect"] == "/%09/evil.example"


@pytest.mark.parametrize("kind", ["record", "schema", "impact"])
def test_values_that_a_job_has_read_are_told_to_admins_alone(
    admin: Browser, viewer: Browser, site: Site, kind: str
) -> None:
    """As on the pages. Whoever looks hears of the id of every job."""
    now = datetime.now(UTC)
    job = Job("a" * 32, kind, {}, "admin@example.com", now, ended=now, result={"fields": {"Email": "ana@example.com"}})
    site.jobs._jobs[job.id] = job
    assert "ana@example.com" in admin.get(f"/api/v1/jobs/{job.id}").text
    answer = viewer.get(f"/api/v1/jobs/{job.id}")
    assert answer.json()["result"] is None
    assert "ana@example.com" not in answer.text


def test_a_database_that_is_away_is_told_on_a_page(
    project: Path, viewer: Browser, stranger: Browser, site: Site
) -> None:
    site.engine.dispose()
    [file] = project.glob("*.sqlite")
    for beside in project.glob("*.sqlite-*"):
        beside.unlink()
    file.write_bytes(b"no database" * 1000)
    for answer in (viewer.get("/"), viewer.get("/nowhere"), viewer.post("/preferences"), stranger.get("/sign-in")):
        assert answer.status_code in (200, 404, 503)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "The database file is damaged" in seen(viewer.get("/"))
    answer = stranger.get("/api/v1/status", headers={"Authorization": "Bearer smk_none"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database-damaged")


def test_no_more_is_read_than_a_form_can_hold(stranger: Browser) -> None:
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1_000_000
            yield b"a" * 1_000_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stranger.client.post("/sign-in", content=b"a" * (LARGEST + 1), headers=form)
    assert answer.status_code == 413
    assert "larger than any page takes" in seen(answer)
    assert stranger.client.post("/sign-in", content=body(), headers=form).status_code == 413


@pytest.mark.parametrize("form", [b"email=a%00@example.com&password=x", b"email=a\0@example.com&password=x"])
def test_no_text_holds_what_no_database_takes(stranger: Browser, form: bytes) -> None:
    spelled = {"Content-Type": "application/x-www-form-urlencoded"}
    assert stranger.client.post("/sign-in", content=form, headers=spelled).status_code == 422
    parts = (form[at : at + 1] for at in range(len(form)))  # however it comes
    assert stranger.client.post("/sign-in", content=parts, headers=spelled).status_code == 422
    assert stranger.get("/sign-in?next=%00").status_code == 422
    assert stranger.get("/welcome/a%00").status_code == 422


def test_what_only_looks_like_it_is_text_as_any(admin: Browser, project: Path) -> None:
    """ "%00" as three letters, and a large file."""
    text = (project / "smarketing.yaml").read_text("utf-8") + "# 100%00\n" * 30_000
    answer = admin.post("/mapping/check-yaml/smarketing.yaml", {"text": text})
    assert answer.status_code == 200
    assert "Everything fits together." in seen(answer)[:200]


def test_cookies_stay_with_https_also_behind_what_takes_it_away(project: Path, app: FastAPI) -> None:
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8") + "console: {url: 'https://console.test'}\n", "utf-8")
    form = {"language": "es", "theme": "dark"}
    for at, kept in (("https://console.test", True), ("http://console.test", True), ("http://127.0.0.1:8080", False)):
        browser = Browser(app, "viewer")
        browser.client.base_url = httpx.URL(at)
        key = browser.client.cookies.get(SESSION)
        answer = browser.client.post(
            "/preferences",
            data={"csrf": browser.csrf, **form},
            headers={"Cookie": f"{SESSION}={key}"},
            follow_redirects=False,
        )
        assert ("Secure" in answer.headers["set-cookie"]) is kept, at


def test_who_listens_to_a_job_cannot_end_it(project: Path) -> None:
    jobs, heard = Jobs(project), list[str]()

    def wrong(_: Job) -> None:
        raise ValueError

    jobs.listeners += [wrong, lambda job: heard.append(job.id)]
    job = jobs.start("plan", "operator@example.com")
    while job.running:
        time.sleep(0.05)
    assert job.failure is None
    assert job.result is not None
    assert set(heard) == {job.id}
    assert list(project.glob("logs/*.log"))


def test_what_was_read_of_people_is_let_go_when_somebody_is_forgotten(project: Path, site: Site) -> None:
    now = datetime.now(UTC)
    for kind in ("record", "schema", "impact", "plan"):
        site.jobs._jobs[kind] = Job(kind, kind, {}, "admin@example.com", now, ended=now, result={"email": "x"})
    site.jobs._jobs["under way"] = under_way = Job("under way", "record", {}, "admin@example.com", now)
    site.schemas._last["crm"] = site.jobs._jobs["schema"]
    site.schemas._kept["crm"] = Schema("crm", now, {}, {})
    site.forget()
    assert len(site.jobs.all()) == 5, "nobody was"
    assert main(["forget", "ada@analytical.example", "--confirm", "--project", str(project), "--json"]) in (0, 1)
    site.forget()
    assert {job.id for job in site.jobs.all()} == {"plan", "under way"}
    assert site.schemas.get("crm") is None
    under_way.ended = datetime.now(UTC)
    site.forget()
    assert [job.id for job in site.jobs.all()] == ["plan"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"${CRM_TOKEN}"', "hunter2-secret}}}"),  # no YAML any more
        (
            'connector: memory, role: crm, settings: {file: crm.json, token: "${CRM_TOKEN}"',
            "connector: nowhere, settings: {token: hunter2-secret",
        ),
        ("database: sqlite:///state.sqlite", "database: postgresql://me:hunter2-secret@host/db\nregion: [\n#"),
    ],
)
def test_a_secret_is_kept_nowhere_also_where_nothing_else_can_be_read(
    admin: Browser, viewer: Browser, site: Site, project: Path, old: str, new: str
) -> None:
    text = (project / "smarketing.yaml").read_text("utf-8")
    assert old in text
    files = {"smarketing.yaml": text.replace(old, new)}
    form = {
        "text": files["smarketing.yaml"],
        "seen": re.findall(r'name="seen" value="([^"]+)"', admin.get(YAML).text)[0],
    }
    assert admin.post(YAML, form).status_code == 422
    assert site.drafts.all() == []
    (project / "smarketing.yaml").write_text(files["smarketing.yaml"], "utf-8")
    assert by_hand(project, site.publications, datetime.now(UTC)) is None
    answer = viewer.get(YAML)
    assert answer.status_code == 403
    assert "hunter2" not in answer.text


def test_a_text_without_a_secret_is_kept_also_where_it_cannot_be_read(
    admin: Browser, site: Site, project: Path
) -> None:
    text = (project / "smarketing.yaml").read_text("utf-8") + "api_key: {type: text}\nsecret:\n  x: [\n"
    seen_by = re.findall(r'name="seen" value="([^"]+)"', admin.get(YAML).text)[0]
    admin.post(YAML, {"text": text, "seen": seen_by})
    assert [draft.files["smarketing.yaml"] for draft in site.drafts.all()] == [text]
