"""Reading and writing associations: version 4 of HubSpot's API for them, in batches.

A record without any is an error in HubSpot's answer (207), which here is simply nobody. What is written is written
after the record itself, and belongs to the record's one result: where an association is refused, the record is
`rejected` with a message that says so, although its properties are written; where its outcome is not known, the record
is `unknown`. Both may be sent again: an association made twice is made once, one archived twice is gone.

https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.base import Members, Write, WriteResult
from connectors.errors import Gone, Invalid, ProtocolChanged, Reject, Retry, Stop
from connectors.http import Http
from connectors.hubspot.api import mapping, readable
from connectors.hubspot.objects import ObjectType, Reference

READ_INPUTS = 1000
"""https://developers.hubspot.com/changelog/bug-fix-batch-read-limit-for-hubspot-associations-api"""

WRITE_INPUTS = 2000
"""https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide"""

REFUSED = (400, 404, 409)


def path(start: str, end: str, verb: str) -> str:
    return f"/crm/v4/associations/{start}/{end}/batch/{verb}"


async def associated(http: Http, start: str, end: str, ids: Sequence[str]) -> dict[str, dict[str, set[int]]]:
    """For each record, those it is associated with, by id, and the type ids. One that has many comes in pages."""
    found: dict[str, dict[str, set[int]]] = defaultdict(dict)
    waiting: list[dict[str, str]] = [{"id": id} for id in dict.fromkeys(ids)]
    while waiting:
        now, waiting = waiting[:READ_INPUTS], waiting[READ_INPUTS:]
        answer = await http.request(
            "POST", path(start, end, "read"), json={"inputs": now}, idempotent=True, expect=("results",), accept=(404,)
        )
        asked = {one["id"]: one.get("after") for one in now}
        try:
            for result in mapping(answer.json).get("results") or ():
                id = str(result["from"]["id"])
                for other in result["to"]:
                    types = {int(one["typeId"]) for one in other["associationTypes"]}
                    found[id].setdefault(str(other["toObjectId"]), set()).update(types)
                after = mapping(mapping(result.get("paging")).get("next")).get("after")
                if after and after == asked.get(id):
                    raise ProtocolChanged("HubSpot's list of associations leads back to the page before.")
                if after:
                    waiting.append({"id": id, "after": str(after)})
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolChanged(f"HubSpot told of associations in a way that we do not know ({error!r}).") from None
    return found


def value(reference: Reference, links: Mapping[str, set[int]]) -> str | list[str] | None:
    """A field's value: the primary company's id, or the ids of all."""
    if not reference.single:
        return sorted(links)
    return next((id for id, types in sorted(links.items()) if reference.type_id in types), None)


async def fill(http: Http, type: ObjectType, references: Iterable[Reference], records: Mapping[str, Any]) -> None:
    """Put the fields that stand for associations into records' fields, by id."""
    for reference in references:
        links = await associated(http, type.name, reference.to, list(records))
        for id, fields in records.items():
            fields[reference.name] = value(reference, links.get(id, {}))


@dataclass(slots=True)
class _Task:
    """What is to become of one record's associations by one field."""

    place: int
    id: str
    reference: Reference
    alone: bool
    """Nothing else of the record was written."""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    error: Reject | None = field(default=None)


async def write(http: Http, type: ObjectType, batch: Sequence[Write], done: dict[int, WriteResult]) -> None:
    """Associate the records that are written, and amend their results. Raises nothing: what is not known to be done is
    `unknown`."""
    tasks = [
        _task(_Task(place, str(done[place].id), type.references[name], not type.plain(one.fields)), given)
        for place, one in enumerate(batch)
        if place in done and done[place].outcome == "done"
        for name, given in one.fields.items()
        if name in type.references
    ]
    for reference in {task.reference.name: task.reference for task in tasks}.values():
        some = [task for task in tasks if task.reference == reference]
        try:
            last = list({task.id: task for task in some}.values()) if reference.single else some
            await _clear_primaries(http, type, reference, last)
            await _create(http, type, reference, last)
            await _archive(http, type, reference, last)
            links = await associated(http, type.name, reference.to, [task.id for task in some if task.error is None])
        except (Retry, Stop):
            done.update({task.place: WriteResult("unknown", id=task.id) for task in some})
            continue
        for task in some:
            result = done[task.place]
            if task.error is not None:
                done[task.place] = WriteResult("rejected", id=task.id, error=task.error)
            elif result.outcome == "done":
                now = value(reference, links.get(task.id, {}))
                done[task.place] = replace(result, fields={**(result.fields or {}), reference.name: now}, version=None)


def _task(task: _Task, given: Any) -> _Task:
    """With what the write says."""
    several = isinstance(given, Members)
    if several and task.reference.single:
        error = "HubSpot keeps one primary company; several were given."
    elif not several and not task.reference.single:
        error = "This field takes members, not a value."
    elif isinstance(given, Members):
        return replace(task, add=tuple(given.add), remove=tuple(given.remove))
    else:
        return replace(task, add=(str(given),) if given else ())
    return replace(task, error=Invalid(error, field=task.reference.name))


async def _clear_primaries(http: Http, type: ObjectType, reference: Reference, tasks: Sequence[_Task]) -> None:
    """A single reference that is cleared: the primary company's association goes, whichever that is now."""
    cleared = [task for task in tasks if reference.single and not task.add and task.error is None]
    if cleared:
        links = await associated(http, type.name, reference.to, [task.id for task in cleared])
        for task in cleared:
            now = value(reference, links.get(task.id, {}))
            task.remove = (str(now),) if now else ()


async def _create(http: Http, type: ObjectType, reference: Reference, tasks: Sequence[_Task]) -> None:
    pairs = [(task, other) for task in tasks if task.error is None for other in task.add]
    for start in range(0, len(pairs), WRITE_INPUTS):
        await _send(http, type, reference, pairs[start : start + WRITE_INPUTS])


async def _send(http: Http, type: ObjectType, reference: Reference, pairs: Sequence[tuple[_Task, str]]) -> None:
    """One call; where HubSpot refuses all of it, halves, until the one at fault stands alone."""
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": reference.type_id}
    inputs = [{"from": {"id": task.id}, "to": {"id": other}, "types": [spec]} for task, other in pairs]
    answer = await http.request(
        "POST",
        path(type.name, reference.to, "create"),
        json={"inputs": inputs},
        idempotent=True,
        expect=("results",),
        accept=REFUSED,
    )
    body = mapping(answer.json)
    if answer.status in REFUSED:
        if len(pairs) == 1:
            pairs[0][0].error = _refusal(type, *pairs[0], body)
        else:
            half = len(pairs) // 2
            await _send(http, type, reference, pairs[:half])
            await _send(http, type, reference, pairs[half:])
        return
    made = {(str(one.get("fromObjectId")), str(one.get("toObjectId"))) for one in map(mapping, body["results"])}
    named = {_named(error): error for error in map(mapping, body.get("errors") or ())}
    for task, other in pairs:
        if (task.id, other) not in made:
            task.error = _refusal(type, task, other, named.get((task.id, other), SILENT))


def _named(error: Mapping[str, Any]) -> tuple[str, str]:
    context = mapping(error.get("context"))
    one, two = (str(next(iter(context.get(name) or ("",)))) for name in ("fromObjectId", "toObjectId"))
    return one, two


SILENT = {"category": "OBJECT_NOT_FOUND", "message": "it did not answer for it."}
"""An association of which HubSpot says neither that it is made nor that it is not: one of the two was merged away."""


def _refusal(type: ObjectType, task: _Task, other: str, error: Mapping[str, Any]) -> Reject:
    """Where the record's own properties are written by now, the message says so."""
    said, label = readable(str(error.get("message", "it gave no reason."))), task.reference.label.lower()
    written = "" if task.alone else f" The {type.one} itself is written."
    text = f"HubSpot did not associate the {type.one} with {label} {other}: {said}{written}"
    if error.get("category") == "OBJECT_NOT_FOUND":
        return Gone(text, field=task.reference.name, hint="One of the two was deleted, or merged into another one.")
    return Invalid(text, field=task.reference.name)


async def _archive(http: Http, type: ObjectType, reference: Reference, tasks: Sequence[_Task]) -> None:
    leaving = [task for task in tasks if task.error is None and task.remove]
    for start in range(0, len(leaving), WRITE_INPUTS):
        inputs = [
            {"from": {"id": task.id}, "to": [{"id": other} for other in task.remove]}
            for task in leaving[start : start + WRITE_INPUTS]
        ]
        await http.request(
            "POST", path(type.name, reference.to, "archive"), json={"inputs": inputs}, idempotent=True, expect=None
        )
