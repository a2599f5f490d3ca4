"""Which parties are organisations, and which of them a person belongs to.

Tryton keeps persons and organisations in one table, `party.party`, and has no field that tells one from the other. What
its people do instead is to put parties into categories (`party.category`, in Tryton's own module) and to relate them
to each other (`party.relation`, in the module party_relationship). Which category and which relation mean what is
theirs to say, so both are settings; without the first there are no companies here at all.

https://docs.tryton.org/8.0/ (modules party and party_relationship)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import Misconfigured, ProtocolChanged
from connectors.tryton.api import BY_ID, CATEGORY, Rpc, Settings

RELATION_TYPE = "party.relation.type"


@dataclass(frozen=True, slots=True)
class Organisations:
    """Ids of the rows that the settings name. `categories` are the one named and all below it."""

    category: int | None = None
    categories: frozenset[int] = frozenset()
    relation: int | None = None

    @property
    def known(self) -> bool:
        return self.category is not None

    @property
    def domain(self) -> list[Any]:
        """Parties that are organisations."""
        return ["categories", "in", sorted(self.categories)]

    def paths(self) -> list[str]:
        """What `of` has to know of a party."""
        related = ["relations.type", "relations.to", "relations.to.categories.id"] if self.relation else []
        return ["categories.id", *related] if self.known else []

    def among(self, party: Mapping[str, Any]) -> bool:
        return has_any(party["categories."], self.categories)

    def of(self, party: Mapping[str, Any]) -> str | None:
        """The party itself where it is one, else the first that it is related to as the settings say."""
        if self.among(party):
            return str(party["id"])
        row = self.relation_of(party)
        return str(row["to"]) if row else None

    def relation_of(self, party: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The relation that says to which organisation a person belongs. Tryton lists those that have not ended."""
        if self.relation is None:
            return None
        found = [row for row in party.get("relations.") or () if row["type"] == self.relation]
        return next((row for row in found if has_any(row["to."]["categories."], self.categories)), None)


NONE = Organisations()


def has_any(rows: Iterable[Mapping[str, Any]] | None, ids: frozenset[int]) -> bool:
    return any(row["id"] in ids for row in rows or ())


async def organisations(rpc: Rpc, settings: Settings) -> Organisations:
    """As the settings name them. Raises Misconfigured where this Tryton has no such category or relation."""
    if not settings.company_category:
        return NONE
    named = ["OR", ["name", "=", settings.company_category], ["rec_name", "=", settings.company_category]]
    category = only_one(
        await rpc.search_read(CATEGORY, named, ["name"], BY_ID),
        f"party category {settings.company_category!r}",
        "Create it (Parties › Configuration › Categories) and put the organisations into it, or set company_category.",
    )
    below = await rpc.search_read(CATEGORY, [["parent", "child_of", [category], "parent"]], ["name"], BY_ID)
    relation = None
    if settings.company_relation:
        what = f"relation type {settings.company_relation!r}"
        try:
            types = await rpc.search_read(RELATION_TYPE, [["name", "=", settings.company_relation]], ["name"], BY_ID)
        except ProtocolChanged:  # a model that is not there is a crash of Tryton's
            raise Misconfigured(
                f"Tryton has no {what}: it knows no relations between parties.",
                hint="Activate the module party_relationship, or take company_relation out of the settings.",
            ) from None
        hint = "Create it (Parties › Configuration › Relation Types), or set company_relation to the one that you use."
        relation = only_one(types, what, hint)
    return Organisations(category, frozenset(row["id"] for row in below), relation)


def only_one(rows: list[dict[str, Any]], what: str, hint: str) -> int:
    if len(rows) != 1:
        how_many = "no" if not rows else f"{len(rows)} times the"
        raise Misconfigured(f"Tryton has {how_many} {what}.", hint=hint)
    return int(rows[0]["id"])
