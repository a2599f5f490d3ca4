"""Which flat field of a lead, a deal or a company lives where in Tryton.

A lead is a sales opportunity together with its party; a record here is flat:

    smarketing_id                    our own id: a code without type among the party's identifiers, "smarketing:<id>"
    name                             the party's name (Tryton does not split a person's name)
    email phone mobile fax website skype    the party's first active contact mechanism of that type
    street city postal_code country subdivision company_name   the party's first address; country and subdivision by
                                     their ISO codes; company_name is its "party name": the name the letter goes to
    party.<field>                    any other plain field of the party
    <field>                          any plain field of the opportunity: state, description, conversion_probability, …
    organisation                     the company's id: see `organisations.py`

A deal is the same opportunity once it is no mere lead any more: its own plain fields, `currency` as its ISO code, `title`
(its description, or else what Tryton calls it: its number), and two references, `lead` and `organisation`, that it cannot be changed by. A company is a party: its own fields bear their
plain names.

Invariant: what is not asked for is not read, and what was not read is not in the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from connectors.base import Kind, RemoteField
from connectors.errors import Misconfigured, ProtocolChanged
from connectors.tryton.organisations import NONE, Organisations
from connectors.tryton.values import TYPES, moment, out

OUR_ID = "smarketing_id"
ID_PREFIX = "smarketing:"

ORGANISATION = "organisation"
LEADER = "_lead"
"""Where a row holds the id of the lead that its deal is about; what reads the row puts it there."""

DEAL_STATES = ("opportunity", "converted", "won", "lost")
"""The states in which an opportunity is a deal. Before, it is a lead; cancelled, it is Tryton's way of saying never mind."""

Home = Literal["lead", "party", "mechanism", "address", "identifier", "organisation", "leader", "code", "title"]
PHONES = frozenset({"phone", "mobile", "fax"})
MECHANISMS = ("email", "phone", "mobile", "fax", "website", "skype")
ADDRESS_FIELDS = {
    "street": "street",
    "city": "city",
    "postal_code": "postal_code",
    "country": "country",
    "subdivision": "subdivision",
    "company_name": "party_name",
}
CODED: Mapping[str, str] = {"country": "country.country", "subdivision": "country.subdivision"}
"""Address fields that refer to a table of codes."""

PRIVATE = frozenset({"id", "rec_name", "xml_id", "create_uid", "write_uid", "party", "company"})
NOT_OF_PARTY = PRIVATE | {"name", "full_name", "distance", "code_readonly", *MECHANISMS}

OWNERS = frozenset({"employee", "converted_by"})
"""Fields of an opportunity that refer to an employee."""

CHANGED = "last_modified_at"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a flat field lives. `field` is Tryton's own name for it (of a mechanism: its type)."""

    home: Home
    field: str
    kind: str
    """Tryton's field type."""
    about: RemoteField


class Places:
    """The places of a shape, while it is made. What is there first stays."""

    def __init__(self) -> None:
        self.held: dict[str, Place] = {}

    def add(self, name: str, home: Home, field: str, definition: Mapping[str, Any], required: bool = False) -> None:
        kind = str(definition["type"])
        if kind in TYPES and name not in self.held:
            refers: Kind | None = "owner" if home == "lead" and field in OWNERS else None
            self.held[name] = Place(home, field, kind, replace(described(name, definition, required), refers=refers))

    def refer(self, name: str, home: Home, to: Kind, *, writable: bool = False) -> None:
        about = RemoteField(name, name.capitalize(), "reference", writable=writable, refers=to)
        self.held[name] = Place(home, name, "many2one", about)

    def of_party(
        self,
        party: Mapping[str, Mapping[str, Any]],
        address: Mapping[str, Mapping[str, Any]],
        address_fields: Mapping[str, str],
    ) -> None:
        """What leads and companies have in common."""
        self.add(OUR_ID, "identifier", "code", {"type": "char", "string": "smarketing id"})
        ours = self.held[OUR_ID]  # Tryton would take it twice; a create that finds it makes no second party
        self.held[OUR_ID] = replace(ours, about=replace(ours.about, unique=True))
        self.add("name", "party", "name", party["name"])
        for mechanism in MECHANISMS:
            self.add(mechanism, "mechanism", mechanism, {"type": "char", "string": mechanism.capitalize()})
        for name, field in address_fields.items():
            if field in address:
                coded = {"type": "char"} if field in CODED else {}
                self.add(name, "address", field, {**address[field], **coded})


class Shape:
    """The flat fields of one kind in this database, from its live definitions."""

    def __init__(self, places: Mapping[str, Place], organisations: Organisations = NONE) -> None:
        self.places = places
        self.organisations = organisations

    @classmethod
    def of(
        cls,
        lead: Mapping[str, Mapping[str, Any]],
        party: Mapping[str, Mapping[str, Any]],
        address: Mapping[str, Mapping[str, Any]],
        defaults: Iterable[str],
        organisations: Organisations = NONE,
    ) -> Shape:
        """Of leads, from the answers of `fields_get`; `defaults` are the lead's fields that Tryton fills by itself."""
        places = Places()
        places.of_party(party, address, ADDRESS_FIELDS)
        if organisations.known:
            places.refer(ORGANISATION, "organisation", "company", writable=organisations.relation is not None)
        filled = set(defaults)
        for field, definition in lead.items():
            if field not in PRIVATE:
                must = bool(definition.get("required")) and field not in filled and not definition.get("readonly")
                places.add(field, "lead", field, definition, must)
        for field, definition in party.items():
            if field not in NOT_OF_PARTY:
                places.add(f"party.{field}", "party", field, definition)
        return cls(places.held, organisations)

    @classmethod
    def of_deals(cls, lead: Mapping[str, Mapping[str, Any]], organisations: Organisations = NONE) -> Shape:
        places = Places()
        places.refer("lead", "leader", "lead")
        if organisations.known:
            places.refer(ORGANISATION, "organisation", "company")
        places.add("title", "title", "title", {"type": "char", "string": "Title", "readonly": True})
        places.add("currency", "code", "currency", {"type": "char", "string": "Currency", "readonly": True})
        for field, definition in lead.items():
            if field not in PRIVATE:
                places.add(field, "lead", field, definition)
        state = places.held["state"]
        options = tuple(option for option in state.about.options if option[0] in DEAL_STATES)
        places.held["state"] = replace(state, about=replace(state.about, options=options))
        return cls(places.held, organisations)

    @classmethod
    def of_companies(
        cls,
        party: Mapping[str, Mapping[str, Any]],
        address: Mapping[str, Mapping[str, Any]],
        organisations: Organisations,
    ) -> Shape:
        places = Places()
        places.of_party(party, address, {name: f for name, f in ADDRESS_FIELDS.items() if name != "company_name"})
        for field, definition in party.items():
            if field not in NOT_OF_PARTY:
                places.add(field, "party", field, definition)
        return cls(places.held, organisations)

    def place(self, name: str) -> Place:
        """Raises Misconfigured for a field that this Tryton does not have."""
        try:
            return self.places[name]
        except KeyError:
            raise Misconfigured(
                f"Tryton has no field {name!r} for this kind of record.",
                hint="The command check lists the fields there are; a field of your own comes with a module.",
            ) from None

    def paths(self, names: Iterable[str]) -> list[str]:
        """What to ask `read` of the opportunity for, so that `flat` can give these fields."""
        paths = [CHANGED, "party.id", f"party.{CHANGED}"]
        for name in names:
            paths += self._paths_to(self.place(name))
        return list(dict.fromkeys(paths))

    def _paths_to(self, place: Place) -> list[str]:
        if place.home == "organisation":
            return [f"party.{path}" for path in self.organisations.paths()]
        return paths_to(place)

    def _held(self, place: Place, row: Mapping[str, Any], party: Mapping[str, Any]) -> Any:
        if place.home == "organisation":
            return self.organisations.of(party) if party else None
        return held(place, row, party)

    def flat(self, row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """The flat fields of an opportunity that was read by `paths`; of a company, of {"party.": its row}."""
        party = row.get("party.") or {}
        try:
            return {name: self._held(self.places[name], row, party) for name in names}
        except (KeyError, TypeError, AttributeError):
            raise ProtocolChanged("Tryton sent a record that lacks what was asked for.") from None


def paths_to(place: Place) -> list[str]:
    match place.home:
        case "lead":
            return [place.field]
        case "party":
            return [f"party.{place.field}"]
        case "mechanism":
            return ["party.contact_mechanisms.type", "party.contact_mechanisms.value"]
        case "address":
            return [f"party.addresses.{place.field}{'.code' if place.field in CODED else ''}"]
        case "identifier":
            return ["party.identifiers.code"]
        case "code":
            return [f"{place.field}.code"]
        case "title":
            return ["description", "rec_name"]
        case _:
            return []


def held(place: Place, row: Mapping[str, Any], party: Mapping[str, Any]) -> Any:
    match place.home:
        case "lead":
            return out(place.kind, row[place.field])
        case "party":
            return out(place.kind, party[place.field]) if party else None
        case "identifier":
            return our_id(party)
        case "mechanism":
            mechanism = first_mechanism(party, place.field)
            return out("char", mechanism["value"]) if mechanism else None
        case "address":
            address = first_address(party)
            if address is None:
                return None
            if place.field in CODED:
                return (address[f"{place.field}."] or {}).get("code")
            return out(place.kind, address[place.field])
        case "code":
            return (row[f"{place.field}."] or {}).get("code")
        case "title":
            return out("char", row["description"]) or out("char", row["rec_name"])
        case "leader":
            return row[LEADER]


def first_mechanism(party: Mapping[str, Any], type_: str) -> dict[str, Any] | None:
    """Tryton lists active ones only, in the order that people gave them: the first is the one its own screens show."""
    return next((m for m in party.get("contact_mechanisms.") or () if m["type"] == type_), None)


def first_address(party: Mapping[str, Any]) -> dict[str, Any] | None:
    return next(iter(party.get("addresses.") or ()), None)


def first_identifier(party: Mapping[str, Any]) -> dict[str, Any] | None:
    """The identifier that carries our id."""
    codes = party.get("identifiers.") or ()
    return next((i for i in codes if str(i["code"]).startswith(ID_PREFIX)), None)


def our_id(party: Mapping[str, Any]) -> str | None:
    identifier = first_identifier(party)
    return str(identifier["code"]).removeprefix(ID_PREFIX) if identifier else None


def comparable(field: str, value: str) -> str:
    if field == "email":
        return value.strip().casefold()
    if field in PHONES:
        return "".join(c for c in value if c.isdigit() or c == "+")
    return value


def changed_at(row: Mapping[str, Any]) -> datetime:
    """The later of the opportunity's and its party's last change. An edit of a contact mechanism or an address shows
    in neither: what found the record has to say so."""
    own = moment(row[CHANGED])
    party = row.get("party.")
    return max(own, moment(party.get(CHANGED))) if party else own


def party_id(row: Mapping[str, Any]) -> int | None:
    party = row.get("party.")
    return int(party["id"]) if party else None


def described(name: str, definition: Mapping[str, Any], required: bool) -> RemoteField:
    """One field of the live schema. The state is changed by Tryton's buttons, so we call it writable."""
    selection = definition.get("selection")
    options = tuple((str(v), str(label)) for v, label in selection if v) if isinstance(selection, list) else ()
    kind = TYPES[str(definition["type"])]
    size = definition.get("size")
    return RemoteField(
        name=name,
        label=str(definition.get("string") or name),
        type=kind if kind != "picklist" or options else "string",
        writable=not definition.get("readonly") or name == "state",
        required=required,
        options=options,
        max_length=size if isinstance(size, int) else None,
    )
