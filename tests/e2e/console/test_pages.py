"""Every page there is: it is there in light, in the dark and on a phone, nothing complains, axe finds nothing, nothing jumps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, StorageState

from console.web.menu import MENU
from tests.e2e.console.conftest import Served, Visit
from tests.e2e.console.looks import ROUTES, look_over

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]

MENU_PAGES = {entry.key: entry.url for _, entries in MENU for entry in entries}
MORE = {
    "errors": "/errors",
    "mapping hubspot leads": "/mapping/hubspot?kind=lead",
    "mapping hubspot companies": "/mapping/hubspot?kind=company",
    "mapping hubspot deals": "/mapping/hubspot?kind=deal",
    "mapping salesforce leads": "/mapping/salesforce?kind=lead",
    "mapping salesforce companies": "/mapping/salesforce?kind=company",
    "mapping salesforce deals": "/mapping/salesforce?kind=deal",
    "mapping row": "/mapping/salesforce?kind=lead&edit=country",
    "mapping row with words": "/mapping/salesforce?kind=lead&edit=industry",
    "mapping new row": "/mapping/hubspot?kind=lead&add=1",
    "mapping stages": "/mapping/stages",
    "mapping file": "/mapping/yaml/smarketing.yaml",
    "mapping file of a system": "/mapping/yaml/mappings/hubspot.yaml",
    "mapping publish nothing": "/mapping/publish",
    "mapping preview nothing": "/mapping/preview",
    "mapping history": "/mapping/history",
    "mapping fields": "/mapping/hubspot/fields?kind=lead",
    "mapping sample": "/mapping/salesforce/sample?kind=lead",
    "reviews answered": "/reviews/answered",
    "reviews rules": "/reviews/rules",
    "review rule": "/reviews/rules/lead/job_title",
    "funnel flow": "/funnel?view=flow",
    "funnel cohorts": "/funnel?view=cohorts",
    "funnel speed": "/funnel?view=speed",
    "funnel groups": "/funnel?view=groups",
    "funnel deals": "/funnel?view=deals",
    "funnel passed": "/funnel?view=passed",
    "sla kept": "/sla/kept",
    "sla pact": "/sla/pact",
    "scoring edit": "/scoring/edit",
    "scoring effect": "/scoring/effect",
    "scoring outcomes": "/scoring/outcomes",
    "glossary compare": "/glossary/compare",
    "decisions": "/reports/decisions",
    "account": "/account",
    "api": "/api",
}
"""Pages that are in no menu."""

LINKED = {
    "lead": ("/records?kind=lead", "[data-item]"),
    "company": ("/records?kind=company", "[data-item]"),
    "deal": ("/records?kind=deal", "[data-item]"),
    "owner": ("/records?kind=owner", "[data-item]"),
    "review match": ("/reviews?kind=match", "[data-open]"),
    "review duplicate lead": ("/reviews?kind=duplicate&of=lead", "[data-open]"),
    "review duplicate company": ("/reviews?kind=duplicate&of=company", "[data-open]"),
    "review duplicate deal": ("/reviews?kind=duplicate&of=deal", "[data-open]"),
    "review owner": ("/reviews?kind=owner", "[data-open]"),
    "run": ("/runs", "#runs tbody a[href^='/runs/']"),
    "funnel leads": ("/funnel", "main a[href^='/funnel/leads']"),
    "objectives leads": ("/objectives", "main a[href^='/objectives/leads']"),
    "scoring leads": ("/scoring", "main a[href^='/scoring/leads']"),
    "persona": ("/personas", "main a[href^='/personas/']"),
    "report": ("/reports", "main a[href^='/reports/'][href*='20']"),
}
"""Pages that need a number in their address: where the link to one of them stands."""

NO_PAGES = {
    "/api/v1", "/health", "/metrics", "/live",  # documents
    "/records/{hub_id}/export", "/funnel/leads.csv", "/objectives.csv", "/reports/files/{file}",  # files
    "/sign-in/oidc", "/sign-in/oidc/back",  # only where it is configured
}  # fmt: skip
IN_STORIES = {
    "/welcome/{key}",
    "/reviews/many",
    "/mapping/merge",
    "/mapping/history/{number}",
    "/plans/{id}",
    "/jobs/{id}",
}
"""Looked over where the stories come by."""


@pytest.fixture(scope="module")
def one(browser: Browser, served: Served, admin: StorageState) -> Iterator[Visit]:
    """One tab of the admin's, for all pages."""
    context = browser.new_context(storage_state=admin)
    yield Visit(context, served.url)
    context.close()


def looked(seen: Visit, path: str, shots: Path, name: str, status: int = 200) -> None:
    wrong = look_over(seen, path, shots, name, status=status)
    complaints, seen.complaints = seen.complaints, []
    if status != 200:  # the browser notes the status
        complaints = [one for one in complaints if str(status) not in one]
    assert wrong + complaints == [], f"{name}: {path}"


def linked(seen: Visit, name: str) -> str:
    where, what = LINKED[name]
    for _ in range(60):  # the search, and what is counted, are there a little after the server
        seen.go(where)
        if seen.page.locator(what).count():
            break
        seen.page.wait_for_timeout(1000)
    found = seen.page.locator(what).first.get_attribute("href")
    assert found
    return found


@pytest.mark.parametrize("name", [*MENU_PAGES, *MORE])
def test_a_page(one: Visit, shots: Path, name: str) -> None:
    looked(one, {**MENU_PAGES, **MORE}[name], shots, name)


@pytest.mark.parametrize("name", LINKED)
def test_a_page_that_another_leads_to(one: Visit, shots: Path, name: str) -> None:
    looked(one, linked(one, name), shots, name)


def test_a_page_that_is_not_there(one: Visit, shots: Path) -> None:
    looked(one, "/nowhere", shots, "nowhere", 404)


def test_the_way_in(visit: Callable[..., Visit], shots: Path) -> None:
    looked(visit(state=None), "/sign-in", shots, "sign in")


def test_no_page_is_forgotten(one: Visit) -> None:
    """Whatever the program answers by GET is looked over here, or in a story."""
    paths = [*MENU_PAGES.values(), *MORE.values(), "/sign-in", *(linked(one, name) for name in LINKED)]
    pages = [route for route in ROUTES if "GET" in route.methods and not route.path.startswith(tuple(NO_PAGES))]
    plain = [re.split(r"[?#]", path)[0] for path in paths]
    missed = {route.path for route in pages if not any(route.path_regex.match(path) for path in plain)}
    assert missed == IN_STORIES
