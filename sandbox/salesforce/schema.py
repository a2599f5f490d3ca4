"""The objects and fields of a fresh org, as far as leads need them, and smarketing's custom fields.

Only what a field *is*; the checks on values are in `values`, the wording for clients in `describe`.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_lead.htm
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """`type` is the REST API's word. `calculated`: the server makes it. `hidden`: no permission set shows it yet."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    external_id: bool = False
    id_lookup: bool = False
    case_sensitive: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    refers_to: str = ""
    """The object's name; several with | between them."""
    default: Any = None
    calculated: bool = False
    hidden: bool = False
    id: str = ""
    """Of a custom field: its own record in the Tooling API."""

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def filterable(self) -> bool:
        return not (self.type == "textarea" and self.length > 255)

    @property
    def indexed(self) -> bool:
        relates = bool(self.refers_to) and self.createable and self.name != "OwnerId"
        return self.unique or self.external_id or self.id_lookup or relates

    @property
    def targets(self) -> tuple[str, ...]:
        """The objects that it may refer to."""
        return tuple(self.refers_to.split("|")) if self.refers_to else ()

    @property
    def required(self) -> bool:
        return not self.nillable and self.createable and self.default is None and self.type != "boolean"

    @property
    def relationship(self) -> str:
        """By which name a query reaches the record this one refers to: `OwnerId` -> `Owner`."""
        if not self.refers_to:
            return ""
        return self.name[:-3] + "__r" if self.custom else self.name.removesuffix("Id")


@dataclass(frozen=True, slots=True)
class SObject:
    name: str
    prefix: str
    fields: tuple[Field, ...]
    plural: str = ""
    setup: bool = False
    """Part of the org's set-up, not of its data."""


def label_of(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.removesuffix("__c").replace("_", " "))
    return words.removesuffix(" Id") + " ID" if words.endswith(" Id") else words


def text(name: str, length: int, **more: Any) -> Field:
    return Field(name, more.pop("type", "string"), more.pop("label", label_of(name)), length=length, **more)


def pick(name: str, *values: str, **more: Any) -> Field:
    return text(name, 255, type="picklist", values=values, **more)


def flag(name: str, **more: Any) -> Field:
    return Field(name, "boolean", label_of(name), nillable=False, default=False, **more)


def number(name: str, precision: int, scale: int = 0, kind: str = "double") -> Field:
    return Field(name, kind, label_of(name), precision=precision, scale=scale)


def link(name: str, to: str, **more: Any) -> Field:
    return text(name, 18, type="reference", refers_to=to, **more)


def made(field: Field) -> Field:
    """The same field, written by the server alone."""
    return replace(field, createable=False, updateable=False)


def phones(*names: str) -> tuple[Field, ...]:
    return tuple(text(name, 40, type="phone") for name in names)


def address(before: str = "") -> tuple[Field, ...]:
    return (
        text(before + "Street", 255, type="textarea"),
        text(before + "City", 40),
        text(before + "State", 80),
        text(before + "PostalCode", 20),
        text(before + "Country", 80),
    )


SYSTEM = (
    made(text("Id", 18, type="id", nillable=False, id_lookup=True, label="Record ID")),
    made(flag("IsDeleted")),
    made(Field("CreatedDate", "datetime", "Created Date", nillable=False)),
    made(link("CreatedById", "User", nillable=False)),
    made(Field("LastModifiedDate", "datetime", "Last Modified Date", nillable=False)),
    made(link("LastModifiedById", "User", nillable=False)),
    made(Field("SystemModstamp", "datetime", "System Modstamp", nillable=False)),
)
OWNER = link("OwnerId", "User", nillable=False, default="<me>")
QUEUED = replace(OWNER, refers_to="User|Group")
"""Leads wait in queues."""
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
INDUSTRIES = (
    "Banking",
    "Consulting",
    "Education",
    "Energy",
    "Finance",
    "Healthcare",
    "Manufacturing",
    "Retail",
    "Technology",
    "Other",
)
LEAD_STATUSES = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Id. Decision Makers",
    "Perception Analysis",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
)

PERSON = (
    *SYSTEM,
    text("LastName", 80, nillable=False),
    text("FirstName", 40),
    pick("Salutation", *SALUTATIONS),
    made(text("Name", 121, nillable=False, calculated=True, label="Full Name")),
    text("Title", 128),
    text("Email", 80, type="email", id_lookup=True),
    *phones("Phone", "MobilePhone", "Fax"),
    text("Description", 32000, type="textarea"),
    pick("LeadSource", *SOURCES),
    OWNER,
    flag("HasOptedOutOfEmail"),
    flag("HasOptedOutOfFax"),
    flag("DoNotCall"),
    made(Field("LastActivityDate", "date", "Last Activity")),
    text("EmailBouncedReason", 255),
    Field("EmailBouncedDate", "datetime", "Email Bounced Date"),
)

LEAD = SObject(
    "Lead",
    "00Q",
    (
        *(QUEUED if field is OWNER else field for field in PERSON),
        made(link("MasterRecordId", "Lead")),
        text("Company", 255, nillable=False),
        *address(),
        text("Website", 255, type="url"),
        # An administrator has restricted this picklist, as many do: Salesforce itself takes any value for it.
        pick("Status", *LEAD_STATUSES, nillable=False, default=LEAD_STATUSES[0], restricted=True),
        pick("Industry", *INDUSTRIES),
        pick("Rating", "Hot", "Warm", "Cold"),
        number("AnnualRevenue", 18, kind="currency"),
        number("NumberOfEmployees", 8, kind="int"),
        made(flag("IsConverted")),
        made(Field("ConvertedDate", "date", "Converted Date")),
        made(link("ConvertedAccountId", "Account")),
        made(link("ConvertedContactId", "Contact")),
        made(link("ConvertedOpportunityId", "Opportunity")),
        flag("IsUnreadByOwner"),
    ),
)
CONTACT = SObject(
    "Contact",
    "003",
    (
        *PERSON,
        made(link("MasterRecordId", "Contact")),
        link("AccountId", "Account"),
        *address("Mailing"),
        *phones("HomePhone", "OtherPhone"),
        text("Department", 80),
        Field("Birthdate", "date", "Birthdate"),
    ),
)
ACCOUNT = SObject(
    "Account",
    "001",
    (
        *SYSTEM,
        made(link("MasterRecordId", "Account")),
        text("Name", 255, nillable=False, label="Account Name"),
        link("ParentId", "Account", label="Parent Account ID"),
        pick("Type", "Prospect", "Customer - Direct", "Channel Partner / Reseller", "Other"),
        *address("Billing"),
        *phones("Phone", "Fax"),
        text("Website", 255, type="url"),
        pick("Industry", *INDUSTRIES),
        number("AnnualRevenue", 18, kind="currency"),
        number("NumberOfEmployees", 8, kind="int"),
        text("Description", 32000, type="textarea"),
        OWNER,
    ),
)
OPPORTUNITY = SObject(
    "Opportunity",
    "006",
    (
        *SYSTEM,
        link("AccountId", "Account"),
        # Only a new one can be given its primary contact this way; later that is a contact role's business.
        replace(link("ContactId", "Contact"), updateable=False),
        text("Name", 120, nillable=False),
        pick("StageName", *STAGES, nillable=False, label="Stage"),
        number("Amount", 18, 2, kind="currency"),
        number("Probability", 3, kind="percent"),
        Field("CloseDate", "date", "Close Date", nillable=False),
        made(flag("IsClosed")),
        made(flag("IsWon")),
        pick("LeadSource", *SOURCES),
        text("Description", 32000, type="textarea"),
        OWNER,
    ),
    plural="Opportunities",
)
USER = SObject(
    "User",
    "005",
    (
        *SYSTEM,
        text("Username", 80, nillable=False),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        made(text("Name", 121, nillable=False, calculated=True)),
        text("Email", 128, type="email", nillable=False),
        flag("IsActive"),
        pick("UserType", "Standard", "PowerCustomerSuccess", "CsnOnly", "AutomatedProcess", default="Standard"),
        text("TimeZoneSidKey", 40),
        text("ProfileId", 18),
    ),
    setup=True,
)
ORGANIZATION = SObject(
    "Organization",
    "00D",
    (
        *SYSTEM,
        text("Name", 80, nillable=False),
        text("OrganizationType", 40),
        text("InstanceName", 5),
        flag("IsSandbox"),
    ),
    setup=True,
)
PERMISSION_SET = SObject(
    "PermissionSet",
    "0PS",
    (
        *SYSTEM,
        text("Name", 80, nillable=False),
        text("Label", 80, nillable=False),
        text("ProfileId", 18),
        made(flag("IsOwnedByProfile")),
    ),
    setup=True,
)
ASSIGNMENT = SObject(
    "PermissionSetAssignment",
    "0Pa",
    (*SYSTEM, link("AssigneeId", "User", nillable=False), link("PermissionSetId", "PermissionSet", nillable=False)),
    setup=True,
)
FIELD_PERMISSIONS = SObject(
    "FieldPermissions",
    "01k",
    (
        *SYSTEM,
        link("ParentId", "PermissionSet", nillable=False),
        text("SobjectType", 40, nillable=False),
        text("Field", 120, nillable=False),
        flag("PermissionsRead"),
        flag("PermissionsEdit"),
    ),
    plural="FieldPermissions",
    setup=True,
)
SMARKETING_STAGES = (
    "subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist", "recycled", "disqualified", "lost",
)  # fmt: skip
SMARKETING = (
    text("Smarketing_Id__c", 36, unique=True, external_id=True, id_lookup=True),
    number("Smarketing_Score__c", 5),
    number("Smarketing_Fit_Score__c", 5),
    number("Smarketing_Engagement_Score__c", 5),
    text("Smarketing_Grade__c", 255),
    text("Smarketing_Score_Reason__c", 32768, type="textarea"),
    flag("Smarketing_Sales_Qualified__c"),
    pick("Smarketing_Stage__c", *SMARKETING_STAGES, restricted=True),
)
"""What smarketing adds to Lead and Contact; to Account and Opportunity only the first. Custom picklists are restricted unless somebody unticks the box."""

METADATA_TYPES: Mapping[str, str] = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Email": "email", "Phone": "phone",
    "Url": "url", "Checkbox": "boolean", "Number": "double", "Currency": "currency", "Percent": "percent",
    "Date": "date", "DateTime": "datetime", "Picklist": "picklist", "MultiselectPicklist": "multipicklist",
}  # fmt: skip
"""The Metadata API's names of field types -> the REST API's."""

CURRENCY = pick("CurrencyIsoCode", "EUR", "USD", "GBP", restricted=True, default="EUR", label="Currency ISO Code")
"""Of Account and Opportunity, once an org has more than one currency."""
