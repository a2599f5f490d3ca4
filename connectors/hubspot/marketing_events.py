"""What people do with marketing: forms filled in, e-mails opened and links in them clicked.

Both lists come newest first, so that new entries push old ones to later pages: seen twice, never missed. Neither has an
id of a person, only an address. Opens and clicks that HubSpot takes for a machine's (link checkers, mail privacy) are left
out.

Submissions: https://developers.hubspot.com/docs/api-reference/legacy/marketing/forms/v1/get-form-integrations-v1-submissions-forms-form_guid;
events: https://developers.hubspot.com/docs/api-reference/legacy/email-analytics-v1/guide
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import ActivityType, Record
from connectors.errors import ProtocolChanged
from connectors.hubspot.api import CAMPAIGNS, EMAIL_EVENTS, FORMS, SUBMISSIONS, mapping
from connectors.hubspot.engagements import Step
from connectors.hubspot.portal import Portal
from connectors.paging import ByCursor, LoopWatch, Params, Position, pages, read_from

FORMS_PAGE, SUBMISSIONS_PAGE, EVENTS_PAGE = 100, 50, 1000
NEXT = ByCursor("after", ("paging", "next", "after"))

AFTER = "~"
"""Sorts behind every character of a form's id: a checkpoint that has passed it."""

LATE = timedelta(hours=1)
"""An open or a submission may be listed some time after it happened; no page says how long. Read again is harmless."""


class Submissions:
    """Form by form, in the order of their ids; each back to the position, or to its checkpoint."""

    name, prefix = "forms", "form"

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._http = portal.http

    async def probe(self) -> None:
        """Raises Forbidden."""
        await self._http.request("GET", FORMS, params={"limit": 1}, expect=("results",))

    async def read(self, position: Position) -> AsyncIterator[Step]:
        """Raises Forbidden, ProtocolChanged."""
        since = read_from(position.since, max(LATE, self._portal.overlap)) if position.since else None
        at = dict(position.at or {})
        for guid, form in sorted((await self._forms()).items()):
            if guid < at.get("form", ""):
                continue
            start: dict[str, Any] = {"limit": SUBMISSIONS_PAGE}
            if guid == at.get("form") and at.get("after"):
                start["after"] = at["after"]
            async with aclosing(pages(self._fetch(guid), NEXT, start)) as turns:
                async for body, following in turns:
                    records = [_submission(item, form) for item in _items(body, "results")]
                    new = [one for one in records if since is None or (one.changed_at and one.changed_at >= since)]
                    newest = max((one.changed_at for one in new if one.changed_at), default=None)
                    if following is None or len(new) < len(records):
                        position = position.step({"form": f"{guid}{AFTER}"}, newest)
                        yield new, position
                        break
                    position = position.step({"form": guid, "after": following["after"]}, newest)
                    yield new, position
        yield [], position.finish()

    def _fetch(self, guid: str) -> Any:
        async def fetch(params: Params) -> Any:
            return (await self._http.request("GET", f"{SUBMISSIONS}/{guid}", params=params, expect=("results",))).json

        return fetch

    async def _forms(self) -> dict[str, str]:
        async def fetch(params: Params) -> Any:
            return (await self._http.request("GET", FORMS, params=params, expect=("results",))).json

        found: dict[str, str] = {}
        async for body, _ in pages(fetch, NEXT, {"limit": FORMS_PAGE}):
            found |= {str(item.get("id")): str(item.get("name") or "") for item in _items(body, "results")}
        return found


class EmailEvents:
    """Opens or clicks, from the position to the start of the run: the end is fixed, so that nothing moves."""

    def __init__(self, portal: Portal, word: str) -> None:
        self.name = f"{word.lower()}s"
        self.prefix = word.lower()
        self._word = word
        self._type: ActivityType = "email_open" if word == "OPEN" else "email_click"
        self._portal = portal
        self._http = portal.http
        self._campaigns: dict[str, tuple[str | None, str | None]] = {}

    async def probe(self) -> None:
        """Raises Forbidden."""
        await self._http.request("GET", EMAIL_EVENTS, params={"limit": 1}, expect=("events",))

    async def read(self, position: Position) -> AsyncIterator[Step]:
        """Raises Forbidden, ProtocolChanged."""
        params: dict[str, Any] = {"eventType": self._word, "excludeFilteredEvents": "true", "limit": EVENTS_PAGE}
        if position.since is not None:
            params["startTimestamp"] = _millis(read_from(position.since, max(LATE, self._portal.overlap)))
        if position.began is not None:
            params["endTimestamp"] = _millis(position.began) + 1
        if offset := (position.at or {}).get("offset"):
            params["offset"] = offset
        watch = LoopWatch(params)
        while True:
            body = (await self._http.request("GET", EMAIL_EVENTS, params=params, expect=("events",))).json
            records = [await self._record(item) for item in _items(body, "events")]
            newest = max((one.changed_at for one in records if one.changed_at), default=None)
            if not body.get("hasMore") or not records:
                yield records, position.finish(newest)
                return
            params = {**params, "offset": str(body.get("offset"))}
            watch.step(params)
            position = position.step({"offset": params["offset"]}, newest)
            yield records, position

    async def _record(self, item: Mapping[str, Any]) -> Record:
        try:
            at = _at(item["created"])
            campaign, subject = await self._campaign(item.get("emailCampaignId"))
            fields = {
                **_blank(self._type, at),
                "email": item.get("recipient") or None,
                "subject": item.get("subject") or subject,
                "direction": "in",
                "campaign": campaign,
                "url": item.get("url") or None,
            }
            return Record(f"{self.prefix}:{item['created']}:{item['id']}", fields, at)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ProtocolChanged(f"HubSpot told of an event in a way that we do not know ({error!r}).") from None

    async def _campaign(self, id: Any) -> tuple[str | None, str | None]:
        """Name and subject, asked once for each."""
        key = str(id or "")
        if key and key not in self._campaigns:
            answer = await self._http.request("GET", f"{CAMPAIGNS}/{key}", accept=(404,))
            told = mapping(answer.json) if answer.status != 404 else {}
            self._campaigns[key] = told.get("name") or None, told.get("subject") or None
        return self._campaigns.get(key, (None, None))


def _submission(item: Mapping[str, Any], form: str) -> Record:
    try:
        at = _at(item["submittedAt"])
        values = {str(one.get("name")): one.get("value") for one in item.get("values") or ()}
        email = values.get("email")
        fields = {
            **_blank("form", at),
            "email": str(email).strip() if email else None,
            "subject": form or None,
            "direction": "in",
            "url": item.get("pageUrl") or None,
        }
        return Record(f"form:{item['conversionId']}", fields, at)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ProtocolChanged(f"HubSpot told of a submission in a way that we do not know ({error!r}).") from None


def _blank(type: ActivityType, at: datetime) -> dict[str, Any]:
    nothing = ("company", "deal", "owner", "email", "subject", "direction", "campaign", "status", "url", "value")
    return {"type": type, "at": at.isoformat(), "leads": [], **dict.fromkeys(nothing)}


def _items(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = body[name]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ProtocolChanged(f"HubSpot sent a list of {name} that is none.")
    return items


def _at(milliseconds: Any) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
