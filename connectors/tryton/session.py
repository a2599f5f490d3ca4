"""Signing in to Tryton: a session that is renewed when it has run out, or the password with every call.

https://docs.tryton.org/8.0/server/topics/rpc.html describes both. What it is not: it never tries a password twice.
Tryton counts failed sign-ins per user and, past five, refuses the right password too (429, no Retry-After) for as long
as sign-ins go on failing; each further attempt makes that longer.

Invariant: after one refused sign-in these credentials send nothing any more; a person has to look first.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator

import httpx
from pydantic import SecretStr

from connectors.auth import Credentials, patience_of
from connectors.errors import ConnectorError, Misconfigured, ProtocolChanged, Unauthorized, Unavailable

LOCKED = "Tryton has locked this user out for a while, after several sign-ins that failed (429)."
LOCKED_HINT = "Put the password right, then wait five minutes ([session] timeout of the server) before the next run."


class Session(Credentials):
    """`common.db.login` once, then its session with every call. Sessions end after five idle minutes by default: a
    call that is answered 401 signs in again, once, and is repeated (a 401 means that nothing was done)."""

    def __init__(self, base_url: str, database: str, user: str, password: SecretStr) -> None:
        self._url = rpc_url(base_url, database)
        self._database = database
        self._user = user
        self._password = password
        self._token = ""
        self._refused: ConnectorError | None = None
        self._signing_in = asyncio.Lock()

    def secrets(self) -> list[str]:
        return [secret for secret in (self._password.get_secret_value(), self._token) if secret]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        used = self._token
        if not used:
            async with self._signing_in:
                if not self._token:
                    await self._accept((yield self._sign_in(request)))
            used = self._token
        self._sign(request)
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        async with self._signing_in:
            if self._token == used:
                await self._accept((yield self._sign_in(request)))
        self._sign(request)
        yield request

    def _sign(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Session {self._token}"

    def _sign_in(self, call: httpx.Request) -> httpx.Request:
        if self._refused is not None:
            raise self._refused
        params = [self._user, {"password": self._password.get_secret_value()}]
        body = {"id": 0, "method": "common.db.login", "params": params}
        return httpx.Request("POST", self._url, json=body, extensions=patience_of(call))

    async def _accept(self, response: httpx.Response) -> None:
        self._token = ""
        body = await response.aread()
        error = sign_in_refused(response.status_code, body, self._user, self._database)
        if isinstance(error, Unauthorized):
            self._refused = error
        if error is not None:
            raise error
        user_id, session, *_ = json.loads(body)["result"]
        self._token = base64.b64encode(f"{self._user}:{user_id}:{session}".encode()).decode()


class Basic(Credentials):
    """User and password with every call: no session to keep, but Tryton checks the password's slow hash each time."""

    def __init__(self, user: str, password: SecretStr) -> None:
        self._password = password
        self._header = base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
        self._refused = False

    def secrets(self) -> list[str]:
        return [self._password.get_secret_value(), self._header]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if self._refused:
            raise Unauthorized("Tryton refused this user and password before; they are not tried again.")
        request.headers["Authorization"] = f"Basic {self._header}"
        response = yield request
        self._refused = response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS)


def rpc_url(base_url: str, database: str) -> str:
    return f"{base_url.rstrip('/')}/{database}/rpc/"


def sign_in_refused(status: int, body: bytes, user: str, database: str) -> ConnectorError | None:
    """What is wrong with the answer to a sign-in, if anything."""
    if status == httpx.codes.UNAUTHORIZED:
        return Unauthorized(
            f"Tryton does not know user {user!r} with this password (database {database!r}).",
            hint="Put user and password right; they are not tried again, since Tryton locks a user out after five.",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return Unauthorized(LOCKED, hint=LOCKED_HINT)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"Tryton answered the sign-in {status}.", sent=False)
    if status != httpx.codes.OK:
        return not_there(status, database)
    try:
        answer = json.loads(body)
    except ValueError:
        return ProtocolChanged("Tryton's answer to the sign-in is not JSON.", hint="Does base_url lead to Tryton?")
    match answer:
        case {"result": [int(), str(), *_]}:
            return None
        case {"error": ["LoginException", [_, str(asked), *_]]}:
            return Unauthorized(
                f"Tryton asks for more than a password: {asked}.",
                hint="Give the sync a user of its own that signs in by password alone.",
            )
        case {"error": [str(text), *_]}:
            return Misconfigured(
                f"Tryton cannot sign in to database {database!r}: {text}.", hint="Is the database's name right?"
            )
    return ProtocolChanged("Tryton answered the sign-in without a session.")


def not_there(status: int, database: str) -> Misconfigured:
    """404 and 405 come from Tryton's own routing: no such database, or no such place to call."""
    return Misconfigured(
        f"Tryton answers {status} for database {database!r}.",
        hint="Check base_url and database; the connector speaks to Tryton 8.0 (<base_url>/<database>/rpc/).",
    )
