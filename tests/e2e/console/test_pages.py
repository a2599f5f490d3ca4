"""Every page, in light and dark and on a phone: it is there, nothing complains, axe finds nothing, nothing jumps, and it is light."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Response

from console.web.menu import MENU
from tests.e2e.console.conftest import PHONE, WIDE, Visit

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"scheme": "light", "size": WIDE},
    "dark": {"scheme": "dark", "size": WIDE},
    "phone": {"scheme": "light", "size": PHONE},
}
MENU_PAGES = [entry.url for _, entries in MENU for entry in entries]
MORE = ["/sign-in", "/nowhere"]
"""Pages that are in no menu."""

HEAVIEST = 300_000
"""Bytes of a first load, with everything that belongs to it, as they travel."""

AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
SHIFTS = """() => new Promise(done => {
  let sum = 0;
  new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.hadRecentInput ? 0 : one.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 150);
})"""


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", [*MENU_PAGES, *MORE])
def test_every_page(visit: Callable[..., Visit], shots: Path, path: str, look: str) -> None:
    seen = visit(**LOOKS[look], **({"state": None} if path == "/sign-in" else {}))
    sizes: list[int] = []
    seen.page.on("response", lambda answer: sizes.append(_size(answer)))
    answer = seen.go(path)
    assert answer.status == (404 if path == "/nowhere" else 200)
    name = re.sub(r"\W+", "-", path).strip("-") or "overview"
    seen.page.screenshot(path=shots / f"{name}-{look}.png", full_page=True)
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    assert seen.page.evaluate(SHIFTS) < 0.01, "something jumps"
    assert sum(sizes) < HEAVIEST
    found = Axe().run(seen.page, options=AXE)
    assert not found.response["violations"], found.generate_report()
    if path == "/nowhere":  # the browser notes the status
        seen.complaints.clear()


def _size(answer: Response) -> int:
    return int(answer.request.sizes()["responseBodySize"]) if not answer.from_service_worker else 0
