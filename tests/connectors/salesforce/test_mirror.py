"""Mirrors of accounts, people and deals, kept by reads that are broken off, of an org in which people do anything."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from connectors.base import Kind, Record
from sandbox.salesforce.errors import Refused
from tests.connectors.salesforce.conftest import World

ROLES = "OpportunityContactRoles"
FIELDS: dict[Kind, list[str]] = {
    "company": ["Name", "ParentId"],
    "lead": ["LastName", "AccountId"],
    "deal": ["Name", "AccountId", "StageName", ROLES],
}
ENTITIES: dict[Kind, tuple[str, ...]] = {"company": ("Account",), "lead": ("Lead", "Contact"), "deal": ("Opportunity",)}


class Mirror:
    """What the reads of one kind have told so far."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self.cursor: Any = None
        self.rows: dict[str, dict[str, Any]] = {}

    def take(self, records: list[Record]) -> None:
        for record in records:
            if record.deleted or record.became:
                self.rows.pop(record.id, None)
            else:
                self.rows[record.id] = {**self.rows.get(record.id, {}), **record.fields}

    def truth(self, world: World) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name in ENTITIES[self.kind]:
            for row in world.org.tables[name].live():
                if not row.get("IsConverted"):
                    found[row["Id"]] = {
                        field: row.get(field)
                        for field in FIELDS[self.kind]
                        if field != ROLES and (name, field) != ("Lead", "AccountId")
                    }
        if self.kind == "deal":
            for id_, told in found.items():
                roles = world.org.tables["OpportunityContactRole"].find("OpportunityId", id_)
                told[ROLES] = sorted({row["ContactId"] for row in roles if not row["IsDeleted"]})
        return found


class People:
    """Hands in the org, at random."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.deleted: list[str] = []

    def some(self, name: str) -> str | None:
        ids = sorted(row["Id"] for row in self.world.org.tables[name].live() if not row.get("IsConverted"))
        return self.dice.choice(ids) if ids else None

    def act(self) -> None:
        what = self.dice.choice(
            ["account", "contact", "contact", "lead", "deal", "deal", "role", "role", "role", "unrole", "move", "edit",
             "delete", "restore", "merge", "convert", "wait"]
        )  # fmt: skip
        try:
            getattr(self, f"_{what}")()
        except Refused:
            return  # a won deal keeps its account; a doublet cannot be restored twice

    def _account(self) -> None:
        self.world.create("Account", Name=f"A{self.dice.random()}", **self._maybe("ParentId", "Account"))

    def _contact(self) -> None:
        self.world.create("Contact", LastName=f"C{self.dice.random()}", **self._maybe("AccountId", "Account"))

    def _lead(self) -> None:
        self.world.create(LastName=f"L{self.dice.random()}")

    def _deal(self) -> None:
        fields = {**self._maybe("AccountId", "Account"), **self._maybe("ContactId", "Contact")}
        stage = self.dice.choice(["Prospecting", "Closed Won", "Closed Lost"])
        name = f"D{self.dice.random()}"
        self.world.create("Opportunity", Name=name, StageName=stage, CloseDate="2026-12-31", **fields)

    def _maybe(self, field: str, name: str) -> dict[str, str]:
        id_ = self.some(name)
        return {field: id_} if id_ and self.dice.random() < 0.7 else {}

    def _role(self) -> None:
        deal, contact = self.some("Opportunity"), self.some("Contact")
        if deal and contact:
            self.world.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact)

    def _unrole(self) -> None:
        if role := self.some("OpportunityContactRole"):
            self.world.delete(role)

    def _move(self) -> None:
        contact, account, role = self.some("Contact"), self.some("Account"), self.some("OpportunityContactRole")
        if contact and account:
            self.world.edit(contact, AccountId=account)
        if contact and role:
            self.world.edit(role, ContactId=contact)

    def _edit(self) -> None:
        if account := self.some("Account"):
            self.world.edit(account, Name=f"E{self.dice.random()}")
        if deal := self.some("Opportunity"):
            self.world.edit(deal, StageName=self.dice.choice(["Prospecting", "Closed Won"]))

    def _delete(self) -> None:
        if id_ := self.some(self.dice.choice(["Account", "Contact", "Lead", "Opportunity"])):
            self.world.delete(id_)
            self.deleted.append(id_)

    def _restore(self) -> None:
        if self.deleted:
            id_ = self.deleted.pop(self.dice.randrange(len(self.deleted)))
            table = self.world.org.table_of(id_)
            assert table is not None
            with self.world.org.lock:
                self.world.org.undelete(table, id_)

    def _merge(self) -> None:
        name = self.dice.choice(["Account", "Contact", "Lead"])
        winner, loser = self.some(name), self.some(name)
        if winner and loser and winner != loser:
            self.world.merge(winner, loser)

    def _convert(self) -> None:
        if lead := self.some("Lead"):
            self.world.convert(lead, opportunity=self.dice.choice([None, "Engines"]))

    def _wait(self) -> None:
        self.world.later(self.dice.choice([0, 1, 90, 400]))


@pytest.mark.parametrize("seed", range(8))
async def test_mirrors_of_all_kinds_equal_the_org_whatever_people_do(world: World, seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    people = People(world, dice)
    world.org.switches.page_size = 5
    settings = {"bulk_above": dice.choice([4, 2_000]), "deletes_every": 1_800.0}
    mirrors = [Mirror(kind) for kind in FIELDS]

    async def read(mirror: Mirror, pages: int | None = None) -> None:
        sf = world.connector(**settings).of(mirror.kind)
        async for page in sf.read(FIELDS[mirror.kind], mirror.cursor):
            mirror.take(list(page.records))
            mirror.cursor = json.loads(json.dumps(page.cursor))
            if pages is not None:
                pages -= 1
                if dice.random() < 0.3:
                    people.act()
                if pages == 0:
                    return

    for _ in range(10):
        for _ in range(dice.randrange(14)):
            people.act()
        for mirror in mirrors:
            await read(mirror, dice.choice([1, 3, 1_000]))
        world.later(dice.choice([0, 60, 900, 5_000]))
    for _ in range(3):  # the rest of a scan that was broken off, and the delete log's turn after it
        for mirror in mirrors:
            await read(mirror)
        world.later(2_000)
    for mirror in mirrors:
        assert mirror.rows == mirror.truth(world)
