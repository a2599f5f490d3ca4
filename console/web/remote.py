"""What a system really has, as the editor of mappings shows it: its fields while one types, and what of the draft does not fit.

Invariant: no page waits for a vendor: this is what was read last (`console.web.discovered`); where it never was, reading is begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.base import RemoteField
from console.web.discovered import Field, Schema
from console.web.drafting import Work
from console.web.marks import Mark, marks, said
from console.web.page import Page
from console.web.schema import schema_of
from mapping.fields import Kind, place
from mapping.folder import Files


@dataclass(frozen=True)
class Remote:
    """`fields`: by name; empty where the schema is not known yet. `records`: of how many a field's fill was counted."""

    fields: Mapping[str, Field] = field(default_factory=dict)
    records: int = 0
    doubts: tuple[Mark, ...] = ()

    @property
    def known(self) -> bool:
        return bool(self.fields)

    def get(self, name: object) -> RemoteField | None:
        found = self.fields.get(str(name))
        return found.remote if found else None

    def share(self, name: object) -> float | None:
        """Of the records, those that have a value."""
        found = self.fields.get(str(name))
        return found.filled / self.records if found and self.records else None

    def samples(self, name: object) -> tuple[str, ...]:
        found = self.fields.get(str(name))
        return found.samples if found else ()

    def about(self, name: str) -> list[Mark]:
        """What is doubtful about a shared field here; "" for what is about none."""
        return [one for one in self.doubts if one.field == name]


def remote_of(page: Page, work: Work, system: str, kind: Kind) -> Remote:
    schema = _schema(page, work, system)
    if schema is None or kind not in schema.kinds:
        return Remote()
    of = schema.kinds[kind]
    return Remote({one.remote.name: one for one in of.fields}, of.records, tuple(_doubts(work.files, schema, kind)))


def told(page: Page, found: list[Mark]) -> list[tuple[str, str]]:
    """Each as its severity and a sentence."""
    return [(one.severity, said(one, page.words)) for one in found]


def _schema(page: Page, work: Work, system: str) -> Schema | None:
    if (
        work.project is None
    ):  # the last known one will do while something is wrong; none is read by files that have errors
        return page.site.schemas.get(system)
    return schema_of(page.site, system, page.by, work.files)


def _doubts(files: Files, schema: Schema, kind: Kind) -> list[Mark]:
    return [one for one in marks(files, {schema.system: schema}) if one.place == place(schema.system, kind)]
