"""The ASGI layer before a vendor's server: counts requests, enforces its limits, carries out faults, and answers the
`/__sandbox__/` pages by which a test in another process turns the switches.

    GET            /__sandbox__/requests   counts per endpoint and status; DELETE starts again
    GET            /__sandbox__/faults     the rules, with how often each struck
    PUT            /__sandbox__/faults     {"seed": 1, "rules": [{"kind": "hangup_after", "path": "/batch/", ...}]}
    POST           /__sandbox__/faults     one more rule;  DELETE: none
    GET            /__sandbox__/clock      {"now", "skew", "frozen"}
    POST           /__sandbox__/clock      {"advance": 10, "skew": -30, "frozen": true, "now": "2026-01-01T00:00:00Z"}
    GET            /__sandbox__/state      what the vendor holds, in numbers
    POST           /__sandbox__/state      one edit as a person would make it in the vendor's own pages

These pages are not limited, not counted and never fail.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple, Protocol

from sandbox.clock import Clock
from sandbox.faults import AFTER, BEFORE, PAGES, Fault, Faults

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/__sandbox__/"
PAGE = "sandbox.page"
HANG_UP = "sandbox.hang_up"
PATIENCE = 120.0
"""Seconds that a time-out fault holds the connection where its rule does not say."""


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Vendor(Protocol):
    """What the gate asks of a vendor's server."""

    name: str
    clock: Clock
    faults: Faults
    requests: Ledger

    def refusal(self, status: int, method: str, path: str) -> Answer:
        """429 or 5xx in the vendor's words."""
        ...

    def admit(self, method: str, path: str) -> Answer | None:
        """Count one call against the vendor's limits; its 429 where one is used up."""
        ...

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """What the vendor adds to every answer: the state of its limits."""
        ...

    def summary(self) -> dict[str, Any]: ...

    def edit(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        """What a person does in the vendor's own pages, in the vendor's own fields. Raises ValueError for what it
        cannot do."""
        ...


class Request(NamedTuple):
    """One request, as it was answered. `at` is in seconds of `Clock.elapsed`; status 0: the connection was dropped."""

    at: float
    method: str
    path: str
    status: int
    faults: tuple[str, ...]


@dataclass
class Ledger:
    """Every request that was answered: counts for ever, the last ten thousand one by one."""

    by_endpoint: Counter[str] = field(default_factory=Counter)
    by_status: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """429s by endpoint, those of a fault rule left out: each was avoidable."""
    log: deque[Request] = field(default_factory=lambda: deque(maxlen=10_000))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def note(self, request: Request) -> None:
        with self._lock:
            name = f"{request.method} {endpoint(request.path)}"
            self.by_endpoint[name] += 1
            self.by_status[request.status] += 1
            if request.status == 429 and "rate_limited" not in request.faults:
                self.refused[name] += 1
            self.log.append(request)

    def count(self, pattern: str = "") -> int:
        """How many requests had an endpoint ("POST /crm/v3/objects/contacts/batch/upsert") that matches."""
        return sum(n for name, n in dict(self.by_endpoint).items() if re.search(pattern, name))

    def clear(self) -> None:
        with self._lock:
            for counts in (self.by_endpoint, self.by_status, self.refused, self.log):
                counts.clear()

    def to_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "total": sum(self.by_endpoint.values()),
                "by_endpoint": dict(self.by_endpoint.most_common()),
                "by_status": {str(status): n for status, n in sorted(self.by_status.items())},
                "refused": dict(self.refused),
            }


_ID = re.compile(r"\d+|(?=\w*\d)[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?|[^/]*@[^/]*|(?=\w*\d)[0-9A-Za-z]+-\d+")


def endpoint(path: str) -> str:
    """The path with every record id, e-mail and cursor in it replaced by {id}."""
    return "/".join("{id}" if _ID.fullmatch(part) else part for part in path.split("/"))


class HungUp(ConnectionError):
    """The fault of a dropped connection, where there is no connection to drop (an app called without a server)."""


class Gate:
    """`app` with `vendor`'s limits and faults before it."""

    def __init__(self, app: App, vendor: Vendor) -> None:
        self.app = app
        self.vendor = vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"].startswith(PREFIX):
            await reply(send, await administer(self.vendor, scope, receive))
        else:
            await self._pass(scope, receive, send)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        vendor, method, path = self.vendor, scope["method"], scope["path"]
        faults = vendor.faults.choose(method, path)
        kinds, at, noted = tuple(fault.kind for fault in faults), vendor.clock.elapsed(), False

        def note(status: int) -> None:
            nonlocal noted
            noted = True
            vendor.requests.note(Request(at, method, path, status, kinds))

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                note(message["status"])  # before the client can know: so that it may count right after its call
                date = format_datetime(vendor.clock.now().astimezone(UTC), usegmt=True)
                extra = {"date": date, **vendor.headers(method, path)}.items()
                message["headers"] = [*message.get("headers", ()), *((k.encode(), v.encode()) for k, v in extra)]
            await send(message)

        try:
            await self._carry_out(scope, receive, counted, faults)
        finally:
            if not noted:
                note(0)

    async def _carry_out(self, scope: Scope, receive: Receive, send: Send, faults: list[Fault]) -> None:
        vendor, method, path = self.vendor, scope["method"], scope["path"]
        after: Fault | None = None
        for fault in faults:
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds)
            elif fault.kind in PAGES:
                scope[PAGE] = fault
            elif fault.kind in AFTER:
                after = fault
            elif fault.kind in BEFORE:
                if fault.kind in ("error", "rate_limited"):
                    status = fault.status or (429 if fault.kind == "rate_limited" else 503)
                    await reply(send, vendor.refusal(status, method, path))
                else:
                    await drop(scope, receive, fault)
                return
        refused = vendor.admit(method, path)
        if refused is not None:
            await reply(send, refused)
        elif after is None:
            await self.app(scope, receive, send)
        else:
            await self._spoil(scope, receive, send, after)

    async def _spoil(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> None:
        """Have the request handled, then do to its answer what the fault says."""
        head: Message = {}
        chunks: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        body = b"".join(chunks)
        if fault.kind in ("hangup_after", "timeout_after"):
            await drop(scope, receive, fault)
        elif fault.kind == "error_after":
            await reply(send, self.vendor.refusal(fault.status or 502, scope["method"], scope["path"]))
        elif fault.kind == "not_json":
            page = b"<!doctype html><html><body><h1>Scheduled maintenance</h1></body></html>"
            await reply(send, Answer(fault.status or 200, page, {"content-type": "text/html"}))
        elif fault.kind == "cut_json":
            await reply(send, Answer(head["status"], body[: len(body) // 2], {"content-type": "application/json"}))
        else:
            await send(head)  # its Content-Length promises the whole body
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            await drop(scope, receive, fault)


async def reply(send: Send, answer: Answer) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(answer.body)), **answer.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


async def drop(scope: Scope, receive: Receive, fault: Fault) -> None:
    """Drop the connection; a time-out fault first holds it until the client gives up or the time is over."""
    if fault.kind.startswith("timeout"):
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds or PATIENCE):
                while (await receive())["type"] != "http.disconnect":
                    pass
    hang_up = scope.get("extensions", {}).get(HANG_UP)
    if hang_up is None:
        raise HungUp(f"{scope['method']} {scope['path']}: the sandbox dropped the connection ({fault.kind})")
    hang_up()
    await asyncio.sleep(0.001)  # lets the server notice, so that it does not answer 500 in our place


async def administer(vendor: Vendor, scope: Scope, receive: Receive) -> Answer:
    method, page = scope["method"], scope["path"].removeprefix(PREFIX)
    try:
        asked = json.loads(await read_body(receive) or b"{}")
        match page:
            case "requests":
                if method == "DELETE":
                    vendor.requests.clear()
                shown = vendor.requests.to_json()
            case "faults":
                shown = _switch(vendor.faults, method, asked)
            case "clock":
                shown = _set_clock(vendor.clock, asked)
            case "state":
                shown = vendor.edit(asked) if method == "POST" else vendor.summary()
            case _:
                return Answer(404, b'{"error": "pages: requests, faults, clock, state"}')
    except (ValueError, TypeError, KeyError) as error:
        return Answer(400, json.dumps({"error": str(error)}).encode())
    return Answer(200, json.dumps(shown).encode())


def _switch(faults: Faults, method: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    match method:
        case "PUT":
            faults.replace([Fault.of(rule) for rule in asked.get("rules", [])], seed=asked.get("seed"))
        case "POST":
            faults.add(Fault.of(asked))
        case "DELETE":
            faults.clear()
    return faults.to_json()


def _set_clock(clock: Clock, asked: Mapping[str, Any]) -> dict[str, Any]:
    if "skew" in asked:
        clock.skew = timedelta(seconds=float(asked["skew"]))
    if "frozen" in asked:
        clock.freeze() if asked["frozen"] else clock.unfreeze()
    if "advance" in asked:
        clock.advance(float(asked["advance"]))
    if "now" in asked:
        clock.set(datetime.fromisoformat(asked["now"]))
    return {"now": clock.now().isoformat(), "skew": clock.skew.total_seconds(), "frozen": clock.frozen}


async def read_body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
