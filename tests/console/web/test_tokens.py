"""Tokens, and the API that they open."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from console.cli import main
from console.web import api, api_guide, api_shapes
from console.web.site import Site
from state.accounts import Role, made
from tests.console.web.conftest import Browser, seen

OLD = datetime(2026, 1, 1, tzinfo=UTC)


class Program:
    """A program with a token of this role."""

    def __init__(self, app: FastAPI, role: Role, *, until: datetime | None = None) -> None:
        site: Site = app.state.site
        account = made("robot@example.com", "Robot", "admin", OLD)
        self.account = account if site.accounts.add(account) else site.accounts.by_email(account.email)
        assert self.account is not None
        self.key = f"smk_{role}-{time.monotonic_ns()}"
        self.token = site.tokens.add(self.key, f"{role} script", role, self.account.id, OLD, until)
        self.client = TestClient(app, base_url="http://console.test", headers={"Authorization": f"Bearer {self.key}"})

    def get(self, path: str, **params: Any) -> Any:
        answer = self.client.get(f"/api/v1{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def program(app: FastAPI) -> Program:
    return Program(app, "viewer")


def problem(answer: Response) -> dict[str, str]:
    assert list(answer.json()) == ["error"]
    error: dict[str, str] = answer.json()["error"]
    assert {"code", "message", "hint"} <= error.keys()
    return error


# --- making and revoking -------------------------------------------------------------------------------------------


def made_by(browser: Browser, **values: str) -> str:
    page = browser.post("/account/tokens", {"name": "Dashboard", "role": "viewer", **values})
    assert page.status_code == 200, seen(page)
    return re.search(r'id="secret">(smk_[^<]+)<', page.text)[1]  # type: ignore[index]


def asked(app: FastAPI, key: str) -> int:
    client = TestClient(app, base_url="http://console.test")
    return client.get("/api/v1/runs", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_token_is_shown_once_and_opens_the_api(app: FastAPI, viewer: Browser, site: Site) -> None:
    key = made_by(viewer)
    assert asked(app, key) == 200
    page = viewer.get("/account")
    assert "Dashboard" in seen(page)
    assert key not in page.text
    [deed] = site.accounts.deeds(action="token-made")
    assert (deed.who, deed.subject, deed.detail) == ("viewer@example.com", "Dashboard", {"role": "viewer"})
    assert key not in str(deed)


def test_a_token_has_at_most_ones_own_role(viewer: Browser, operator: Browser, admin: Browser, site: Site) -> None:
    for browser, allowed in ((viewer, ["viewer"]), (operator, ["viewer", "operator"])):
        for role in ("viewer", "operator", "admin"):
            answer = browser.post("/account/tokens", {"name": "T", "role": role})
            assert answer.status_code == (200 if role in allowed else 422)
            assert role in allowed or "at most your own role" in seen(answer)
    made_by(admin, role="admin")
    assert [one.role for one in site.tokens.all()] == ["admin", "operator", "viewer", "viewer"]


def test_a_token_without_a_name_or_with_a_day_that_is_over(viewer: Browser, site: Site) -> None:
    assert viewer.post("/account/tokens", {"name": " ", "role": "viewer"}).status_code == 422
    for day in ("2020-01-01", "tomorrow"):
        answer = viewer.post("/account/tokens", {"name": "T", "role": "viewer", "until": day})
        assert "from today on" in seen(answer)
    assert site.tokens.all() == []


def test_a_token_ends_after_its_last_day(app: FastAPI, viewer: Browser, site: Site) -> None:
    today = datetime.now().astimezone().date()
    assert asked(app, made_by(viewer, until=today.isoformat())) == 200
    [token] = site.tokens.all()
    assert token.until is not None
    assert token.until.astimezone().date() == today
    assert asked(app, Program(app, "viewer", until=datetime.now(UTC) - timedelta(seconds=1)).key) == 401


def test_a_token_is_revoked_by_its_owner_or_an_admin(
    app: FastAPI, viewer: Browser, operator: Browser, admin: Browser, site: Site
) -> None:
    first, second = made_by(viewer), made_by(viewer)
    newer, older = site.tokens.all()
    assert operator.post(f"/tokens/{older.id}/revoke").status_code == 404
    assert asked(app, first) == 200
    viewer.post(f"/tokens/{older.id}/revoke")
    assert (asked(app, first), asked(app, second)) == (401, 200)
    assert "opens nothing any more" in seen(admin.post(f"/tokens/{newer.id}/revoke", {"back": "/access"}))
    assert asked(app, second) == 401
    hers, own = site.accounts.deeds(action="token-revoked")
    assert (hers.who, hers.detail) == ("admin@example.com", {"owner": "viewer@example.com"})
    assert own.detail == {}


def test_when_a_token_was_used(app: FastAPI, viewer: Browser, admin: Browser, site: Site) -> None:
    asked(app, made_by(viewer))
    [token] = site.tokens.all()
    assert token.used_at is not None
    assert "Dashboard Viewer viewer" in seen(admin.get("/access"))


# --- who may -------------------------------------------------------------------------------------------------------


def test_without_a_token_nothing_is_told(app: FastAPI, stranger: Browser) -> None:
    for route in api.router.routes:
        path = re.sub(r"{[^}]+}", "1", route.path)  # type: ignore[attr-defined]
        for method in route.methods:  # type: ignore[attr-defined]
            answer = stranger.client.request(method, path)
            assert (answer.status_code, problem(answer)["code"]) == (401, "not-signed-in"), path
            assert answer.headers["www-authenticate"] == "Bearer"
    assert asked(app, "smk_guessed") == asked(app, "") == 401


def test_a_session_may_look_but_not_change(operator: Browser, site: Site) -> None:
    assert operator.get("/api/v1/runs").status_code == 200
    answer = operator.client.post("/api/v1/plans", json={}, headers={"X-CSRF-Token": operator.csrf})
    assert (answer.status_code, problem(answer)["code"]) == (403, "not-allowed")
    assert site.jobs.all() == []


def test_a_token_opens_no_page(app: FastAPI) -> None:
    admin = Program(app, "admin")
    for path in ("/access", "/audit", "/account", "/"):
        assert "Sign in" in seen(admin.client.get(path))
    assert admin.client.post("/access/invite", data={"email": "x@example.com", "role": "admin"}).url.path == "/sign-in"


def test_roles_of_tokens(app: FastAPI, site: Site) -> None:
    answer = Program(app, "viewer").client.post("/api/v1/plans", json={})
    assert (answer.status_code, problem(answer)["code"]) == (403, "not-allowed")
    operator = Program(app, "operator")
    assert operator.account is not None
    admins = made("other@example.com", "Other", "admin", OLD)
    assert site.accounts.add(admins)
    assert site.accounts.set_role(operator.account.id, "viewer")
    assert operator.client.post("/api/v1/plans", json={}).status_code == 403, "no more than its owner has by now"
    assert site.accounts.disable(operator.account.id, datetime.now(UTC))
    assert operator.client.get("/api/v1/runs").status_code == 401


# --- what it tells -------------------------------------------------------------------------------------------------


def test_the_api_says_what_the_commands_say(program: Program, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> Any:
        capsys.readouterr()
        main([*words, "--json", "--project", str(site.folder)])
        return json.loads(capsys.readouterr().out)

    assert program.get("/records/crm:1") == bare(said("explain", "crm:1"))
    assert program.get("/reviews")["items"] == said("review", "list")["reviews"]
    ours, theirs = program.get("/status"), bare(said("status", "--runs", "10"))
    for document in (ours, theirs):
        for system in document["systems"].values():
            assert system.pop("lag_seconds") >= 0
    assert datetime.now(UTC) - datetime.fromisoformat(ours.pop("counted_at")) < timedelta(minutes=1)
    assert ours == theirs


def bare(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("ok", "exit")}


def test_every_answer_is_as_it_is_described(program: Program, site: Site) -> None:
    made_plan = main(["plan", "--project", str(site.folder), "--json"])
    assert made_plan in (0, 1, 3)
    [review] = program.get("/reviews", kind="conflict")["items"]
    run = program.get("/runs")["items"][0]
    for path, shape in (
        ("/status", api_shapes.Status), ("/records", api_shapes.Listed), ("/records/crm:1", api_shapes.Record),
        ("/reviews", api_shapes.Listed), (f"/reviews/{review['id']}", api_shapes.Review),
        ("/runs", api_shapes.Listed), (f"/runs/{run['id'][-6:]}", api_shapes.Run), ("/plans", api_shapes.Listed),
        ("/plans/last", api_shapes.Plan),
    ):  # fmt: skip
        shape.model_validate(program.get(path))


def test_records_page_by_page(program: Program) -> None:
    everybody = program.get("/records")["items"]
    assert sorted(one["fields"]["email"] for one in everybody) == [
        "ada@analytical.example", "alan@bletchley.example", "grace@navy.example",
    ]  # fmt: skip
    found, after = [], ""
    while True:
        answer = program.get("/records", limit=1, after=after)
        found += answer["items"]
        if answer["next"] is None:
            break
        after = answer["next"]
    assert found == everybody
    ada = next(one for one in everybody if one["name"].startswith("Ada"))
    assert set(ada["systems"]) == {"marketing", "crm"}
    assert program.get("/records", kind="company")["items"] == []


@pytest.mark.parametrize("q", ["ada@analytical.example", "crm:1", "Lovelace"])
def test_records_by_what_is_asked(program: Program, q: str) -> None:
    [found] = program.get("/records", q=q)["items"]
    assert found["fields"]["last_name"] == "Lovelace"


def test_runs_page_by_page(program: Program, site: Site) -> None:
    for _ in range(3):
        main(["sync", "--project", str(site.folder), "--json"])
    everything = program.get("/runs")["items"]
    assert len(everything) == 4
    first = program.get("/runs", limit=3)
    rest = program.get("/runs", limit=3, after=first["next"])
    assert [one["id"] for one in first["items"] + rest["items"]] == [one["id"] for one in everything]
    assert rest["next"] is None


def test_a_plan_is_made_by_a_job(app: FastAPI, site: Site) -> None:
    operator = Program(app, "operator")
    answer = operator.client.post("/api/v1/plans", json={"systems": ["crm"]})
    assert answer.status_code == 202
    job, ends = answer.json()["job"], time.monotonic() + 30
    while (found := operator.get(f"/jobs/{job}"))["ended"] is None:
        assert time.monotonic() < ends
        time.sleep(0.05)
    api_shapes.Job.model_validate(found)
    assert found["failure"] is None
    assert operator.get(f"/plans/{found['result']['plan']}")["systems"] == ["crm"]
    assert found["result"]["plan"] in [one["id"] for one in operator.get("/plans")["items"]]
    [deed] = site.accounts.deeds(action="plan-asked")
    assert (deed.who, deed.subject, deed.detail) == ("robot@example.com", job, {"token": "operator script"})


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/records/nobody@example.com", 404, "no-lead"), ("/reviews/999", 404, "no-review"),
        ("/reviews/one", 422, "bad-request"), ("/runs/zzzz", 404, "no-run"), ("/plans/last", 404, "no-plan"),
        ("/plans/..%2Fcrm.json", 404, "not-found"), ("/plans/crm", 422, "bad-request"), ("/jobs/1", 404, "no-job"),
        ("/nowhere", 404, "not-found"), ("/runs?limit=0", 422, "bad-request"), ("/reviews?kind=odd", 422, "bad-request"),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_with_a_code(program: Program, path: str, status: int, code: str) -> None:
    answer = program.client.get(f"/api/v1{path}")
    assert (answer.status_code, problem(answer)["code"]) == (status, code)


def test_what_is_posted_is_checked(app: FastAPI) -> None:
    operator = Program(app, "operator")
    for body in ({"system": "crm"}, {"systems": []}, {"systems": ["none"]}):
        answer = operator.client.post("/api/v1/plans", json=body)
        assert answer.status_code in (409, 422)
        problem(answer)
    assert operator.client.delete("/api/v1/plans").json()["error"]["code"] == "bad-method"


# --- its description -----------------------------------------------------------------------------------------------


def test_the_description_names_every_call_with_its_role(program: Program) -> None:
    document = program.get("/openapi.json")
    assert document["openapi"].startswith("3.")
    told = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    there = {(route.path, method) for route in api.router.routes for method in route.methods}  # type: ignore[attr-defined]
    assert told == there
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["description"]
            assert operation["x-role"] in ("viewer", "operator", "admin")
            assert all(one["description"] for one in operation.get("parameters", ()))
    assert document["servers"] == [{"url": "http://console.test"}]


def test_the_guide_shows_every_call(viewer: Browser) -> None:
    page = seen(viewer.get("/api"))
    for path in api_guide.described()["paths"]:
        assert path in page
    assert "no such" not in page
