"""`export`: all that is held on a person, for the person: one document, and the same to read.

Not here: why a lead is what it is, for a colleague (`explaining`). Invariant: whatever `forget` would erase of somebody
is in their export; no secret and nobody else is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from console.failures import Exit, Refusal
from console.lookup import find
from console.names import name_of
from console.plans import Reasons
from console.screen import Screen, plain
from mapping.fields import OPTED_OUT
from state.clocks import Clocks
from state.history import History
from state.records import Hub, Link
from state.store import Store
from sync.project import open_project

MOST = 1_000_000
"""Activities told of one person."""


async def export(screen: Screen, folder: Path, asked: str, out: Path | None) -> Exit:
    """A file that ends in `.md` or `.txt` is the readable form; any other is JSON."""
    async with open_project(folder, systems=(), reading=True) as opened:
        with opened.store(dry=True) as store, History(store) as history, Clocks(opened.engine) as clocks:
            hub_id = find(opened, history, asked)
            if store.hubs([hub_id])[hub_id].kind != "lead":
                raise Refusal(
                    "no-lead", f"{asked!r} is no person's record.", "Only what is held on people is exported."
                )
            document = held(store, history, clocks, hub_id)
    if out is not None:
        text = readable(document) if out.suffix in (".md", ".txt") else as_json(document)
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
    screen.emit({"ok": True, "exit": 0, **({"file": str(out)} if out else {}), **document})
    if not screen.as_json:
        for line in [f"Written to {out}"] if out else readable(document).splitlines():
            screen.say(plain(line, 10_000))
    return Exit.DONE


def held(store: Store, history: History, kept: Clocks, hub_id: str) -> dict[str, Any]:
    """Everything, of the lead and of those that were merged into it."""
    ids = store.same_person(hub_id)
    hubs = [hub for _, hub in sorted(store.hubs(ids).items())]
    changes, stages = history.changes(ids), history.stages(ids)
    sent = {i: history.sent(i) for i in ids}
    records = {(link.system, link.remote_id) for hub in hubs for link in hub.links.values()}
    reviews = history.reviews_about(ids, records)
    clocks, alerts = kept.clocks_of(ids), kept.alerts_about(ids)
    leads = []
    for hub in hubs:
        why = Reasons(hub, changes.get(hub.id, ()), stages.get(hub.id, ()))
        leads.append(
            {
                "lead": hub.id,
                "merged_into": hub.merged_into,
                "who": name_of(hub),
                "values": {name: {"value": value, **why(name)} for name, value in sorted(hub.fields.items())},
                "consent": _consent(hub),
                "systems": {system: _link(link) for system, link in sorted(hub.links.items())},
                "history": [asdict(change) for change in changes.get(hub.id, ())],
                "stages": [asdict(stage) for stage in stages.get(hub.id, ())],
                "scores": [row._asdict() for row in store.scores_of(hub.id)],
                "clocks": [asdict(row) for row in clocks.get(hub.id, ())],
                "alerts": [asdict(row) for row in alerts if row.hub_id == hub.id],
                "writes": [
                    {
                        "at": row.at, "run_id": row.write.run_id, "system": row.write.system,
                        "operation": row.write.operation, "record": row.write.remote_id, "state": row.write.state,
                        "fields": {name: {"old": old, "new": new} for name, (old, new) in row.write.fields.items()},
                    }
                    for row in sent[hub.id]
                ],
                "activities": [asdict(one) for one in history.activities(hub.id, MOST)],
            }
        )  # fmt: skip
    runs = {change.run_id for some in changes.values() for change in some}
    runs |= {row.write.run_id for some in sent.values() for row in some}
    return {
        "exported_at": datetime.now(UTC),
        "leads": leads,
        "reviews": [asdict(review) for review in reviews],
        "runs": [
            {"id": run.id, "kind": run.kind, "started": run.started, "ended": run.ended}
            for _, run in sorted(history.runs_by_id(runs).items())
        ],
    }


def _link(link: Link) -> dict[str, Any]:
    """What the system showed, what we took that to agree with, and what it said that nobody has merged yet."""
    side = link.side
    return {
        "record": link.remote_id, "state": link.state, "changed_there_at": side.seen_at, "shows": side.base_remote,
        "agreed": side.base_hub, "unmerged": side.seen,
    }  # fmt: skip


def _consent(hub: Hub) -> dict[str, Any]:
    """Whether the person has opted out, here and as each system shows it."""
    systems = {s: {**link.side.base_remote, **link.side.seen} for s, link in sorted(hub.links.items())}
    return {
        OPTED_OUT: hub.fields.get(OPTED_OUT),
        "said_by": hub.origin.get(OPTED_OUT) or hub.origin.get("", ""),
        "systems": {system: values[OPTED_OUT] for system, values in systems.items() if OPTED_OUT in values},
    }


def as_json(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def readable(document: Mapping[str, Any]) -> str:
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The same as headings and lists: nothing is left out, nothing is put in other words."""
    yield f"# What is held, as of {document['exported_at']:%Y-%m-%d %H:%M} UTC"
    for lead in document["leads"]:
        yield from ("", f"## {lead['who']}", "", f"Lead {lead['lead']}")
        for name in (
            "values",
            "consent",
            "systems",
            "history",
            "stages",
            "scores",
            "clocks",
            "alerts",
            "writes",
            "activities",
        ):
            yield from ("", f"### {name.capitalize()}", "", *_told(lead[name], 0))
    yield from ("", "## Questions that people were asked", "", *_told(document["reviews"], 0))
    yield from ("", "## Runs", "", *_told(document["runs"], 0))


def _told(value: Any, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            if isinstance(inner, Mapping | list) and inner:
                yield f"{indent}- {name}:"
                yield from _told(inner, depth + 1)
            else:
                yield f"{indent}- {name}: {_spelled(inner)}"
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for number, inner in enumerate(value, 1):
            if isinstance(inner, Mapping | list):
                yield f"{indent}- {number}:"
                yield from _told(inner, depth + 1)
            else:
                yield f"{indent}- {_spelled(inner)}"
    else:
        yield f"{indent}- {_spelled(value)}"


def _spelled(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
