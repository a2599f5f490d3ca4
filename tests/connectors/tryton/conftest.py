"""A connector to the shared server, with a wire on which a test may listen and interfere."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from connectors.auth import Bearer
from connectors.base import Connector, Cursor, Key, Record, Write, WriteResult
from connectors.http import Patience
from connectors.tryton import Settings, Tryton
from tests.real.tryton import Tryton as Server

QUICK = Patience(attempts=3, total=3.0, first=0.01, longest=0.02)

FIELDS = ["smarketing_id", "name", "email", "phone", "city", "description", "conversion_probability", "state"]

Act = Callable[[], None]


class Wire(httpx.AsyncBaseTransport):
    """Notes every call; `before` and `after` let something happen around the next call of a method."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.authorization = ""
        self.cut = False
        self._before: dict[str, Act] = {}
        self._after: dict[str, Act] = {}
        self._real = httpx.AsyncHTTPTransport()

    def before(self, method: str, act: Act) -> None:
        self._before[method] = act

    def after(self, method: str, act: Act) -> None:
        self._after[method] = act

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        method = str(json.loads(request.content)["method"]).removeprefix("model.")
        self.calls.append(method)
        self.authorization = request.headers.get("authorization", "")
        if self.cut:
            raise httpx.ConnectError("no route to host")
        self._before.pop(method, nothing)()
        response = await self._real.handle_async_request(request)
        if method in self._after:
            await response.aread()
            self._after.pop(method)()
        return response

    async def aclose(self) -> None:
        await self._real.aclose()


def nothing() -> None:
    return


def lose_the_answer() -> None:
    raise httpx.ReadError("connection reset by peer")


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def connect(tryton: Server, wire: Wire) -> AsyncIterator[Callable[..., Tryton]]:
    made: list[Tryton] = []

    def connect(server: Server = tryton, *, signs_in: bool = False, **settings: Any) -> Tryton:
        """In the session of the test's own hand, unless it `signs_in`: Tryton takes half a second for a password."""
        chosen = Settings(**{**server.settings(), "overlap_seconds": 0, **settings})
        auth = chosen.credentials() if signs_in else Bearer(SecretStr(server.session), scheme="Session")
        client = httpx.AsyncClient(auth=auth, transport=wire, timeout=30)
        made.append(Tryton("crm", chosen, client=client, patience=QUICK))
        return made[-1]

    yield connect
    for connector in made:
        await connector.aclose()


@pytest.fixture
def connector(connect: Callable[..., Tryton]) -> Tryton:
    return connect()


@pytest.fixture
def email() -> str:
    """An address that no other test uses."""
    return new_email()


def new_email() -> str:
    return f"{uuid4().hex[:12]}@example.com"


async def start(connector: Connector, *, overlapping: bool = False, field: str = "state") -> Cursor:
    """The cursor from which a read brings what changes from now on, and nothing else: as if every source had been
    looked at long after its last change. `overlapping`: as it is, so that the last second may come again."""
    cursor: Cursor = {}
    async for page in connector.read([field]):
        cursor = page.cursor
    return cursor if overlapping else looked_at(cursor, "2100-01-01T00:00:00+00:00")


def looked_at(cursor: Cursor, when: str) -> Cursor:
    marks = {name: {**mark, "seen": when} for name, mark in cursor["memo"]["marks"].items()}
    return {**cursor, "memo": {"marks": marks}}


async def changes(connector: Connector, since: Cursor, fields: list[str] = FIELDS) -> dict[str, Record]:
    """The latest reading of each record."""
    return {r.id: r async for page in connector.read(fields, since) for r in page.records}


def create(email: str, *, ours: str | None = None, **fields: Any) -> Write:
    key = Key("smarketing_id", ours) if ours else None
    return Write("r", "create", {"name": "Ada", "email": email, "smarketing_id": ours, **fields}, key=key)


async def update(connector: Tryton, lead: int | str, **fields: Any) -> WriteResult:
    (result,) = await connector.write([Write("r", "update", fields, id=str(lead))])
    return result


async def now(connector: Tryton, lead: int | str, *fields: str) -> dict[str, Any]:
    ((record,),) = await connector.find([Key("id", str(lead))], fields or FIELDS)
    return dict(record.fields)


def parties(server: Server, email: str) -> list[int]:
    domain = [["contact_mechanisms", "where", [["type", "=", "email"], ["value", "ilike", email]]]]
    found: list[int] = server.model("party.party.search", domain)
    return found


def leads(server: Server, email: str) -> list[int]:
    found: list[int] = server.model("sale.opportunity.search", [["party", "in", parties(server, email)]])
    return found
