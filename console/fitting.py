"""Whether a system's whole mapping fits what the system is: its kinds of records, what it lets us do, its fields. Pure.

The rules for one field are `console.schemas`. Invariant: what has not been asked of the system is not found fault with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import RemoteField
from console.schemas import Finding, fits, needs
from mapping.config import KindMapping, MappingFile, ProjectFile
from mapping.fields import KINDS, PLURALS, Kind, RecordKind, place


@dataclass(frozen=True)
class Shape:
    """One kind of record as a system has it, and what the system lets us do with it. `fields`: None before it has been
    asked for them."""

    fields: Sequence[RemoteField] | None = None
    create: bool = True
    archive: bool = True
    merge: bool = True


def unfit(config: ProjectFile, mapping: MappingFile, system: str, shapes: Mapping[RecordKind, Shape]) -> list[Finding]:
    """Everything about a system's mapping that the system does not bear out, of all kinds of records."""
    found = unable(mapping, system, shapes)
    for kind, section in mapped_kinds(mapping, shapes):
        shape, needed = shapes[kind], needs(config, section, kind)
        where = place(system, kind)
        if config.on_merge_of(kind) == "merge" and not shape.merge:
            found.append(
                Finding(
                    "warning", "cannot-merge", where, "", "", f"{system} does not let us merge {PLURALS[kind]}.",
                    "Where it has two records of one, a review says which to merge there by hand.", {"kind": kind},
                )
            )  # fmt: skip
        if shape.fields:
            found += fits(where, needed, shape.fields, creates=shape.create and any(need.push for need in needed))
    return found


def mapped_kinds(mapping: MappingFile, there: Collection[RecordKind]) -> Iterator[tuple[Kind, KindMapping]]:
    """Of the kinds that the system has, those that the mapping has too."""
    for kind in KINDS:
        section = mapping.of(kind)
        if section is not None and kind in there:
            yield kind, section


def unable(mapping: MappingFile, system: str, shapes: Mapping[RecordKind, Shape]) -> list[Finding]:
    """What the mapping asks for that cannot be had of the system at all, whatever its fields are."""
    found: list[Finding] = []
    if mapping.activities and "activity" not in shapes:
        hint = "Take `activities` out of its mapping."
        found.append(
            Finding("error", "no-such-kind", system, "", "", f"{system} has no activities.", hint, {"kind": "activity"})
        )
    for kind in KINDS:
        section = mapping.of(kind)
        if section is None:
            continue
        if kind not in shapes:
            found.append(
                Finding(
                    "error", "no-such-kind", system, "", "", f"{system} has no {PLURALS[kind]}.",
                    f"Take `{PLURALS[kind]}` out of its mapping.", {"kind": kind},
                )
            )  # fmt: skip
        elif section.on_leave == "archive" and not shapes[kind].archive:
            found.append(
                Finding(
                    "error", "cannot-archive", place(system, kind), "", "", f"{system} does not let us archive {PLURALS[kind]}.",
                    "Take `on_leave: archive` out: then what leaves sync_when is left alone, and told no more.",
                    {"kind": kind},
                )
            )  # fmt: skip
    return found
