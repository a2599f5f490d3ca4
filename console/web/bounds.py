"""What no request may bring, whoever sends it: more than a form can hold, and a character that no database takes in a text.

Pure ASGI, before anything is read. Invariant: of a body no more is kept than `LARGEST`, also where its length was not said.
PostgreSQL knows no NUL in a text: https://www.postgresql.org/docs/current/datatype-character.html
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mapping.source import LARGEST_FILE

LARGEST = 4 * LARGEST_FILE
"""Bytes of a body: the largest form is that of a whole file, in which a byte is spelled by up to three."""

NUL, SPELLED = b"\0", b"%00"


class Bounded:
    """Raises HTTPException, also in the midst of the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        said = headers.get(b"content-length", b"")
        if said.isdigit() and int(said) > LARGEST:
            raise HTTPException(413)
        if "\0" in scope["path"] or SPELLED in scope["query_string"]:
            raise HTTPException(422)
        spelled = headers.get(b"content-type", b"").startswith(b"application/x-www-form-urlencoded")
        length, tail = 0, b""

        async def bounded() -> Message:
            nonlocal length, tail
            message = await receive()
            part: bytes = message.get("body", b"")
            length += len(part)
            if length > LARGEST:
                raise HTTPException(413)
            if NUL in part or (spelled and SPELLED in tail + part):
                raise HTTPException(422)
            tail = (tail + part)[-2:]
            return message

        await self._app(scope, bounded, send)
