"""Writing records: at most one hundred a request, one result per record, in the order given.

Every input carries a trace id (its place in the batch), which turns HubSpot's batches into ones that may half fail:
207, with an error per input that is at fault and a result for each of the others. Where HubSpot refuses the whole
request all the same (400, 409), those whom the refusal names are taken out and the rest is sent again; where it names
nobody, the batch is halved until the record at fault stands alone. So one bad record costs itself, never the others.

Updates and upserts may be sent twice, so a lost answer is asked for again. A plain create may not: its outcome is
`unknown`, and recovery looks the record up.

https://developers.hubspot.com/docs/api-reference/error-handling#multi-status-errors
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import Write, WriteResult
from connectors.errors import Gone, Invalid, ProtocolChanged, Retry, Stop, Unavailable
from connectors.http import Http
from connectors.hubspot import associations
from connectors.hubspot.api import BATCH, STAGE, mapping, rejection
from connectors.hubspot.objects import ObjectType
from connectors.hubspot.search import batch_read

Results = dict[int, WriteResult]
"""By place in the batch."""

REFUSED = (400, 404, 409, 413, 422)
"""Statuses by which HubSpot refuses a batch for what is in it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One write as HubSpot wants it. `place` is its place in the batch, and its trace id."""

    place: int
    write: Write
    properties: Mapping[str, str]

    @property
    def identity(self) -> str:
        """What may not occur twice in one request."""
        write = self.write
        if write.operation == "update":
            return str(write.id)
        return write.key.value.strip().casefold() if write.key else f"#{self.place}"

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"properties": self.properties, "objectWriteTraceId": str(self.place)}
        if self.write.operation == "update":
            body["id"] = self.write.id
        elif self.write.key is not None:
            body |= {"id": self.write.key.value, "idProperty": self.write.key.field}
        return body


@dataclass(frozen=True, slots=True)
class Request:
    """A batch endpoint and what goes to it in one call."""

    type: ObjectType
    verb: str
    inputs: tuple[Input, ...]

    @property
    def repeatable(self) -> bool:
        return self.verb != "create"


async def write(http: Http, type: ObjectType, batch: Sequence[Write]) -> list[WriteResult]:
    """One result per write, in order. Raises Retry or Stop only where there is no result yet to lose; afterwards what
    is not known to be done is `unknown`."""
    done: Results = {}
    inputs = list(_accepted(type, batch, done))
    try:
        for request in requests(type, inputs):
            await _send(http, request, done)
        await _move_stages_back(http, type, batch, done)
    except (Retry, Stop):
        if not any(one.place in done for one in inputs):
            raise
    await associations.write(http, type, batch, done)
    return [done.get(place, WriteResult("unknown", id=one.id)) for place, one in enumerate(batch)]


def _accepted(type: ObjectType, batch: Sequence[Write], done: Results) -> Iterator[Input]:
    """The writes that can be put into words at all; text with half a surrogate pair cannot, in any encoding. One that is
    about associations alone has nothing to send yet."""
    for place, one in enumerate(batch):
        properties = encoded({name: value for name, value in one.fields.items() if name not in type.references})
        if one.operation == "update" and one.fields and not properties:
            done[place] = WriteResult("done", id=one.id)
            continue
        try:
            "".join([*properties.values(), one.key.value if one.key else ""]).encode()
        except UnicodeEncodeError:
            bad = next((name for name, value in properties.items() if not value.isprintable()), None)
            error = Invalid("A value holds characters that are not text (half a surrogate pair).", field=bad)
            done[place] = WriteResult("rejected", id=one.id, error=error)
        else:
            yield Input(place, one, properties)


def requests(type: ObjectType, inputs: Sequence[Input]) -> Iterator[Request]:
    """The fewest calls that carry the batch: one per endpoint and key, and further ones only for an id or key that
    occurs again, since HubSpot refuses a request that names a record twice."""
    waiting = inputs
    while waiting:
        groups: dict[tuple[str, str], dict[str, Input]] = {}
        later: list[Input] = []
        for one in waiting:
            group = groups.setdefault(endpoint(one.write), {})
            if one.identity in group or len(group) == BATCH:
                later.append(one)
            else:
                group[one.identity] = one
        for (verb, _), members in groups.items():
            yield Request(type, verb, tuple(members.values()))
        waiting = later


def endpoint(write: Write) -> tuple[str, str]:
    """The batch verb, and the property that tells records apart in it."""
    if write.operation == "update":
        return "update", "id"
    return ("upsert", write.key.field) if write.key is not None else ("create", "")


def encoded(fields: Mapping[str, Any]) -> dict[str, str]:
    """Values as HubSpot's text. The empty string clears:
    https://developers.hubspot.com/docs/api-reference/2026-03/crm/objects/contacts/batch/update-contacts"""
    return {name: encode(value) for name, value in fields.items()}


def encode(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ";".join(str(one) for one in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


async def _send(http: Http, request: Request, done: Results) -> None:
    """Send, and file a result for every input. Raises Retry and Stop; those sent before have their results."""
    if not request.inputs:
        return
    try:
        answer = await http.request(
            "POST",
            f"{request.type.path}/batch/{request.verb}",
            json={"inputs": [one.body() for one in request.inputs]},
            idempotent=request.repeatable,
            expect=("results",),
            accept=REFUSED,
        )
    except Unavailable as error:
        if error.sent:
            done.update({one.place: WriteResult("unknown", id=one.write.id) for one in request.inputs})
        raise
    body = mapping(answer.json)
    if answer.status in REFUSED:
        for part in _blame(request, body, done):
            await _send(http, part, done)
    else:
        _file(request, body, done)


def _blame(request: Request, refusal: Mapping[str, Any], done: Results) -> Iterator[Request]:
    """Reject whom a refusal of the whole request names, and give back the rest to send again."""
    error = rejection(refusal)
    if len(request.inputs) == 1:
        done[request.inputs[0].place] = WriteResult("rejected", id=request.inputs[0].write.id, error=error)
        return
    named = {one.place for one in named_by(refusal, request.inputs)}
    if named and len(named) < len(request.inputs):
        at_fault = [one for one in request.inputs if one.place in named]
        done.update({one.place: WriteResult("rejected", id=one.write.id, error=error) for one in at_fault})
        yield replace(request, inputs=tuple(one for one in request.inputs if one.place not in named))
    else:
        half = len(request.inputs) // 2
        yield replace(request, inputs=request.inputs[:half])
        yield replace(request, inputs=request.inputs[half:])


def named_by(error: Mapping[str, Any], inputs: Iterable[Input]) -> Iterator[Input]:
    """The inputs that an error speaks of: by trace id, by record id or key, or by a property that does not exist."""
    context = mapping(error.get("context"))
    traces = {str(one) for one in context.get("objectWriteTraceId") or ()}
    ids = {str(one).strip().casefold() for one in context.get("ids") or ()} - {""}
    unknown = set(properties_unknown(error))
    for one in inputs:
        by_property = bool(unknown) and not unknown.isdisjoint(one.properties)
        if str(one.place) in traces or one.identity in ids or by_property:
            yield one


def properties_unknown(error: Mapping[str, Any]) -> Iterator[str]:
    for detail in error.get("errors") or ():
        if isinstance(detail, dict) and detail.get("code") == "PROPERTY_DOESNT_EXIST":
            yield from mapping(detail.get("context")).get("propertyName") or ()


def _file(request: Request, body: Mapping[str, Any], done: Results) -> None:
    """A result for every input of an answered batch (200, 201, 207)."""
    try:
        results = {result_place(result, request.inputs): result for result in body["results"]}
        for one in request.inputs:
            if one.place in results:
                done[one.place] = written(one, results[one.place])
        for error in body.get("errors") or ():
            for one in named_by(error, request.inputs):
                if one.place not in results:
                    done[one.place] = WriteResult("rejected", id=one.write.id, error=rejection(error))
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolChanged(f"HubSpot answered a batch in a shape that we do not know ({error!r}).") from None
    _file_the_rest(request, body, done, strays=-1 in results)


def _file_the_rest(request: Request, body: Mapping[str, Any], done: Results, *, strays: bool) -> None:
    """What HubSpot spoke of in neither list. A record merged into another is left out of an update's answer without
    a word; a single nameless error can only mean a single nameless input; else we do not know, least of all where
    there are results that belong to none (`strays`)."""
    left = [one for one in request.inputs if one.place not in done]
    errors = [e for e in body.get("errors") or () if not any(True for _ in named_by(e, request.inputs))]
    for one in left:
        if len(left) == len(errors) == 1:
            done[one.place] = WriteResult("rejected", id=one.write.id, error=rejection(errors[0]))
        elif request.verb == "update" and not errors and not strays:
            gone = Gone("HubSpot did not answer for this record.", hint="It was probably merged into another one.")
            done[one.place] = WriteResult("rejected", id=one.write.id, error=gone)
        else:
            done[one.place] = WriteResult("unknown", id=one.write.id)


def result_place(result: Mapping[str, Any], inputs: Sequence[Input]) -> int:
    """Which input a result belongs to: by its trace id, else by the record's id or key; -1 for none."""
    trace = result.get("objectWriteTraceId")
    if trace is not None:
        return int(trace)
    held = result.get("properties") or {}
    for one in inputs:
        write = one.write
        if write.operation == "update":
            if write.id == result["id"]:
                return one.place
        elif write.key is not None:
            if str(held.get(write.key.field) or "").strip().casefold() == one.identity:
                return one.place
        elif all(str(held.get(name) or "") == value for name, value in one.properties.items()):
            return one.place
    return -1


def written(one: Input, result: Mapping[str, Any]) -> WriteResult:
    """Done, with what HubSpot says it now holds. A different id than ours means that the record was merged away:
    what we sent went to the survivor, which the next read reports."""
    id = str(result["id"])
    if one.write.operation == "update" and one.write.id != id:
        gone = Gone(f"This record was merged into {id}.", hint="The next run follows it there.")
        return WriteResult("rejected", id=one.write.id, error=gone)
    held = result.get("properties") or {}
    fields = {name: held[name] for name in one.properties if name in held}
    return WriteResult("done", id=id, fields=fields, version=result.get("updatedAt"))


async def _move_stages_back(http: Http, type: ObjectType, batch: Sequence[Write], done: Results) -> None:
    """HubSpot moves `lifecyclestage` forward only, and says nothing when it ignores a move back: the answer then
    shows the old stage. Such records are cleared, set, and read back, all of them in three calls.

    A crash after the clearing leaves the stage blank, and the write `unknown`: the next run plans it anew, and from
    blank every stage may be set.

    https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide#lifecycle-stage
    """
    held_back = [
        Write(batch[place].ref, "update", {STAGE: batch[place].fields[STAGE]}, id=result.id)
        for place, result in sorted(done.items())
        if result.outcome == "done" and stage_ignored(batch[place], result)
    ]
    if not held_back:
        return
    places = {one.id: place for place, result in done.items() for one in held_back if result.id == one.id}
    try:
        cleared = await _update_all(http, type, [replace(one, fields={STAGE: None}) for one in held_back])
        ready = [one for one, result in zip(held_back, cleared, strict=True) if result.outcome == "done"]
        await _update_all(http, type, ready)
        read = await batch_read(http, type, [str(one.id) for one in held_back], [STAGE])
    except (Retry, Stop):
        done.update({places[one.id]: WriteResult("unknown", id=one.id) for one in held_back})
        return
    now = {str(one.get("id")): mapping(one.get("properties")).get(STAGE) for one in read}
    for one in held_back:
        place = places[one.id]
        done[place] = stage_result(done[place], one, now.get(str(one.id)))


def stage_ignored(one: Write, result: WriteResult) -> bool:
    wanted, held = one.fields.get(STAGE), (result.fields or {}).get(STAGE)
    return bool(wanted) and STAGE in (result.fields or {}) and held != wanted


def stage_result(before: WriteResult, one: Write, now: str | None) -> WriteResult:
    wanted = one.fields[STAGE]
    if now == wanted:
        return replace(before, fields={**(before.fields or {}), STAGE: now}, version=None)
    error = Invalid(
        f"HubSpot keeps lifecyclestage at {now or 'blank'}; {wanted} was not taken.",
        field=STAGE,
        hint="Look for a workflow or an automation in HubSpot that sets the stage.",
    )
    return WriteResult("rejected", id=before.id, error=error)


async def _update_all(http: Http, type: ObjectType, writes: Sequence[Write]) -> list[WriteResult]:
    done: Results = {}
    for request in requests(type, [Input(place, one, encoded(one.fields)) for place, one in enumerate(writes)]):
        await _send(http, request, done)
    return [done[place] for place in range(len(writes))]
