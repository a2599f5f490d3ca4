"""What open pages are told without asking: counts, health, runs that begin and end, and how far each job is.

Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) at /live. One thread looks at the database
for everybody, about once a second, and only while somebody listens; jobs tell of themselves. An event says how something is now, never
what happened to it, so whoever was slow or away needs the newest alone. Invariants: the database is looked at no more often for
a thousand browsers than for one; a browser costs as much memory as there are things to tell of, however slow it is; a stream
ends with its session, and before the server waits for it.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from console.failures import write_log
from console.web.jobs import Job, Jobs
from console.web.page import SESSION, Refused, Viewer
from state.history import Engine
from state.pulse import Pulse, look
from state.run_history import Runs
from state.trouble import trouble

router = APIRouter()
EVERY = 1.25
"""Seconds between two looks at the database: with those of the finder (`finding`), one a second in all."""

ALIVE = 15.0
"""Seconds after which a stream says that it is still there: what stands between may end a silent connection."""

RETRY = 2000
"""Milliseconds after which a browser comes back."""

KEPT = 20
"""Jobs that have ended and are still told of to whoever comes."""


class Stream:
    """One browser's. `pending`: what it has yet to be told, by what it is about: (name of the event, data)."""

    def __init__(self, key: str, loop: asyncio.AbstractEventLoop) -> None:
        self.key = key
        self._loop = loop
        self._lock = threading.Lock()
        self._pending: dict[str, tuple[str, str]] = {}
        self._over = False
        self._wake = asyncio.Event()

    def push(self, about: str, event: str, data: str) -> None:
        """From any thread; never waits."""
        with self._lock:
            self._pending.pop(about, None)
            self._pending[about] = event, data
        self._call()

    def end(self) -> None:
        self._over = True
        self._call()

    async def text(self) -> AsyncIterator[str]:
        yield f"retry: {RETRY}\n\n"
        while True:
            self._wake.clear()
            with self._lock:
                told, self._pending = self._pending, {}
            if told:
                yield "".join(f"event: {event}\ndata: {data}\n\n" for event, data in told.values())
            if self._over:
                return
            try:
                await asyncio.wait_for(self._wake.wait(), ALIVE)
            except TimeoutError:
                yield ": still here\n\n"

    def _call(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)


class Live:
    """`pulse`: the last look at the database; None before the first."""

    def __init__(self, engine: Engine, jobs: Jobs, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._lock = threading.Lock()
        self._streams: set[Stream] = set()
        self._now: dict[str, tuple[str, str]] = {}
        self._thread: threading.Thread | None = None
        self._looked = 0.0
        self._closed = threading.Event()
        self._failed: tuple[str | None, str | None] = None, None
        self._errors: Mapping[str, Any] = {}
        self.pulse: Pulse | None = None
        jobs.listeners.append(self.hear)

    @property
    def reviews(self) -> int | None:
        """Open questions, as last seen; None where nobody has looked yet."""
        return self.pulse.reviews if self.pulse else None

    # --- browsers -------------------------------------------------------------------------------------------------

    def join(self, key: str) -> Stream:
        """`key`: of the session that the stream ends with. To be called in the loop that the stream is read in."""
        stream = Stream(key, asyncio.get_running_loop())
        with self._lock:
            for about, (event, data) in self._now.items():
                stream.push(about, event, data)
            self._streams.add(stream)
            if self._closed.is_set():
                stream.end()
            elif self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="live")
                self._thread.start()
        return stream

    def leave(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def close(self) -> None:
        """Every stream ends; whoever comes is sent away. The server can then wait for its connections to close."""
        self._closed.set()
        with self._lock:
            for stream in self._streams:
                stream.end()

    # --- what there is to tell ------------------------------------------------------------------------------------

    def hear(self, job: Job) -> None:
        """From a thread of the job's."""
        steps = [[phase, place, count] for (phase, place), count in list(job.steps.items())]
        told = {
            "id": job.id, "kind": job.kind, "running": job.running, "steps": steps,
            "failed": job.failure["code"] if job.failure else "",
        }  # fmt: skip
        self._tell(f"job {job.id}", "job", told)
        if not job.running:
            with self._lock:
                jobs = [about for about in self._now if about.startswith("job ")]
                for about in jobs[:-KEPT]:
                    del self._now[about]

    def _tell(self, about: str, event: str, told: Mapping[str, Any]) -> None:
        data = json.dumps(told, default=str, separators=(",", ":"))
        with self._lock:
            if self._now.get(about) == (event, data):
                return
            self._now.pop(about, None)
            self._now[about] = event, data
            for stream in self._streams:
                stream.push(about, event, data)

    # --- the look at the database ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        while True:
            wait = self._looked + EVERY - time.monotonic()
            if wait > 0:
                self._closed.wait(wait)
            with self._lock:
                keys = {stream.key for stream in self._streams}
                if not keys or self._closed.is_set():
                    self._thread = None
                    return
            self._looked = time.monotonic()
            try:
                self._look(keys)
            except Exception as error:
                found = trouble(error)
                if found is None:  # unforeseen: told once where it can be found, and looked at again all the same
                    write_log(error, self._folder)
                self._tell("health", "health", {"trouble": found.code if found else "internal", "systems": {}})

    def _look(self, keys: set[str]) -> None:
        self.pulse = pulse = look(self._engine, datetime.now(UTC), keys)
        counts = {name: getattr(pulse, name) for name in ("reviews", "dirty", "in_doubt", "overdue")}
        self._tell("counts", "counts", counts)
        run = pulse.run
        if run is not None:
            self._tell("run", "run", {"id": run.id, "kind": run.kind, "outcome": run.outcome or ""})
        self._tell("health", "health", {"trouble": "", "systems": self._health(pulse)})
        with self._lock:
            gone = [stream for stream in self._streams if stream.key in keys and stream.key not in pulse.sessions]
        for stream in gone:
            stream.end()

    def _health(self, pulse: Pulse) -> dict[str, dict[str, str]]:
        """System -> when it was last read, and the code of what went wrong in the last run that ended."""
        newest = (pulse.run.id, pulse.run.outcome) if pulse.run else (None, None)
        if newest != self._failed:
            ended = next((run for run in Runs(self._engine).newest(3) if run.ended), None)
            self._failed, self._errors = newest, ended.report.get("errors", {}) if ended else {}
        wrong = {place.partition("/")[0]: str(error["code"]) for place, error in self._errors.items()}
        return {
            system: {"read_at": at.isoformat(timespec="seconds"), "error": wrong.get(system, "")}
            for system, at in sorted(pulse.read_at.items())
        }


def live_of(request: Request) -> Live:
    return cast(Live, request.app.state.live)


@router.get("/live")
async def live(page: Viewer) -> Response:
    """The stream of whoever is signed in by a browser."""
    key = page.request.cookies.get(SESSION)
    if not key:
        raise Refused(403, "shell.csrf")
    here = live_of(page.request)
    stream = here.join(key)

    async def leaves() -> None:
        while (await page.request.receive())["type"] != "http.disconnect":
            pass
        stream.end()

    async def told() -> AsyncIterator[str]:
        watch = asyncio.create_task(leaves())
        try:
            async for text in stream.text():
                yield text
        finally:
            watch.cancel()
            here.leave(stream)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)
