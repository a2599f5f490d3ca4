"""What distinguishes contacts, companies and deals in HubSpot's API: data. All else is the same for the three.

Associations are read and written by an API of their own, but are told as fields of the record that they start from:
`associations.company`, `associations.contacts`. A record may belong to many companies; the one that HubSpot labels
primary is meant.

Type ids: https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.base import Kind, RemoteField

MERGED = "hs_merged_object_ids"
MORE_EMAILS = "hs_additional_emails"
OWNER = "hubspot_owner_id"
EMAIL = "email"
"""Unique, though its definition does not say so."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that stands for associations. `to`: the type of the records at the other end, as paths name it. `type_id` is
    what we write: the primary label, where there is one; `single` reads the record that has it."""

    name: str
    label: str
    to: str
    refers: Kind
    type_id: int
    single: bool = True

    def field(self) -> RemoteField:
        return RemoteField(self.name, self.label, "reference", refers=self.refers, many=not self.single)


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`name` is its part of a path, `one` the word for people, `modified` the property by which changes are found.
    `unique`: properties that are unique without their definition saying so."""

    kind: Kind
    name: str
    one: str
    modified: str
    unique: frozenset[str] = frozenset()
    references: Mapping[str, Reference] = field(default_factory=dict)
    gdpr: bool = False
    """The API can erase for good."""
    merges: bool = False
    """We merge two of them (`merging.py`)."""

    @property
    def path(self) -> str:
        return f"/crm/v3/objects/{self.name}"

    @property
    def properties_path(self) -> str:
        return f"/crm/v3/properties/{self.name}"

    @property
    def system_fields(self) -> tuple[str, ...]:
        """HubSpot adds the first three to every answer, we ask for the others: not part of a record unless asked for."""
        return ("createdate", "hs_object_id", self.modified, MERGED, MORE_EMAILS)

    def referring(self, fields: Iterable[str]) -> list[Reference]:
        return [self.references[name] for name in fields if name in self.references]

    def plain(self, fields: Iterable[str]) -> list[str]:
        """Those that are properties."""
        return [name for name in fields if name not in self.references]


def _references(*references: Reference) -> Mapping[str, Reference]:
    return {one.name: one for one in references}


COMPANY, PEOPLE = "associations.company", "associations.contacts"

CONTACTS = ObjectType(
    "lead",
    "contacts",
    "contact",
    "lastmodifieddate",
    unique=frozenset({EMAIL}),
    references=_references(Reference(COMPANY, "Primary company", "companies", "company", 1)),
    gdpr=True,
    merges=True,
)
COMPANIES = ObjectType("company", "companies", "company", "hs_lastmodifieddate", merges=True)
"""`domain` is not unique, though HubSpot's pages merge by it: two companies may have the same, and only the search index
finds by it (https://developers.hubspot.com/docs/api-reference/crm-companies-v3/guide)."""
DEALS = ObjectType(
    "deal",
    "deals",
    "deal",
    "hs_lastmodifieddate",
    references=_references(
        Reference(COMPANY, "Primary company", "companies", "company", 5),
        Reference(PEOPLE, "Contacts", "contacts", "lead", 3, single=False),
    ),
)
OBJECTS: Mapping[Kind, ObjectType] = {one.kind: one for one in (CONTACTS, COMPANIES, DEALS)}

ENGAGEMENTS: Mapping[str, ObjectType] = {
    name: ObjectType("activity", name, one, "hs_lastmodifieddate")
    for name, one in (
        ("calls", "call"),
        ("emails", "email"),
        ("meetings", "meeting"),
        ("notes", "note"),
        ("tasks", "task"),
    )
}
"""What salespeople log: records like any other in the API, activities to us."""
