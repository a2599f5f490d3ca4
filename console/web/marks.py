"""What is doubtful about a draft, against what the systems really have: for the editor to show as one types. Pure.

The rules are those of `smarketing check` (`console.fitting`). Not here: what is wrong with the files in themselves
(`mapping.loader.parsed` has that). Invariant: a draft that is broken elsewhere is still judged as far as it can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from alignment.words import Words
from console.fitting import unfit
from console.schemas import Finding, Level, Needed, needs
from console.web.discovered import Schema
from console.web.draft import Files, understood
from mapping.config import KindMapping, MappingFile, ProjectFile
from mapping.derived import shared_fields
from mapping.fields import KINDS, Kind


class Mark(NamedTuple):
    """`place`: "crm" for its leads, "crm/company". `field`: the shared one, "" where it is about the system's field
    `remote` alone, or about the kind of record as a whole. `key`: of the text; `values` fill it."""

    place: str
    field: str
    remote: str
    severity: Level
    key: str
    values: Mapping[str, Any]


def marks(files: Files, schemas: Mapping[str, Schema]) -> list[Mark]:
    """Of every system whose schema is known."""
    config, mappings, _ = understood(files)
    if config is None:
        return []
    found: list[Mark] = []
    for system, schema in schemas.items():
        if system in mappings:
            mapping = readable(config, mappings[system])
            found += map(_mark, unfit(config, mapping, system, schema.shapes))
    return sorted(found, key=lambda mark: (mark.place, mark.severity, mark.field, mark.remote))


def needed(files: Files, system: str, kind: Kind) -> list[Needed]:
    """What the draft's mapping counts on, of one kind of record in one system."""
    config, mappings, _ = understood(files)
    if config is None or system not in mappings:
        return []
    section = readable(config, mappings[system]).of(kind)
    return needs(config, section, kind) if section is not None else []


def readable(config: ProjectFile, mapping: MappingFile) -> MappingFile:
    """Without the fields that are mapped and not shared."""
    return mapping.model_copy(update=dict(_readable(config, mapping)))


def _readable(config: ProjectFile, mapping: MappingFile) -> Iterator[tuple[str, Any]]:
    for kind in KINDS:
        section = mapping.of(kind)
        if section is None:
            continue
        known = shared_fields(config, kind)
        fields = {name: entry for name, entry in section.fields.items() if name in known}
        if kind == "lead":
            yield "fields", fields
        else:
            yield _SECTIONS[kind], KindMapping.model_copy(section, update={"fields": fields})


_SECTIONS: Mapping[Kind, str] = {"company": "companies", "deal": "deals", "owner": "owners"}


def _mark(finding: Finding) -> Mark:
    key = finding.code.replace("-", "_")
    if key == "field_type" and "to" in finding.values:
        key = "field_refers"
    if finding.values.get("likely"):
        key += "_likely" if f"{key}_likely" in _WITH_NEAREST else ""
    values = {"remote": finding.remote, "system": finding.system.partition("/")[0], **finding.values}
    return Mark(finding.system, finding.field, finding.remote, finding.level, f"marks.{key}", values)


def said(mark: Mark, words: Words) -> str:
    """The mark as a sentence."""
    values = dict(mark.values)
    for name, area in (("type", "schema.type"), ("to", "schema.one"), ("kind", "impact.kind")):
        if name in values:
            values[name] = words(f"{area}_{values[name]}")
    return words(mark.key, **values)


_WITH_NEAREST = {"field_missing_likely", "value_missing_likely", "value_unknown_likely"}
