"""The kinds of record that an org has, and which of its objects hold them. Pure: no network, no values.

A `Shape` is all that tells one kind from another: reading, finding and writing are the same code for each. A person
is the only kind of two objects (see `objects`); what happened is told by three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from connectors.base import Kind

Entity = Literal[
    "Lead", "Contact", "Account", "Opportunity", "OpportunityContactRole", "User", "Task", "Event", "Campaign",
    "CampaignMember",
]  # fmt: skip

# The key prefix of an id tells its object.
# https://help.salesforce.com/s/articleView?id=000385203
PREFIXES: Final[Mapping[str, Entity]] = {
    "00Q": "Lead",
    "003": "Contact",
    "001": "Account",
    "006": "Opportunity",
    "00K": "OpportunityContactRole",
    "005": "User",
    "00T": "Task",
    "00U": "Event",
    "00v": "CampaignMember",
}
REFERRED: Final[Mapping[str, Kind]] = {
    "Lead": "lead",
    "Contact": "lead",
    "Account": "company",
    "Opportunity": "deal",
    "User": "owner",
}
"""Which kind a reference to an object refers to."""

ROLES: Final = "OpportunityContactRoles"
"""The people of an Opportunity: no field of it, but rows of an object between it and Contact (see `roles`)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind: its objects, in the order in which they are read."""

    kind: Kind
    entities: tuple[Entity, ...]
    creates: Entity | None = None
    """The object of new records; None: people make them, not we."""
    natural: str | None = None
    """The field that tells which record stands in the way of a create, where Salesforce does not say."""
    only: str = ""
    """SOQL that leaves out rows that are no records of the kind."""
    optional: frozenset[str] = frozenset()
    """Fields that some orgs do not have: absent there, and no mistake in the mapping."""
    roles: bool = False
    deletions: bool = True
    """Its deletions are looked for. Where False, and `incremental`, rows are never deleted to us."""
    incremental: bool = True
    """Where False, every read is a complete scan."""
    partly: bool = False
    """An org may hide some of the objects: the others are read."""

    @property
    def followed(self) -> tuple[Entity, ...]:
        """Every object whose changes and deletions are followed."""
        return (*self.entities, "OpportunityContactRole") if self.roles else self.entities

    @property
    def said(self) -> str:
        return " or ".join(self.entities)


LEAD: Final = Shape("lead", ("Lead", "Contact"), creates="Lead", natural="Email", optional=frozenset())
COMPANY: Final = Shape("company", ("Account",), creates="Account", optional=frozenset({"CurrencyIsoCode"}))
DEAL: Final = Shape(
    "deal", ("Opportunity",), creates="Opportunity", optional=frozenset({"CurrencyIsoCode"}), roles=True
)
# Portal and automation users have other types.
# https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_user.htm
OWNER: Final = Shape("owner", ("User",), only="UserType = 'Standard'", deletions=False, incremental=False)
ACTIVITY: Final = Shape("activity", ("Task", "Event", "CampaignMember"), deletions=False, partly=True)
SHAPES: Final[Mapping[Kind, Shape]] = {shape.kind: shape for shape in (LEAD, COMPANY, DEAL, OWNER, ACTIVITY)}


def entity_of(record_id: str, entities: tuple[Entity, ...] = LEAD.entities) -> Entity | None:
    """Which of these objects an id belongs to, None where it is of none of them."""
    found = PREFIXES.get(record_id[:3]) if len(record_id) in (15, 18) and record_id.isalnum() else None
    return found if found in entities else None
