"""Coming in, what each role sees, and what is remembered of a person."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.console.conftest import PASSWORD, Served, Visit
from tests.e2e.console.people import invited

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]
LATE = "Failed to load resource: the server responded with a status of 4"


def test_the_first_link_works_once(visit: Callable[..., Visit], served: Served) -> None:
    somebody = visit(state=None)
    somebody.page.goto(served.first)
    expect(somebody.page.locator("body")).to_contain_text("This link was used already")
    expect(somebody.page.get_by_label("Choose a password")).to_have_count(0)
    somebody.complaints[:] = [one for one in somebody.complaints if LATE not in one]


def test_signing_in_and_out(visit: Callable[..., Visit], served: Served) -> None:
    somebody = visit(state=None)
    page = somebody.page
    somebody.go("/runs")
    assert "/sign-in" in page.url
    for password in ("not the password", PASSWORD):
        page.get_by_label("E-mail address").fill("ana@example.com")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        if password != PASSWORD:
            expect(page.get_by_role("alert")).to_contain_text("The address or the password is not right.")
    expect(page).to_have_url(f"{served.url}/runs")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    somebody.go("/runs")
    assert "/sign-in" in page.url
    somebody.complaints[:] = [one for one in somebody.complaints if LATE not in one]


def test_a_viewer_looks_and_changes_nothing(visit: Callable[..., Visit], served: Served) -> None:
    state, link = invited(visit, "viewer", "vera@example.com", "Vera Voss")
    vera = visit(state=state)
    page = vera.page
    vera.go("/runs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan and runs")
    for path in ("/runs", "/", "/mapping/hubspot?kind=lead", "/mapping/stages", "/reviews?kind=match"):
        vera.go(path)
        acts = page.get_by_role("main").get_by_role("button").all_inner_texts()
        assert acts == [], f"{path}: {acts}"
        assert page.get_by_role("main").locator("form[method=post]").count() == 0
    expect(page.get_by_role("link", name="Audit")).to_have_count(0)
    csrf = page.locator("input[name=csrf]").first.get_attribute("value")
    for path, form in (("/runs/start", {"what": "sync"}), ("/mapping/hubspot/field", {"field": "city"})):
        answer = page.request.post(f"{served.url}{path}", form={**form, "csrf": csrf or ""})
        assert answer.status == 403, path
    assert page.goto(f"{served.url}/access").status == 403  # type: ignore[union-attr]
    expect(page.get_by_role("main")).to_contain_text("This takes the role “admin”.")
    again = visit(state=None)
    again.page.goto(link)
    expect(again.page.locator("body")).to_contain_text("This link was used already")
    for one in (vera, again):
        one.complaints[:] = [said for said in one.complaints if LATE not in said]


def test_language_and_appearance_are_kept(visit: Callable[..., Visit], served: Served) -> None:
    state, _ = invited(visit, "operator", "olga@example.com", "Olga Ort")
    olga = visit(state=state)
    page = olga.page
    olga.go("/funnel")
    page.get_by_label("Appearance").last.select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Language").last.select_option("es")
    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page).to_have_url(re.compile(r"/funnel$"))
    later = visit(state=olga.context.storage_state())
    later.go("/runs")
    expect(later.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(later.page.locator("html")).to_have_attribute("lang", "es")
    elsewhere = visit(state=None)
    elsewhere.go("/sign-in")
    elsewhere.page.get_by_label("E-mail address").fill("olga@example.com")
    elsewhere.page.get_by_label("Password").fill(PASSWORD)
    elsewhere.page.get_by_role("button", name="Sign in").click()
    expect(elsewhere.page.locator("html")).to_have_attribute("lang", "es")
