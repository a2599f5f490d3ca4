"""Taking records out of use, and erasing them for a person who asks to be forgotten.

Tryton has no bin. A lead is **archived** as its people do it: the opportunity is cancelled, then deleted; one that has
become a sale cannot be. A company is archived by taking its party out of use.

**Erasing** is Tryton's own wizard (`party.erase`): it empties name, addresses, contact mechanisms and identifiers of a
party that is not in use, and removes the notes and files on it. It refuses while money or sales are pending, and then
nothing is changed here either. Nor where e-mails were sent about the person: Tryton keeps each with its address, the
wizard leaves them, and as Tryton comes nobody may delete them; where our user may, they go too.

After the wizard the party's opportunities are deleted, and the party itself where nothing hangs on it. What must stay
(an opportunity that has become a sale) has a party without a name. What people wrote into an opportunity's description
or comment stays in Tryton's table of history, which no API reaches.

An opportunity that was deleted by hand leaves its person behind; who that is, the history tells.

https://docs.tryton.org/8.0/ (module party, the wizard Erase)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from connectors.base import WriteResult
from connectors.errors import Gone, Invalid, Reject, Retry, Unavailable
from connectors.tryton.api import BY_ID, EMPLOYEE, LEAD, MECHANISM, PARTY, Rpc
from connectors.tryton.finding import is_id
from connectors.tryton.jobs import BUTTONS
from connectors.tryton.organisations import Organisations

COMPANY = "company.company"
MAIL = "ir.email"
ERASE = "party.erase"
EMPTIED = "****"
"""What the wizard leaves of a value that may not be blank."""
COMPACT = {MECHANISM: "value", "party.identifier": "code"}
"""Fields that Tryton keeps a second, compact copy of, which the wizard (8.0) forgets: writing the field empties it."""


class Removing:
    def __init__(self, rpc: Rpc, organisations: Organisations) -> None:
        self._rpc = rpc
        self._organisations = organisations
        self._began = False

    async def archive_leads(self, ids: Sequence[str]) -> list[WriteResult]:
        return await self._each(ids, lambda id_: self._delete_leads([["id", "=", id_]], strict=True))

    async def archive_companies(self, ids: Sequence[str]) -> list[WriteResult]:
        return await self._each(ids, self._retire)

    async def erase_leads(self, ids: Sequence[str]) -> list[WriteResult]:
        return await self._each(ids, self._erase_lead)

    async def erase_companies(self, ids: Sequence[str]) -> list[WriteResult]:
        return await self._each(ids, self._erase_company)

    async def _each(self, ids: Sequence[str], remove: Callable[[int], Awaitable[None]]) -> list[WriteResult]:
        """One after the other: this is rare, and one that is refused must not hold up another. Raises Retry only
        where nothing was done yet."""
        results: list[WriteResult] = []
        for id_ in ids:
            try:
                if is_id(id_):
                    await remove(int(id_))
                results.append(WriteResult("done", id_))
            except Gone:
                results.append(WriteResult("done", id_))
            except Reject as error:
                results.append(WriteResult("rejected", id_, error=error))
            except Retry:
                if not self._began:
                    raise
                return [*results, *(WriteResult("unknown", later) for later in ids[len(results) :])]
        return results

    async def _delete_leads(self, domain: list[Any], *, strict: bool) -> None:
        """Cancel, then delete. Those that have become a sale stay; where `strict`, that is Invalid."""
        rows = await self._rpc.search_read(LEAD, domain, ["state"], BY_ID, active_test=False)
        free = [row for row in rows if row["state"] not in ("converted", "won")]
        if strict and len(free) < len(rows):
            raise Invalid("Tryton's opportunity has become a sale: it cannot be deleted.", field="state")
        for button in ("lead", "cancel"):
            needs = {"lost"} if button == "lead" else BUTTONS["cancel"][0] | {"lost"}
            if ids := [row["id"] for row in free if row["state"] in needs]:
                await self._change(f"{LEAD}.{button}", ids)
        if free:
            await self._change(f"{LEAD}.delete", [row["id"] for row in free])

    async def _retire(self, party: int) -> None:
        domain = [["id", "=", party], self._organisations.domain]
        if await self._rpc.search_read(PARTY, domain, ["name"], BY_ID):
            await self._change(f"{PARTY}.write", [party], {"active": False})

    async def _erase_lead(self, lead: int) -> None:
        rows = await self._rpc.search_read(LEAD, [["id", "=", lead]], ["party"], BY_ID)
        party = rows[0]["party"] if rows else await self._party_of_deleted(lead)
        if party is None:
            await self._delete_leads([["id", "=", lead]], strict=False)
            return
        there = await self._party(party)
        if there and self._organisations.known and self._organisations.among(there):
            raise Invalid(
                f"The party of Tryton's opportunity {lead} is a company, not a person.",
                hint="Archive the lead, or erase the company.",
            )
        await self._erase_party(party, there)

    async def _erase_company(self, party: int) -> None:
        there = await self._party(party)
        if there and not self._organisations.among(there):
            return  # a person: none of ours under this kind
        await self._erase_party(party, there)

    async def _party(self, party: int) -> dict[str, Any] | None:
        fields = ["active", "name", "categories.id"]
        rows = await self._rpc.search_read(PARTY, [["id", "=", party]], fields, BY_ID, active_test=False)
        return rows[0] if rows else None

    async def _erase_party(self, party: int, there: dict[str, Any] | None) -> None:
        if there is None:
            return
        for model, what in ((EMPLOYEE, "an employee"), (COMPANY, "the company that runs Tryton")):
            if await self._rpc.search_read(model, [["party", "=", party]], ["party"], BY_ID, active_test=False):
                raise Invalid(f"Tryton's party {party} is {what}: erase it in Tryton by hand.")
        mails = await self._mails(party)
        if there["active"]:
            await self._change(f"{PARTY}.write", [party], {"active": False})
        try:
            await self._wizard(party)
        except Reject:
            if there["active"]:
                await self._change(f"{PARTY}.write", [party], {"active": True})
            raise
        if mails:
            await self._change(f"{MAIL}.delete", mails)
        for model, field in COMPACT.items():
            rows = await self._rpc.search_read(model, [["party", "=", party]], [field], BY_ID, active_test=False)
            if rows:
                await self._change(f"{model}.write", [row["id"] for row in rows], {field: EMPTIED})
        await self._delete_leads([["party", "=", party]], strict=False)
        left = await self._rpc.search_read(LEAD, [["party", "=", party]], ["state"], BY_ID)
        if not left:  # Tryton would delete the party all the same, and cut the sale's opportunity loose
            await self._delete_party(party)

    async def _mails(self, party: int) -> list[int]:
        """E-mails about the party or one of its opportunities. Raises Invalid where we may not delete them."""
        leads = await self._rpc.search_read(LEAD, [["party", "=", party]], ["party"], BY_ID)
        about = [f"{PARTY},{party}", *(f"{LEAD},{row['id']}" for row in leads)]
        access = (await self._rpc.read("ir.model.access.get_access", [MAIL]))[MAIL]
        mails: list[dict[str, Any]] = []
        if access.get("read"):
            domain = ["OR", *(["resource", "=", resource] for resource in about)]
            mails = await self._rpc.search_read(MAIL, domain, ["resource"], BY_ID)
        if (mails and not access.get("delete")) or not access.get("read"):
            told = (
                f"{len(mails)} e-mails about this person" if access.get("read") else "e-mails that the user may not see"
            )
            raise Invalid(
                f"Tryton keeps {told}, and its user may not delete them: nothing was erased.",
                hint="Give a group of the user the right to read and delete ir.email (Administration › Models).",
            )
        return [row["id"] for row in mails]

    async def _delete_party(self, party: int) -> None:
        try:
            await self._change(f"{PARTY}.delete", [party])
        except Reject:
            return  # invoices or the like hang on it: it stays, without a name

    async def _wizard(self, party: int) -> None:
        session, *_ = await self._rpc.wizard(ERASE, "create")
        await self._doing(self._rpc.wizard(ERASE, "execute", session, {"ask": {"party": party}}, "erase"))

    async def _party_of_deleted(self, lead: int) -> int | None:
        """Whose an opportunity was that is there no more. The latest row of its history that names a party counts."""
        for at, *_ in await self._rpc.read(f"{LEAD}.history_revisions", [lead]):
            rows = await self._rpc.search_read(LEAD, [["id", "=", lead]], ["party"], BY_ID, _datetime=at)
            if rows and rows[0]["party"] is not None:
                return int(rows[0]["party"])
        return None

    async def _change(self, method: str, *params: Any) -> None:
        await self._doing(self._rpc.change(method, *params))

    async def _doing(self, call: Awaitable[Any]) -> None:
        try:
            await call
            self._began = True
        except Unavailable as error:
            self._began = self._began or error.sent
            raise
