"""Planted secrets must not turn up in anything that we write: outputs, database, plans, logs, pages, the API."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from console.web.app import create_app
from console.web.page import SESSION
from console.web.site import Site
from state.accounts import hashed
from tests.console.conftest import Call
from tests.console.folder import TOKENS, edit
from tests.console.web.conftest import Browser, methods_of, routes

PASSWORD = "pw-Zq81-hunter2"

OF_THE_CONSOLE = {
    "OIDC_SECRET": "oidc-7c1f5e-secret",
    "SMTP_PASSWORD": "smtp-9a8b7c-secret",
    "SMARKETING_FORGET_KEY": "0123456789abcdef" * 4,
}
CONSOLE = """
console: {oidc: {issuer: "http://127.0.0.1:9", client_id: us, client_secret: "${OIDC_SECRET}"}}
reports: {mail: "mailtos://us:${SMTP_PASSWORD}@127.0.0.1:9", weekly: {to: [{people: [ana@example.com]}]}}
"""
STREAMS = {"/live"}
"""Pages that never end."""


def files_of(project: Path) -> dict[Path, bytes]:
    """All but those that hold the secrets by right: .env, and the vendors' own files."""
    own = {".env", "crm.json", "marketing.json"}
    return {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and p.name not in own}


def assert_clean(project: Path, *texts: str) -> None:
    for secret in (*TOKENS.values(), PASSWORD):
        for text in texts:
            assert secret not in text
        for path, content in files_of(project).items():
            assert secret.encode() not in content, path


def test_a_whole_life_leaves_no_secret_anywhere(smarketing: Call, project: Path) -> None:
    said = []
    for words in (
        ("check",), ("provision",), ("plan",), ("sync",), ("sync", "--confirm"), ("status",), ("explain", "crm:1"),
        ("review", "list"), ("review", "show", "1"), ("review", "resolve", "1", "--take", "crm"), ("sync",),
        ("backfill", "--from", "2025-01-01"), ("apply", "last"),
    ):  # fmt: skip
        for more in ((), ("--json",)):
            answer = smarketing(*words, *more)
            said += [answer.out, answer.err]
    edit(project, "crm", "1", First="Augusta")
    said += [smarketing("plan", "--json").out]
    assert (project / "state.sqlite").exists()
    assert_clean(project, *said)


def test_a_token_that_is_refused_is_not_told(smarketing: Call, project: Path) -> None:
    body = json.loads((project / "crm.json").read_text())
    (project / "crm.json").write_text(json.dumps({**body, "token": "changed"}))
    answers = [smarketing(*words) for words in (("check",), ("sync", "--confirm"), ("sync", "--json"), ("status",))]
    assert_clean(project, *(text for a in answers for text in (a.out, a.err)))


def test_the_database_password_is_not_told(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    main = project / "smarketing.yaml"
    url = "postgresql+psycopg://me:${DB_PASSWORD}@127.0.0.1:1/none"
    main.write_text(main.read_text().replace("sqlite:///state.sqlite", url))
    answers = [smarketing("sync"), smarketing("status", "--json")]
    assert answers[0].exit == 6
    assert_clean(project, *(text for a in answers for text in (a.out, a.err)))


def test_a_log_of_the_unforeseen_holds_none(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(" ".join(TOKENS.values()))

    monkeypatch.setattr("sync.project.sync", breaks)
    answer = smarketing("sync")
    assert answer.exit == 70
    assert list((project / "logs").iterdir())
    assert_clean(project, answer.out, answer.err)


def test_a_secret_typed_into_the_configuration_is_not_repeated(smarketing: Call, project: Path) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace('"${CRM_TOKEN}"', PASSWORD))
    answer = smarketing("check")
    assert answer.exit == 2
    assert PASSWORD not in answer.out + answer.err


@pytest.fixture
def console(smarketing: Call, project: Path) -> Iterator[FastAPI]:
    """The console of a project that has been run, with every secret that a project can have."""
    with (project / ".env").open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in OF_THE_CONSOLE.items())
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", First="Augusta")
    main = project / "smarketing.yaml"
    main.write_text(main.read_text("utf-8") + CONSOLE, "utf-8")
    smarketing("plan")
    app = create_app(project)
    yield app
    app.state.site.close()


def planted(app: FastAPI, admin: Browser) -> dict[str, str]:
    """What must be on no page: what the configuration asks for, and what lets people and programs in."""
    site: Site = app.state.site
    found = {**TOKENS, **OF_THE_CONSOLE, "session": admin.client.cookies[SESSION]}
    page = admin.post("/account/tokens", {"name": "Robot", "role": "admin"}).text
    found["token"] = re.search(r'id="secret">([^<]+)<', page)[1]  # type: ignore[index]
    page = admin.post("/access/invite", {"email": "dan@example.com", "role": "viewer"}).text
    found["link"] = re.search(r"/welcome/([^<]+)<", page)[1]  # type: ignore[index]
    found |= {f"hash of the {name}": hashed(found[name]) for name in ("session", "token", "link")}
    hash_ = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    account = site.accounts.by_email("admin@example.com")
    assert account is not None
    site.accounts.change(account.id, name="Admin")
    with site.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET password = '{hash_}'")
    return {**found, "password": PASSWORD, "hash of the password": hash_}


def linked(page: str, url: str) -> Iterator[str]:
    """Every address of ours that a page leads to."""
    for found in re.findall(r"""(?:href|src|hx-get)=["']([^"'#]+)""", page):
        there = urlsplit(urljoin(url, html.unescape(found)))
        if there.netloc == "console.test" and not there.path.startswith("/static/"):
            yield f"{there.path}?{there.query}" if there.query else there.path


def crawled(browser: Browser, most: int = 400) -> Iterator[tuple[str, str]]:
    """(address, answer) of every page that asks for nothing, of all that these lead to, and of those that nothing leads to."""
    pages = [route.path for route in routes() if "GET" in methods_of(route) and route.path not in STREAMS]
    waiting = [path for path in pages if "{" not in path]
    waiting += [f"/api/v1{path}" for path in ("/records/crm:1", "/reviews/1", "/plans/last")]
    for run in browser.get("/api/v1/runs").json()["items"]:
        waiting.append(f"/api/v1/runs/{run['id']}")
    seen = {*STREAMS}
    while waiting and len(seen) < most:
        url = waiting.pop(0)
        if urlsplit(url).path in seen or url in seen:
            continue
        seen.add(url)
        answer = browser.client.get(url, follow_redirects=False)
        assert answer.status_code < 500, url
        yield url, answer.text + str(answer.headers)
        if answer.headers.get("content-type", "").startswith("text/html"):
            waiting += linked(answer.text, f"http://console.test{url}")
    for path in pages:
        if "{" in path:
            url = re.sub(r"{[^}]+}", "1", path)
            answer = browser.client.get(url, follow_redirects=False)
            yield url, answer.text + str(answer.headers)


def test_no_page_shows_a_secret(console: FastAPI) -> None:
    admin = Browser(console, "admin")
    secrets, pages = planted(console, admin), dict(crawled(admin))
    assert {"/access", "/account", "/audit", "/api", "/metrics", "/health", "/api/v1/status"} <= set(pages)
    assert "Robot" in pages["/access"]
    for url, page in pages.items():
        for name, secret in secrets.items():
            assert secret not in page, f"{url} shows the {name}"


def test_no_page_about_a_broken_configuration_shows_a_secret(console: FastAPI, project: Path) -> None:
    admin = Browser(console, "admin")
    secrets, main = planted(console, admin), project / "smarketing.yaml"
    good = main.read_text("utf-8")
    for bad in (
        good.replace('"${CRM_TOKEN}"', PASSWORD),
        good.replace("${SMTP_PASSWORD}", PASSWORD),
        good.replace('"${OIDC_SECRET}"', PASSWORD),
        good.replace("sqlite:///state.sqlite", f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:1/none"),
        good + f"\nsecret: {PASSWORD}\n",
    ):
        assert bad != good
        main.write_text(bad, "utf-8")
        for url in ("/", "/account", "/api/v1/status", "/sign-in/oidc"):
            answer = admin.client.get(url, follow_redirects=False)
            for name, secret in secrets.items():
                assert secret not in answer.text + str(answer.headers), f"{url} shows the {name}"
