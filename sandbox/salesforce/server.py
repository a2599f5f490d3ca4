"""The org as a server: its state, its sessions, its allowance, and the gate in front of it.

`Salesforce().app` is the ASGI application; the records behind it may be read and changed from Python while it serves
(under `org.lock` if another thread serves it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.responses import Response

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gate import Answer, Gate, Ledger, Receive, Scope, Send
from sandbox.limits import RateLimit, Window, admit
from sandbox.people import World
from sandbox.salesforce.answers import Cursors
from sandbox.salesforce.bulk import Job
from sandbox.salesforce.business import Seeded, seed_business
from sandbox.salesforce.calls import refused
from sandbox.salesforce.errors import Problem, Refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.people_work import convert_lead, merge
from sandbox.salesforce.routes import router
from sandbox.salesforce.seeding import add, for_contact
from sandbox.salesforce.sessions import Credentials, Sessions
from sandbox.salesforce.table import Row, Table

LONGEST_ADDRESS = 16_384
"""Bytes of the URI alone (else 414), and of URI and headers together (else 431)."""
DAY = 86_400.0


class Salesforce:
    """A `sandbox.gate.Vendor`. `daily_calls`: the org's API calls in any 24 hours, shared by everyone who calls it.
    `custom_fields`: whether smarketing's fields are there from the start."""

    name = "salesforce"

    def __init__(
        self,
        accepted: Credentials | None = None,
        *,
        clock: Clock | None = None,
        seed: int = 0,
        daily_calls: int = 100_000,
        custom_fields: bool = True,
    ) -> None:
        self.clock = clock or Clock()
        self.org = Org(self.clock, custom_fields=custom_fields)
        self.faults = Faults(seed=seed)
        self.requests = Ledger()
        self.quota = RateLimit(Window("DailyApiRequests", daily_calls, DAY), self.clock)
        self.sessions = Sessions(self.org, accepted or Credentials())
        self.cursors = Cursors(self.org)
        self.jobs: dict[str, Job] = {}
        self._router = router(self)
        self.app = Gate(self._serve, self)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = len(scope.get("raw_path") or b"") + len(scope["query_string"]) + 1
        headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if address > LONGEST_ADDRESS:
            await _too_long(414, "URI Too Long")(scope, receive, send)
        elif address + headers > LONGEST_ADDRESS:
            await _too_long(431, "Request Header Fields Too Large")(scope, receive, send)
        else:
            scope["path"] = scope["path"].rstrip("/")
            await self._router(scope, receive, send)

    # What the gate asks

    def refusal(self, status: int, method: str, path: str) -> Answer:
        """Salesforce says 403 where others say 429. What passes is that too many calls are under way at once; the
        day's allowance is another limit."""
        if status == 429:
            return _limit("ConcurrentPerOrgLongTxn")
        code = "SERVER_UNAVAILABLE" if status == 503 else "UNKNOWN_EXCEPTION"
        words = "An unexpected error occurred. Please include this ErrorId if you contact support: 1084412468-66131"
        return refused(Refused(Problem(code, words), status))

    def admit(self, method: str, path: str) -> Answer | None:
        if path.startswith("/services/data/") and admit([self.quota]) is not None:
            return _limit("TotalRequests")
        return None

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        if not path.startswith("/services/data/"):
            return {}
        return {"sforce-limit-info": f"api-usage={self.quota.used()}/{self.quota.window.calls}"}

    def summary(self) -> dict[str, Any]:
        with self.org.lock:
            leads = self.org.tables["Lead"].live()
            return {
                "live": {name: sum(1 for _ in table.live()) for name, table in self.org.tables.items()},
                "deleted": {name: len(table.bin) for name, table in self.org.tables.items() if table.bin},
                "converted": sum(1 for row in leads if row["IsConverted"]),
                "calls": self.quota.used(),
            }

    def edit(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        """What a salesperson or an administrator does in Salesforce's pages: `{"do": "set", "email": ..., "fields":
        {...}}`, `opt_out`, `convert` (with `opportunity`), `merge` (with `other`), `delete`, `undelete` (by `id`),
        `move` (a contact, `to` an account), `create`, `switch` (see `org.Switches`), `expire_sessions`. A record is
        named by `email` or `id`, or by its `object` and `where`, the values that tell which one (the oldest of several;
        a merge without `other` takes the oldest into the next); fields are a lead's own, for a contact too. Raises ValueError."""
        with self.org.lock:
            try:
                return self._edit(edit, edit["do"])
            except Refused as error:
                raise ValueError(f"Salesforce refuses the edit {edit['do']}: {error}") from None

    def _edit(self, edit: Mapping[str, Any], what: str) -> dict[str, Any]:
        org = self.org
        match what:
            case "create":
                table = org.table(edit["fields"].get("attributes", {}).get("type", "Lead"))
                draft = org.read(table, edit["fields"])
                return {"id": org.create(table, draft, allow_duplicates=True)}
            case "switch":
                org.switches.set(edit["switches"])
                return org.switches.to_json()
            case "expire_sessions":
                self.sessions.end()
                return {}
            case "undelete":
                table = org.table_of(edit["id"]) or org.table("Lead")
                org.undelete(table, edit["id"])
                return {"id": edit["id"]}
        table, row = self.find(edit, only="Lead" if what == "convert" else None)
        match what:
            case "set":
                fields = for_contact(edit["fields"]) if table.name == "Contact" else edit["fields"]
                org.update(table, row["Id"], org.read(table, fields))
            case "move":
                _, account = self.find(edit["to"])
                org.update(table, row["Id"], org.read(table, {"AccountId": account["Id"]}))
            case "opt_out":
                org.update(table, row["Id"], org.read(table, {"HasOptedOutOfEmail": True}))
            case "convert":
                return convert_lead(org, row["Id"], opportunity=edit.get("opportunity"))._asdict()
            case "merge":
                if "other" in edit:
                    by = "email" if "@" in edit["other"] else "id"
                    _, other = self.find({by: edit["other"]}, only=table.name)
                else:
                    row, other = self.find(edit, after=row["Id"])[1], row
                merge(org, table.name, row["Id"], [other["Id"]], edit.get("fields"))
            case "delete":
                org.delete(table, row["Id"])
            case _:
                raise ValueError(
                    f"no edit is called {what!r}: use create, set, opt_out, convert, merge, move, delete, undelete, "
                    "switch or expire_sessions"
                )
        return {"id": row["Id"]}

    # From Python

    def find(self, by: Mapping[str, Any], *, only: str | None = None, after: str = "") -> tuple[Table, Row]:
        """A live person by `id` or `email`: a contact before a lead, an open lead before a converted one; `only` an
        object of this name. Raises ValueError where there is none."""
        if "object" in by:
            table, where = self.org.table(by["object"]), by["where"]
            for row in sorted(table.live(), key=lambda row: str(row["Id"])):
                if row["Id"] > after and all(row.get(name) == value for name, value in where.items()):
                    return table, row
            raise ValueError(f"no {by['object']} has {dict(where)}")
        if "id" in by:
            kind = self.org.table_of(by["id"])
            known = kind.get(by["id"]) if kind else None
            if kind is None or known is None:
                raise ValueError(f"no record has the id {by['id']}")
            return kind, known
        for name in (only,) if only else ("Contact", "Lead"):
            table = self.org.tables[name]
            rows = [row for row in table.find("Email", by["email"]) if not row["IsDeleted"]]
            if rows:
                return table, min(rows, key=lambda row: (row.get("IsConverted", False), row["Id"]))
        raise ValueError(f"no lead or contact has the e-mail {by['email']}")

    def seed(self, people: Iterable[Mapping[str, Any]]) -> int:
        """Add leads and contacts, each as `seeding.to_salesforce` gives it. Returns how many were added. Raises
        Refused."""
        with self.org.lock:
            return sum(1 for person in people if add(self.org, person))

    def seed_business(self, world: World, now: datetime) -> Seeded:
        """What belongs to the people of this world: users, accounts, deals, activities, campaigns. After `seed`."""
        return seed_business(self.org, world, now)

    def save(self, path: Path) -> None:
        """Records and custom fields, as JSON."""
        part = path.with_suffix(".part")
        part.write_bytes(orjson.dumps(self.org.dump()))
        part.replace(path)

    def load(self, path: Path) -> None:
        """Puts what was saved in the place of what is there."""
        self.org.restore(orjson.loads(path.read_bytes()))


def _limit(name: str) -> Answer:
    return refused(Refused(Problem("REQUEST_LIMIT_EXCEEDED", f"{name} Limit exceeded."), 403))


def _too_long(status: int, reason: str) -> Response:
    return Response(f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>", status, media_type="text/html")
