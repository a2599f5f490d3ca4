"""A vendor that says what no vendor should: its answers, with other words put in the place of some."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.gate import App, Message, Receive, Scope, Send


class Tampered:
    """`app` with every text of `instead` replaced in its answers; `only`: to paths that match. `after(path)` is called when an answer has gone out:
    the moment to change the portal between two pages."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.instead: dict[str, str] = {}
        self.only = ""
        self.after: Callable[[str], None] = lambda path: None

    def say(self, marker: str, raw: str) -> None:
        """Where the vendor holds the text `marker`, its answers have the JSON `raw`."""
        self.instead[f'"{marker}"'] = raw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        head: Message = {}
        chunks: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        body = b"".join(chunks)
        for text, other in self.instead.items() if re.search(self.only, scope["path"]) else ():
            body = body.replace(text.encode(), other.encode())
        length = (b"content-length", str(len(body)).encode())
        headers = [pair for pair in head["headers"] if pair[0] != b"content-length"]
        self.after(scope["path"])
        await send({**head, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": body})
