"""The overview: numbers as the commands tell them, the worst news first, and no page that waits for counting."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.status import LATE
from console.web import standing
from console.web.overview import health, verdict
from console.web.site import Site
from state.history import Run
from state.totals import Counted
from tests.console.web.conftest import Browser, seen


def status(project: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    main(["status", "--project", str(project), "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_numbers_are_those_of_status(viewer: Browser, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told, page = status(project, capsys), seen(viewer.get("/"))
    assert f"Leads {told['leads']:,}" in page
    assert f"Questions for a person {sum(told['reviews'].values()):,}" in page
    for name, system in told["systems"].items():
        assert name in page
        assert f"{system['records']['live']:,}" in page
    assert "All systems are in sync" in page or "The systems are in sync" in page


def test_only_operators_see_the_buttons(viewer: Browser, operator: Browser) -> None:
    assert "Sync now" not in viewer.get("/").text
    assert "Sync now" in operator.get("/").text


def test_what_was_never_synced_says_what_to_do(project: Path, tmp_path: Path) -> None:
    from console.web.app import create_app
    from tests.console.folder import make_project

    app = create_app(make_project(tmp_path / "fresh"))
    page = seen(Browser(app, "operator").get("/"))
    assert "Nothing has been synced yet. Make a plan first" in page
    assert "No lead yet" in page
    app.state.site.close()


def _standing(site: Site, **run: Any) -> standing.Standing:
    now = standing.look(site.engine)
    last = now.runs[0]
    given = {**{name: getattr(last, name) for name in Run.__dataclass_fields__}, **run}
    return standing.Standing(now.at, now.counted, [Run(**given), *now.runs[1:]], now.stages, now.clocks, now.soonest)


def test_the_sentence_is_the_worst_of_all(site: Site) -> None:
    config = site.opened.project.config
    system = next(iter(config.systems))
    error = {"code": "credentials", "message": "It refused the token.", "hint": "Make another."}
    failing = _standing(site, report={"systems": {}, "errors": {f"{system}/deal": error}})
    [found] = [one for one in health(failing, config, failing.at) if one.name == system]
    assert (found.tone, found.error) == ("bad", error)
    assert verdict(failing, list(health(failing, config, failing.at)))[:2] == ("bad", "verdict_failing")
    stopped = _standing(site, outcome="stopped")
    assert verdict(stopped, list(health(stopped, config, stopped.at)))[:2] == ("warn", "verdict_stopped")
    later = stopped.at + timedelta(seconds=3 * LATE)
    late = _standing(site)
    assert verdict(late, list(health(late, config, later)))[:2] == ("warn", "verdict_late")


@pytest.fixture
def counted_slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Event]]:
    """Every look waits for its event; the list grows with each look."""
    looks: list[threading.Event] = []
    real = standing.look

    def slow(engine: Any) -> standing.Standing:
        found = real(engine)
        if looks:  # the first is waited for by its page
            gate = threading.Event()
            looks.append(gate)
            gate.wait(10)
        else:
            looks.append(threading.Event())
        return found

    monkeypatch.setattr(standing, "look", slow)
    yield looks
    for gate in looks:
        gate.set()


def test_no_page_waits_for_a_second_count(site: Site, counted_slowly: list[threading.Event]) -> None:
    ticks = iter(range(0, 10_000, 10))
    watch = standing.Watch(
        site.engine, clock=lambda: next(ticks)
    )  # every look seems to take ten seconds, and so does a page
    first = watch.counted()
    assert isinstance(first.counted, Counted)
    assert all(watch.now() is first for _ in range(100)), "nobody waits"
    assert _sooner_or_later(lambda: len(counted_slowly) == 2)
    assert all(watch.now() is first for _ in range(100))
    assert len(counted_slowly) == 2, "one count is under way, whoever asks"
    counted_slowly[1].set()
    assert _sooner_or_later(lambda: watch.now() is not first)


def test_nobody_waits_for_the_first_count(
    viewer: Browser, site: Site, counted_slowly: list[threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that it is counted, and shows the numbers once there are some."""
    monkeypatch.setattr(standing, "PATIENCE", 0.01)
    counted_slowly.append(threading.Event())
    page = viewer.get("/")
    assert "being counted for the first time" in seen(page)
    assert "Leads" not in seen(page)
    assert 'hx-get="/" hx-trigger="load' in page.text
    assert _sooner_or_later(lambda: len(counted_slowly) == 2)
    assert "being counted" in seen(viewer.get("/"))
    counted_slowly[1].set()
    assert _sooner_or_later(lambda: "Leads" in seen(viewer.get("/")))
    assert len(counted_slowly) == 2, "one count is under way, whoever asks"


def test_what_keeps_it_from_counting_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> standing.Standing:
        raise OSError("the disk is gone")

    real = standing.look
    monkeypatch.setattr(standing, "look", fails)
    watch = standing.Watch(site.engine)
    for _ in range(2):
        with pytest.raises(OSError, match="the disk is gone"):
            watch.counted()
    monkeypatch.setattr(standing, "look", real)
    assert watch.counted().runs


def _sooner_or_later(so: Callable[[], bool]) -> bool:
    pause = threading.Event()
    return any(so() or pause.wait(0.02) for _ in range(500))
