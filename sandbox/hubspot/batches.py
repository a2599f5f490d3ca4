"""Batches of up to 100: read, create, update, upsert, archive, with HubSpot's two ways to fail.

With an `objectWriteTraceId` on every input, what can be done is done and the answer is 207 with the rest as errors;
without, one wrong record refuses the whole batch and nothing is written
(https://developers.hubspot.com/docs/api-reference/error-handling#multi-status-errors). An id given twice refuses the
batch either way, and the order of the results is not that of the inputs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.hubspot.errors import Refused, conflict, invalid, some_not_found
from sandbox.hubspot.properties import iso
from sandbox.hubspot.records import Record, Records, Write
from sandbox.hubspot.rendering import render

MAX_INPUTS = 100


class Outcome(NamedTuple):
    status: int
    body: dict[str, Any]


class Job(NamedTuple):
    """One input, and what is to become of it."""

    trace: str | None
    write: Write | None
    error: Refused | None


def read(records: Records, asked: Mapping[str, Any], *, archived: bool) -> Outcome:
    """The survivor stands in for an id that was merged away."""
    inputs = _inputs(asked)
    wanted = asked.get("properties") or records.type.shown
    started, found, missing = records.now(), dict[int, Record](), list[str]()
    for item in inputs:
        key = str(item.get("id", ""))
        record = records.find(key, asked.get("idProperty"), archived=archived)
        if record is None:
            missing.append(key)
        else:
            found[record.id] = record
    results = [render(record, wanted) for record in found.values()]
    errors = [some_not_found(missing, records.type.one).entry({})] if missing else []
    return _answer(records, started, 200, results, errors)


def create(records: Records, asked: Mapping[str, Any]) -> Outcome:
    def check(item: Mapping[str, Any]) -> Write:
        return records.check_create(_properties(item))

    return _write(records, asked, check, 201, traced=True)


def update(records: Records, asked: Mapping[str, Any]) -> Outcome:
    """A record that is not there never refuses the batch; the others are updated and the answer is 207."""

    def check(item: Mapping[str, Any]) -> Write:
        key = str(item.get("id", ""))
        record = records.find(key, item.get("idProperty"))
        if record is None:
            raise some_not_found([key], records.type.one)
        return records.check_update(record, _properties(item))

    _refuse_duplicates(asked)
    return _write(records, asked, check, 200, traced=True)


def upsert(records: Records, asked: Mapping[str, Any]) -> Outcome:
    """Update by a unique property, or create with it."""
    inputs = _inputs(asked)
    names = {item.get("idProperty") for item in inputs}
    if len(names) != 1:
        raise invalid("All inputs of an upsert must have the same idProperty")
    name = names.pop()
    if not name:
        raise invalid("idProperty is required for upsert")

    def check(item: Mapping[str, Any]) -> Write:
        key = str(item.get("id", ""))
        record = records.find(key, name)
        values = {name: key, **_properties(item)}
        return records.check_create(values) if record is None else records.check_update(record, values)

    _refuse_duplicates(asked, fold=name == "email")
    traced = name != "email" or records.settings.partial_email_upserts
    return _write(records, asked, check, 200, traced=traced, upsert=True)


def archive(records: Records, asked: Mapping[str, Any]) -> None:
    for item in _inputs(asked):
        records.archive(str(item.get("id", "")))


def _write(
    records: Records,
    asked: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], Write],
    status: int,
    *,
    traced: bool,
    upsert: bool = False,
) -> Outcome:
    inputs = _inputs(asked)
    traces = [item.get("objectWriteTraceId") for item in inputs]
    partial = traced and all(traces)
    if partial and len(set(traces)) != len(traces):
        raise invalid("objectWriteTraceId must be unique for each input")
    started = records.now()
    claims: dict[tuple[str, str], int] = {}
    jobs = [_job(records, item, check, claims, partial) for item in inputs]
    results, errors = list[dict[str, Any]](), list[dict[str, Any]]()
    for job in jobs:
        context = {"objectWriteTraceId": [job.trace]} if job.trace else {}
        if job.write is None:
            assert job.error is not None
            errors.append(job.error.entry(context))
            continue
        shown = render(records.carry_out(job.write), job.write.named)
        if job.trace:
            shown["objectWriteTraceId"] = job.trace
        if upsert:
            shown["new"] = job.write.record is None
        results.append(shown)
    random.Random(len(results)).shuffle(results)
    return _answer(records, started, status, results, errors)


def _job(
    records: Records,
    item: Mapping[str, Any],
    check: Callable[[Mapping[str, Any]], Write],
    claims: dict[tuple[str, str], int],
    partial: bool,
) -> Job:
    """Checked against what is stored and against the inputs before it; raises where one failure refuses them all."""
    trace = item.get("objectWriteTraceId")
    try:
        write = check(item)
        for name, value in write.changed.items():
            if value and (name == "email" or records.properties.all[name]["hasUniqueValue"]):
                if (name, value) in claims:
                    raise conflict(claims[name, value])
                claims[name, value] = write.record.id if write.record else records.last_id + 1
    except Refused as error:
        if not partial and error.category != "OBJECT_NOT_FOUND":
            raise
        return Job(trace, None, error)
    return Job(trace, write, None)


def _answer(
    records: Records, started: int, status: int, results: list[dict[str, Any]], errors: list[dict[str, Any]]
) -> Outcome:
    body: dict[str, Any] = {"status": "COMPLETE", "results": results}
    if errors:
        body |= {"numErrors": len(errors), "errors": errors}
    body |= {"startedAt": iso(started), "completedAt": iso(records.now())}
    return Outcome(207 if errors else status, body)


def _inputs(asked: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    inputs = asked.get("inputs")
    if not isinstance(inputs, list):
        raise invalid("Invalid input JSON: some required fields were not set: [inputs]")
    if len(inputs) > MAX_INPUTS:
        raise invalid(f"The maximum number of inputs is {MAX_INPUTS}, but {len(inputs)} were given.")
    if not all(isinstance(item, dict) for item in inputs):
        raise invalid("Invalid input JSON: inputs must be objects")
    return inputs


def _properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = item.get("properties")
    if not isinstance(properties, dict):
        raise invalid("Invalid input JSON: some required fields were not set: [properties]")
    return properties


def _refuse_duplicates(asked: Mapping[str, Any], *, fold: bool = False) -> None:
    seen, twice = set[str](), list[str]()
    for item in _inputs(asked):
        key = str(item.get("id", ""))
        same = key.strip().lower() if fold else key
        (twice.append if same in seen else seen.add)(same)
    if twice:
        raise invalid(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice)
