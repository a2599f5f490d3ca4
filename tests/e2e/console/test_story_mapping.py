"""A mapping is changed without fear: from `make demo` to a draft, its impact, a publication, and back; and by two people at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapping.folder import read_files
from tests.e2e.console.conftest import PHONE, Served, Visit
from tests.e2e.console.looks import look_over
from tests.e2e.console.people import invited

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]
SLOW = 90_000.0
"""Milliseconds that a job may take which reads both systems."""


def test_a_mapping_is_changed_published_and_brought_back(
    visit: Callable[..., Visit], served: Served, shots: Path
) -> None:
    before = read_files(served.folder)
    ana = visit()
    page = ana.page
    ana.go("/")
    page.get_by_role("link", name="Mapping", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="hubspot", exact=True).click()
    edit(page, "Job title")
    field = page.get_by_label("Field in hubspot")
    field.fill("faxx")
    expect(page.locator("#row-check .errors")).to_contain_text("faxx", timeout=SLOW)
    field.fill("fax")
    expect(page.locator("#row-check")).to_contain_text("This fits.")
    expect(page.locator("#remote-hint")).to_contain_text("Fax Number")
    save(page)
    expect(page.locator("#draft")).to_contain_text("1 change")
    assert read_files(served.folder) == before, "a draft is no file yet"

    page.get_by_role("link", name="Preview the impact").click()
    page.get_by_role("button", name="Work it out").first.click()
    expect(page.locator("#verdict")).to_be_visible(timeout=SLOW)
    changed = page.locator(".stat", has_text="Records that change because of the draft").locator(".figure")
    assert int(changed.inner_text().replace(",", "")) > 500, "nearly every lead has a job title"
    expect(page.locator("#examples")).to_contain_text("Job title")
    assert look_over(ana, page.url.removeprefix(served.url), shots, "mapping preview") == []

    assert look_over(ana, "/mapping/publish", shots, "mapping publish") == []
    page.get_by_label("Note").fill("Nobody faxes: job titles go there")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("is published")
    assert "job_title: {remote: fax}" in (served.folder / "mappings" / "hubspot.yaml").read_text("utf-8")

    ana.go("/mapping/history")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Nobody faxes")
    expect(row).to_contain_text("Runs now")
    expect(row).to_contain_text("ana@example.com")
    number = row.get_by_role("link").first.inner_text()
    assert look_over(ana, f"/mapping/history/{number}", shots, "mapping version") == []
    roll_back(page, "Undo this version")
    assert read_files(served.folder) == before


def test_two_admins_at_once(visit: Callable[..., Visit], served: Served, shots: Path) -> None:
    before = read_files(served.folder)
    theirs, _ = invited(visit, "admin", "bo@example.com", "Bo Ruiz")
    ana, bo = visit(), visit(state=theirs)
    for who, city, other in ((ana, "push", "Postal code"), (bo, "pull", "Street")):
        who.go("/mapping/hubspot?kind=lead")
        direct(who.page, "City", city)
        direct(who.page, other, "pull")
        expect(who.page.locator("#draft")).to_contain_text("2 changes")
    bo.go("/mapping/publish")
    bo.page.get_by_label("Note").fill("Cities come from marketing")
    bo.page.get_by_role("button", name="Publish", exact=True).click()
    expect(bo.page.get_by_role("status").first).to_contain_text("is published")

    ana.go("/mapping/hubspot?kind=lead")
    expect(ana.page.get_by_text("The files have changed since you began your draft.")).to_be_visible()
    ana.page.get_by_role("link", name="See both sides").click()
    expect(ana.page.locator("main")).to_contain_text("bo@example.com has published")
    expect(ana.page.locator("main")).to_contain_text("1 entry that both have changed")
    expect(ana.page.locator("main")).to_contain_text("Cities come from marketing")
    assert look_over(ana, "/mapping/merge", shots, "mapping merge") == []
    ana.page.locator(".choice", has_text="Yours").get_by_role("radio").check()
    ana.page.get_by_role("button", name="Bring both together").click()
    expect(ana.page.get_by_role("status").first).to_contain_text("Both are together in your draft")
    ana.go("/mapping/publish")
    ana.page.get_by_role("button", name="Publish", exact=True).click()
    expect(ana.page.get_by_role("status").first).to_contain_text("is published")
    text = (served.folder / "mappings" / "hubspot.yaml").read_text("utf-8")
    for remote, way in (("city", "push"), ("zip", "pull"), ("address", "pull")):
        assert re.search(rf"remote: {remote}\b[^}}]*direction: {way}", text), f"{remote} is lost"

    ana.go("/mapping/history/1")
    roll_back(ana.page, "Back to version 1")
    assert read_files(served.folder) == before


def test_the_network_is_lost_in_the_middle_of_an_edit(visit: Callable[..., Visit], served: Served) -> None:
    ana = visit(size=PHONE)
    page = ana.page
    ana.go("/mapping/hubspot?kind=lead")
    edit(page, "Job title")
    expect(page.locator("#row-check")).to_contain_text("This fits.")
    ana.context.set_offline(True)
    page.get_by_label("If empty, write").fill("unknown")
    expect(page.get_by_role("alert")).to_contain_text("What you typed is still here")
    page.get_by_role("button", name="Save to the draft").click()
    page.wait_for_timeout(300)
    expect(page.get_by_label("If empty, write")).to_have_value("unknown")
    ana.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    save(page)
    expect(page.locator("#draft")).to_contain_text("1 change")
    expect(page.locator("#row-job_title")).to_contain_text("unknown")
    ana.complaints[:] = [one for one in ana.complaints if "ERR_INTERNET_DISCONNECTED" not in one and "htmx" not in one]
    page.get_by_role("button", name="Discard").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    expect(page.get_by_role("status").first).to_contain_text("The draft is discarded.")


def edit(page: Page, field: str) -> None:
    page.get_by_role("link", name=f"Edit {field}", exact=True).click()
    expect(page.locator("#row-form")).to_be_visible()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save to the draft").click()
    expect(page.get_by_role("status").first).to_contain_text("saved to your draft")


def direct(page: Page, field: str, way: str) -> None:
    edit(page, field)
    page.get_by_label("Direction").select_option(way)
    save(page)


def roll_back(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).first.click()
    page.get_by_role("dialog").get_by_role("button", name="Go back now").click()
    expect(page.get_by_role("status").first).to_contain_text("Back to version")
