"""Rows of an org's objects as records; Lead and Contact as one kind under one set of names, Lead's. Pure: no network.

Salesforce keeps a person as a Lead until sales converts it, then as a Contact, and the two objects call some things
differently. Outside this folder only Lead's names exist: `Street` is a Contact's `MailingStreet`, `Company` the name
of its Account. A field that an object does not have is absent from its records (absent changes nothing) and dropped
from what is written to it.

`Company` of a Contact can be read and not written: it belongs to the Account, which other people share. A write of it
to a Contact is dropped; `connectors.salesforce.write` then tells the value that Salesforce goes on showing. Whoever
asks for `AccountId` knows the Account as a record of its own, whose name is told there: then `Company` is no field of a
Contact, or every renaming of an Account would be an edit of all its people.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from connectors.base import FieldType, Record, RemoteField
from connectors.errors import ProtocolChanged
from connectors.salesforce.kinds import REFERRED, ROLES, Entity, Shape
from connectors.salesforce.soql import moment, name, stamp_time

log = logging.getLogger(__name__)

# https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_lead.htm
# and …/sforce_api_objects_contact.htm
ACCOUNT_NAME: Final = "Account.Name"
CONTACT_NAMES: Final[dict[str, str]] = {
    "Company": ACCOUNT_NAME,
    "Street": "MailingStreet",
    "City": "MailingCity",
    "State": "MailingState",
    "StateCode": "MailingStateCode",
    "PostalCode": "MailingPostalCode",
    "Country": "MailingCountry",
    "CountryCode": "MailingCountryCode",
    "Latitude": "MailingLatitude",
    "Longitude": "MailingLongitude",
    "GeocodeAccuracy": "MailingGeocodeAccuracy",
}
_OUR_NAMES: Final = {theirs: ours for ours, theirs in CONTACT_NAMES.items()}
READ_ONLY_ON_CONTACT: Final = frozenset({"Company"})
LEAD_ONLY: Final = frozenset(
    {
        "Status", "Website", "Industry", "NumberOfEmployees", "AnnualRevenue", "Rating", "IsConverted",
        "ConvertedDate", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId", "IsUnreadByOwner",
    }
)  # fmt: skip
CONTACT_ONLY: Final = frozenset(
    {
        "AccountId",
        "AssistantName",
        "AssistantPhone",
        "Birthdate",
        "Department",
        "HomePhone",
        "OtherPhone",
        "ReportsToId",
    }
)

_CASES: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_BOOKKEEPING: Final[dict[Entity, tuple[str, ...]]] = {
    "Lead": ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"),
    "Contact": ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId"),
    "Account": ("Id", "SystemModstamp", "IsDeleted", "MasterRecordId"),
    "Opportunity": ("Id", "SystemModstamp", "IsDeleted"),
    "User": ("Id", "SystemModstamp"),
}
# An owner with this prefix is a queue, of which nobody is the one.
_QUEUE: Final = "00G"
_NOT_FIELDS: Final = frozenset({"address", "location", "base64", "anyType", "complexvalue"})
_TYPES: Final[dict[str, FieldType]] = {
    "textarea": "text",
    "int": "number",
    "long": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "picklist": "picklist",
    "multipicklist": "multipicklist",
    "reference": "reference",
}
# The longest text that any field can hold (long text area): 131,072 characters.
# https://help.salesforce.com/s/articleView?id=platform.custom_field_types.htm
LONGEST_TEXT: Final = 131_072


@dataclass(frozen=True, slots=True)
class Column:
    """One field of one object, as its describe tells. `type` is the vendor's word."""

    name: str
    label: str
    type: str
    length: int
    createable: bool
    updateable: bool
    required: bool
    external_id: bool
    case_sensitive: bool
    options: tuple[tuple[str, str], ...]
    refers: tuple[str, ...] = ()
    nillable: bool = True

    @property
    def writable(self) -> bool:
        return self.createable or self.updateable


def long_id(record_id: str) -> str:
    """The form of 18 characters: pages and error messages also use the first 15, in which case matters. The last
    three say which of five characters each are capitals.
    https://help.salesforce.com/s/articleView?id=000385585"""
    if len(record_id) != 15:
        return record_id
    groups = (record_id[i : i + 5] for i in (0, 5, 10))
    return record_id + "".join(
        _CASES[sum(1 << i for i, c in enumerate(g) if c.isupper() and c.isascii())] for g in groups
    )


def whole(record_id: str) -> bool:
    """Whether its last three characters fit the others. A query that names one of which they do not is refused as a
    whole."""
    return len(record_id) == 15 or long_id(record_id[:15]) == record_id


def their_name(entity: Entity, field: str) -> str | None:
    """The object's own name for one of our fields, None where it is known not to have it."""
    match entity:
        case "Contact":
            return None if field in LEAD_ONLY else CONTACT_NAMES.get(field, field)
        case "Lead":
            return None if field in CONTACT_ONLY else field
        case "Opportunity":
            return None if field == ROLES else field
        case _:
            return field


class Columns:
    """What to select of one object for the fields wanted, and how its rows become records."""

    def __init__(self, entity: Entity, fields: Iterable[str], known: Mapping[str, Column] | None = None) -> None:
        self.entity = entity
        self.pairs: list[tuple[str, str]] = []
        wanted = dict.fromkeys(fields)
        if entity == "Contact" and "AccountId" in wanted:
            wanted.pop("Company", None)
        for field in wanted:
            theirs = their_name(entity, name(field))
            if theirs is not None and (known is None or theirs == ACCOUNT_NAME or theirs in known):
                self.pairs.append((field, theirs))
        self.selected: tuple[str, ...] = tuple(dict.fromkeys([*_BOOKKEEPING[entity], *(t for _, t in self.pairs)]))
        self._account = any(theirs == ACCOUNT_NAME for _, theirs in self.pairs)

    def record(self, row: dict[str, Any]) -> Record:
        """A row of REST, or of Bulk once its texts are values. A converted Lead became its Contact; a Lead that was
        merged away became the record that it was merged into, and this counts before its deletion. Raises
        ProtocolChanged."""
        try:
            if self._account and "Account" in row:
                account = row["Account"]
                row[ACCOUNT_NAME] = account.get("Name") if account else None
            stamp = row["SystemModstamp"]
            converted = bool(row.get("IsConverted"))
            contact = row.get("ConvertedContactId") if converted else None
            deleted = bool(row.get("IsDeleted"))
            became = (row.get("MasterRecordId") if deleted else None) or contact
            return Record(
                id=row["Id"],
                fields={ours: _shown(theirs, row[theirs]) for ours, theirs in self.pairs if theirs in row},
                changed_at=stamp_time(stamp),
                version=stamp,
                # A converted Lead whose Contact is out of sight is read-only for ever: nobody can sync with it.
                deleted=deleted or (converted and contact is None),
                became=became,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolChanged(f"Salesforce sent a record in a shape that we do not know ({error!r}).") from None

    def records(self, row: dict[str, Any]) -> list[Record]:
        """What one row tells: one record."""
        return [self.record(row)]


def _shown(field: str, value: Any) -> Any:
    queue = field == "OwnerId" and isinstance(value, str) and value.startswith(_QUEUE)
    return None if queue else value


def described(answer: Mapping[str, Any]) -> dict[str, Column]:
    """The columns of a describe answer, by the object's own names."""
    columns: dict[str, Column] = {}
    for field in answer["fields"]:
        if field["type"] in _NOT_FIELDS or field.get("deprecatedAndHidden"):
            continue
        createable = bool(field.get("createable"))
        columns[field["name"]] = Column(
            name=field["name"],
            label=field.get("label") or field["name"],
            type=field["type"],
            length=int(field.get("length") or 0),
            createable=createable,
            updateable=bool(field.get("updateable")),
            required=createable
            and not field.get("nillable", True)
            and not field.get("defaultedOnCreate")
            and field["type"] != "boolean",
            external_id=bool(field.get("externalId")),
            case_sensitive=bool(field.get("caseSensitive")),
            options=tuple(
                (option["value"], option.get("label") or option["value"])
                for option in field.get("picklistValues") or ()
                if option.get("active", True)
            ),
            refers=tuple(field.get("referenceTo") or ()),
            nillable=bool(field.get("nillable", True)),
        )
    return columns


def schema_of(shape: Shape, known: Mapping[Entity, Mapping[str, Column]]) -> list[RemoteField]:
    """Every field of a kind; `known` are the columns of its objects."""
    if shape.kind == "lead":
        return merged_schema(known["Lead"], known["Contact"])
    fields = [_remote(column.name, column) for entity in shape.entities for column in known[entity].values()]
    if shape.creates is None:
        fields = [replace(field, writable=False, required=False) for field in fields]
    if shape.roles:
        fields.append(RemoteField(ROLES, "Contact Roles", "reference", refers="lead", many=True))
    return fields


def merged_schema(lead: Mapping[str, Column], contact: Mapping[str, Column]) -> list[RemoteField]:
    """Both objects' fields under Lead's names. Requirement is Lead's, since new people are created as Leads; options
    are those of both, Lead's first."""
    theirs = {_OUR_NAMES.get(column.name, column.name): column for column in contact.values()}
    fields = []
    for field in dict.fromkeys([*lead, *theirs]):
        own, other = lead.get(field), theirs.get(field)
        column = own or other
        if column is None:
            continue
        options = dict(other.options) if other else {}
        options = {**dict(own.options if own else ()), **options}
        only = "" if own and (other or field in READ_ONLY_ON_CONTACT) else " (Lead only)" if own else " (Contact only)"
        one = _remote(field, column)
        required = bool(own and own.required)
        fields.append(replace(one, label=column.label + only, required=required, options=tuple(options.items())))
    return fields


def _remote(name: str, column: Column) -> RemoteField:
    """`unique` says that a create may be repeated by this field (an external id)."""
    refers = {REFERRED[to] for to in column.refers if to in REFERRED}
    return RemoteField(
        name=name,
        label=column.label,
        type=_TYPES.get(column.type, "string"),
        writable=column.writable,
        required=column.required,
        unique=column.external_id,
        options=column.options,
        max_length=column.length or None,
        refers=refers.pop() if len(refers) == 1 else None,
    )


def from_bulk(type_: str, text: str) -> Any:
    """The value that REST would give for a cell of a Bulk answer: otherwise every record would look changed whenever
    a scan takes the other road. Bulk writes blanks as nothing and datetimes with Z."""
    if text == "":
        return None
    try:
        match type_:
            case "boolean":
                return text.lower() == "true"
            case "int" | "long":
                return int(text)
            case "double" | "currency" | "percent":
                return float(text)
            case "datetime" if text.endswith("Z"):
                return text.removesuffix("Z") + "+0000"
    except ValueError:
        log.warning("Salesforce gave a %s that cannot be read as one; it is passed on as text.", type_)
    return text


def outgoing(value: Any) -> Any:
    """A value as JSON carries it. Raises ValueError, in words for a person, for what Salesforce can never hold."""
    match value:
        case None | bool() | int():
            return value
        case float():
            if value != value or value in (float("inf"), float("-inf")):
                raise ValueError("it is not a finite number")
            return value
        case str():
            if len(value) > LONGEST_TEXT:
                raise ValueError(f"it has {len(value):,} characters; no field holds more than {LONGEST_TEXT:,}")
            if "\0" in value:
                raise ValueError("it holds a NUL character")
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("it holds half a character (a lone surrogate)") from None
            return value
        case datetime():
            return moment(value) if value.tzinfo else value.isoformat()
        case date():
            return value.isoformat()
        case list() | tuple() | set() | frozenset():
            return ";".join(
                str(outgoing(each)) for each in (sorted(value) if isinstance(value, (set, frozenset)) else value)
            )
        case _:
            raise ValueError(f"it is a {type(value).__name__}, which Salesforce has no field for")


def payload(
    entity: Entity, fields: Mapping[str, Any], known: Mapping[str, Column] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """What to send to one object, by its own names, and which of our fields were left out because it cannot take
    them. Without `known` only the standard fields are judged."""
    sent: dict[str, Any] = {}
    dropped: list[str] = []
    for field, value in fields.items():
        theirs = their_name(entity, name(field))
        if theirs is None or theirs == ACCOUNT_NAME or (known is not None and theirs not in known):
            dropped.append(field)
        else:
            sent[theirs] = outgoing(value)
    return sent, dropped


def custom(fields: Sequence[str] | Mapping[str, Any]) -> bool:
    """Whether any field is the org's own, so that only a describe tells which object has it."""
    return any(field.endswith("__c") for field in fields)
