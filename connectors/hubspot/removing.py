"""Taking records out: to HubSpot's bin, or, of contacts, for good.

Archiving takes one hundred a call and minds nobody who is gone already. Erasing (GDPR) takes one contact a call, blocks
its addresses for ever, and answers 404 where there is none.

https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/gdpr/gdpr-delete-contact
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.base import WriteResult
from connectors.errors import ConnectorError, Invalid, Retry, Stop, Unavailable
from connectors.http import Http
from connectors.hubspot.api import BATCH, mapping, rejection
from connectors.hubspot.objects import ObjectType

REFUSED = (400, 409)


async def archive(http: Http, type: ObjectType, ids: Sequence[str]) -> list[WriteResult]:
    """One result per id, in order. Raises Retry or Stop only where nothing is known yet."""
    done: dict[str, WriteResult] = {}
    for start in range(0, len(ids), BATCH):
        some = list(dict.fromkeys(ids[start : start + BATCH]))
        inputs = {"inputs": [{"id": id} for id in some]}
        try:
            answer = await http.request(
                "POST", f"{type.path}/batch/archive", json=inputs, idempotent=True, expect=None, accept=REFUSED
            )
        except (Retry, Stop) as error:
            if not done and not may_have_happened(error):
                raise
            break
        for id in some:
            refused = answer.status in REFUSED
            error_of = rejection(mapping(answer.json)) if refused else None
            done[id] = WriteResult("rejected" if refused else "done", id=id, error=error_of)
    return [done.get(id, WriteResult("unknown", id=id)) for id in ids]


async def erase(http: Http, type: ObjectType, ids: Sequence[str]) -> list[WriteResult]:
    """As `archive`, for good. Where HubSpot has no such thing for this type, it is archived: its bin forgets it after
    ninety days, and nobody but a person can be erased."""
    if not type.gdpr:
        return await archive(http, type, ids)
    done: dict[str, WriteResult] = {}
    for id in dict.fromkeys(ids):
        try:
            answer = await http.request(
                "POST",
                f"{type.path}/gdpr-delete",
                json={"objectId": id},
                idempotent=True,
                expect=None,
                accept=(404, *REFUSED),
            )
        except (Retry, Stop) as error:
            if not done and not may_have_happened(error):
                raise
            break
        if answer.status in REFUSED:
            said = rejection(mapping(answer.json))
            done[id] = WriteResult("rejected", id=id, error=Invalid(said.message, hint="Erase it in HubSpot."))
        else:
            done[id] = WriteResult("done", id=id)
    return [done.get(id, WriteResult("unknown", id=id)) for id in ids]


def may_have_happened(error: ConnectorError) -> bool:
    return isinstance(error, Unavailable) and error.sent
