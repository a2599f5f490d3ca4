"""The console in a real browser, on the project that `smarketing demo` leaves, with both its systems running.

Needs Debian's package chromium (or SMARKETING_CHROMIUM, the path of another). Screenshots go to SMARKETING_SCREENSHOTS, which CI
keeps; else to a temporary folder. SMARKETING_TEST_DEMO names a folder where a demo was played already: a copy of it is used.

Invariant: one demo, one server and one Chromium for all tests of the group `console`, which may find what those before them left.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from console import playground
from tests.e2e import serving

PASSWORD = "correct horse battery staple"
ARGUMENTS = (
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, PHONE = {"width": 1360, "height": 860}, {"width": 390, "height": 844}


@pytest.fixture(scope="package")
def chromium() -> str:
    found = os.environ.get("SMARKETING_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("Chromium is not on this machine: install the system package chromium")
    return found


@pytest.fixture(scope="package")  # it holds the thread's event loop: whatever comes after these tests needs it back
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SMARKETING_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def moved(folder: Path) -> Path:
    """A copied demo, its two systems on ports of their own: the one that it was copied from may be up."""
    ports, env = folder / playground.DATA / playground.PORTS, folder / ".env"
    urls: dict[str, str] = json.loads(ports.read_text())
    for name, url in urls.items():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            urls[name] = f"http://127.0.0.1:{one.getsockname()[1]}"
        env.write_text(env.read_text().replace(url, urls[name]))
    ports.write_text(json.dumps(urls))
    return folder


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console") / "demo"
    if ready := os.environ.get("SMARKETING_TEST_DEMO"):
        return moved(Path(shutil.copytree(ready, folder)))
    played = subprocess.run(
        serving.command("demo", str(folder), "--json"),
        capture_output=True,
        text=True,
        env=serving.environment(),
        check=False,
    )
    assert played.returncode == 0, played.stderr[-2000:]
    return folder


@dataclass
class Served:
    """`smarketing serve`, running. `first`: the link that makes the first account."""

    url: str
    first: str
    folder: Path
    state: StorageState | None = field(default=None, repr=False)
    """The cookies of the admin who signed in first."""


@pytest.fixture(scope="package")
def served(demo: Path) -> Iterator[Served]:
    with serving.served(demo) as told:
        yield Served(told["console"], told["first_account"], demo)


@pytest.fixture(scope="package")
def admin(served: Served, browser: Browser) -> StorageState:
    """Comes in by the link that `serve` prints, as the first person does."""
    if served.state is None:
        context = browser.new_context()
        page = context.new_page()
        page.goto(served.first)
        page.get_by_label("Your name").fill("Ana Lima")
        page.get_by_label("E-mail address").fill("ana@example.com")
        page.get_by_label("Choose a password").fill(PASSWORD)
        page.get_by_role("button", name="Begin").click()
        page.wait_for_url(f"{served.url}/")
        served.state = context.storage_state()
        context.close()
    return served.state


class Visit:
    """A page of somebody's, which fails the test where the browser had anything to complain about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.complaints: list[str] = []
        self.page = self.watched(context.new_page())

    def watched(self, page: Page) -> Page:
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        return page

    def go(self, path: str) -> Any:
        return self.page.goto(f"{self.url}{path}", wait_until="load")


@pytest.fixture
def visit(browser: Browser, served: Served, admin: StorageState) -> Iterator[Callable[..., Visit]]:
    """`visit()`: the admin, on a wide light screen; or as the arguments say (`state=None`: nobody)."""
    visits: list[Visit] = []

    def begin(*, scheme: Any = "light", size: Any = WIDE, state: Any = admin, **more: Any) -> Visit:
        context = browser.new_context(viewport=size, color_scheme=scheme, storage_state=state, **more)
        visits.append(Visit(context, served.url))
        return visits[-1]

    yield begin
    for one in visits:
        one.context.close()
    assert [complaint for one in visits for complaint in one.complaints] == []
