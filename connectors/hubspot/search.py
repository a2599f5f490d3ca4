"""Two questions that HubSpot answers: which records match (an index, a little late), and what these records are
(as they are now).

https://developers.hubspot.com/docs/api-reference/search/guide
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from connectors.errors import ProtocolChanged
from connectors.http import Http
from connectors.hubspot.api import BATCH, SEARCH, SEARCH_CHARACTERS, SEARCH_PAGE, mapping
from connectors.hubspot.objects import ObjectType
from connectors.paging import dig

Filter = Mapping[str, Any]


class Hits(NamedTuple):
    """One page, in the order of the ids. `last` is the id above which the next page begins; None on the last page.
    `date`: HubSpot's own time, where it told."""

    results: list[dict[str, Any]]
    last: str | None
    date: str | None


async def search(
    http: Http, type: ObjectType, filters: Sequence[Filter], names: Sequence[str], above: str | None = None
) -> Hits:
    """Records that match all filters and have an id above `above`. Where the names of all the properties make the
    question too long, the search brings the ids and batch reads the records."""
    if above is not None:
        filters = [*filters, {"propertyName": "hs_object_id", "operator": "GT", "value": above}]
    query = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": names,
        "limit": SEARCH_PAGE,
    }
    too_long = len(orjson.dumps(query)) > SEARCH_CHARACTERS
    answer = await http.request(
        "POST",
        f"{type.path}/search",
        json={**query, "properties": []} if too_long else query,
        idempotent=True,
        expect=("results",),
        policy=SEARCH,
    )
    found: list[dict[str, Any]] = answer.json["results"]
    more = bool(found) and dig(answer.json, ("paging", "next", "after")) is not None
    last = highest(above, found) if more else None
    if too_long:
        found = await batch_read(http, type, [str(item["id"]) for item in found], names)
    return Hits(found, last, answer.headers.get("date"))


async def batch_read(
    http: Http, type: ObjectType, ids: Sequence[str], names: Sequence[str], id_property: str | None = None
) -> list[dict[str, Any]]:
    """Records as they are now, in no order. Those that are not there are named in `errors` (207), and simply missing
    here. Without `id_property`, `ids` are record ids."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), BATCH):
        query: dict[str, Any] = {"inputs": [{"id": id} for id in ids[start : start + BATCH]], "properties": names}
        if id_property is not None:
            query["idProperty"] = id_property
        answer = await http.request(
            "POST", f"{type.path}/batch/read", json=query, idempotent=True, expect=("results",), accept=(404,)
        )
        found += mapping(answer.json).get("results") or []
    return found


def highest(above: str | None, results: Iterable[Mapping[str, Any]]) -> str:
    """The highest id of a page, as a number. Raises ProtocolChanged where the page brings none above the last one,
    since the same page would then come for ever."""
    before = int(above or 0)
    try:
        top = max((int(item["id"]) for item in results), default=before)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolChanged(f"HubSpot found a record without an id ({error!r}).") from None
    if top <= before:
        raise ProtocolChanged("HubSpot's search led back to a page that it had shown before.")
    return str(top)
