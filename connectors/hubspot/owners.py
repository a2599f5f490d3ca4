"""HubSpot's users: read only, few, and read as a whole each time.

Who has left is listed apart (`archived=true`), and still named by older records: a record here with `active` false, not a
deletion.

https://developers.hubspot.com/docs/api-reference/crm-owners-v3/guide
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Account, Capabilities, Cursor, Key, Page, Record, RemoteField
from connectors.errors import ProtocolChanged
from connectors.hubspot.api import ACCOUNT, OWNERS
from connectors.hubspot.portal import Portal, ReadOnly
from connectors.paging import ByCursor, Params, pages

FIELDS = ("email", "firstName", "lastName", "userId", "active")
PAGE = 500
NEXT = ByCursor("after", ("paging", "next", "after"))


class Owners(ReadOnly):
    """Ids are owner ids, as `hubspot_owner_id` holds them."""

    def __init__(self, portal: Portal) -> None:
        super().__init__(portal, "owner", Capabilities(create=False, update=False))

    async def check(self) -> Account:
        account = (await self._http.request("GET", ACCOUNT, expect=("portalId",))).json
        await self._http.request("GET", OWNERS, params={"limit": 1}, expect=("results",))
        return Account(str(account["portalId"]), f"HubSpot portal {account['portalId']}", "owners can be read")

    async def schema(self) -> list[RemoteField]:
        labels = ("Email", "First name", "Last name", "User id", "Active")
        return [
            RemoteField(name, label, "boolean" if name == "active" else "string", False, unique=name in UNIQUE)
            for name, label in zip(FIELDS, labels, strict=True)
        ]

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        """All of them, whatever the cursor."""
        began = self._portal.clock()
        yield Page(await self._all(fields), self.cursor_at(began), complete=True)

    def cursor_at(self, at: datetime) -> Cursor:
        return {"read": at.isoformat()}

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """Those who have left are found, too."""
        everybody = await self._all([*FIELDS])
        found = [
            [one for one in everybody if key.value == (one.id if key.field == "id" else _told(one, key))]
            for key in keys
        ]
        return [[one._replace(fields={n: one.fields.get(n) for n in fields}) for one in some] for some in found]

    async def _all(self, fields: Sequence[str]) -> list[Record]:
        records: list[Record] = []
        for archived in ("false", "true"):
            async for body, _ in pages(self._page, NEXT, {"limit": PAGE, "archived": archived}):
                records += _records(body, fields)
        return records

    async def _page(self, params: Params) -> Any:
        return (await self._http.request("GET", OWNERS, params=params, expect=("results",))).json


UNIQUE = ("email", "userId")


def _told(record: Record, key: Key) -> str:
    value = record.fields.get(key.field)
    return key.value if key.field == "email" and str(value).casefold() == key.value.strip().casefold() else str(value)


def _records(body: Any, fields: Sequence[str]) -> list[Record]:
    """Raises ProtocolChanged."""
    try:
        return [_record(item, fields) for item in body["results"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolChanged(f"HubSpot described an owner in a way that we do not know ({error!r}).") from None


def _record(item: dict[str, Any], fields: Sequence[str]) -> Record:
    user = item.get("userId") or item.get("userIdIncludingInactive")
    values = {
        "email": item.get("email"),
        "firstName": item.get("firstName"),
        "lastName": item.get("lastName"),
        "userId": str(user) if user is not None else None,
        "active": not item.get("archived", False),
    }
    at = item["updatedAt"]
    return Record(str(item["id"]), {n: values.get(n) for n in fields}, datetime.fromisoformat(at), at)
