"""One page as three people see it: on a wide light screen, in the dark, and on a phone.

Invariant: whatever is looked over here had no violation that axe knows, did not jump, did not scroll sideways and was light.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Page, Response

from console.web.app import ROUTERS
from tests.e2e.console.conftest import PHONE, WIDE, Visit

HEAVIEST = 300_000
"""Bytes of a first load, with everything that belongs to it, as they travel."""

AXE: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS: dict[str, Any] = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
"""What the dark can make worse: the page is the same but for these."""

NARROW: dict[str, Any] = {
    "runOnly": {
        "type": "rule",
        "values": ["scrollable-region-focusable", "target-size", "color-contrast", "landmark-unique", "aria-hidden-focus",
                   "heading-order", "page-has-heading-one", "region"],
    }
}  # fmt: skip
"""And what a narrow screen can: what scrolls there, what is near to what, and the other menu."""

PATIENCE = 60_000
"""Milliseconds that a page may count in the background."""

SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.hadRecentInput ? 0 : one.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 120);
})"""
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
COUNTING = "[hx-trigger^='every'], #figure[hx-trigger], [data-job][hx-trigger]"
"""A part that asks again by itself until its result is there."""


def look_over(seen: Visit, path: str, shots: Path, name: str, *, status: int = 200) -> list[str]:
    """Opens the page and looks at it three times; what was wrong, in words."""
    wrong: list[str] = []
    answers: list[Response] = []

    def heard(answer: Response) -> None:
        answers.append(answer)

    seen.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    seen.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    seen.page.on("response", heard)
    answer = seen.go(path)
    assert answer.status == status, f"{path}: {answer.status}"
    if seen.page.locator(COUNTING).count():
        seen.page.wait_for_function("what => !document.querySelector(what)", arg=COUNTING, timeout=PATIENCE)
        answers.clear()
        seen.go(path)
    wrong += still(seen.page, "light")
    seen.page.remove_listener("response", heard)
    size = sum(map(_size, answers))
    wrong += leading_nowhere(seen.page)
    if size >= HEAVIEST:
        wrong.append(f"{size:,} bytes")
    wrong += axed(seen.page, "light")
    shot(seen.page, shots, name, "light")
    seen.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    wrong += axed(seen.page, "dark", COLOURS)
    shot(seen.page, shots, name, "dark")
    seen.page.emulate_media(color_scheme="light", reduced_motion="reduce")
    seen.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    seen.go(path)
    wrong += still(seen.page, "phone") + axed(seen.page, "phone", NARROW)
    shot(seen.page, shots, name, "phone")
    return wrong


def still(page: Page, look: str) -> list[str]:
    """Neither jumps nor scrolls sideways."""
    wrong = []
    if (moved := page.evaluate(SHIFTS)) >= 0.01:
        wrong.append(f"{look}: jumps by {moved:.3f}")
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        wrong.append(f"{look}: scrolls sideways")
    return wrong


def leading_nowhere(page: Page) -> list[str]:
    """Links and forms that the program has no page for."""
    told: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll('a[href^="/"], form[action^="/"], [formaction]')].map(one => {
          const [what, how] = one.matches('a') ? ['href', 'get'] : one.matches('form')
            ? ['action', one.getAttribute('method') ?? 'get'] : ['formaction', 'post'];
          return [how.toUpperCase(), new URL(one.getAttribute(what), location).pathname];
        })"""
    )
    asked = {(method, path) for method, path in told if not path.startswith("/static/")}
    return [
        f"leads nowhere: {method} {path}"
        for method, path in sorted(asked)
        if not any(method in (route.methods or ()) and route.path_regex.match(path) for route in ROUTES)
    ]


def axed(page: Page, look: str, options: dict[str, Any] = AXE) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{look}: {one['id']} ({one['help']}): {[node['html'][:160] for node in one['nodes'][:3]]}" for one in found
    ]


def shot(page: Page, shots: Path, name: str, look: str) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=shots / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{look}.png", full_page=True)


def _size(answer: Response) -> int:
    return int(answer.request.sizes()["responseBodySize"]) if answer.request.resource_type != "eventsource" else 0
