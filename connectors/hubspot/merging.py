"""Two records of a portal become one, under a third id; the old ids answer with the survivor from then on.

The primary's values stand where both have one, and its e-mail address stays the first. HubSpot keeps an opt-out with the
address: one that only the other has shown is lost. Whoever calls this has looked (`sync.merging`). Not repeated by itself:
a second try would find the two gone.

https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/contacts/merge-contacts
https://developers.hubspot.com/docs/api-reference/legacy/crm/objects/companies/merge-companies
"""

from __future__ import annotations

from connectors.base import WriteResult
from connectors.errors import ProtocolChanged
from connectors.http import Http
from connectors.hubspot.api import mapping, rejection
from connectors.hubspot.objects import ObjectType

REFUSED = (400, 404, 409)


async def merge(http: Http, type: ObjectType, winner_id: str, loser_id: str) -> WriteResult:
    """Raises Retry where no answer came."""
    body = {"primaryObjectId": winner_id, "objectIdToMerge": loser_id}
    answer = await http.request("POST", f"{type.path}/merge", json=body, idempotent=False, expect=None, accept=REFUSED)
    said = mapping(answer.json)
    if answer.status in REFUSED:
        return WriteResult("rejected", id=loser_id, error=rejection(said))
    if "id" not in said:
        raise ProtocolChanged("HubSpot did not tell the id of a merged record.")
    return WriteResult("done", id=str(said["id"]))
