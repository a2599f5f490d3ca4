"""The console as a browser sees it, without one: real pages of a real project whose systems are files."""

from __future__ import annotations

import html
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from httpx import Response

from console.cli import main
from console.web import finding, signing_in, standing
from console.web.app import ROUTERS, create_app
from console.web.page import SESSION
from console.web.site import Site
from state.accounts import Role, made
from state.history import History
from state.store import Store
from tests.console.folder import make_project

NEVER = timedelta(days=1)


class Browser:
    """Somebody with a role, signed in. `post` brings the CSRF token along, as a form would."""

    def __init__(self, app: FastAPI, role: Role | None) -> None:
        self.client = TestClient(app, base_url="http://console.test", follow_redirects=True)
        self.csrf = ""
        if role is not None:
            site: Site = app.state.site
            now = datetime.now(UTC)
            account = made(f"{role}@example.com", role.capitalize(), role, now)
            if not site.accounts.add(account):
                found = site.accounts.by_email(account.email)
                assert found is not None
                account = found
            key, self.csrf = secrets.token_urlsafe(), secrets.token_urlsafe()
            site.accounts.begin(account.id, key, self.csrf, now, now + NEVER, "tests")
            self.client.cookies.set(SESSION, key)

    def get(self, url: str, **more: Any) -> Response:
        return self.client.get(url, **more)

    def post(self, url: str, data: dict[str, Any] | None = None, **more: Any) -> Response:
        return self.client.post(url, data={"csrf": self.csrf, **(data or {})}, **more)


def routes() -> Iterator[APIRoute]:
    """Every page and every call. Of the routers, since the application itself has them only in a wrapping."""
    for router in ROUTERS:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


def methods_of(route: APIRoute) -> set[str]:
    return set(route.methods or ())


def seen(answer: Response) -> str:
    """What a person reads on a page: its text, one space between words."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).strip()


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash, made with less work: a look at a password takes a quarter of a second otherwise."""
    monkeypatch.setattr(signing_in, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    signing_in._nobody.cache_clear()


@pytest.fixture(autouse=True)
def first_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine: the first page of a test has its numbers."""
    monkeypatch.setattr(standing, "PATIENCE", 30.0)


@pytest.fixture(scope="session")
def synced_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synced once; whoever changes something takes a copy (`project`)."""
    folder = make_project(tmp_path_factory.mktemp("web") / "project")
    assert main(["sync", "--confirm", "--project", str(folder), "--json"]) in (0, 1)
    return folder


@pytest.fixture
def project(synced_project: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(synced_project, tmp_path / "project"))


@pytest.fixture
def app(project: Path) -> Iterator[FastAPI]:
    made_app = create_app(project)
    yield made_app
    made_app.state.site.close()


@pytest.fixture
def site(app: FastAPI) -> Site:
    found: Site = app.state.site
    return found


@pytest.fixture
def visit(app: FastAPI) -> Callable[[Role | None], Browser]:
    return lambda role=None: Browser(app, role)


@pytest.fixture
def viewer(app: FastAPI) -> Browser:
    return Browser(app, "viewer")


@pytest.fixture
def operator(app: FastAPI) -> Browser:
    return Browser(app, "operator")


@pytest.fixture
def admin(app: FastAPI) -> Browser:
    return Browser(app, "admin")


@pytest.fixture
def stranger(app: FastAPI) -> Browser:
    return Browser(app, None)


@pytest.fixture
def no_reading(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at a table reads the system's schema, by a process of its own; a test that is not about that is quicker without."""
    monkeypatch.setattr(site.schemas, "keep_fresh", lambda *_: None)


@pytest.fixture
def indexed(site: Site) -> Site:
    assert finding.index(site.engine)
    return site


def id_of(site: Site, system: str, remote_id: str) -> str:
    with History(site.engine) as history:
        return history.holding(system, remote_id)["lead"]


@pytest.fixture
def ada(indexed: Site) -> str:
    return id_of(indexed, "marketing", "1")


@pytest.fixture
def store(site: Site) -> Iterator[Store]:
    with site.writing() as opened:
        yield opened


def sync(project: Path) -> None:
    assert main(["sync", "--confirm", "--project", str(project), "--json"]) in (0, 1)
