"""/health and /metrics: what a program that watches over the console is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from console.cli import main
from console.web.site import Site
from tests.console.web.conftest import Browser
from tests.console.web.test_tokens import Program

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(client: TestClient) -> Samples:
    """As Prometheus reads them: every line, with its labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_health_is_open_and_says_no_more_than_that(stranger: Browser) -> None:
    answer = stranger.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": True, "configuration": True}


def test_health_of_a_broken_configuration(stranger: Browser, project: Path) -> None:
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
    answer = stranger.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "database": True, "configuration": False}


def test_health_of_a_database_that_is_gone(stranger: Browser, project: Path, site: Site) -> None:
    site.engine.dispose()
    for file in project.glob("state.sqlite*"):
        file.unlink()
    (project / "state.sqlite").mkdir()
    answer = stranger.get("/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "database": False, "configuration": True}


def test_metrics_take_a_token(app: FastAPI, stranger: Browser, project: Path) -> None:
    answer = stranger.get("/metrics")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not-signed-in"
    scraped(Program(app, "viewer").client)
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8") + "\nconsole: {open_metrics: true}\n", "utf-8")
    scraped(stranger.client)


def test_what_the_project_tells(app: FastAPI, site: Site, project: Path) -> None:
    program = Program(app, "viewer")
    main(["sync", "--project", str(project), "--json"])
    body = json.loads((project / "crm.json").read_text())
    (project / "crm.json").write_text(json.dumps({**body, "token": "changed"}))
    main(["sync", "--project", str(project), "--json"])
    with site.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE hub SET dirty = 1")
    found = scraped(program.client)
    with site.history() as history:
        runs, counted = history.runs(), history.counted()
    outcomes = [run.outcome for run in runs]
    for outcome in set(outcomes):
        key = "smarketing_runs_total", (("kind", "sync"), ("outcome", str(outcome)))
        assert found[key] == outcomes.count(outcome)
    assert len(set(outcomes)) > 1
    assert {dict(labels)["system"] for name, labels in found if name == "smarketing_system_lag_seconds"} == {
        "crm", "marketing",
    }  # fmt: skip
    for system in ("crm", "marketing"):
        assert 0 <= found["smarketing_system_lag_seconds", (("system", system),)] < 120
    for kind, count in counted.reviews.items():
        assert found["smarketing_reviews_open", (("kind", kind),)] == count
    assert counted.reviews
    assert found["smarketing_records_queued", ()] == counted.dirty == 3
    assert found["smarketing_last_run_end_timestamp_seconds", ()] == pytest.approx(runs[0].ended.timestamp())  # type: ignore[union-attr]
    assert found["smarketing_sla_clocks_open", ()] == found["smarketing_sla_clocks_overdue", ()] == 0
    assert found["smarketing_configuration_readable", ()] == 1


def test_metrics_go_on_where_the_configuration_is_broken(app: FastAPI, project: Path) -> None:
    program = Program(app, "viewer")
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
    assert scraped(program.client)["smarketing_configuration_readable", ()] == 0


def test_requests_are_counted_by_template(app: FastAPI, viewer: Browser) -> None:
    program = Program(app, "viewer")
    for path in ("records/crm:1", "records/crm:2", "records/crm:999"):
        program.client.get(f"/api/v1/{path}")
    viewer.get("/account")
    viewer.get("/nowhere/personal@example.com")
    viewer.client.request("BREW", "/account")
    found = scraped(program.client)

    def count(method: str, route: str, status: int) -> float:
        return found["smarketing_http_requests_total", (("method", method), ("route", route), ("status", str(status)))]

    assert count("GET", "/api/v1/records/{which}", 200) == 2
    assert count("GET", "/api/v1/records/{which}", 404) == 1
    assert count("GET", "/account", 200) == 1
    assert count("GET", "none", 404) == 1
    assert any(dict(labels).get("method") == "other" for name, labels in found if name.endswith("requests_total"))
    timed = "smarketing_http_request_seconds_count", (("method", "GET"), ("route", "/api/v1/records/{which}"))
    assert found[timed] == 3


def test_nothing_personal_is_in_it(app: FastAPI, site: Site, viewer: Browser) -> None:
    program = Program(app, "viewer")
    for path in ("/records/ada@analytical.example", "/records?q=Lovelace"):
        program.client.get(f"/api/v1{path}")
    viewer.post("/sign-in", {"email": "grace@navy.example", "password": "wrong"})
    text = program.client.get("/metrics").text.lower()
    assert not re.search(r"\b(ada|grace|alan|robot)\b|lovelace|hopper|turing|@|example\.com", text)


def test_every_metric_is_documented(app: FastAPI) -> None:
    told = (Path(__file__).parents[3] / "docs/operations.md").read_text("utf-8")
    text = Program(app, "viewer").client.get("/metrics").text
    names = {family.name for family in text_string_to_metric_families(text)}
    assert len(names) > 10
    for name in names - {"smarketing_http_request_seconds_created", "smarketing_http_requests_created"}:
        assert f"`{name}" in told, name
