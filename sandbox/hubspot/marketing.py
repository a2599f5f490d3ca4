"""Forms and what was filled in, marketing e-mails and what became of them. Things that have happened: they never change.

Forms: https://developers.hubspot.com/docs/api-reference/marketing-forms-v3/guide; submissions, newest first:
https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v1/get-form-integrations-v1-submissions-forms-form_guid;
e-mail events: https://developers.hubspot.com/docs/api-reference/legacy/email-analytics-v1/guide
"""

from __future__ import annotations

import hashlib
import uuid
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.hubspot.properties import iso

SUBMISSIONS_PAGE, FORMS_PAGE, EVENTS_PAGE = 50, 500, 1000


class Submission(NamedTuple):
    """`at`: milliseconds. Sorts by time."""

    at: int
    id: str
    page: str
    values: tuple[tuple[str, str], ...]

    def render(self) -> dict[str, Any]:
        values = [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in self.values]
        return {"conversionId": self.id, "submittedAt": self.at, "values": values, "pageUrl": self.page}


@dataclass(slots=True)
class Form:
    id: str
    name: str
    created: int
    submissions: list[Submission] = field(default_factory=list)

    def render(self) -> dict[str, Any]:
        stamp = iso(self.created)
        return {
            "id": self.id,
            "name": self.name,
            "formType": "hubspot",
            "createdAt": stamp,
            "updatedAt": stamp,
            "archived": False,
            "fieldGroups": [],
        }


class Event(NamedTuple):
    """What became of one marketing e-mail. `created`: milliseconds. Sorts by time."""

    created: int
    id: str
    type: str
    recipient: str
    campaign: int
    url: str = ""
    filtered: bool = False

    def render(self, portal_id: int) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "created": self.created,
            "type": self.type,
            "recipient": self.recipient,
            "portalId": portal_id,
            "appId": 113,
            "appName": "Batch",
            "emailCampaignId": self.campaign,
            "filteredEvent": self.filtered,
            "sentBy": {"id": self.id, "created": self.created},
        }
        return {**shown, "url": self.url} if self.url else shown


class Marketing:
    def __init__(self) -> None:
        self.forms: dict[str, Form] = {}
        self.campaigns: dict[int, dict[str, Any]] = {}
        self.events: list[Event] = []

    def form(self, name: str, *, created: int) -> Form:
        guid = str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))
        return self.forms.setdefault(guid, Form(guid, name, created))

    def submit(self, form: Form, at: int, values: Mapping[str, str], page: str) -> None:
        insort(form.submissions, Submission(at, _id(form.id, at, *values.values()), page, tuple(values.items())))

    def campaign(self, name: str, subject: str) -> int:
        id_ = 83_160_000 + len(self.campaigns)
        self.campaigns[id_] = {"id": id_, "name": name, "subject": subject, "appId": 113, "appName": "Batch"}
        return id_

    def happened(
        self, type: str, at: int, recipient: str, campaign: int, url: str = "", *, filtered: bool = False
    ) -> None:
        """One of SENT, DELIVERED, OPEN, CLICK ...; `filtered`: HubSpot takes it for a machine's."""
        insort(
            self.events,
            Event(at, _id(type, at, recipient, campaign, url), type, recipient, campaign, url, filtered),
        )

    def forget(self, emails: set[str]) -> None:
        """What a person who is erased has filled in, opened and clicked."""
        self.events = [event for event in self.events if event.recipient not in emails]
        for form in self.forms.values():
            form.submissions = [s for s in form.submissions if dict(s.values).get("email", "").lower() not in emails]


def _id(*parts: object) -> str:
    return str(uuid.UUID(bytes=hashlib.sha256(repr(parts).encode()).digest()[:16], version=4))
