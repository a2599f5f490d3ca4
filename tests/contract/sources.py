"""What can only be read, under contract: owners and activities. A person's hand is `happen` and `alter`.

Each source is the harness of the same vendor, which knows its server, its sign-in and its faults, told to speak of
another kind. Others may be there besides those that a test makes (who is signed in is an owner): the suite asks for
those it made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

from connectors.base import ACTIVITY_FIELDS, Connector, Kind, RemoteField
from connectors.memory import Memory, Vendor
from sandbox.salesforce.values import stamp
from tests.contract.file import FileHarness
from tests.contract.harness import Fault, Harness, Where
from tests.contract.hubspot import HubSpotHarness
from tests.contract.memory import MemoryHarness
from tests.contract.salesforce import SalesforceHarness
from tests.contract.tryton import TrytonHarness


class Source(Harness):
    """`read`: what a test asks for. `told`: the field that `happen(n)` puts "Told {n}" into."""

    read: ClassVar[tuple[str, ...]]
    told: ClassVar[str]
    writable = False
    whole: ClassVar[bool] = False
    """Every read is a complete list."""
    alters: ClassVar[bool] = True
    """A change of what was told before is told again."""

    async def happen(self, n: int) -> str:
        """Returns the record's id."""
        raise NotImplementedError

    async def alter(self, id: str, told: str) -> None:
        """Of one made with n = 0."""
        raise NotImplementedError

    tells_deletions: ClassVar[bool] = False

    async def seed(self, fields: Mapping[str, Any]) -> str:
        raise NotImplementedError

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        raise NotImplementedError

    async def delete(self, id: str) -> None:
        raise NotImplementedError

    async def held(self) -> dict[str, Mapping[str, Any]]:
        raise NotImplementedError


class Happened(Source):
    read, told = ACTIVITY_FIELDS, "subject"
    kind: ClassVar[Kind] = "activity"


# -- in RAM ---------------------------------------------------------------------------------------------------------


class MemoryActivities(Happened, MemoryHarness):
    def __init__(self) -> None:
        super().__init__()
        schema = [RemoteField(name, name.title(), "string", writable=False) for name in ACTIVITY_FIELDS]
        self.vendor = Vendor("memory", schema=schema, clock=self.clock, kind="activity")

    async def happen(self, n: int) -> str:
        return self.vendor.happen("call", self.clock(), [f"lead-{n}"], subject=f"Told {n}")

    tells_deletions = True

    async def alter(self, id: str, told: str) -> None:
        self.vendor.update(id, {"subject": told})

    async def delete(self, id: str) -> None:
        self.vendor.delete(id)

    def connector_refused(self) -> Connector:
        return Memory(self.vendor, token="not-the-token")


# -- files ----------------------------------------------------------------------------------------------------------


class FileActivities(Happened, FileHarness):
    def connector(self) -> Connector:
        stream = {"files": "people*.csv", "id": "No", "time": "Changed", "constants": {"type": "call"}}
        columns = {"email": "E-mail", "subject": "First"}
        return self.files(activity={"call": {**stream, "columns": columns}})

    async def happen(self, n: int) -> str:
        return "call:" + await FileHarness.seed(self, self.person(n, **{self.text: f"Told {n}"}))

    async def alter(self, id: str, told: str) -> None:
        await FileHarness.edit(self, id.removeprefix("call:"), {self.text: told})


# -- HubSpot --------------------------------------------------------------------------------------------------------


class HubSpotOwners(Source, HubSpotHarness):
    kind, read, told, whole = "owner", ("email", "firstName", "lastName", "userId", "active"), "firstName", True

    async def happen(self, n: int) -> str:
        with self.portal.lock:
            at = int(self.portal.clock.now().timestamp() * 1000)
            owner = self.portal.owners.add(f"owner{n}@example.com", f"Told {n}", "Owner", created=at)
        return str(owner.id)

    async def alter(self, id: str, told: str) -> None:
        self.portal.owners.all[int(id)] = replace(self.portal.owners.all[int(id)], first_name=told)

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        self.portal.faults.add(kind, path="/owners", times=times)


class HubSpotActivities(Happened, HubSpotHarness):
    """In turn a call, a note, a form and an open: four streams of eight."""

    tells_deletions = True

    async def delete(self, id: str) -> None:
        objects, _, number = id.partition(":")
        with self.portal.lock:
            self.portal.objects[f"{objects}s"].archive(number)

    async def happen(self, n: int) -> str:
        at, marketing, told = int(self.portal.clock.now().timestamp() * 1000), self.portal.marketing, f"Told {n}"
        who = f"person{n}@example.com"
        with self.portal.lock:
            match n % 4:
                case 0:
                    calls = self.portal.objects["calls"]
                    made = calls.create({"hs_call_title": told, "hs_timestamp": str(at)}, trusted=True)
                    return f"call:{made.id}"
                case 1:
                    notes = self.portal.objects["notes"]
                    made = notes.create({"hs_note_body": told, "hs_timestamp": str(at)}, trusted=True)
                    return f"note:{made.id}"
                case 2:
                    form = marketing.form(told, created=at)
                    marketing.submit(form, at, {"email": who}, "https://example.com")
                    return f"form:{form.submissions[-1].id}"
                case _:
                    marketing.happened("OPEN", at, who, marketing.campaign("Spring", told))
                    (event,) = (one for one in marketing.events if one.recipient == who)
                    return f"open:{event.created}:{event.id}"

    async def alter(self, id: str, told: str) -> None:
        calls = self.portal.objects["calls"]
        with self.portal.lock:
            calls.update(calls.get(id.removeprefix("call:")), {"hs_call_title": told}, trusted=True)

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        self.portal.faults.add(kind, path="calls/search$", times=times)


# -- Salesforce -----------------------------------------------------------------------------------------------------


class SalesforceOwners(Source, SalesforceHarness):
    kind, sobject, read, told, whole = (
        "owner",
        "User",
        ("Email", "FirstName", "LastName", "IsActive"),
        "FirstName",
        True,
    )

    async def happen(self, n: int) -> str:
        name = f"owner{uuid4().hex[:8]}@example.com"
        user = {"LastName": "Owner", "FirstName": f"Told {n}", "Username": name, "Email": name, "IsActive": True}
        return await SalesforceHarness.seed(self, user)

    async def alter(self, id: str, told: str) -> None:
        await SalesforceHarness.edit(self, id, {"FirstName": told})


class SalesforceActivities(Happened, SalesforceHarness):
    """In turn a Task and an Event; a campaign's member tells no subject."""

    tells_deletions = True

    async def delete(self, id: str) -> None:
        type_, _, number = id.partition(":")
        with self.org.lock:
            self.org.delete(self.org.tables["Task" if type_ == "call" else "Event"], number)

    async def happen(self, n: int) -> str:
        org, told = self.org, {"Subject": f"Told {n}"}
        with org.lock:
            if n % 2:
                event = {**told, "StartDateTime": stamp(org.clock.now()), "DurationInMinutes": 30}
                return "meeting:" + org.create(org.tables["Event"], org.read(org.tables["Event"], event))
            call = {**told, "TaskSubtype": "Call", "Status": "Completed"}
            return "call:" + org.create(org.tables["Task"], org.read(org.tables["Task"], call))

    async def alter(self, id: str, told: str) -> None:
        table = self.org.tables["Task"]
        with self.org.lock:
            self.org.update(table, id.removeprefix("call:"), self.org.read(table, {"Subject": told}))


# -- Tryton ---------------------------------------------------------------------------------------------------------


class TrytonOwners(Source, TrytonHarness):
    kind, read, told, whole = "owner", ("name", "email", "login", "start_date", "end_date", "active"), "name", True

    async def happen(self, n: int) -> str:
        return str(self.server.employee(f"Told {n}"))

    async def alter(self, id: str, told: str) -> None:
        party = self.server.one("company.employee", int(id), "party")["party"]
        self.server.model("party.party.write", [party], {"name": told})


class TrytonActivities(Happened, TrytonHarness):
    """Notes. Tryton is asked for those made since, so that a word changed in an older one is not told."""

    alters = False

    async def happen(self, n: int) -> str:
        lead, _ = self.server.lead(f"Somebody {n}", f"person{n}@example.com")
        note = {"resource": f"sale.opportunity,{lead}", "message": f"Told {n}"}
        return f"note:{self.server.model('ir.note.create', [note])[0]}"


SOURCES: Mapping[str, type[Source]] = {
    "memory-activity": MemoryActivities,
    "file-activity": FileActivities,
    "hubspot-owner": HubSpotOwners,
    "hubspot-activity": HubSpotActivities,
    "salesforce-owner": SalesforceOwners,
    "salesforce-activity": SalesforceActivities,
    "tryton-owner": TrytonOwners,
    "tryton-activity": TrytonActivities,
}
