"""The stream: what it says, to whom, and how little it asks of the database for it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from console.web.jobs import Job
from console.web.live import EVERY, Live, Stream
from console.web.page import SESSION
from console.web.serving import Server
from console.web.site import Site
from state.ids import new_id
from state.records import Review
from tests.console.web.conftest import Browser

SOON = 15.0


class Listener:
    """A browser's EventSource: what it has heard so far, (event, data)."""

    def __init__(self, url: str, key: str) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.status = 0
        self.over = threading.Event()
        self._client = httpx.Client(base_url=url, cookies={SESSION: key}, timeout=60)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        event = ""
        try:
            with self._client.stream("GET", "/live") as answer:
                self.status = answer.status_code
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        event = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        self.heard.append((event, json.loads(line.removeprefix("data: "))))
        except httpx.HTTPError:
            pass
        self.over.set()

    def wait(self, holds: Callable[[str, Any], bool]) -> Any:
        """The first that it holds of."""
        until = time.monotonic() + SOON
        while time.monotonic() < until:
            for event, data in list(self.heard):
                if holds(event, data):
                    return data
            time.sleep(0.02)
        raise AssertionError(f"never heard: {self.heard}")


@pytest.fixture
def served(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Without the finder, which has a thread and a job of its own."""
    monkeypatch.setattr(app.state.site.finder, "start", lambda: None)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(uvicorn.Config(app, port=port, log_level="warning", access_log=False), app.state.live, lambda: None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(SOON)
    assert not thread.is_alive(), "the server waits for its streams"


def key_of(browser: Browser) -> str:
    return str(browser.client.cookies[SESSION])


def ask(site: Site, subject: str) -> None:
    """One more question for a person."""
    with site.writing() as store:
        store.open_reviews([Review("match", subject, {"candidates": []})], new_id(), datetime.now(UTC))
        store.commit()


def test_it_says_how_things_are_and_then_what_changes(served: str, site: Site, viewer: Browser) -> None:
    with site.history() as history:
        before = sum(history.counted().reviews.values())
        [newest] = history.runs(1)
    listener = Listener(served, key_of(viewer))
    assert listener.wait(lambda event, _: event == "counts")["reviews"] == before
    assert listener.wait(lambda event, _: event == "run") == {
        "id": newest.id,
        "kind": "sync",
        "outcome": newest.outcome,
    }
    health = listener.wait(lambda event, _: event == "health")["systems"]
    assert set(health) == {"marketing", "crm"}
    assert {one["error"] for one in health.values()} == {""}
    ask(site, "crm:99")
    assert listener.wait(lambda event, data: event == "counts" and data["reviews"] == before + 1)
    with site.engine.begin() as connection:  # a command elsewhere begins a run
        row = {"id": new_id(), "kind": "backfill", "started": datetime.now(UTC), "rules_hash": ""}
        connection.execute(
            sa.text("INSERT INTO run (id, kind, started, rules_hash) VALUES (:id, :kind, 0, :rules_hash)"), row
        )
    assert listener.wait(lambda event, data: event == "run" and data["kind"] == "backfill")["outcome"] == ""
    later = Listener(served, key_of(viewer))  # whoever comes later is told the newest first
    assert later.wait(lambda event, _: event == "run")["kind"] == "backfill"


def test_many_browsers_ask_no_more_of_the_database_than_one(
    served: str, app: FastAPI, site: Site, viewer: Browser
) -> None:
    statements: list[float] = []
    sa.event.listen(site.engine, "before_cursor_execute", lambda *_: statements.append(time.monotonic()))
    first = Listener(served, key_of(viewer))
    first.wait(lambda event, _: event == "counts")
    many = [Listener(served, key_of(viewer)) for _ in range(40)]
    for listener in many:
        listener.wait(lambda event, _: event == "counts")
    begun = time.monotonic()
    time.sleep(3.2 * EVERY)
    looked = [at for at in statements if at >= begun]
    assert 2 <= len(looked) <= 2 * 4, f"{len(looked)} statements for {len(many) + 1} browsers"
    assert len({round(at, 1) for at in looked}) <= 2 * 4
    assert len(app.state.live._streams) == 41


def test_nobody_listens_and_nothing_is_asked(served: str, app: FastAPI, site: Site, viewer: Browser) -> None:
    live: Live = app.state.live
    with closing(socket.create_connection(("127.0.0.1", int(served.rpartition(":")[2])))) as browser:
        browser.sendall(f"GET /live HTTP/1.1\r\nHost: a\r\nCookie: {SESSION}={key_of(viewer)}\r\n\r\n".encode())
        heard = b""
        while b"event: counts" not in heard:
            heard += browser.recv(65536)
        assert len(live._streams) == 1
    until = time.monotonic() + SOON
    while live._thread is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert live._streams == set()
    statements: list[str] = []
    sa.event.listen(site.engine, "before_cursor_execute", lambda *what: statements.append(what[2]))
    time.sleep(1.5 * EVERY)
    assert statements == []


def test_a_stream_ends_with_its_session(served: str, site: Site, viewer: Browser, operator: Browser) -> None:
    leaves, stays = Listener(served, key_of(viewer)), Listener(served, key_of(operator))
    for listener in (leaves, stays):
        listener.wait(lambda event, _: event == "counts")
    viewer.post("/sign-out")
    assert leaves.over.wait(SOON)
    assert not stays.over.is_set()
    stranger = Listener(served, "nobody's key")
    assert stranger.over.wait(SOON)
    assert stranger.status == 303
    assert stranger.heard == []


def test_a_job_is_told_step_by_step_and_when_it_ends(served: str, site: Site, viewer: Browser, project: Path) -> None:
    listener = Listener(served, key_of(viewer))
    listener.wait(lambda event, _: event == "counts")
    job = site.jobs.start("plan", "somebody@example.com")
    told = listener.wait(lambda event, data: event == "job" and not data["running"])
    assert told["id"] == job.id
    assert told["failed"] == ""
    assert ["read", "crm", 2] in told["steps"]
    late = Listener(served, key_of(viewer))
    assert late.wait(lambda event, data: event == "job" and data["id"] == job.id) == told


def test_a_slow_browser_is_told_the_newest_alone() -> None:
    async def slow() -> list[str]:
        stream = Stream("key", asyncio.get_running_loop())
        for count in range(10_000):
            stream.push("counts", "counts", str(count))
            stream.push("job 1", "job", f"job {count}")
        assert len(stream._pending) == 2
        stream.end()
        return [text async for text in stream.text()]

    texts = asyncio.run(slow())
    assert texts[1:] == ["event: counts\ndata: 9999\n\nevent: job\ndata: job 9999\n\n"]


def test_jobs_that_ended_long_ago_are_forgotten(site: Site, app: FastAPI) -> None:
    live: Live = app.state.live
    for n in range(60):
        live.hear(Job(f"j{n}", "plan", {}, "a", datetime.now(UTC), ended=datetime.now(UTC), result={}))
    assert [about for about in live._now if about.startswith("job ")] == [f"job j{n}" for n in range(40, 60)]


def test_a_database_that_cannot_be_asked_is_told_and_asked_again(served: str, app: FastAPI, viewer: Browser) -> None:
    live: Live = app.state.live
    engine = live._engine
    live._engine = sa.create_engine("sqlite:////nowhere/at/all.sqlite")
    listener = Listener(served, key_of(viewer))
    assert listener.wait(lambda event, _: event == "health")["trouble"] == "database-unreachable"
    live._engine = engine
    assert listener.wait(lambda event, data: event == "health" and not data["trouble"])["systems"]
