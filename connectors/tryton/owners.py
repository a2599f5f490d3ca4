"""Tryton's employees: read only, few, and read as a whole each time.

An opportunity belongs to an **employee** (`company.employee`), not to a user: one may be without the other. The name is
that of the employee's party; the e-mail is the party's, or where it has none that of the user who works as this
employee. One whose time has ended is a record with `active` false.

https://docs.tryton.org/8.0/ (module company, Employee)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import Account, Capabilities, Cursor, Key, Page, Record, RemoteField
from connectors.errors import ProtocolChanged
from connectors.tryton.api import BY_ID, EMPLOYEE, Rpc
from connectors.tryton.database import Database, Records
from connectors.tryton.shape import CHANGED
from connectors.tryton.values import moment, out

USER = "res.user"
PATHS = ["start_date", "end_date", "active", CHANGED, "party.name", "party.email", f"party.{CHANGED}"]
FIELDS = (
    RemoteField("name", "Name", "string", writable=False),
    RemoteField("email", "E-mail", "string", writable=False),
    RemoteField("login", "User", "string", writable=False),
    RemoteField("start_date", "Start date", "date", writable=False),
    RemoteField("end_date", "End date", "date", writable=False),
    RemoteField("active", "Active", "boolean", writable=False),
)


class Owners(Records):
    """Ids are those of company.employee, as `employee` of an opportunity holds them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, "owner", Capabilities(create=False, update=False))

    async def check(self) -> Account:
        """Raises Unauthorized."""
        return await self._database.account({EMPLOYEE: ("read",)})

    async def schema(self) -> list[RemoteField]:
        return list(FIELDS)

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        """All of them, whatever the cursor."""
        everybody = await self._all(fields)
        yield Page(everybody, self.cursor_at(self._rpc.told or datetime.now(UTC)), complete=True)

    def cursor_at(self, at: datetime) -> Cursor:
        return {"read": at.isoformat()}

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """Those who have left are found, too. E-mail addresses and logins whatever their case."""
        names = [field.name for field in FIELDS]
        everybody = await self._all(names)
        found = [
            [one for one in everybody if key.value.casefold().strip() == told(one, key.field)] if key.value else []
            for key in keys
        ]
        return [[one._replace(fields={n: one.fields.get(n) for n in fields}) for one in some] for some in found]

    async def _all(self, fields: Sequence[str]) -> list[Record]:
        rows = await self._rpc.search_read(EMPLOYEE, [], PATHS, BY_ID, active_test=False)
        users = by_employee(await users_of(self._rpc))
        try:
            return [record(row, users.get(row["id"], {}), fields) for row in rows]
        except (KeyError, TypeError, AttributeError):
            raise ProtocolChanged("Tryton sent an employee that lacks what was asked for.") from None


async def users_of(rpc: Rpc) -> list[dict[str, Any]]:
    """Users who work as employees; nobody where we may not look."""
    access = await rpc.read("ir.model.access.get_access", [USER])
    if not access[USER].get("read"):
        return []
    paths = ["login", "email", "active", "employee", "employees"]
    return await rpc.search_read(USER, [["employees", "!=", None]], paths, BY_ID, active_test=False)


def by_employee(users: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Of several users of an employee, the first who is active and has an address."""
    found: dict[int, dict[str, Any]] = {}
    for user in sorted(users, key=lambda user: (bool(user["active"]), bool(user["email"]), -user["id"])):
        found.update(dict.fromkeys(user["employees"], user))
    return found


async def employees_of_users(rpc: Rpc) -> dict[int, int]:
    """By user, the employee as who they work now."""
    users = await users_of(rpc)
    return {user["id"]: user["employee"] or user["employees"][0] for user in users if user["employees"]}


def record(row: dict[str, Any], user: dict[str, Any], fields: Sequence[str]) -> Record:
    party = row["party."]
    values = {
        "name": out("char", party["name"]),
        "email": out("char", party["email"]) or out("char", user.get("email")),
        "login": out("char", user.get("login")),
        "start_date": out("date", row["start_date"]),
        "end_date": out("date", row["end_date"]),
        "active": bool(row["active"]),
    }
    changed = max(moment(row[CHANGED]), moment(party[CHANGED]))
    return Record(str(row["id"]), {name: values.get(name) for name in fields}, changed)


def told(record: Record, field: str) -> str:
    return str(record.id if field == "id" else record.fields.get(field) or "").casefold()
