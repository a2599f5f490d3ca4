"""A server of one counter behind the gate: what every fault must leave true can be seen on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.faults import Faults, page_start
from sandbox.gate import PAGE, Answer, Gate, Ledger, Receive, Scope, Send, reply
from sandbox.limits import RateLimit, Window, admit


class Toy:
    """Every POST adds one; every GET shows records from `?start`, three a page."""

    name = "toy"

    def __init__(self, *, calls: int = 1000, seconds: float = 10.0) -> None:
        self.clock = Clock()
        self.faults = Faults(seed=7)
        self.requests = Ledger()
        self.limit = RateLimit(Window("TEN", calls, seconds), self.clock)
        self.written = 0
        self.app = Gate(self._serve, self)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.written += scope["method"] == "POST"
        start = int(dict(p.split(b"=") for p in scope["query_string"].split(b"&") if p).get(b"start", 0))
        first = page_start(scope.get(PAGE), start, 3)
        body = {"written": self.written, "records": list(range(first, first + 3)), "next": start + 3}
        await reply(send, Answer(200, json.dumps(body).encode()))

    def refusal(self, status: int, method: str, path: str) -> Answer:
        return Answer(status, json.dumps({"refused": status}).encode())

    def admit(self, method: str, path: str) -> Answer | None:
        return self.refusal(429, method, path) if admit([self.limit]) else None

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        return {"X-Left": str(self.limit.remaining())}

    def summary(self) -> dict[str, Any]:
        return {"written": self.written}

    def edit(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        self.written += int(edit["add"])
        return self.summary()
