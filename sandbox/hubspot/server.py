"""One portal as a server: its state, its limits, and the gate in front of it.

`HubSpot().app` is the ASGI application; the state behind it may be read and changed from Python while it serves
(under `contacts.lock` if another thread serves it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gate import Answer, Gate, Ledger
from sandbox.hubspot import saving
from sandbox.hubspot.app import make_app
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.errors import Refused, out_of_order, rate_limited
from sandbox.hubspot.marketing import Marketing
from sandbox.hubspot.object_types import ALL, COMPANIES, CONTACTS, DEALS, ObjectType
from sandbox.hubspot.owners import Owners
from sandbox.hubspot.pipelines import Pipelines
from sandbox.hubspot.properties import Properties, iso
from sandbox.hubspot.records import Record, Records, Values
from sandbox.hubspot.search import Index
from sandbox.hubspot.settings import Settings
from sandbox.hubspot.standard import groups, standard
from sandbox.hubspot.tokens import Tokens
from sandbox.limits import RateLimit, Window, admit

DAY = 86_400.0
APART = 7_000_000
"""Between the first ids of two types: who mixes them up finds nothing."""

Count = Callable[[Associations, int], str]


def _number(start: str, end: str) -> Count:
    return lambda links, id_: str(len(links.of(start, end, id_)) or "")


def _primary(start: str, end: str) -> Count:
    return lambda links, id_: str(links.primary(start, end, id_) or "")


COUNTED: Mapping[str, Mapping[str, Count]] = {
    "contacts": {"associatedcompanyid": _primary("contacts", "companies")},
    "companies": {
        "num_associated_contacts": _number("companies", "contacts"),
        "num_associated_deals": _number("companies", "deals"),
    },
    "deals": {
        "num_associated_contacts": _number("deals", "contacts"),
        "hs_primary_associated_company": _primary("deals", "companies"),
    },
}
"""Properties that tell of a record's associations."""


class HubSpot:
    """A `sandbox.gate.Vendor`."""

    name = "hubspot"

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.faults = Faults(seed=seed)
        self.requests = Ledger()
        self.lock = threading.RLock()
        self.planting = False
        """While a past is planted: what the portal counts moves no time of change."""
        self.objects: dict[str, Records] = {}
        self.indexes: dict[str, Index] = {}
        self.associations = Associations()
        self.associations.on_change = self._count
        self.owners, self.pipelines, self.marketing = Owners(), Pipelines(), Marketing()
        for kind in ALL:
            self._open(kind)
        self.contacts, self.companies, self.deals = (self.objects[k.name] for k in (CONTACTS, COMPANIES, DEALS))
        self.properties, self.index = self.contacts.properties, self.indexes["contacts"]
        self.tokens = Tokens(self.settings, self.clock)
        windows = (
            Window("TEN_SECONDLY_ROLLING", self.settings.burst, self.settings.burst_seconds),
            Window("SECONDLY", self.settings.search, 1.0),
            Window("DAILY", self.settings.daily, DAY),
        )
        self.limits = {window.name: RateLimit(window, self.clock) for window in windows}
        self.app = Gate(make_app(self), self)

    def _open(self, kind: ObjectType) -> None:
        properties = Properties(standard(kind.name), groups(kind.name), self.settings.portal_id)
        records = Records(kind, properties, self.clock, self.settings, self.lock)
        records.last_id += APART * len(self.objects)
        index = Index(kind, properties, self.clock, self.settings.index_delay)
        self.objects[kind.name], self.indexes[kind.name] = records, index

        def merged(old: list[int], new: int) -> None:
            for id_ in old:
                self.associations.move(kind.name, id_, new)

        def rule(values: Values, record: Record | None) -> Values:
            self.owners.check(values)
            return self.pipelines.rule(values, record, records.now()) if kind is DEALS else {}

        records.on_change, records.on_gone, records.on_merge, records.rule = index.changed, index.gone, merged, rule
        records.on_end = lambda id_: self.associations.forget(kind.name, id_)
        records.on_erase = self.marketing.forget

    def _count(self, name: str, id_: int, *, quietly: bool = False) -> None:
        """What a record tells of its associations, by properties of its own; a change of them is a change of it."""
        records = self.objects[name]
        record = records.live.get(id_)
        if record is not None and name in COUNTED:
            told = {prop: count(self.associations, id_) for prop, count in COUNTED[name].items()}
            records.note(record, told, quietly=quietly or self.planting)

    # What the gate asks

    def refusal(self, status: int, method: str, path: str) -> Answer:
        if status == 429:
            return rate_limited("SECONDLY" if path.endswith("/search") else "TEN_SECONDLY_ROLLING")
        return out_of_order(status)

    def admit(self, method: str, path: str) -> Answer | None:
        """Search has its own window and does not use up the burst; tokens are free of both."""
        if path.startswith("/oauth"):
            return None
        first = "SECONDLY" if path.endswith("/search") else "TEN_SECONDLY_ROLLING"
        full = admit([self.limits["DAILY"], self.limits[first]])
        return rate_limited(full.window.name) if full else None

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines: search answers carry none."""
        if path.startswith("/oauth") or path.endswith("/search"):
            return {}
        burst, daily = self.limits["TEN_SECONDLY_ROLLING"], self.limits["DAILY"]
        return {
            "X-HubSpot-RateLimit-Max": str(burst.window.calls),
            "X-HubSpot-RateLimit-Remaining": str(burst.remaining()),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(burst.window.seconds * 1000)),
            "X-HubSpot-RateLimit-Daily": str(daily.window.calls),
            "X-HubSpot-RateLimit-Daily-Remaining": str(daily.remaining()),
        }

    def summary(self) -> dict[str, Any]:
        stages: dict[str, int] = {}
        with self.lock:
            for contact in self.contacts.live.values():
                stage = contact.values.get("lifecyclestage", "")
                stages[stage] = stages.get(stage, 0) + 1
            return {
                **{
                    name: len(records.live)
                    for name, records in self.objects.items()
                    if name == "contacts" or records.live
                },
                "archived": len(self.contacts.archived),
                "merged": len(self.contacts.became),
                "stages": stages,
                "refused": {name: limit.refused for name, limit in self.limits.items()},
            }

    def edit(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        """What a marketer or an administrator does in HubSpot's pages: `{"do": "set", "email": ..., "fields": {...}}`,
        `opt_out`, `merge` (with the `other` e-mail), `delete`, `create`, `expire_tokens`. Fields are HubSpot's own; a
        stage may be set backward. Of another type of record than contacts, with `object` ("deals") and `where`, the
        values that tell which one: `set`, `create`, `delete`, and `associate` with the record that `to` names in the
        same two words. Raises ValueError."""
        with self.lock:
            try:
                return self._edit(edit, edit["do"], edit.get("fields", {}))
            except Refused as error:
                raise ValueError(f"HubSpot refuses the edit {edit['do']}: {error}") from None

    def _edit(self, edit: Mapping[str, Any], what: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        contacts = self.contacts
        if "object" in edit:
            return self._edit_object(edit, what, fields)
        if what == "create":
            return {"id": str(contacts.create(fields, trusted=True).id)}
        if what == "expire_tokens":
            self.tokens.expire_all()
            return {}
        contact = self.by_email(edit["email"])
        match what:
            case "set":
                contacts.update(contact, fields, trusted=True)
            case "opt_out":
                contacts.opt_out(edit["email"])
            case "merge":
                return {"id": str(contacts.merge(str(contact.id), str(self.by_email(edit["other"]).id)).id)}
            case "delete":
                contacts.archive(str(contact.id))
            case _:
                raise ValueError(f"no edit is called {what!r}: use create, set, opt_out, merge, delete, expire_tokens")
        return {"id": str(contact.id)}

    def _edit_object(self, edit: Mapping[str, Any], what: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        records = self.objects[edit["object"]]
        if what == "create":
            return {"id": str(records.create(fields, trusted=True).id)}
        record = self.one(edit["object"], edit["where"])
        match what:
            case "set":
                records.update(record, fields, trusted=True)
            case "delete":
                records.archive(str(record.id))
            case "associate":
                other, where = edit["to"]["object"], edit["to"]["where"]
                primary = edit.get("primary")
                self.associations.put(edit["object"], other, record.id, self.one(other, where).id, primary=primary)
            case _:
                raise ValueError(f"no edit of {edit['object']} is called {what!r}: use create, set, delete, associate")
        return {"id": str(record.id)}

    # From Python

    def one(self, name: str, where: Mapping[str, str]) -> Record:
        """The live record of this type with these values, the oldest of several. Raises ValueError where there is none."""
        for record in self.objects[name].live.values():
            if all(record.values.get(prop) == value for prop, value in where.items()):
                return record
        raise ValueError(f"none of the {name} has {dict(where)}")

    def by_email(self, email: str) -> Record:
        """Raises ValueError where no live contact has the address."""
        contact = self.contacts.find(email, "email")
        if contact is None:
            raise ValueError(f"no contact has the e-mail {email}")
        return contact

    def seed(self, people: Iterable[Mapping[str, str]]) -> int:
        """Add contacts, given as HubSpot's own fields (`to_hubspot`), oldest change first; search knows them at once.
        An e-mail that is taken already is left out. Returns how many were added."""
        contacts, before = self.contacts, len(self.contacts.live)
        with self.lock:
            for fields in sorted(people, key=lambda fields: int(fields.get("lastmodifieddate", 0))):
                if fields.get("email", "").strip().lower() not in contacts.by_value["email"]:
                    contacts.plant(fields)
            self.index.catch_up(everything=True)
        return len(contacts.live) - before

    def stamp(self) -> str:
        return iso(self.contacts.now())

    def save(self, path: Path) -> None:
        """Everything that is held, as JSON."""
        with self.lock:
            state = saving.state(self)
        part = path.with_suffix(".part")
        part.write_bytes(orjson.dumps(state))
        part.replace(path)

    def load(self, path: Path) -> None:
        """Into a portal that is still empty."""
        state = orjson.loads(path.read_bytes())
        with self.lock:
            saving.restore(self, state)
