"""A plan is made, something is left out of it, the rest is approved and written, and the run is taken back."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from console import playground
from sandbox.people import Person, World, make_world
from tests.e2e.console.conftest import Served, Visit
from tests.e2e.console.looks import look_over

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]
SLOW = 90_000.0
"""Milliseconds that a job may take which reads both systems."""
TITLES = ("Keeper of the Lighthouse", "Rider of the Night Train")


def test_a_plan_is_approved_in_part_written_and_taken_back(
    visit: Callable[..., Visit], served: Served, shots: Path
) -> None:
    urls: dict[str, str] = json.loads((served.folder / playground.DATA / playground.PORTS).read_text())
    first, second = everybody(make_world(7))[-2:]
    was = {key: title_in_marketing(urls, key) for key in (first, second)}
    for key, title in zip((first, second), TITLES, strict=True):
        change = {"system": "crm", "do": "set", "email": key, "fields": {"title": title}, "why": "a new job"}
        playground.edit(urls, change)

    ana = visit()
    page = ana.page
    ana.go("/")
    page.get_by_role("main").get_by_role("button", name="Make a plan").click()
    page.wait_for_url("**/plans/*", timeout=SLOW)
    plan = page.url.removeprefix(served.url)
    for title in TITLES:
        expect(page.locator(".writes > li", has_text=title)).to_be_visible()
    out = page.locator(".writes > li", has_text=TITLES[1])
    expect(out.locator(".lines")).to_contain_text("Job title", ignore_case=True)
    expect(out.locator(".lines")).to_contain_text("salesforce")
    out.get_by_role("button", name=re.compile("^Leave out the write to ")).click()
    expect(page.locator(".writes > li", has_text=TITLES[1])).to_contain_text("left out")
    expect(page.get_by_text("1 is left out.")).to_be_visible()
    assert look_over(ana, plan, shots, "plan with something left out") == []

    approve(page)
    expect(page.locator("[data-job]")).to_be_visible()
    job = page.url.removeprefix(served.url).partition("?")[0]
    expect(page.locator("[data-steps] [data-count]").first).to_be_visible(timeout=SLOW)
    page.wait_for_url("**/runs/*", timeout=SLOW)
    run = page.url.removeprefix(served.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Approved plan")
    expect(page.get_by_role("main")).to_contain_text("by ana@example.com")
    expect(page.locator("#changes")).to_contain_text(TITLES[0])
    expect(page.locator("#changes")).not_to_contain_text(TITLES[1])
    assert title_in_marketing(urls, first) == TITLES[0]
    assert title_in_marketing(urls, second) == was[second]
    assert look_over(ana, run, shots, "run of a plan") == []
    assert look_over(ana, job, shots, "job") == []

    ana.go(run)
    page.get_by_role("button", name="Take this run back").click()
    page.wait_for_url("**/plans/*", timeout=SLOW)
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan: what would be taken back")
    expect(page.locator(".writes > li", has_text=TITLES[0])).to_be_visible()
    approve(page)
    page.wait_for_url("**/runs/*", timeout=SLOW)
    expect(page.get_by_role("link", name="It took back this run")).to_be_visible()
    assert title_in_marketing(urls, first) == was[first]
    assert title_in_marketing(urls, second) == was[second]
    ana.go("/runs")
    expect(page.locator("#runs tbody tr").nth(0)).to_contain_text("Taken back")
    expect(page.locator("#runs tbody tr").nth(1)).to_contain_text("Approved plan")


def approve(page: Page) -> None:
    stops = page.get_by_label("I have looked at the warnings below")
    if stops.count():
        stops.check()
    page.get_by_role("button", name=re.compile(r"^Write \d")).click()


def everybody(world: World) -> list[str]:
    """The e-mail addresses of those who are once in each system."""

    def once(people: list[Person]) -> set[str]:
        counts = Counter(one["email"].strip().lower() for one in people)
        return {key for key, count in counts.items() if key and count == 1}

    return sorted(once(world.marketing) & once(world.crm))


def title_in_marketing(urls: dict[str, str], email: str) -> str:
    """Asked of the system itself (https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide)."""
    request = urllib.request.Request(
        f"{urls['hubspot']}/crm/v3/objects/contacts/{email}?idProperty=email&properties=jobtitle",
        headers={"authorization": f"Bearer {playground.CREDENTIALS['HUBSPOT_TOKEN']}"},
    )
    with urllib.request.urlopen(request, timeout=playground.PATIENCE) as answer:
        return str(json.load(answer)["properties"]["jobtitle"])
