"""What may be asked about associations (version 4), in batches and for one record.

https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.gate import Answer
from sandbox.hubspot.associations import KINDS, READS, TO_PAGE, WRITES
from sandbox.hubspot.call import Call, answer, whole
from sandbox.hubspot.errors import Refused, invalid, not_found
from sandbox.hubspot.object_types import BY_NAME, ObjectType
from sandbox.hubspot.records import Record

LABELS = {1: "Primary", 2: "Primary", 5: "Primary", 6: "Primary"}


class Ends(NamedTuple):
    start: ObjectType
    end: ObjectType


class Pair(NamedTuple):
    """One association to make. `primary`: None for as it comes."""

    to: str
    end: str
    primary: bool | None


def read(call: Call) -> Answer:
    """A record that has none is an error in a 207, as one is that does not exist."""
    ends = _ends(call, write=False)
    inputs = _inputs(call.body, READS)
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for item in inputs:
        shown = _listed(call, ends, str(item.get("id", "")), item.get("after"), TO_PAGE)
        if shown["results"]:
            paging = {"paging": shown["paging"]} if "paging" in shown else {}
            results.append({"from": {"id": str(item.get("id"))}, "to": shown["results"], **paging})
        else:
            text = f"No {ends.end.one} is associated with {ends.start.one} {item.get('id')}."
            errors.append(
                _entry(text, {"fromObjectId": [str(item.get("id"))]}, "crm.associations.NO_ASSOCIATIONS_FOUND")
            )
    return _batch(call, results, errors, 200)


def create(call: Call) -> Answer:
    """By types, every one of which must be one from the first to the second type of record."""
    ends = _ends(call, write=True)
    inputs = _inputs(call.body, WRITES)
    kinds = [_primary(item.get("types"), ends.start.name, ends.end.name) for item in inputs]
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for item, primary in zip(inputs, kinds, strict=True):
        one, two = (_existing(call, end, item.get(side)) for end, side in zip(ends, ("from", "to"), strict=True))
        if one is None or two is None:
            errors.append(_missing(ends, item))
            continue
        call.portal.associations.put(ends.start.name, ends.end.name, one.id, two.id, primary=primary)
        results.append(
            {
                "fromObjectTypeId": ends.start.id,
                "fromObjectId": str(one.id),
                "toObjectTypeId": ends.end.id,
                "toObjectId": str(two.id),
                "labels": ["Primary"] if primary else [],
            }
        )
    return _batch(call, results, errors, 201)


def create_default(call: Call) -> Answer:
    ends = _ends(call, write=True)
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for item in _inputs(call.body, WRITES):
        one, two = (_existing(call, end, item.get(side)) for end, side in zip(ends, ("from", "to"), strict=True))
        if one is None or two is None:
            errors.append(_missing(ends, item))
            continue
        call.portal.associations.put(ends.start.name, ends.end.name, one.id, two.id)
        for pair, start, end in ((ends, one, two), (Ends(ends.end, ends.start), two, one)):
            spec = {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": KINDS[pair.start.name, pair.end.name].plain,
            }
            results.append({"from": {"id": str(start.id)}, "to": {"id": str(end.id)}, "associationSpec": spec})
    return _batch(call, results, errors, 200)


def archive(call: Call) -> Answer:
    """Every label between two records. What is not there is no error: 204 all the same."""
    ends = _ends(call, write=True)
    for item in _inputs(call.body, WRITES):
        one = _existing(call, ends.start, item.get("from"))
        if not isinstance(item.get("to"), list):
            raise invalid("Invalid input JSON: some required fields were not set: [to]")
        for to in item["to"]:
            two = _existing(call, ends.end, to)
            if one is not None and two is not None:
                call.portal.associations.cut(ends.start.name, ends.end.name, one.id, two.id)
    return Answer(204, b"")


def page(call: Call) -> Answer:
    ends = _ends(call, write=False)
    if call.portal.objects[ends.start.name].find(call.path["id"]) is None:
        raise not_found()
    limit = whole(call.one("limit"), TO_PAGE)
    if not 1 <= limit <= TO_PAGE:
        raise invalid(f"The limit must be between 1 and {TO_PAGE}; got {limit}")
    return answer(_listed(call, ends, call.path["id"], call.one("after"), limit))


def inline(body: Mapping[str, Any], start: str) -> list[Pair]:
    """The associations that a create brings along. Raises Refused."""
    pairs = []
    for item in body.get("associations") or ():
        types = item.get("types") or ()
        ids = {spec.get("associationTypeId") for spec in types}
        end = next((e for (s, e), kind in KINDS.items() if s == start and ids & {kind.plain, kind.primary}), None)
        if end is None:
            raise invalid(f"No association type {sorted(map(str, ids))} starts at {start}")
        pairs.append(Pair(str(item.get("to", {}).get("id")), end, _primary(types, start, end)))
    return pairs


def associate_inline(call: Call, id_: int, pairs: Sequence[Pair]) -> None:
    for pair in pairs:
        other = call.portal.objects[pair.end].find(pair.to)
        if other is None:
            raise not_found()
        call.portal.associations.put(call.records.type.name, pair.end, id_, other.id, primary=pair.primary)


def _ends(call: Call, *, write: bool) -> Ends:
    """The two types; the app needs the scopes of both."""
    names = (call.path["from"], call.path["to"])
    for name in names:
        if name not in BY_NAME:
            raise invalid(f"Unable to infer object type from: {name}")
    ends = Ends(*(BY_NAME[name] for name in names))
    if (ends.start.name, ends.end.name) not in KINDS:
        raise invalid(f"{ends.start.name} and {ends.end.name} cannot be associated")
    for end in ends:
        call.portal.tokens.check_scope(end.write if write else end.read)
    return ends


def _existing(call: Call, kind: ObjectType, given: Any) -> Record | None:
    return call.portal.objects[kind.name].find(str(given.get("id", ""))) if isinstance(given, dict) else None


def _listed(call: Call, ends: Ends, key: str, after: Any, limit: int) -> dict[str, Any]:
    record = call.portal.objects[ends.start.name].find(key)
    links = call.portal.associations.of(ends.start.name, ends.end.name, record.id) if record else {}
    start = int(after) if str(after or "").isdecimal() else 0
    there = sorted(id_ for id_ in links if id_ > start)
    body: dict[str, Any] = {
        "results": [
            {
                "toObjectId": id_,
                "associationTypes": [
                    {"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": LABELS.get(type_id)}
                    for type_id in sorted(links[id_])
                ],
            }
            for id_ in there[:limit]
        ]
    }
    if len(there) > limit:
        body["paging"] = {"next": {"after": str(there[limit - 1])}}
    return body


def _primary(types: Any, start: str, end: str) -> bool | None:
    """Whether the types make the association a primary one. Raises Refused for one that does not belong here."""
    if not isinstance(types, list) or not types:
        raise invalid("Invalid input JSON: some required fields were not set: [types]")
    kind, primary = KINDS[start, end], None
    for spec in types:
        type_id = spec.get("associationTypeId") if isinstance(spec, dict) else None
        if type_id is None or type_id not in (kind.plain, kind.primary):
            raise invalid(f"Association type {type_id} does not exist between {start} and {end}")
        primary = True if type_id == kind.primary else primary
    return primary


def _inputs(body: Mapping[str, Any], most: int) -> Sequence[Mapping[str, Any]]:
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(item, dict) for item in inputs):
        raise invalid("Invalid input JSON: some required fields were not set: [inputs]")
    if len(inputs) > most:
        raise invalid(f"The maximum number of inputs is {most}, but {len(inputs)} were given.")
    return inputs


def _missing(ends: Ends, item: Mapping[str, Any]) -> dict[str, Any]:
    one, two = (str((item.get(side) or {}).get("id")) for side in ("from", "to"))
    text = f"Could not associate {ends.start.one} {one} with {ends.end.one} {two}: one of them does not exist."
    return _entry(text, {"fromObjectId": [one], "toObjectId": [two]}, "crm.associations.OBJECT_NOT_FOUND")


def _entry(message: str, context: Mapping[str, list[str]], sub: str) -> dict[str, Any]:
    return {**Refused(404, "OBJECT_NOT_FOUND", message).entry(context), "subCategory": sub}


def _batch(call: Call, results: list[dict[str, Any]], errors: list[dict[str, Any]], status: int) -> Answer:
    now = call.portal.stamp()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return answer(body, 207 if errors else status)
