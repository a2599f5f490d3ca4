"""What a system's fields are, and what stands in them: its live schema, with a look at a few hundred of its records.

The look is at records from all over what we know of the system, read by id; where we know none yet, at what has changed there
last. Not here: whether a mapping fits (`console.fitting`). Invariant: nothing is written anywhere, and what cannot be read of
one kind of record leaves the others as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from connectors.base import Connector, Key, Record, RemoteField, utc_now
from connectors.errors import ConnectorError
from console.checking import shapes_of
from mapping.fields import KINDS, blank, place
from state.picking import spread
from state.store import Store
from sync.context import Progress
from sync.project import open_project

RECORDS = 200
"""Looked at of each kind."""

ENOUGH = 20
"""Where we know no record yet: with fewer, one looks further back."""

BACK = (timedelta(days=1), timedelta(days=14), timedelta(days=180), None)
"""How far, in turn; None reads from the first record on."""

SAMPLES, LONGEST = 5, 60
"""Different values told of each field, and characters of each."""


async def discover(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments`: `system`; `files`, a draft, where only that has the system. By kind of record: its fields with how many of
    the records looked at have a value, and which; and what may be done with such records. Raises what `open_project` raises,
    and ConnectorError where no kind of record can be read."""
    system: str = arguments["system"]
    kinds: dict[str, dict[str, Any]] = {}
    errors: dict[str, ConnectorError] = {}
    async with open_project(folder, systems=[system], reading=True, files=arguments.get("files")) as opened:
        connector = opened.connectors[system]
        with opened.store(dry=True) as store:
            for kind, shape in shapes_of(connector).items():
                told: dict[str, Any] = {"create": shape.create, "archive": shape.archive, "merge": shape.merge}
                kinds[kind] = told
                if kind == "activity":
                    continue
                where = place(system, kind)
                try:
                    fields = await connector.of(kind).schema()
                    progress("schema", where, len(fields))
                    records = await _some(connector.of(kind), store.of(kind), system, [field.name for field in fields])
                    progress("sample", where, len(records))
                except ConnectorError as error:
                    errors[kind] = error
                    continue
                told |= {"records": len(records), "fields": [_described(field, records) for field in fields]}
    if errors and not any("fields" in told for told in kinds.values()):
        raise next(iter(errors.values()))
    return {
        "system": system,
        "kinds": {kind: kinds[kind] for kind in (*KINDS, "activity") if kind in kinds},
        "errors": {kind: {"code": one.code, "message": one.message, "hint": one.hint} for kind, one in errors.items()},
    }


async def read_one(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One record as its system shows it now. `arguments`: `system`, `of` (its kind), `id`, and the names of `fields`; `files` as
    above. `fields` is None where there is no such record. Raises as `discover`."""
    system, kind = arguments["system"], arguments["of"]
    async with open_project(folder, systems=[system], reading=True, files=arguments.get("files")) as opened:
        connector = opened.connectors[system].of(kind)
        [found] = await connector.find([Key("id", arguments["id"])], arguments["fields"])
        progress("record", place(system, kind), len(found))
        at = found[0].changed_at if found else None
        fields = dict(found[0].fields) if found else None
        return {"id": found[0].id if found else arguments["id"], "fields": fields, "at": at and at.isoformat()}


async def _some(connector: Connector, store: Store, system: str, names: Sequence[str]) -> list[Record]:
    known = spread(store, system, RECORDS)
    if not known:
        return await _last_changed(connector, names)
    records: list[Record] = []
    for start in range(0, len(known), connector.can.find_batch):
        part = known[start : start + connector.can.find_batch]
        found = await connector.find([Key("id", id_) for id_ in part], names)
        records += [record for one in found for record in one]
    return records


async def _last_changed(connector: Connector, names: Sequence[str]) -> list[Record]:
    records: dict[str, Record] = {}
    for back in BACK:
        since = connector.cursor_at(utc_now() - back) if back else None
        async with aclosing(connector.read(names, since)) as pages:  # type: ignore[type-var]  # an async generator, in every connector
            async for page in pages:
                records |= {r.id: r for r in page.records if not (r.deleted or r.became or r.problem)}
                if len(records) >= RECORDS:
                    break
        if len(records) >= ENOUGH:
            break
    return list(records.values())[:RECORDS]


def _described(field: RemoteField, records: Iterable[Record]) -> dict[str, Any]:
    values = [value for record in records if not blank(value := record.fields.get(field.name))]
    met = Counter(_short(value) for value in values)
    return {**asdict(field), "filled": len(values), "samples": [value for value, _ in met.most_common(SAMPLES)]}


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
