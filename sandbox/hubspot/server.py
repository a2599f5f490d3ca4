"""One portal as a server: its state, its limits, and the gate in front of it.

`HubSpot().app` is the ASGI application; the state behind it may be read and changed from Python while it serves
(under `contacts.lock` if another thread serves it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.gate import Answer, Gate, Ledger
from sandbox.hubspot.app import make_app
from sandbox.hubspot.contacts import Contact, Contacts
from sandbox.hubspot.errors import Refused, out_of_order, rate_limited
from sandbox.hubspot.properties import Properties, iso
from sandbox.hubspot.search import Index
from sandbox.hubspot.settings import Settings
from sandbox.hubspot.tokens import Tokens
from sandbox.limits import RateLimit, Window, admit

DAY = 86_400.0


class HubSpot:
    """A `sandbox.gate.Vendor`."""

    name = "hubspot"

    def __init__(self, settings: Settings | None = None, *, clock: Clock | None = None, seed: int = 0) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.faults = Faults(seed=seed)
        self.requests = Ledger()
        self.properties = Properties(self.settings.portal_id)
        self.contacts = Contacts(self.properties, self.clock, self.settings)
        self.index = Index(self.properties, self.clock, self.settings.index_delay)
        self.contacts.on_change = self.index.changed
        self.contacts.on_gone = self.index.gone
        self.tokens = Tokens(self.settings, self.clock)
        windows = (
            Window("TEN_SECONDLY_ROLLING", self.settings.burst, self.settings.burst_seconds),
            Window("SECONDLY", self.settings.search, 1.0),
            Window("DAILY", self.settings.daily, DAY),
        )
        self.limits = {window.name: RateLimit(window, self.clock) for window in windows}
        self.app = Gate(make_app(self), self)

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
        with self.contacts.lock:
            for contact in self.contacts.live.values():
                stage = contact.values.get("lifecyclestage", "")
                stages[stage] = stages.get(stage, 0) + 1
            return {
                "contacts": len(self.contacts.live),
                "archived": len(self.contacts.archived),
                "merged": len(self.contacts.became),
                "stages": stages,
                "refused": {name: limit.refused for name, limit in self.limits.items()},
            }

    def edit(self, edit: Mapping[str, Any]) -> dict[str, Any]:
        """What a marketer or an administrator does in HubSpot's pages: `{"do": "set", "email": ..., "fields": {...}}`,
        `opt_out`, `merge` (with the `other` e-mail), `delete`, `create`, `expire_tokens`. Fields are HubSpot's own; a
        stage may be set backward. Raises ValueError."""
        with self.contacts.lock:
            try:
                return self._edit(edit, edit["do"], edit.get("fields", {}))
            except Refused as error:
                raise ValueError(f"HubSpot refuses the edit {edit['do']}: {error}") from None

    def _edit(self, edit: Mapping[str, Any], what: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        contacts = self.contacts
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

    # From Python

    def by_email(self, email: str) -> Contact:
        """Raises ValueError where no live contact has the address."""
        contact = self.contacts.find(email, "email")
        if contact is None:
            raise ValueError(f"no contact has the e-mail {email}")
        return contact

    def seed(self, people: Iterable[Mapping[str, str]]) -> int:
        """Add contacts, given as HubSpot's own fields (`to_hubspot`), oldest change first; search knows them at once.
        An e-mail that is taken already is left out. Returns how many were added."""
        contacts, before = self.contacts, len(self.contacts.live)
        with contacts.lock:
            for fields in sorted(people, key=lambda fields: int(fields.get("lastmodifieddate", 0))):
                if fields.get("email", "").strip().lower() not in contacts.by_value["email"]:
                    contacts.plant(fields)
            self.index.catch_up(everything=True)
        return len(contacts.live) - before

    def stamp(self) -> str:
        return iso(self.contacts.now())

    def save(self, path: Path) -> None:
        """Contacts, archived ones, merges, opt-outs and custom properties, as JSON."""
        contacts = self.contacts
        with contacts.lock:
            held = [*contacts.live.values(), *contacts.archived.values()]
            state = {
                "contacts": [[c.id, c.values, c.created, c.modified, c.archived] for c in held],
                "became": list(contacts.became.items()),
                "opted_out": sorted(contacts.opted_out),
                "last_id": contacts.last_id,
                "properties": [p for p in self.properties.all.values() if not p["hubspotDefined"]],
                "groups": list(self.properties.groups.values()),
            }
        part = path.with_suffix(".part")
        part.write_bytes(orjson.dumps(state))
        part.replace(path)

    def load(self, path: Path) -> None:
        """Into a portal that is still empty."""
        state, contacts = orjson.loads(path.read_bytes()), self.contacts
        with contacts.lock:
            self.properties.all |= {prop["name"]: prop for prop in state["properties"]}
            self.properties.groups |= {group["name"]: group for group in state["groups"]}
            contacts.became = {int(old): int(new) for old, new in state["became"]}
            contacts.opted_out = set(state["opted_out"])
            contacts.last_id = state["last_id"]
            for id_, values, created, modified, archived in sorted(state["contacts"]):
                contacts.restore(Contact(id_, values, created, modified, archived))
            self.index.catch_up(everything=True)
