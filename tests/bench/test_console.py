"""No page of the console is left out of what is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from bench import console, runs
from console.web.app import ROUTERS


@pytest.mark.e2e
@pytest.mark.xdist_group("bench")
def test_every_page_is_measured(tmp_path: Path) -> None:
    """Over two hundred leads: every address answers, and every route that can be asked has one."""
    leads = 200
    runs.write(tmp_path, leads)
    there = {
        route.path for router in ROUTERS for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }  # fmt: skip
    with console.serving(tmp_path) as (site, browser):
        plan = runs.plan(tmp_path, site.opened.rules, leads)
        asked = console.pages(tmp_path, leads)
        assert asked.keys() == there - console.APART
        assert browser.get(f"/plans/{plan}").status_code == 200
        wrong = {
            url: answer.status_code for urls in asked.values() for url in urls if (answer := browser.get(url)).is_error
        }
        assert wrong == {}
        told = console.measure(browser, "/records", 3)
        assert 0 < told["median"] <= told["worst"]
        assert 10_000 < console.first_load(browser, "/records") < 300_000
