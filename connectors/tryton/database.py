"""What the connectors of one Tryton database share: the way in, what was learned of its fields, the count of calls.

`Records` is what all of them have in common; what a kind cannot do says no here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.base import (
    Account,
    Budget,
    Capabilities,
    Connector,
    Kind,
    RemoteField,
    Write,
    WriteResult,
    no_such_kind,
)
from connectors.errors import Invalid, Misconfigured, ProtocolChanged, Unauthorized
from connectors.http import Http
from connectors.tryton.api import ADDRESS, LEAD, PARTY, Rpc, Settings
from connectors.tryton.codes import Codes
from connectors.tryton.organisations import Organisations, organisations
from connectors.tryton.shape import Shape

Make = Callable[["Database"], Connector]

GROUPS: Mapping[str, str] = {
    LEAD: "Sale Opportunity",
    PARTY: "Party Administration or Sales",
    "ir.note": "Sale Opportunity",
}


class Database:
    """`makers` make the connectors of the other kinds, each once, when it is first asked for."""

    def __init__(self, name: str, settings: Settings, http: Http, makers: Mapping[Kind, Make]) -> None:
        self.name = name
        self.settings = settings
        self.http = http
        self.rpc = Rpc(http, settings)
        self.codes = Codes(self.rpc)
        self.kinds: frozenset[Kind] = frozenset(
            kind for kind in makers if kind != "company" or settings.company_category
        )
        self._makers = makers
        self._made: dict[Kind, Connector] = {}
        self._shapes: dict[Kind, Shape] = {}
        self._organisations: Organisations | None = None
        self._learning = asyncio.Lock()

    def of(self, kind: Kind) -> Connector:
        """Raises Misconfigured."""
        if kind == "company" and kind not in self.kinds:
            raise Misconfigured(
                "Tryton does not tell organisations from persons, so there is no kind company.",
                hint="Put the organisations into a party category and name it in the setting company_category.",
            )
        if kind not in self.kinds:
            raise no_such_kind(self.name, kind)
        if kind not in self._made:
            self._made[kind] = self._makers[kind](self)
        return self._made[kind]

    def keep(self, connector: Connector) -> None:
        """The one that was connected is the one for its kind."""
        self._made[connector.kind] = connector

    async def organisations(self) -> Organisations:
        """As the settings name them, read once. Raises Misconfigured."""
        if self._organisations is None:
            self._organisations = await organisations(self.rpc, self.settings)
        return self._organisations

    async def shape(self, kind: Kind, *, anew: bool = False) -> Shape:
        """The live definitions, read once."""
        async with self._learning:
            if anew:
                self._organisations = None
            if anew or kind not in self._shapes:
                self._shapes[kind] = await self._learn(kind)
            return self._shapes[kind]

    async def _learn(self, kind: Kind) -> Shape:
        known = await self.organisations()
        lead = await self._fields(LEAD) if kind != "company" else {}
        if kind == "deal":
            return Shape.of_deals(lead, known)
        defaults = await self.rpc.read(f"{LEAD}.default_get", list(lead)) if lead else {}
        party, address = await self._fields(PARTY), await self._fields(ADDRESS)
        return (
            Shape.of_companies(party, address, known)
            if kind == "company"
            else Shape.of(lead, party, address, defaults, known)
        )

    async def _fields(self, model: str) -> dict[str, dict[str, Any]]:
        answer: dict[str, dict[str, Any]] = await self.rpc.read(f"{model}.fields_get", [])
        return answer

    async def account(self, rights: Mapping[str, Sequence[str]], remark: str = "") -> Account:
        """Who we are, and that we have these rights ("read", "write", "create") on these models. Raises Unauthorized,
        Misconfigured."""
        context = await self.rpc.context()
        try:
            access = await self.rpc.read("ir.model.access.get_access", list(rights))
        except ProtocolChanged:
            raise Misconfigured(
                f"Tryton's database {self.rpc.database!r} has no sales opportunities.",
                hint="Activate the module sale_opportunity (trytond-admin -u sale_opportunity --activate-dependencies).",
            ) from None
        for model, needed in rights.items():
            if lacking := [what for what in needed if access[model].get(what) in (False, 0)]:
                raise Unauthorized(
                    f"Tryton's user may not {' or '.join(lacking)} {model}.",
                    hint=f"Add the user to the group {GROUPS.get(model, 'Sale Opportunity')}.",
                )
        if not context.get("company"):
            raise Misconfigured(
                "Tryton's user belongs to no company, so that no opportunity can be created.",
                hint="Set company and employee in the user's preferences.",
            )
        series = await self.rpc.series()
        company = str(context.get("company.rec_name") or context["company"])
        person = context.get("employee.rec_name") or "nobody: without an employee no lead can become an opportunity"
        detail = f"Tryton {series}, database {self.rpc.database}, as {person}{f'; {remark}' if remark else ''}"
        return Account(f"{self.rpc.database}/{context['company']}", company, detail)


class Records:
    """One kind of record of a database."""

    def __init__(self, database: Database, kind: Kind, can: Capabilities) -> None:
        self.name = database.name
        self.kind: Kind = kind
        self.kinds = database.kinds
        self.can = can
        self._database = database
        self._rpc = database.rpc

    def of(self, kind: Kind) -> Connector:
        return self._database.of(kind)

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        """Nothing can be created through Tryton's API. Raises Misconfigured for a field that is not there."""
        there = {field.name for field in await self.schema()}
        if missing := [field.name for field in wanted if field.name not in there]:
            raise Misconfigured(
                f"Tryton has no field {', '.join(missing)}, and its fields come with modules, not through the API.",
                hint="Map to a field that is there (conversion_probability for a score, from 0 to 1; description or "
                "comment for text), or have a module add the field.",
            )
        return []

    async def schema(self) -> list[RemoteField]:
        shape = await self._database.shape(self.kind, anew=True)
        return [place.about for place in shape.places.values()]

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return [WriteResult("rejected", one.id, error=self._no("written")) for one in batch]

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        return [WriteResult("rejected", id_, error=self._no("archived")) for id_ in ids]

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        return [WriteResult("rejected", id_, error=self._no("erased")) for id_ in ids]

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        """Tryton merges parties in a wizard ("Replace"), which is for people."""
        return WriteResult("rejected", loser_id, error=self._no("merged"))

    def budget(self) -> Budget:
        return self._database.http.budget()

    async def aclose(self) -> None:
        await self._database.http.aclose()

    def _no(self, what: str) -> Invalid:
        return Invalid(f"Tryton's records of kind {self.kind} are not {what} by the sync.")
