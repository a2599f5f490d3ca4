"""What stands around every page: who may, what is refused, headers, languages."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest
from fastapi import FastAPI
from ruamel.yaml import YAML

from alignment.reports.charts import COLOURS
from console.web import drawing
from console.web.menu import MENU
from console.web.page import ROLES, SAFE
from console.web.signing_in import first_link
from console.web.site import LANGUAGES, TEXTS, Site
from tests.console.web.conftest import Browser, methods_of, routes, seen

OPEN = {"/sign-in", "/sign-in/oidc", "/sign-in/oidc/back", "/welcome/{key}", "/health"}
"""Pages that are there before signing in."""


def test_every_route_says_who_may() -> None:
    assert len(list(routes())) > 10
    for route in routes():
        roles = [ROLES[one.call] for one in route.dependant.dependencies if one.call in ROLES]
        assert route.path in OPEN or len(roles) == 1, f"{route.path} does not say who may"


def test_a_stranger_is_sent_to_sign_in_and_back(stranger: Browser) -> None:
    answer = stranger.client.get("/?x=1", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/%3Fx%3D1"


def test_nothing_is_changed_without_the_sessions_token(admin: Browser) -> None:
    for route in routes():
        if route.path in OPEN or not methods_of(route) - set(SAFE):
            continue
        url = re.sub(r"{[^}]+}", "1", route.path)
        for method in methods_of(route) - set(SAFE):
            answer = admin.client.request(method, url, data={"csrf": "another"})
            assert answer.status_code == 403, f"{method} {url}"


def test_the_policy_lets_nothing_in(viewer: Browser, stranger: Browser) -> None:
    for answer in (viewer.get("/"), stranger.get("/sign-in"), viewer.get("/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert " style=" not in answer.text
        assert "<style" not in answer.text
        assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
        assert not re.search(r"\son[a-z]+=", answer.text)


def test_the_first_link_makes_an_admin_once(site: Site, stranger: Browser) -> None:
    path = first_link(site.accounts, "")
    assert stranger.get(path).status_code == 200
    short = stranger.post(path, {"name": "Ana", "email": "ana@example.com", "password": "short"})
    assert short.status_code == 422
    answer = stranger.post(path, {"name": "Ana", "email": "Ana@Example.com", "password": "correct horse battery"})
    assert answer.status_code == 200
    assert "Ana" in seen(answer)
    [account] = site.accounts.all()
    assert (account.email, account.role) == ("ana@example.com", "admin")
    assert account.password is not None
    assert "horse" not in account.password
    assert stranger.get(path).status_code == 404
    assert first_link(site.accounts, "") == ""


def test_signing_in_and_out(site: Site, stranger: Browser, app: FastAPI) -> None:
    stranger.post(
        first_link(site.accounts, ""), {"name": "A", "email": "a@x.example", "password": "correct horse battery"}
    )
    other = Browser(app, None)
    assert other.post("/sign-in", {"email": "a@x.example", "password": "wrong"}).status_code == 401
    answer = other.post(
        "/sign-in", {"email": "A@x.example", "password": "correct horse battery", "next": "//evil.example"}
    )
    assert str(answer.url) == "http://console.test/"
    other.csrf = re.search(r'name="csrf" value="([^"]+)"', answer.text)[1]  # type: ignore[index]
    assert other.post("/sign-out").status_code == 200
    assert str(other.get("/").url).startswith("http://console.test/sign-in")


def test_an_error_is_a_page(viewer: Browser, project: Path) -> None:
    assert "no such page" in seen(viewer.get("/nowhere"))
    file = project / "smarketing.yaml"
    file.write_text(file.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
    answer = viewer.get("/")
    assert answer.status_code == 409
    assert "nonsense" in seen(answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    yaml = YAML(typ="safe", pure=True)
    for file in sorted((TEXTS / "en").glob("*.yaml")):
        english, other = (yaml.load((TEXTS / one / file.name).read_text("utf-8")) for one in ("en", language))
        assert list(english) == list(other), file.name
        for key, text in english.items():
            assert _gaps(text) == _gaps(other[key]), f"{file.name}: {key}"
    assert {file.name for file in (TEXTS / language).iterdir()} == {file.name for file in (TEXTS / "en").iterdir()}


def _gaps(text: str | dict[str, str]) -> set[str]:
    parts = text.values() if isinstance(text, dict) else [text]
    return {name for part in parts for _, name, _, _ in Formatter().parse(part) if name}


def test_every_text_that_a_page_asks_for_is_there(site: Site) -> None:
    words = site.words("en")
    for file in (drawing.HERE / "templates").glob("*.html"):
        for key in re.findall(r"""\bt\(\s*["']([a-z_]+\.[a-z0-9_]+)["']\s*[,)]""", file.read_text("utf-8")):
            assert key in words, f"{file.name}: {key}"
    for title, entries in MENU:
        assert not title or f"menu.{title}" in words
        for entry in entries:
            assert f"menu.{entry.key}" in words


def test_the_language_is_the_accounts_own(viewer: Browser) -> None:
    assert 'lang="en"' in viewer.get("/").text
    viewer.post("/preferences", {"language": "es", "theme": "dark"})
    page = viewer.get("/").text
    assert 'lang="es"' in page
    assert 'data-theme="dark"' in page


SHEET = drawing.STATIC / "app.css"
BORN = {"htmx-request"} | {f"{how}-{tone}" for how in "fs" for tone in COLOURS}
"""Classes that no source spells out: htmx's own, and those of a chart's tones."""


def _sheet_classes() -> set[str]:
    told = re.sub(r"/\*.*?\*/", "", SHEET.read_text("utf-8"), flags=re.S)
    return {name for selector in re.findall(r"([^{}]+){", told) for name in re.findall(r"\.([a-z][\w-]*)", selector)}


def _worn(template: str) -> set[str]:
    """Classes that a template gives: of an expression, what comes out of it where that is written there."""
    found = set()
    for given in re.findall(r'\bclass="((?:{{.*?}}|{%.*?%}|[^"{])*)"', template, flags=re.S):
        words = re.sub(r"{%.*?%}", " ", given)
        for expression in re.findall(r"{{(.*?)}}", words):
            found |= {
                word for one in re.findall(r"""(?:^|\belse)\s*["']([\w -]*)["']""", expression) for word in one.split()
            }
        found |= set(re.sub(r"{{.*?}}", " ", words).split())
    return {word for word in found if not word.endswith("-")}


def test_every_class_of_the_sheet_is_worn_and_every_one_that_is_worn_is_in_it() -> None:
    templates = {file.name: file.read_text("utf-8") for file in (drawing.HERE / "templates").glob("*.html")}
    sources = [*templates.values(), *(file.read_text("utf-8") for file in drawing.HERE.glob("*.py"))]
    sources += [file.read_text("utf-8") for file in drawing.STATIC.glob("*.js")]
    quoted = (one for text in sources for mark in "\"'" for one in re.findall(f"{mark}([^{mark}\n]*){mark}", text))
    spelt = {word for one in quoted for word in re.findall(r"[\w-]+", one)}
    sheet = _sheet_classes()
    assert len(sheet) > 100
    assert sorted(sheet - spelt - BORN) == [], "nothing wears these"
    for name, text in templates.items():
        assert sorted(_worn(text) - sheet) == [], f"{name}: not in the sheet"


def test_a_line_of_the_sheet_can_be_read() -> None:
    lines = SHEET.read_text("utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > 140] == []
    selectors = [line for line in lines if line.endswith("}") and not line.startswith((" ", "}"))]
    assert len(selectors) == len(set(selectors)), "a rule stands twice"
