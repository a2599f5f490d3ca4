"""Whether a mapping fits what a system really has: every mapped field against the live schema. Pure.

Not here: whether the mapping makes sense in itself (`mapping.checks`, told when it is loaded). Invariant: an `error`
is something that a run would stumble over; everything else is a `warning`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein

from connectors.base import FieldType, RemoteField
from mapping.compiler import transform_of
from mapping.config import HubField, KindMapping, MappedField, MappingFile, ProjectFile
from mapping.derived import computed, shared_fields
from mapping.fields import REASON, STAGE, Kind
from mapping.problems import nearest

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """`field` is the shared one ("" where there is none), `remote` the system's. `code` is in docs/errors.md. `values`: what
    the message is about, for whoever says it in another language."""

    level: Level
    code: str
    system: str
    field: str
    remote: str
    message: str
    hint: str = ""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Needed:
    """One remote field that the mapping counts on. `words`: what we write there and read there."""

    field: str
    remote: str
    transform: str
    pull: bool
    push: bool
    label: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    unique: bool = False
    default: bool = False
    to: Kind | None = None
    many: bool = False
    theirs: bool = False
    """Only the vendor can have it: it is never created."""


_HOLDS: Mapping[str, tuple[FieldType, ...]] = {
    "boolean": ("boolean", "picklist", "string"),
    "number": ("number", "string"),
    "integer": ("number", "string"),
    "percent": ("number", "string"),
    "date": ("date", "string", "datetime"),
    "datetime": ("datetime", "string"),
    "picklist": ("picklist", "string", "text"),
    "multipicklist": ("multipicklist", "picklist", "string", "text"),
    "moment": ("datetime", "date", "string", "number"),
    "band": ("picklist", "string"),
}
"""Transform -> the remote types that can hold what it writes; texts go into text and picklists."""

_TEXTS: tuple[FieldType, ...] = ("string", "text", "picklist", "reference")

_CREATES: Mapping[str, FieldType] = {
    "boolean": "boolean",
    "number": "number",
    "integer": "number",
    "percent": "number",
    "date": "date",
    "datetime": "datetime",
    "multipicklist": "multipicklist",
}


def needs(config: ProjectFile, mapping: KindMapping, kind: Kind = "lead") -> list[Needed]:
    found = [_needed(config, kind, name, entry) for name, entry in mapping.fields.items()]
    if mapping.id_field:
        found.insert(0, Needed("", mapping.id_field, "text", True, True, f"Smarketing: {kind} id", unique=True))
    if isinstance(mapping, MappingFile) and (stage := mapping.stage):
        pull, push = stage.direction != "push", stage.direction != "pull"
        writes, reads = tuple(dict.fromkeys(stage.values.values())), tuple(stage.reads)
        found.append(Needed(STAGE, stage.remote, "picklist", pull, push, "Smarketing: stage", writes, reads))
        if pull:
            found += [_dates(name, at) for name, at in stage.entered.items()]
        if reason := stage.reason:
            pull, push = reason.direction != "push", reason.direction != "pull"
            writes, reads = tuple(dict.fromkeys(reason.values.values())), tuple(reason.reads)
            transform = "picklist" if reason.values else "text"
            found.append(
                Needed(REASON, reason.remote, transform, pull, push, "Smarketing: reason of the stage", writes, reads)
            )
    return found


def _dates(stage: str, remote: str) -> Needed:
    return Needed(f"{STAGE}.entered.{stage}", remote, "moment", pull=True, push=False, label="", theirs=True)


def _needed(config: ProjectFile, kind: Kind, name: str, entry: MappedField) -> Needed:
    field = shared_fields(config, kind)[name]
    transform, options = transform_of(config, field, entry)
    derived = field.derived or name in computed(kind)
    return Needed(
        name,
        entry.remote,
        transform,
        pull=entry.direction != "push" and not derived,
        push=entry.direction != "pull" and kind != "owner",
        label=f"Smarketing: {(field.label or name.replace('_', ' ')).lower()}",
        writes=_writes(config, field, transform, options),
        reads=tuple(options.get("reads") or ()),
        default=entry.default is not None,
        to=field.to,
        many=field.many,
    )


def _writes(config: ProjectFile, field: HubField, transform: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The words that may be written, where they can be told beforehand."""
    if transform in ("picklist", "multipicklist"):
        return tuple(dict.fromkeys(options["values"].values()))
    if transform == "boolean" and isinstance(options.get("yes"), str):
        return (str(options["yes"]), str(options["no"]))
    if transform == "band":
        return tuple(options["bands"])
    if field.same_as == STAGE:
        words = config.vocabulary
        return tuple([stage.name for stage in words.ladder] + [state.name for state in words.side])
    return ()


def fits(system: str, needed: Sequence[Needed], schema: Sequence[RemoteField], *, creates: bool) -> list[Finding]:
    """Everything about the mapping that the live schema does not bear out. `creates`: the mapping may create records
    here, so that what the vendor insists on matters."""
    there = {field.name: field for field in schema}
    found: list[Finding] = []
    for need in needed:
        field = there.get(need.remote)
        if field is None:
            found.append(_missing(system, need, there))
        else:
            found += _mismatches(system, need, field)
    if creates:
        pushed = {need.remote for need in needed if need.push}
        found += [
            Finding("warning", "required-unmapped", system, "", field.name,
                    f"{field.label} is required by {system}, and nothing is mapped to it: creates may be refused.",
                    "Map a field to it, with a `default` if need be.", {"label": field.label})
            for field in schema if field.required and field.writable and field.name not in pushed
        ]  # fmt: skip
    return found


def _missing(system: str, need: Needed, there: Mapping[str, RemoteField]) -> Finding:
    likely = nearest(need.remote, there)
    likely = likely if likely and fuzz.ratio(need.remote, likely) >= 80 else ""
    hint = f"Did you mean {likely}? " if likely else ""
    return Finding(
        "error", "field-missing", system, need.field, need.remote, f"{system} has no field {need.remote}.",
        hint.strip() if need.to or need.theirs else f"{hint}`smarketing provision` creates the custom fields that are missing.",
        {"likely": likely},
    )  # fmt: skip


def _mismatches(system: str, need: Needed, field: RemoteField) -> Iterator[Finding]:
    def finding(level: Level, code: str, message: str, hint: str = "", **values: Any) -> Finding:
        return Finding(level, code, system, need.field, need.remote, message, hint, values)

    if need.push and not field.writable:
        yield finding("error", "field-read-only", "It can be read and not written.", "Set `direction: pull`.")
    if need.unique and not field.unique:
        yield finding(
            "error", "field-not-unique", "It carries our id, and two records may hold the same one.",
            "Make it unique (Salesforce: External ID, Unique), or name another id_field.",
        )  # fmt: skip
    if need.to is not None:
        yield from _reference(need, field, finding)
        return
    if field.type not in _HOLDS.get(need.transform, _TEXTS):
        yield finding(
            "error", "field-type", f"It holds {_a(field.type)}, and `transform: {need.transform}` does not fit it.",
            "Map another field, or choose another transform.", type=field.type, transform=need.transform,
        )  # fmt: skip
        return
    if field.type in ("picklist", "multipicklist") and field.options:
        yield from _words(need, field, finding)


def _reference(need: Needed, field: RemoteField, finding: Any) -> Iterator[Finding]:
    """What it refers to there is what we take it for. A system that does not say what it refers to is believed. One that
    refers to a single record can be read as a list of one, and not written."""
    as_many = field.many == need.many or (need.many and not need.push)
    if field.type == "reference" and field.refers == need.to and as_many:
        return
    if field.type not in ("reference", "string") or field.refers not in (None, need.to) or not as_many:
        theirs = f"{_a(field.type)}{f' (a {field.refers})' if field.refers else ''}{', many' if field.many else ''}"
        many = ", to any number" if need.many else ""
        yield finding(
            "error",
            "field-type",
            f"It holds {theirs}, and the shared field refers to a {need.to}{many}.",
            "Map another field.",
            type=field.type,
            to=need.to,
            many=need.many,
        )


def _words(need: Needed, field: RemoteField, finding: Any) -> Iterator[Finding]:
    options = {option for option, _ in field.options}
    if need.push:
        for word in need.writes:
            if word not in options:
                likely = nearest(word, options)
                yield finding(
                    "error", "value-missing", f"We would write {word!r}, which is none of its {len(options)} values.",
                    f"Did you mean {likely}?" if likely else f"Values: {', '.join(sorted(options)[:12])}.",
                    word=word, likely=likely, count=len(options),
                )  # fmt: skip
        if not need.writes and need.transform != "boolean":
            yield finding(
                "warning", "value-unchecked", f"It is a list of {len(options)} values, and any text may be written.",
                "Values outside the list may be refused: `transform: picklist` maps them.", count=len(options),
            )  # fmt: skip
    for word in need.reads:
        if word not in options:
            yield finding(
                "warning",
                "value-unknown",
                f"{word!r} is read, and is none of its values.",
                nearest(word, options),
                word=word,
                likely=nearest(word, options),
            )
    if need.pull and need.transform == "picklist":
        unread = [word for word in options if word not in need.writes and word not in need.reads]
        if unread:
            yield finding(
                "warning", "value-unread", f"It may also say {', '.join(sorted(unread)[:8])}, which nothing translates.",
                "Give each a meaning under `reads` (null: it says nothing). Until then such records go to review.",
                words=", ".join(sorted(unread)[:8]), count=len(unread),
            )  # fmt: skip


def _a(kind: str) -> str:
    return {"string": "text", "text": "long text", "multipicklist": "several values of a list", "picklist": "one of a list",
            "boolean": "yes or no", "number": "a number", "date": "a date", "datetime": "a time",
            "reference": "a reference to another record"}[kind]  # fmt: skip


# -- what to create ---------------------------------------------------------------------------------------------------


def wanted(needed: Sequence[Needed], schema: Sequence[RemoteField]) -> tuple[list[RemoteField], list[tuple[str, str]]]:
    """The fields to create, and those that are more likely misspelt: (our name, the field that it resembles)."""
    there = [field.name for field in schema]
    create: list[RemoteField] = []
    doubtful: list[tuple[str, str]] = []
    for need in needed:
        if need.remote in there or need.to is not None or need.theirs:
            continue  # nobody but the vendor makes what refers to other records, or dates its own stages
        likely = nearest(need.remote, there)
        if likely and _alike(need.remote, likely):
            doubtful.append((need.remote, likely))
        else:
            create.append(described(need))
    return create, doubtful


def described(need: Needed) -> RemoteField:
    """The custom field that would hold it. Words are text: a list would have to be kept in step by hand."""
    kind = _CREATES.get(need.transform, "string")
    options = tuple((word, word) for word in need.writes) if kind == "multipicklist" else ()
    return RemoteField(need.remote, need.label, kind, unique=need.unique, options=options)


def _alike(ours: str, theirs: str) -> bool:
    """One slip of the pen apart: such a field is mapped wrongly rather than missing."""
    return DamerauLevenshtein.distance(ours.casefold(), theirs.casefold()) <= (1 if len(ours) < 8 else 2)
