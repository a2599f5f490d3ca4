"""Tryton under contract, against a real server: the only vendor here whose rules nobody of us wrote."""

from __future__ import annotations

import atexit
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import httpx
from pydantic import SecretStr

from connectors.auth import Bearer, Credentials
from connectors.base import Connector, Kind
from connectors.http import Patience
from connectors.tryton import Settings, Tryton
from tests.contract.harness import Fault, Harness, Where
from tests.real.tryton import Tryton as Server
from tests.real.tryton import started

QUICK = Patience(attempts=4, total=5.0, first=0.01, longest=0.05)

CHANGES = (".write", ".create", ".delete", ".lead", ".opportunity", ".lost", ".cancel", ".convert")


class TrytonHarness(Harness):
    """Text in both halves of a lead: `name` is the party's, `description` the opportunity's."""

    email, text, other, key, picklist = "email", "name", "description", "smarketing_id", "state"
    bad: ClassVar = {"conversion_probability": 7}
    faults: ClassVar = frozenset({"error", "hangup_before", "hangup_after", "truncated", "not_json"})
    merges = True
    page = 5
    kind: ClassVar[Kind] = "lead"
    spared: ClassVar[str] = "model.party.party.create"
    """Tests of lost answers count records, so a fault of writes is to strike where one comes into being."""
    calls_of_a_full_batch = 8
    """Five to learn the database, once; one to look whether the people are there; parties; opportunities."""

    def __init__(self) -> None:
        self.server = _server()
        type(self).secret = self.server.session
        self.weather = Weather(self.spared)

    @contextmanager
    def running(self) -> Iterator[Harness]:
        _empty(self.server)
        yield self

    def connector(self) -> Connector:
        """In the session that the harness has anyway: Tryton takes half a second to check a password."""
        return self._connector(Bearer(SecretStr(self.server.session), scheme="Session"))

    def connector_refused(self) -> Connector:
        return self._connector(user="nobody", password="0123456789abcdef")

    def _connector(self, auth: Credentials | None = None, **settings: Any) -> Connector:
        chosen = Settings(**{**self.server.settings(), "page_size": self.page, **settings})
        client = httpx.AsyncClient(auth=auth or chosen.credentials(), transport=Faulty(self.weather), timeout=30)
        return Tryton("tryton", chosen, client=client, patience=QUICK).of(self.kind)

    def person(self, n: int, **more: Any) -> dict[str, Any]:
        return super().person(n, **{"smarketing_id": f"smk-{n}", **more})

    async def seed(self, fields: Mapping[str, Any]) -> str:
        lead, party = self.server.lead(fields["name"], fields["email"], description=fields["description"])
        self.server.model(
            "party.identifier.create", [{"party": party, "code": f"smarketing:{fields['smarketing_id']}"}]
        )
        return str(lead)

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            if name == "description":
                self.server.model("sale.opportunity.write", [int(id)], {name: value})
            else:
                self.server.model("party.party.write", [self._party(id)], {name: value})

    async def delete(self, id: str) -> None:
        self.server.model("sale.opportunity.cancel", [int(id)])
        self.server.model("sale.opportunity.delete", [int(id)])

    async def merge(self, winner: str, loser: str) -> str:
        """One party replaces the other, and so has both opportunities: the newer one stands for the person."""
        self.server.replace_party(self._party(loser), self._party(winner))
        return max(winner, loser, key=int)

    async def held(self) -> dict[str, Mapping[str, Any]]:
        paths = ["description", "conversion_probability", "party.name", "party.email", "party.identifiers.code"]
        rows = self.server.model("sale.opportunity.search_read", [], 0, None, [["id", "ASC"]], paths)
        return {str(row["id"]): _flat(row) for row in rows}

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        self.weather.kind, self.weather.where, self.weather.left = kind, where, times

    def heal(self) -> None:
        self.weather.kind = None

    def _party(self, id: str) -> int:
        return int(self.server.one("sale.opportunity", int(id), "party")["party"])


class TrytonCompanyHarness(TrytonHarness):
    """Parties in a category. Another party, a person, is always there, and never a company."""

    email, text, other, picklist = "email", "name", "website", None
    bad: ClassVar = {"country": "XX"}
    kind, spared = "company", ""
    calls_of_a_full_batch = 9
    """Seven to learn the database, once: two of them to find the category."""

    def __init__(self) -> None:
        super().__init__()
        there = self.server.model("party.category.search", [["name", "=", "Company"]])
        (self.category,) = there or self.server.model("party.category.create", [{"name": "Company"}])

    @contextmanager
    def running(self) -> Iterator[Harness]:
        with super().running():
            self.server.lead("Somebody", "somebody@example.com")
            yield self

    def _connector(self, auth: Credentials | None = None, **settings: Any) -> Connector:
        return super()._connector(auth, company_category="Company", **settings)

    async def seed(self, fields: Mapping[str, Any]) -> str:
        mechanisms = [{"type": name, "value": fields[name]} for name in ("email", "website")]
        party = {
            "name": fields["name"],
            "categories": [["add", [self.category]]],
            "contact_mechanisms": [["create", mechanisms]],
            "identifiers": [["create", [{"code": f"smarketing:{fields['smarketing_id']}"}]]],
        }
        return str(self.server.model("party.party.create", [party])[0])

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        self.server.model("party.party.write", [int(id)], dict(fields))

    async def delete(self, id: str) -> None:
        self.server.model("party.party.delete", [int(id)])

    async def merge(self, winner: str, loser: str) -> str:
        self.server.replace_party(int(loser), int(winner))
        return winner

    async def held(self) -> dict[str, Mapping[str, Any]]:
        domain, paths = [["categories", "=", self.category]], ["name", "email", "website", "identifiers.code"]
        rows = self.server.model("party.party.search_read", domain, 0, None, [["id", "ASC"]], paths)
        return {str(row["id"]): {**row, "smarketing_id": _our_id(row["identifiers."])} for row in rows}


class TrytonDealHarness(TrytonHarness):
    """Opportunities that are mere leads no more. A deal is never created, and found by its own text."""

    email, text, other, key = "description", "lost_reason", "comment", None
    bad: ClassVar = {"state": "won"}
    merges = False
    kind = "deal"

    def person(self, n: int, **more: Any) -> dict[str, Any]:
        return Harness.person(self, n, **more)

    async def seed(self, fields: Mapping[str, Any]) -> str:
        deal, _ = self.server.lead("Somebody", None, **fields)
        self.server.model("sale.opportunity.opportunity", [deal])
        return str(deal)

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        self.server.model("sale.opportunity.write", [int(id)], dict(fields))

    async def held(self) -> dict[str, Mapping[str, Any]]:
        fields = ["description", "lost_reason", "comment", "state"]
        rows = self.server.model("sale.opportunity.search_read", [], 0, None, [["id", "ASC"]], fields)
        return {str(row["id"]): row for row in rows}


def _our_id(identifiers: list[dict[str, Any]]) -> str | None:
    return next((row["code"].removeprefix("smarketing:") for row in identifiers), None)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    party = row["party."] or {"name": None, "email": None, "identifiers.": []}
    return {
        "description": row["description"],
        "conversion_probability": row["conversion_probability"],
        "name": party["name"],
        "email": party["email"],
        "smarketing_id": _our_id(party["identifiers."]),
    }


@cache
def _server() -> Server:
    """One for all tests of this process: starting takes longer than emptying."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(started())


def _empty(server: Server) -> None:
    leads = server.model("sale.opportunity.search", [["state", "not in", ["cancelled", "lost"]]])
    lost = server.model("sale.opportunity.search", [["state", "=", "lost"]])
    if lost:
        server.model("sale.opportunity.lead", lost)
    if leads or lost:
        server.model("sale.opportunity.cancel", [*leads, *lost])
    if gone := server.model("sale.opportunity.search", []):
        server.model("sale.opportunity.delete", gone)
    ours = [["id", "not in", server.keep]]
    if parties := server.model("party.party.search", ours, active_test=False):
        server.model("party.party.delete", parties)


class Weather:
    """The fault that is on, for every connector of one harness."""

    kind: Fault | None = None
    where: Where = "read"
    left: int | None = None

    def __init__(self, spared: str) -> None:
        self._spared = spared

    def strikes(self, request: httpx.Request) -> bool:
        if self.kind is None or self.left == 0:
            return False
        method = json.loads(request.content)["method"]
        change = method.endswith(CHANGES)
        if change != (self.where == "write") or method in (self._spared, "common.db.login"):
            return False
        if self.left is not None:
            self.left -= 1
        return True


class Faulty(httpx.AsyncBaseTransport):
    """The network between the connector and the real server."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not self._weather.strikes(request):
            return await self._real.handle_async_request(request)
        match self._weather.kind:
            case "error":
                return httpx.Response(503, text="busy")
            case "hangup_before":
                raise httpx.ReadError("connection reset")
            case "not_json":
                return httpx.Response(200, text="<html>Please sign in</html>")
        answer = await self._real.handle_async_request(request)
        body = b"".join([part async for part in _parts(answer)])
        if self._weather.kind == "hangup_after":
            raise httpx.ReadError("connection reset")
        del answer.headers["content-length"]
        return httpx.Response(200, headers=answer.headers, content=body[: len(body) // 2])

    async def aclose(self) -> None:
        await self._real.aclose()


async def _parts(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for part in answer.aiter_raw():
        yield part
    await answer.aclose()
