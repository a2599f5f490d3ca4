"""`check` and `provision`: is everything in place for a run, and making what is not.

Invariant: `check` changes nothing anywhere; `provision` creates fields and never changes or removes one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from alignment.sla.messages import re_evaluation
from connectors.base import Account, Budget, Connector, RemoteField
from connectors.errors import ConnectorError, Misconfigured
from console.failures import Exit
from console.fitting import Shape, mapped_kinds, unable, unfit
from console.schemas import Finding, Needed, needs, wanted
from console.screen import Screen, Sheet, count, many, plain, table
from mapping.fields import Kind, RecordKind
from sync.project import ENV_FILE, Opened, open_project


@dataclass
class Checked:
    """What one system said. `fields` is how many mapped fields were looked at."""

    account: Account | None = None
    budget: Budget = field(default_factory=Budget)
    fields: int = 0
    error: dict[str, str] | None = None
    findings: list[Finding] = field(default_factory=list)


async def check(screen: Screen, folder: Path, systems: Sequence[str]) -> Exit:
    screen.say(Text("Checking the configuration and every system it names …", style="quiet"))
    async with open_project(folder, systems=systems or None, reading=True) as opened:
        names = list(opened.connectors)
        answers = await asyncio.gather(*(_look(opened, name) for name in names))
        checked = dict(zip(names, answers, strict=True))
        notes = _notes(opened)
    result = _exit(checked)
    screen.emit(_document(opened, checked, notes, result))
    if not screen.as_json:
        _show(screen, opened, checked, notes)
    return result


async def _look(opened: Opened, name: str) -> Checked:
    checked, mapping = Checked(), opened.project.mappings[name]
    connector, config = opened.connectors[name], opened.project.config
    shapes = shapes_of(connector)
    try:
        checked.account = await connector.check()
        for kind, section in mapped_kinds(mapping, shapes):
            checked.fields += len(needs(config, section, kind))
            shapes[kind] = replace(shapes[kind], fields=await connector.of(kind).schema())
    except ConnectorError as error:
        checked.error = {"code": error.code, "message": error.message, "hint": error.hint}
        return checked
    finally:
        checked.findings = unfit(config, mapping, name, shapes)
    checked.budget = connector.budget()
    return checked


def shapes_of(connector: Connector) -> dict[RecordKind, Shape]:
    """What the system has and can, before it is asked for any field."""
    can = {kind: connector.of(kind).can for kind in connector.kinds}
    return {kind: Shape(None, one.create, one.archive, one.merge) for kind, one in can.items()}


def _notes(opened: Opened) -> list[str]:
    """What is not wrong and still worth a word."""
    notes = []
    pact = opened.project.config.sla
    if pact is not None and (due := re_evaluation(pact, datetime.now(UTC))):
        notes.append(due)
    env = opened.project.folder / ENV_FILE
    if env.exists() and env.stat().st_mode & 0o077:
        notes.append(f"{env} holds secrets and others on this machine may read it: chmod 600 {env}")
    if opened.project.config.region is None:
        notes.append("No `region` in smarketing.yaml: telephone numbers without a country code cannot be told apart.")
    if opened.project.config.scoring is None:
        notes.append("No `scoring` in smarketing.yaml: no lead gets a score.")
    return notes


def _exit(checked: Mapping[str, Checked]) -> Exit:
    if any(c.error for c in checked.values()):
        return Exit.SYSTEM
    errors = any(finding.level == "error" for c in checked.values() for finding in c.findings)
    return Exit.FINDINGS if errors else Exit.DONE


def _document(opened: Opened, checked: Mapping[str, Checked], notes: list[str], result: Exit) -> dict[str, Any]:
    return {
        "ok": result == Exit.DONE,
        "exit": int(result),
        "configuration": {"hash": opened.rules.hash, "systems": list(opened.rules.mappers), "notes": notes},
        "systems": {
            name: {
                "account": asdict(c.account) if c.account else None,
                "error": c.error,
                "fields": c.fields,
                "budget": asdict(c.budget),
                "findings": [asdict(finding) for finding in c.findings],
            }
            for name, c in checked.items()
        },
    }


def _show(screen: Screen, opened: Opened, checked: Mapping[str, Checked], notes: list[str]) -> None:
    config = opened.project.config
    screen.gap()
    shared = many(len(config.fields), "shared field")
    line = f"{many(len(config.systems), 'system')}, {shared}, {many(len(config.vocabulary.ladder), 'stage')}"
    screen.say(Text.assemble(("✓ ", "good"), "configuration", (f"  {line}", "quiet")))
    what = table("!System", "!Access", "Account", ">Fields", ">Errors", ">Warnings", "~>Calls left")
    for name, c in checked.items():
        errors = sum(f.level == "error" for f in c.findings)
        left = c.budget.limit - c.budget.used if c.budget.limit is not None and c.budget.used is not None else None
        what.add_row(
            Text(name, style="bold"),
            Text("✗ " + c.error["code"], style="bad") if c.error else Text("✓", style="good"),
            Text(plain(f"{c.account.name}  {c.account.detail}", 80)) if c.account else Text(""),
            count(c.fields),
            count(errors, "bad"),
            count(len(c.findings) - errors, "warn"),
            count(left),
        )
    screen.gap()
    screen.say(what)
    for name, c in checked.items():
        if c.error:
            body = [Text(plain(c.error["message"], 1000)), Text(plain(c.error["hint"], 1000), style="quiet")]
            screen.panel(f"{name}: {c.error['code']}", *body, style="bad")
        elif c.findings:
            screen.gap()
            screen.say(_findings(name, c.findings))
    screen.gap()
    for note in notes:
        screen.say(Text.assemble(("● ", "warn"), note))
    if _exit(checked) == Exit.DONE:
        screen.say(Text.assemble(("✓ ", "good"), "Ready. See what would happen: ", ("smarketing plan", "accent")))


def _findings(system: str, findings: Sequence[Finding]) -> Sheet:
    what = table("!", "!Field", "!There", "What", title=f"{system}: {many(len(findings), 'finding')}")
    for f in sorted(findings, key=lambda f: (f.level, f.field, f.remote)):
        said = Text(plain(f.message, 300))
        if f.hint:
            said.append(f" {plain(f.hint, 300)}", style="quiet")
        mark = Text("✗", style="bad") if f.level == "error" else Text("●", style="warn")
        kind = f.system.partition("/")[2]
        ours = f"{kind}: {f.field}" if kind and f.field else kind or f.field
        what.add_row(mark, ours or Text("–", style="quiet"), Text(plain(f.remote, 40)), said)
    return what


# -- provision --------------------------------------------------------------------------------------------------------


async def provision(screen: Screen, folder: Path, systems: Sequence[str]) -> Exit:
    screen.say(Text("Looking for the custom fields that the mappings need …", style="quiet"))
    async with open_project(folder, systems=systems or None, reading=True) as opened:
        made = {name: await _provision(opened, name) for name in opened.connectors}
    result = max((_exit_of(one) for one in made.values()), default=Exit.DONE)
    screen.emit({"ok": result == Exit.DONE, "exit": int(result), "systems": made})
    if not screen.as_json:
        for name, one in made.items():
            _show_made(screen, name, one)
    return result


async def _provision(opened: Opened, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"created": [], "by_hand": [], "doubtful": [], "error": None, "there": 0}
    connector, mapping = opened.connectors[name], opened.project.mappings[name]
    shapes = shapes_of(connector)
    try:
        for kind, section in mapped_kinds(mapping, shapes):
            await _make(kind, connector.of(kind), needs(opened.project.config, section, kind), answer)
    except ConnectorError as error:
        answer["error"] = {"code": error.code, "message": error.message, "hint": error.hint}
    for finding in unable(mapping, name, shapes):
        answer["error"] = {"code": finding.code, "message": finding.message, "hint": finding.hint}
    return answer


async def _make(kind: Kind, connector: Connector, needed: Sequence[Needed], answer: dict[str, Any]) -> None:
    """Add to the answer what was made of one kind's fields, and what could not be."""
    create, doubtful = wanted(needed, await connector.schema())
    answer["doubtful"] += [{"field": _of_kind(ours, kind), "resembles": theirs} for ours, theirs in doubtful]
    answer["there"] += len(needed) - len(create) - len(doubtful)
    by_hand = [_described(kind, field) for field in create]
    if create and not connector.can.provision:
        answer["by_hand"] += by_hand
    elif create:
        try:
            answer["created"] += [_of_kind(name, kind) for name in await connector.provision(create)]
        except Misconfigured as error:
            answer["by_hand"] += by_hand
            answer["error"] = {"code": error.code, "message": error.message, "hint": error.hint}


def _of_kind(name: str, kind: Kind) -> str:
    return name if kind == "lead" else f"{name} ({kind})"


def _described(kind: Kind, field: RemoteField) -> dict[str, Any]:
    return {"kind": kind, "name": field.name, "label": field.label, "type": field.type, "unique": field.unique,
            "options": [value for value, _ in field.options]}  # fmt: skip


def _exit_of(one: Mapping[str, Any]) -> Exit:
    if one["by_hand"] or one["doubtful"]:
        return Exit.FINDINGS
    return Exit.SYSTEM if one["error"] else Exit.DONE


def _show_made(screen: Screen, system: str, one: Mapping[str, Any]) -> None:
    screen.gap()
    screen.title(system, f"{many(one['there'], 'mapped field')} there already")
    for name in one["created"]:
        screen.say(Text.assemble(("✓ ", "good"), f"created {plain(name)}"))
    for doubt in one["doubtful"]:
        told = f"{plain(doubt['field'])} is not there, and looks like a slip for {plain(doubt['resembles'])}: nothing created."
        screen.say(Text.assemble(("● ", "warn"), told))
    if one["error"]:
        body = [Text(plain(one["error"]["message"], 1000)), Text(plain(one["error"]["hint"], 2000), style="quiet")]
        screen.panel(f"{system}: {one['error']['code']}", *body, style="bad")
    if one["by_hand"]:
        what = table("!Of", "!Name", "Label", "!Type", "!Unique", "Values", title="To be created by hand")
        for f in one["by_hand"]:
            what.add_row(
                f["kind"],
                Text(plain(f["name"])),
                Text(plain(f["label"])),
                f["type"],
                "yes" if f["unique"] else "",
                ", ".join(f["options"]),
            )
        screen.say(what)
    if not any(one[key] for key in ("created", "doubtful", "error", "by_hand")):
        screen.say(Text.assemble(("✓ ", "good"), "nothing to create"))
