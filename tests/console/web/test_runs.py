"""Runs in the browser: the list, one run against plain SQL, errors with what to do, beginning, stopping, being told who has the lock."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from console.cli import main
from console.web.app import create_app
from console.web.errors import CODES
from console.web.jobs import Job
from console.web.site import LANGUAGES, Site
from state.ids import new_id
from state.lock import Lease
from state.records import Review
from state.run_history import Asked, Runs
from tests.console.folder import CRM_SCHEMA, MARKETING_SCHEMA, edit, fill, held
from tests.console.web.conftest import Browser, seen

SOON = 60.0
DOCS = Path(__file__).parents[3] / "docs/errors.md"


def wait(holds: Callable[[], Any]) -> Any:
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        if found := holds():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def finished(site: Site) -> Job:
    return wait(lambda: next((job for job in site.jobs.all()[:1] if not job.running), None))  # type: ignore[no-any-return]


def newest(site: Site) -> str:
    return Runs(site.engine).newest(1)[0].id


def rows(site: Site, query: str, **values: Any) -> list[Any]:
    with site.engine.connect() as connection:
        return list(connection.execute(sa.text(query), values))


@pytest.fixture
def lock(site: Site) -> Iterator[None]:
    """Another program runs."""
    lease = Lease(site.engine, "sync", lambda: datetime.now(UTC))
    yield
    lease.release()


def test_the_list_tells_every_run(project: Path, site: Site, viewer: Browser) -> None:
    edit(project, "crm", "1", First="Augusta")
    assert main(["sync", "--project", str(project), "--json"]) == 0
    text = seen(viewer.get("/runs"))
    [row] = rows(site, "SELECT report FROM run ORDER BY id DESC LIMIT 1")
    report = json.loads(row.report)
    read = sum(counts["read"] for counts in report["systems"].values())
    assert re.search(rf"Sync done \d+\.\d s {read} 1 0 schedule or command", text)
    assert "Sync now" not in text
    assert "No run is like this" in seen(viewer.get("/runs?outcome=stopped"))


def test_a_run_shows_what_it_wrote_and_why(project: Path, site: Site, viewer: Browser) -> None:
    edit(project, "crm", "1", First="Augusta", Phone="+442079460002")
    edit(project, "crm", "3", Email="b@x.example", First="Barbara", Last="L", Status="New")
    assert main(["sync", "--project", str(project), "--json"]) == 0
    id_ = newest(site)
    edit(project, "crm", "1", First="Ada")  # what happens later does not change what it says of this run
    assert main(["sync", "--project", str(project), "--json"]) == 0
    page = viewer.get(f"/runs/{id_}")
    text = seen(page)
    assert "Ada → becomes Augusta crm · only it changed" in text
    assert "Barbara" in text
    written = rows(site, "SELECT system, operation, fields FROM write WHERE run_id = :id", id=id_)
    assert page.text.count('class="write-head"') == len(written)
    for system in ("marketing", "crm"):
        mine = [row for row in written if row.system == system]
        assert viewer.get(f"/runs/{id_}?system={system}").text.count('class="write-head"') == len(mine)
    creates = [row for row in written if row.operation == "create"]
    assert viewer.get(f"/runs/{id_}?operation=create").text.count('class="write-head"') == len(creates) > 0
    phones = [row for row in written if "phone" in json.loads(row.fields)]
    assert viewer.get(f"/runs/{id_}?field=phone").text.count('class="write-head"') == len(phones) == 1
    assert "It wrote nothing like this" in seen(viewer.get(f"/runs/{id_}?state=rejected"))
    assert viewer.get("/runs/0000").status_code == 404


def test_writes_are_paged_without_losing_any(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against plain SQL, also where one question ends before the run does."""
    run = new_id()
    with site.engine.begin() as connection:
        for n in range(137):
            fields = json.dumps({"email": [None, f"{n}@x.example"], **({"city": [None, "Oslo"]} if n % 9 == 0 else {})})
            values = {"run": run, "hub": f"{n:032x}", "system": ("crm", "marketing")[n % 2], "fields": fields}
            connection.execute(
                sa.text(
                    "INSERT INTO write (run_id, hub_id, system, operation, remote_id, fields, state) "
                    "VALUES (:run, :hub, :system, 'update', 'r', :fields, 'done')"
                ),
                values,
            )
    monkeypatch.setattr("state.run_history.WINDOW", 20)
    for asked, holds in (
        (Asked(), "1 = 1"),
        (Asked(system="crm"), "system = 'crm'"),
        (Asked(field="city"), "fields LIKE '%\"city\"%'"),
        (Asked(system="marketing", field="city"), "system = 'marketing' AND fields LIKE '%\"city\"%'"),
        (Asked(state="rejected"), "1 = 0"),
    ):
        found: list[int] = []
        after: int | None = 0
        while after is not None:
            page = Runs(site.engine).writes(run, asked, after, 7)
            assert len(page.rows) <= 7
            found += [row.id for row in page.rows]
            after = page.next
        expected = rows(site, f"SELECT id FROM write WHERE run_id = :run AND {holds} ORDER BY id", run=run)
        assert found == [row.id for row in expected]


def test_what_was_refused_is_told_with_what_to_do(site: Site, viewer: Browser) -> None:
    id_ = newest(site)
    problems = [{"code": "invalid-value", "message": "Status: no such option", "hint": ""}]
    letters = [Review("dead_letter", f"crm:{n}", {"problems": problems}, system="crm") for n in range(3)]
    gone = Review("dead_letter", "crm:9", {"problems": [{"code": "record-gone", "message": "gone"}]}, system="crm")
    with site.writing() as store:
        store.open_reviews([*letters, gone], id_, datetime.now(UTC))
        store.commit()
    with site.engine.begin() as connection:
        [(report,)] = connection.execute(sa.text("SELECT report FROM run WHERE id = :id"), {"id": id_})
        body = json.loads(report)
        body["systems"]["crm"]["rejected"] = 4
        body["errors"] = {"marketing": {"code": "unauthorized", "message": "401 from marketing", "hint": ""}}
        body["stops"] = [{"code": "guard-canary", "system": "crm", "message": "crm: the canary was not found"}]
        connection.execute(
            sa.text("UPDATE run SET report = :report, outcome = 'stopped' WHERE id = :id"),
            {"id": id_, "report": json.dumps(body)},
        )
    page = viewer.get(f"/runs/{id_}")
    text = seen(page)
    assert "crm · 3 writes refused The system refuses a value. Correct it in a system or in the mapping" in text
    assert "crm · 1 write refused The record is not there any more." in text
    assert "The system refused the credentials, or they lack a permission. Renew the token" in text
    assert "This may be the wrong account: check the credentials." in text
    assert 'href="/errors#invalid-value"' in page.text
    assert 'id="invalid-value"' in viewer.get("/errors").text


def test_every_code_of_a_run_has_its_texts(site: Site) -> None:
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCS.read_text("utf-8"), flags=re.M)
    sections = DOCS.read_text("utf-8").split("\n## ")
    run = [s for s in sections if s.startswith(("Systems", "The guard"))]
    assert len(run) == 2
    needed = {code for section in run for code in re.findall(r"^\| `([a-z-]+)` \|", section, flags=re.M)}
    assert needed <= set(CODES)
    assert set(CODES) - set(documented) == set(), "not in docs/errors.md"
    for language in LANGUAGES:
        words = site.words(language)
        for code in CODES:
            assert f"errors.{code.replace('-', '_')}" in words
            assert f"errors.{code.replace('-', '_')}_do" in words


def test_a_sync_is_begun_and_whoever_did_is_named(project: Path, site: Site, operator: Browser) -> None:
    edit(project, "crm", "1", First="Augusta")
    begun = operator.post("/runs/start", {"what": "sync", "systems": ["crm", "marketing"]})
    assert "/jobs/" in str(begun.url)
    assert "Started by operator@example.com" in seen(begun)
    job = finished(site)
    assert job.result is not None, job.failure
    assert job.arguments == {}
    assert held(project, "marketing")["1"]["first"] == "Augusta"
    page = operator.get(f"/jobs/{job.id}")
    assert f'href="/runs/{job.result["run"]}"' in page.text
    assert str(operator.get(f"/jobs/{job.id}?follow=1").url).endswith(f"/runs/{job.result['run']}")
    by_htmx = operator.get(f"/jobs/{job.id}?follow=1", headers={"HX-Request": "true"})
    assert by_htmx.headers["hx-redirect"] == f"/runs/{job.result['run']}"
    wait(lambda: "operator@example.com" in seen(operator.get("/runs")))


def test_a_plan_of_one_system_reads_that_one_alone(site: Site, operator: Browser) -> None:
    operator.post("/runs/start", {"what": "plan", "systems": ["crm"]})
    job = finished(site)
    assert job.failure is None
    assert {place for phase, place in job.steps if phase == "read"} == {"crm"}


def test_where_another_runs_it_is_said_and_nothing_begun(lock: None, site: Site, operator: Browser) -> None:
    with site.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO run (id, kind, started, rules_hash) VALUES (:id, 'backfill', :at, '')"),
            {"id": new_id(), "at": int((datetime.now(UTC) - timedelta(minutes=3)).timestamp() * 1e6)},
        )
    text = seen(operator.post("/runs/start", {"what": "sync"}))
    assert "A run that a schedule or a command has started is under way." in text
    assert "A run is under way that was not started here (Backfill)" in text
    assert "3 minutes ago" in text
    assert site.jobs.all() == []
    job = site.jobs.start("sync", "x@example.com")  # as it goes where the lock was taken in between
    finished(site)
    text = seen(operator.get(f"/jobs/{job.id}"))
    assert "Another run is under way." in text
    assert "Wait for it to end" in text


def test_a_run_that_died_is_said_to_have(site: Site, viewer: Browser) -> None:
    id_ = new_id()
    with site.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO run (id, kind, started, rules_hash) VALUES (:id, 'sync', 0, '')"), {"id": id_}
        )
    assert "did not end" in seen(viewer.get("/runs"))
    assert "The next run first finds out what became of the writes" in seen(viewer.get(f"/runs/{id_}"))


def test_stopped_in_the_middle_it_is_made_good_by_the_next_run(project: Path, site: Site) -> None:
    people = [{"email": f"p{n}@x.example", "first": f"P{n}", "last": "X", "stage": "lead"} for n in range(1000)]
    fill(project, "marketing", people, MARKETING_SCHEMA)
    fill(project, "crm", [], CRM_SCHEMA)
    (project / "state.sqlite").unlink()
    for file in project.glob("state.sqlite-*"):
        file.unlink()
    site.close()
    app: FastAPI = create_app(project)
    again: Site = app.state.site
    try:
        operator = Browser(app, "operator")
        again.jobs.listeners.append(lambda job: ("write", "crm") in job.steps and again.jobs.stop(job.id))
        job = again.jobs.start("sync", "operator@example.com", confirmed=True)
        finished(again)
        again.jobs.listeners.pop()
        assert job.failure is not None
        assert job.failure["code"] == "interrupted"
        assert "Nothing is lost" in seen(operator.get(f"/jobs/{job.id}"))
        there = len(held(project, "crm")) + sum("our_score" in one for one in held(project, "marketing").values())
        assert 0 < there < 2 * len(people), "it was not in the middle"
        second = again.jobs.start("sync", "operator@example.com", confirmed=True)
        finished(again)
        assert second.result is not None, second.failure
        emails = sorted(record["Email"] for record in held(project, "crm").values())
        assert emails == sorted(person["email"] for person in people)
        assert all("our_score" in one for one in held(project, "marketing").values())
        assert "did not end" in seen(operator.get("/runs"))
    finally:
        again.close()


def test_only_operators_stop_a_job(site: Site, operator: Browser, viewer: Browser) -> None:
    job = site.jobs.start("plan", "x@example.com")
    assert viewer.post(f"/jobs/{job.id}/stop").status_code == 403
    assert not job.stopped
    assert "It is being stopped." in seen(operator.post(f"/jobs/{job.id}/stop"))
    finished(site)
    assert job.failure is not None
    assert job.failure["code"] == "interrupted"
    assert [deed.subject for deed in site.accounts.deeds() if deed.action == "job-stopped"] == [job.id]


def test_a_job_that_is_not_known_is_not_found(viewer: Browser) -> None:
    assert viewer.get("/jobs/nothing").status_code == 404
    assert "not known any more" in seen(viewer.get("/jobs/nothing"))


def test_a_job_that_runs_asks_again_by_itself_without_a_script(site: Site, viewer: Browser) -> None:
    job = site.jobs.start("plan", "x@example.com")
    page = viewer.get(f"/jobs/{job.id}").text
    if job.running:
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
        assert 'hx-trigger="live-ended"' in page
    finished(site)
    page = viewer.get(f"/jobs/{job.id}").text
    assert "http-equiv" not in page
    assert "hx-trigger" not in page.partition(f'data-job="{job.id}"')[2].partition("</section>")[0]
