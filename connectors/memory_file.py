"""A system that is a JSON file: for trying things out without any server, and for tests of what sits above.

All behaviour is `memory.py`'s; here are only reading and writing the file. Not for more than some thousand records:
the whole file is written after every batch. Edit it by hand as you like: a record without `changed_at` counts as
changed when the file was.

    {"schema": [{"name": "email", "type": "string"}, …], "token": "…",
     "records": {"1": {"fields": {"email": "ada@example.com"}, "changed_at": "2026-01-01T00:00:00+00:00"}, …}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connectors.base import Capabilities, Clock, RemoteField, Write, WriteResult, utc_now
from connectors.errors import Misconfigured
from connectors.memory import Memory, Row, Vendor


class Settings(BaseModel):
    """`file`: where the records are; a relative path starts at the project folder. `token` must be the file's own,
    where it has one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    file: Path
    """The JSON file; a relative path starts at the project folder"""
    token: SecretStr | None = None
    """The file's own, where it has one"""
    page_size: int = Field(default=100, ge=1)
    """Records on a page"""
    unique: tuple[str, ...] = ()
    """Fields that refuse the same value twice"""
    provision: bool = True
    """Whether fields may be created, as some vendors let us and some do not"""


class MemoryFile(Memory):
    """The connector of a JSON file. Raises Misconfigured where the file cannot be read as described."""

    def __init__(self, name: str, settings: Settings, *, clock: Clock = utc_now) -> None:
        self._file = settings.file
        vendor = _load(name, settings, clock)
        token = settings.token.get_secret_value() if settings.token else None
        can = Capabilities(
            tombstones=True,
            upsert_keys=frozenset({"*"}),
            answers_values=True,
            provision=settings.provision,
            archive=True,
            erase=True,
        )
        super().__init__(vendor, page_size=settings.page_size, can=can, token=token)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        results = await super().write(batch)
        save(self.vendor, self._file)
        return results

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        results = await super().archive(ids)
        save(self.vendor, self._file)
        return results

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        results = await super().erase(ids)
        save(self.vendor, self._file)
        return results

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        result = await super().merge(winner_id, loser_id)
        save(self.vendor, self._file)
        return result

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        made = await super().provision(wanted)
        save(self.vendor, self._file)
        return made


def save(vendor: Vendor, file: Path) -> None:
    """Write all that the vendor holds; a reader never meets half a file."""
    body = {
        "schema": [asdict(field) for field in vendor.schema],
        "token": vendor.token,
        "made": vendor.made,
        "records": {
            id_: {
                "fields": row.fields,
                "changed_at": row.changed_at.isoformat(),
                "version": row.version,
                "deleted": row.deleted,
                "became": row.became,
            }
            for id_, row in vendor.rows.items()
        },
    }
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
    part.replace(file)


def _load(name: str, settings: Settings, clock: Clock) -> Vendor:
    file = settings.file
    try:
        body = orjson.loads(file.read_bytes())
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        rows = {str(id_): _row(row, changed) for id_, row in body.get("records", {}).items()}
        schema = [_field(field) for field in body.get("schema", ())]
    except OSError as error:
        raise Misconfigured(
            f"The file of system {name!r} cannot be read: {error.strerror}.", hint=f"Expected at {file}."
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Misconfigured(
            f"The file of system {name!r} is not what it should be ({type(error).__name__}).", hint=f"Look at {file}."
        ) from None
    made = body.get("made", len(rows))
    return Vendor(name, schema, frozenset(settings.unique), clock, token=body.get("token"), rows=rows, made=made)


def _row(row: Mapping[str, Any], changed: datetime) -> Row:
    at = datetime.fromisoformat(row["changed_at"]) if row.get("changed_at") else changed
    return Row(dict(row["fields"]), at, row.get("version", 1), row.get("deleted", False), row.get("became"))


def _field(field: Mapping[str, Any]) -> RemoteField:
    options = tuple((str(value), str(label)) for value, label in field.get("options", ()))
    return RemoteField(**{"label": field["name"], "type": "string", **field, "options": options})
