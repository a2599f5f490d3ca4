"""What may be asked about records of any one type, and about its properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.gate import Answer
from sandbox.hubspot import batches
from sandbox.hubspot.associations_api import associate_inline, inline
from sandbox.hubspot.call import Call, an_object, answer, whole
from sandbox.hubspot.errors import Refused, invalid
from sandbox.hubspot.rendering import render

NO_CONTENT = Answer(204, b"")
PAGE_LIMIT = 100

Handler = Callable[[Call], Answer]


def list_records(call: Call) -> Answer:
    limit, after = whole(call.one("limit"), 10), whole(call.one("after"), 0)
    if not 1 <= limit <= PAGE_LIMIT:
        raise invalid(f"The limit must be between 1 and {PAGE_LIMIT}; got {limit}")
    records, archived = call.records, call.flag("archived")
    page, last = records.page(after, limit, archived=archived, shift=call.shift)
    wanted = call.many("properties") or call.records.type.shown
    body: dict[str, Any] = {"results": [render(record, wanted) for record in page]}
    if last is not None:
        link = f"https://api.hubapi.com{call.scope['path']}?limit={limit}&after={last}"
        body["paging"] = {"next": {"after": str(last), "link": link}}
    return answer(body)


def get_record(call: Call) -> Answer:
    archived = call.flag("archived")
    record = call.records.get(call.path["id"], call.one("idProperty"), archived=archived)
    return answer(render(record, call.many("properties") or call.records.type.shown))


def create_record(call: Call) -> Answer:
    given = an_object(call.body, "properties")
    pairs = inline(call.body, call.records.type.name)
    record = call.records.create(given)
    associate_inline(call, record.id, pairs)
    return answer(render(record, given), 201)


def update_record(call: Call) -> Answer:
    records, given = call.records, an_object(call.body, "properties")
    record = records.update(records.get(call.path["id"], call.one("idProperty")), given)
    return answer(render(record, given))


def archive_record(call: Call) -> Answer:
    call.records.archive(call.path["id"])
    return NO_CONTENT


def merge_records(call: Call) -> Answer:
    primary, other = (str(call.body.get(name, "")) for name in ("primaryObjectId", "objectIdToMerge"))
    record = call.records.merge(primary, other)
    return answer(render(record, record.values))


def erase_record(call: Call) -> Answer:
    call.records.erase(str(call.body.get("objectId", "")), call.body.get("idProperty"))
    return NO_CONTENT


def search_records(call: Call) -> Answer:
    return answer(call.index.search(call.body, call.size, call.shift))


def read_batch(call: Call) -> Answer:
    outcome = batches.read(call.records, call.body, archived=call.flag("archived"))
    return answer(outcome.body, outcome.status)


def create_batch(call: Call) -> Answer:
    """As `write_batch`; associations may come along, and none of a batch that has a wrong one is made."""
    wanted = [inline(item, call.records.type.name) for item in call.body.get("inputs") or ()]
    if any(wanted):
        raise invalid("Associations in a batch create are not played here: create, then associate.")
    return write_batch(batches.create)(call)


def write_batch(verb: Callable[..., batches.Outcome]) -> Handler:
    def write(call: Call) -> Answer:
        outcome = verb(call.records, call.body)
        return answer(outcome.body, outcome.status)

    return write


def archive_batch(call: Call) -> Answer:
    batches.archive(call.records, call.body)
    return NO_CONTENT


# Properties


def list_properties(call: Call) -> Answer:
    return answer({"results": [] if call.flag("archived") else list(call.properties.all.values())})


def get_property(call: Call) -> Answer:
    return answer(call.properties.get(call.path["name"]))


def create_property(call: Call) -> Answer:
    return answer(call.properties.create(call.body), 201)


def update_property(call: Call) -> Answer:
    return answer(call.properties.update(call.path["name"], call.body))


def archive_property(call: Call) -> Answer:
    call.properties.archive(call.path["name"])
    return NO_CONTENT


def create_properties(call: Call) -> Answer:
    """207 where some exist already: the rest is created."""
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for wanted in call.body.get("inputs", []):
        try:
            results.append(call.properties.create(wanted))
        except Refused as error:
            errors.append(error.entry({"name": [str(wanted.get("name"))]}))
    now = call.portal.stamp()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    return answer(body, 207 if errors else 201)


def list_groups(call: Call) -> Answer:
    return answer({"results": list(call.properties.groups.values())})


def get_group(call: Call) -> Answer:
    groups = call.properties.groups
    if call.path["name"] not in groups:
        raise Refused(404, "OBJECT_NOT_FOUND", f"Property group {call.path['name']} does not exist")
    return answer(groups[call.path["name"]])


def create_group(call: Call) -> Answer:
    return answer(call.properties.create_group(call.body), 201)
