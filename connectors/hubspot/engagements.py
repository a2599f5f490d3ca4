"""Calls, e-mails, meetings, notes and tasks: records of the CRM, read as activities.

Found like changed contacts: by search, in the order of ids, never past the first page (`reading.py` says why); those that
were deleted, in the list of the archive, as much of it as one run may read. Whom and
what one is about is asked of the associations, for a page at once; what the app may not see of them stays empty.

https://developers.hubspot.com/docs/api-reference/crm-calls-v3/guide, and the guides of the others beside it
"""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.base import ActivityType, Record
from connectors.errors import ProtocolChanged
from connectors.hubspot.api import LIST_PAGE, Forbidden
from connectors.hubspot.associations import associated
from connectors.hubspot.objects import OWNER, ObjectType
from connectors.hubspot.portal import Portal
from connectors.hubspot.reading import NEXT, tombstones
from connectors.hubspot.search import batch_read, search
from connectors.paging import SLACK, Params, Position, pages, read_from, run_start

Step = tuple[list[Record], Position]

ARCHIVE = "archive"
"""In place of the id above which the search goes on: the list of those deleted is next."""

LONGEST = 200
"""Characters of a note that stand for its subject."""

ABOUT = {"contacts": "leads", "companies": "company", "deals": "deal"}


class Words(NamedTuple):
    """Which properties of a type tell what."""

    type: ActivityType
    subject: str
    status: str = ""
    direction: str = ""
    url: str = ""
    at: str = "hs_timestamp"


WORDS: Mapping[str, Words] = {
    "calls": Words("call", "hs_call_title", "hs_call_status", "hs_call_direction"),
    "emails": Words("email_sent", "hs_email_subject", "hs_email_status", "hs_email_direction"),
    "meetings": Words("meeting", "hs_meeting_title", "hs_meeting_outcome", url="hs_meeting_external_url"),
    "notes": Words("note", "hs_note_body"),
    "tasks": Words("task", "hs_task_subject", "hs_task_status", at="hs_createdate"),  # hs_timestamp: when it is due
}
DIRECTIONS = {
    "INBOUND": "in",
    "OUTBOUND": "out",
    "INCOMING_EMAIL": "in",
    "EMAIL": "out",
    "FORWARDED_EMAIL": "out",
}


class Engagements:
    """One of the five as a stream."""

    def __init__(self, portal: Portal, type: ObjectType) -> None:
        self.name = type.name
        self.prefix = type.one
        self._portal = portal
        self._http = portal.http
        self._type = type
        self._words = WORDS[type.name]
        words = self._words
        told = (words.at, words.subject, words.status, words.direction, words.url, OWNER, "hs_createdate")
        self._properties = [name for name in dict.fromkeys(told) if name]

    async def probe(self) -> None:
        """Raises Forbidden."""
        await self._http.request("GET", self._type.path, params={"limit": 1}, expect=("results",))

    async def read(self, position: Position) -> AsyncIterator[Step]:
        """Whatever has changed since the position, from the checkpoint in it. Raises Forbidden."""
        above: str | None = (position.at or {}).get("id")
        since = position.since
        start = read_from(since, self._portal.overlap).timestamp() if since else 0.0
        value = str(max(0, int(start * 1000)))
        changed = [{"propertyName": self._type.modified, "operator": "GTE", "value": value}]
        dated = False
        while True:
            if above == ARCHIVE:
                async for step in self._sweep(position, dated):
                    yield step
                return
            hits = await search(self._http, self._type, changed, self._properties, above)
            if position.began is not None:
                position = position.model_copy(update={"began": run_start(position.began, hits.date)})
            dated = dated or hits.date is not None
            records = await self.told(hits.results)
            newest = max((r.changed_at for r in records if r.changed_at), default=None)
            if hits.last is None and (since is None or not self._portal.settings.archived_pages):
                yield (
                    records,
                    position.finish(newest, None if since else _swept(position), SLACK if not dated else SLACK * 0),
                )
                return
            above = hits.last or ARCHIVE
            position = position.step({"id": above}, newest)
            yield records, position

    async def _sweep(self, position: Position, dated: bool) -> AsyncIterator[Step]:
        """As much of the archive as one run may read, from where the last run stopped."""
        memo = dict(position.memo)
        sweep = memo.pop("sweep", None) or _swept(position)
        known = datetime.fromisoformat(memo["swept"]) - self._portal.overlap if memo.get("swept") else None
        start = {"limit": LIST_PAGE, "archived": "true", **({"after": sweep["after"]} if "after" in sweep else {})}
        turns = 0
        async for body, following in pages(self._archived, NEXT, start):
            turns += 1
            gone = [record._replace(id=f"{self.prefix}:{record.id}") for record in tombstones(body, known)]
            if following is None or turns >= self._portal.settings.archived_pages:
                rest = {**memo, "sweep": {**sweep, "after": following["after"]}} if following else sweep
                yield gone, position.finish(memo=rest, slack=SLACK if not dated else SLACK * 0)
                return
            position = position.model_copy(update={"memo": {**memo, "sweep": {**sweep, "after": following["after"]}}})
            yield gone, position

    async def _archived(self, params: Params) -> Any:
        return (await self._http.request("GET", self._type.path, params=params, expect=("results",))).json

    async def find(self, ids: Sequence[str]) -> list[Record]:
        """By HubSpot's ids. Raises Forbidden."""
        return await self.told(await batch_read(self._http, self._type, ids, self._properties))

    async def told(self, results: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Raises ProtocolChanged."""
        try:
            ids = [str(item["id"]) for item in results]
            about = {field: await self._about(end, ids) for end, field in ABOUT.items()}
            return [self._record(item, about) for item in results]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"HubSpot told of a {self._type.one} in a way that we do not know ({error!r})."
            raise ProtocolChanged(what) from None

    async def _about(self, end: str, ids: Sequence[str]) -> Mapping[str, Mapping[str, set[int]]]:
        try:
            return await associated(self._http, self._type.name, end, ids) if ids else {}
        except Forbidden:
            return {}

    def _record(self, item: Mapping[str, Any], about: Mapping[str, Mapping[str, Any]]) -> Record:
        held, words, id = item["properties"], self._words, str(item["id"])
        direction = DIRECTIONS.get(str(held.get(words.direction))) if words.direction else None
        reply = words.type == "email_sent" and direction == "in"
        fields = {
            "type": "email_reply" if reply else words.type,
            "at": moment(held.get(words.at) or item["createdAt"]).isoformat(),
            "leads": sorted(about["leads"].get(id, {})),
            "company": next(iter(sorted(about["company"].get(id, {}))), None),
            "deal": next(iter(sorted(about["deal"].get(id, {}))), None),
            "owner": held.get(OWNER) or None,
            "email": None,
            "subject": text_of(held.get(words.subject)),
            "direction": direction,
            "campaign": None,
            "status": held.get(words.status) or None if words.status else None,
            "url": held.get(words.url) or None if words.url else None,
            "value": None,
        }
        return Record(f"{self.prefix}:{id}", fields, moment(item["updatedAt"]), str(item["updatedAt"]))


def _swept(position: Position) -> dict[str, Any]:
    """What is remembered once the archive has been read to its end: deletions from then on are news."""
    return {"swept": (position.began or datetime.now(UTC)).isoformat()}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def text_of(value: str | None) -> str | None:
    """Without tags, on one line, not too long."""
    plain = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", value or "")).split())
    return plain[:LONGEST] or None
