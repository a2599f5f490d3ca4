"""What may be asked about forms, their submissions, and the events of marketing e-mails."""

from __future__ import annotations

from typing import Any

from sandbox.gate import Answer
from sandbox.hubspot.call import Call, answer, whole
from sandbox.hubspot.errors import Refused, invalid, not_found
from sandbox.hubspot.marketing import EVENTS_PAGE, FORMS_PAGE, SUBMISSIONS_PAGE


def list_forms(call: Call) -> Answer:
    limit, after = _limit(call, 20, FORMS_PAGE), whole(call.one("after"), 0)
    forms = [] if call.flag("archived") else list(call.portal.marketing.forms.values())
    body: dict[str, Any] = {"results": [form.render() for form in forms[after : after + limit]]}
    if len(forms) > after + limit:
        body["paging"] = {"next": {"after": str(after + limit)}}
    return answer(body)


def submissions(call: Call) -> Answer:
    """Newest first."""
    form = call.portal.marketing.forms.get(call.path["id"])
    if form is None:
        raise not_found()
    limit, after = _limit(call, 20, SUBMISSIONS_PAGE), whole(call.one("after"), 0)
    there = form.submissions[::-1]
    body: dict[str, Any] = {"results": [one.render() for one in there[after : after + limit]]}
    if len(there) > after + limit:
        body["paging"] = {"next": {"after": str(after + limit)}}
    return answer(body)


def events(call: Call) -> Answer:
    """Newest first, between two times (milliseconds; the second is not included)."""
    limit, offset = _limit(call, 10, EVENTS_PAGE), whole(call.one("offset"), 0)
    first, last = whole(call.one("startTimestamp"), 0), whole(call.one("endTimestamp"), 1 << 62)
    wanted, bots = call.one("eventType"), (call.one("excludeFilteredEvents") or "").lower() != "true"
    there = [
        event
        for event in reversed(call.portal.marketing.events)
        if first <= event.created < last
        and wanted in (None, event.type)
        and (bots or not event.filtered)
        and call.one("recipient") in (None, event.recipient)
    ]
    page = there[offset : offset + limit]
    more = len(there) > offset + limit
    portal_id = call.portal.settings.portal_id
    body = {"hasMore": more, "offset": str(offset + len(page)), "events": [e.render(portal_id) for e in page]}
    return answer(body)


def campaign(call: Call) -> Answer:
    found = call.portal.marketing.campaigns.get(whole(call.path["id"], 0))
    if found is None:
        raise Refused(404, "OBJECT_NOT_FOUND", f"Campaign {call.path['id']} does not exist")
    return answer(found)


def _limit(call: Call, default: int, most: int) -> int:
    limit = whole(call.one("limit"), default)
    if not 1 <= limit <= most:
        raise invalid(f"The limit must be between 1 and {most}; got {limit}")
    return limit
