"""The properties that HubSpot itself defines, as far as anybody here needs them. Data, made once for each portal.

https://developers.hubspot.com/docs/guides/api/crm/properties. Of the hundreds there are those that a sync maps, and
those that tell what the portal keeps count of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sandbox.hubspot.errors import Body
from sandbox.hubspot.properties import YES_NO, define

STAGES = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)
STATUSES = (
    ("NEW", "New"),
    ("OPEN", "Open"),
    ("IN_PROGRESS", "In Progress"),
    ("OPEN_DEAL", "Open Deal"),
    ("UNQUALIFIED", "Unqualified"),
    ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
    ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad Timing"),
)
DIRECTIONS = (("INBOUND", "Inbound"), ("OUTBOUND", "Outbound"))
EMAIL_DIRECTIONS = (("EMAIL", "Outgoing"), ("INCOMING_EMAIL", "Incoming"), ("FORWARDED_EMAIL", "Forwarded"))
CALL_STATUSES = tuple((v, v.title()) for v in ("COMPLETED", "BUSY", "NO_ANSWER", "FAILED", "QUEUED", "CANCELED"))
OUTCOMES = tuple((v, v.title()) for v in ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"))
EMAIL_STATUSES = tuple((v, v.title()) for v in ("SENT", "BOUNCED", "FAILED", "SCHEDULED", "SENDING"))
TASK_STATUSES = tuple((v, v.title()) for v in ("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"))

LEGAL_BASES = (
    "Legitimate interest – prospect/lead", "Legitimate interest – existing customer", "Legitimate interest - other",
    "Performance of a contract", "Freely given consent from contact", "Not applicable",
)  # fmt: skip

GROUPS: Mapping[str, Mapping[str, str]] = {
    "contacts": {"contactinformation": "Contact information", "contact_activity": "Contact activity"},
    "companies": {"companyinformation": "Company information"},
    "deals": {"dealinformation": "Deal information"},
}


def groups(name: str) -> Mapping[str, str]:
    """The property groups of a type of record at first."""
    return GROUPS.get(name, {name.removesuffix("s"): f"{name.removesuffix('s').title()} information"})


def standard(name: str) -> dict[str, Body]:
    """The properties of a type of record at first, by name."""
    group = next(iter(groups(name)))
    made = [{**one, "groupName": group} if name != "contacts" else one for one in _MADE[name]()]
    return {one["name"]: one for one in made}


def _texts(text: str) -> list[Body]:
    """`name=Label` of single-line texts, separated by commas."""
    return [define(*item.split("="), built_in=True) for item in text.split(",")]


def _choice(name: str, label: str, options: Iterable[Any] = (), **more: Any) -> Body:
    return define(name, label, "enumeration", "select", options=options, built_in=True, **more)


def _number(name: str, label: str, *, read_only: bool = False) -> Body:
    return define(name, label, "number", "number", built_in=True, read_only=read_only)


def _time(name: str, label: str, *, read_only: bool = False) -> Body:
    return define(name, label, "datetime", "date", built_in=True, read_only=read_only)


def _system(created: str = "createdate") -> list[Body]:
    return [
        _time(created, "Create Date", read_only=True),
        _time("hs_lastmodifieddate", "Last Modified Date", read_only=True),
        _number("hs_object_id", "Record ID", read_only=True),
        define("hs_merged_object_ids", "Merged record IDs", "enumeration", "checkbox", built_in=True, read_only=True),
    ]


def _contacts() -> list[Body]:
    text = (
        "email=Email", "firstname=First Name", "lastname=Last Name", "company=Company Name", "jobtitle=Job Title",
        "website=Website URL", "address=Street Address", "city=City", "state=State/Region", "zip=Postal Code",
        "country=Country/Region", "industry=Industry", "salutation=Salutation", "message=Message", "hs_persona=Persona",
        "hubspot_owner_id=Contact owner", "hs_content_membership_notes=Notes",
    )  # fmt: skip
    made = [define(*item.split("="), built_in=True) for item in text]
    made += [
        define("phone", "Phone Number", "string", "phonenumber", built_in=True),
        define("mobilephone", "Mobile Phone Number", "string", "phonenumber", built_in=True),
        define("fax", "Fax Number", built_in=True),
        define("annualrevenue", "Annual Revenue", built_in=True),
        define("numemployees", "Number of Employees", "enumeration", "select", built_in=True,
               options=[(band, band) for band in ("1-5", "5-25", "25-50", "50-100", "100-500", "500-1000", "1000+")]),
        define("date_of_birth", "Date of Birth", built_in=True),
        define("hs_analytics_source_data_1", "Original Source Drill-Down 1", built_in=True, read_only=True),
        define("hs_analytics_num_page_views", "Number of Pageviews", "number", "number", built_in=True,
               read_only=True),
        define("num_conversion_events", "Number of Form Submissions", "number", "number", built_in=True,
               read_only=True),
        define("closedate", "Close Date", "datetime", "date", built_in=True),
        define("hubspotscore", "HubSpot Score", "number", "number", built_in=True, read_only=True),
        define("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=STAGES, built_in=True),
        define("hs_lead_status", "Lead Status", "enumeration", "radio", options=STATUSES, built_in=True),
        define("hs_email_optout", "Unsubscribed from all email", "bool", "booleancheckbox", options=YES_NO,
               built_in=True, read_only=True),
        define("hs_legal_basis", "Legal basis for processing contact's data", "enumeration", "checkbox",
               options=[(basis, basis) for basis in LEGAL_BASES], built_in=True),
        define("createdate", "Create Date", "datetime", "date", built_in=True, read_only=True),
        define("lastmodifieddate", "Last Modified Date", "datetime", "date", built_in=True, read_only=True),
        define("hs_object_id", "Record ID", "number", "number", built_in=True, read_only=True),
        define("hs_merged_object_ids", "Merged Contact IDs", "enumeration", "checkbox", built_in=True, read_only=True),
        define("hs_additional_emails", "Additional email addresses", "enumeration", "checkbox", built_in=True,
               read_only=True),
    ]  # fmt: skip
    for value, label in STAGES:
        name = f"hs_lifecyclestage_{value}_date"
        made.append(define(name, f"Became a {label} Date", "datetime", "date", built_in=True, read_only=True))
    made.append(_number("associatedcompanyid", "Primary Associated Company ID", read_only=True))
    return made


def _stages() -> list[Body]:
    made = [define("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", options=STAGES, built_in=True)]
    for value, label in STAGES:
        made.append(_time(f"hs_lifecyclestage_{value}_date", f"Became a {label} Date", read_only=True))
    return made


def _companies() -> list[Body]:
    return [
        *_texts(
            "name=Company name,domain=Company Domain Name,website=Website URL,address=Street Address,city=City"
            ",state=State/Region,zip=Postal Code,country=Country/Region,hubspot_owner_id=Company owner"
        ),
        define("phone", "Phone Number", "string", "phonenumber", built_in=True),
        define("description", "Description", "string", "textarea", built_in=True),
        _choice("industry", "Industry", INDUSTRIES),
        _number("numberofemployees", "Number of Employees"),
        _number("annualrevenue", "Annual Revenue"),
        *_stages(),
        _number("num_associated_contacts", "Number of Associated Contacts", read_only=True),
        _number("num_associated_deals", "Number of Associated Deals", read_only=True),
        *_system(),
    ]


def _deals() -> list[Body]:
    return [
        *_texts("dealname=Deal Name,hubspot_owner_id=Deal owner,closed_lost_reason=Closed Lost Reason"),
        define("description", "Deal Description", "string", "textarea", built_in=True),
        _number("amount", "Amount"),
        _time("closedate", "Close Date"),
        _choice("pipeline", "Pipeline"),
        _choice("dealstage", "Deal Stage"),
        _choice("dealtype", "Deal Type", (("newbusiness", "New Business"), ("existingbusiness", "Existing Business"))),
        define("hs_is_closed", "Is Deal Closed?", "bool", "booleancheckbox", options=YES_NO, built_in=True,
               read_only=True),
        define("hs_is_closed_won", "Is Closed Won", "bool", "booleancheckbox", options=YES_NO, built_in=True,
               read_only=True),
        _number("hs_deal_stage_probability", "Deal probability", read_only=True),
        _number("num_associated_contacts", "Number of Associated Contacts", read_only=True),
        _number("hs_primary_associated_company", "Primary Associated Company", read_only=True),
        *_system(),
    ]  # fmt: skip


def _activity(*own: Body) -> list[Body]:
    return [
        _time("hs_timestamp", "Activity date"),
        *_texts("hubspot_owner_id=Activity assigned to"),
        *own,
        *_system("hs_createdate"),
    ]


def _calls() -> list[Body]:
    return _activity(
        *_texts("hs_call_title=Call Title,hs_call_disposition=Call outcome,hs_body_preview=Body preview"),
        _choice("hs_call_direction", "Call direction", DIRECTIONS),
        _choice("hs_call_status", "Call status", CALL_STATUSES),
        _number("hs_call_duration", "Call duration"),
    )


def _emails() -> list[Body]:
    return _activity(
        *_texts("hs_email_subject=Email subject,hs_email_from_email=From,hs_email_to_email=To"),
        _choice("hs_email_direction", "Email direction", EMAIL_DIRECTIONS),
        _choice("hs_email_status", "Email send status", EMAIL_STATUSES),
    )


def _meetings() -> list[Body]:
    return _activity(
        *_texts("hs_meeting_title=Meeting name,hs_meeting_body=Description,hs_meeting_external_url=External URL"),
        _choice("hs_meeting_outcome", "Meeting outcome", OUTCOMES),
        _time("hs_meeting_start_time", "Meeting start time"),
        _time("hs_meeting_end_time", "Meeting end time"),
    )


def _notes() -> list[Body]:
    return _activity(define("hs_note_body", "Note body", "string", "html", built_in=True))


def _tasks() -> list[Body]:
    return _activity(
        *_texts("hs_task_subject=Task Title"),
        define("hs_task_body", "Task Notes", "string", "html", built_in=True),
        _choice("hs_task_status", "Task Status", TASK_STATUSES),
        _choice("hs_task_type", "Task Type", (("TODO", "To Do"), ("CALL", "Call"), ("EMAIL", "Email"))),
    )


INDUSTRIES = tuple(
    (word, word.replace("_", " ").title())
    for word in (
        "APPAREL_FASHION", "COMPUTER_SOFTWARE", "CONSTRUCTION", "FOOD_PRODUCTION", "HOSPITAL_HEALTH_CARE", "INSURANCE",
        "MACHINERY", "MANAGEMENT_CONSULTING", "MEDIA_PRODUCTION", "OIL_ENERGY", "RETAIL", "TRANSPORTATION_TRUCKING_RAILROAD",
    )
)  # fmt: skip
"""Some of HubSpot's own: https://developers.hubspot.com/docs/api-reference/crm-companies-v3/guide"""

_MADE: Mapping[str, Callable[[], list[Body]]] = {
    "contacts": _contacts,
    "companies": _companies,
    "deals": _deals,
    "calls": _calls,
    "emails": _emails,
    "meetings": _meetings,
    "notes": _notes,
    "tasks": _tasks,
}
