"""The objects of a fresh org around its people: deals' contact roles, activities, campaigns, queues; and all of them.

https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_list.htm
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.salesforce.schema import (
    ACCOUNT,
    ASSIGNMENT,
    CONTACT,
    FIELD_PERMISSIONS,
    LEAD,
    OPPORTUNITY,
    ORGANIZATION,
    OWNER,
    PERMISSION_SET,
    SYSTEM,
    USER,
    Field,
    SObject,
    flag,
    link,
    made,
    number,
    pick,
    text,
)

CONTACT_ROLE = SObject(
    "OpportunityContactRole",
    "00K",
    (
        *SYSTEM,
        replace(link("OpportunityId", "Opportunity", nillable=False), updateable=False),
        link("ContactId", "Contact", nillable=False),
        pick("Role", "Business User", "Decision Maker", "Economic Buyer", "Evaluator", "Influencer", "Other"),
        flag("IsPrimary"),
    ),
)
ACTIVITY = (
    *SYSTEM,
    link("WhoId", "Contact|Lead", label="Name ID"),
    link("WhatId", "Account|Opportunity|Campaign", label="Related To ID"),
    made(link("AccountId", "Account")),
    text("Subject", 255, type="combobox"),
    text("Description", 32000, type="textarea"),
    OWNER,
)
TASK = SObject(
    "Task",
    "00T",
    (
        *ACTIVITY,
        replace(
            pick("TaskSubtype", "Task", "Email", "ListEmail", "Call", default="Task", restricted=True), updateable=False
        ),
        pick(
            "Status",
            "Not Started",
            "In Progress",
            "Completed",
            "Waiting on someone else",
            "Deferred",
            nillable=False,
            default="Not Started",
        ),
        pick("Priority", "High", "Normal", "Low", nillable=False, default="Normal"),
        Field("ActivityDate", "date", "Due Date Only"),
        made(Field("CompletedDateTime", "datetime", "Completed Date")),
        made(flag("IsClosed")),
        made(flag("IsRecurrence")),
        pick("CallType", "Internal", "Inbound", "Outbound"),
        number("CallDurationInSeconds", 8, kind="int"),
    ),
)
EVENT = SObject(
    "Event",
    "00U",
    (
        *ACTIVITY,
        Field("StartDateTime", "datetime", "Start Date Time", nillable=False),
        Field("EndDateTime", "datetime", "End Date Time"),
        number("DurationInMinutes", 8, kind="int"),
        text("Location", 255),
        flag("IsAllDayEvent"),
        made(flag("IsChild")),
        made(flag("IsRecurrence")),
    ),
)
CAMPAIGN = SObject(
    "Campaign",
    "701",
    (
        *SYSTEM,
        text("Name", 80, nillable=False),
        pick("Type", "Conference", "Webinar", "Email", "Other"),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted", default="Planned"),
        flag("IsActive"),
        OWNER,
    ),
)
MEMBER = SObject(
    "CampaignMember",
    "00v",
    (
        *SYSTEM,
        replace(link("CampaignId", "Campaign", nillable=False), updateable=False),
        replace(link("LeadId", "Lead"), updateable=False),
        replace(link("ContactId", "Contact"), updateable=False),
        pick("Status", "Sent", "Responded", default="Sent"),
        made(flag("HasResponded")),
        made(Field("FirstRespondedDate", "date", "First Responded Date")),
    ),
)
GROUP = SObject(
    "Group",
    "00G",
    (*SYSTEM, text("Name", 40, nillable=False), pick("Type", "Regular", "Queue", default="Queue")),
    setup=True,
)

SOBJECTS = {
    o.name: o
    for o in (
        LEAD, CONTACT, ACCOUNT, OPPORTUNITY, USER, ORGANIZATION, PERMISSION_SET, ASSIGNMENT, FIELD_PERMISSIONS,
        CONTACT_ROLE, TASK, EVENT, CAMPAIGN, MEMBER, GROUP,
    )
}  # fmt: skip
