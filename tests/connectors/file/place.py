"""The folder, seen from both sides: people put files there, and the connector reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.base import ACTIVITY_FIELDS, Cursor, Page, Record
from connectors.file import Files, Settings
from connectors.memory import LogicalClock

FIELDS = ("Email", "Name")


class Place:
    """`lead` and `sale`: what the settings say of these. A file that is put here has been there for an hour."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = LogicalClock()
        self.lead: dict[str, Any] = {"files": "*.csv", "id": "Id"}
        self.sale: dict[str, Any] = {"files": "*.csv", "time": "When", "constants": {"type": "sale"}}
        self.more: dict[str, Any] = {}
        self.block = 1 << 18
        self.cursor: Cursor | None = None
        self.pages: list[Page] = []

    def put(self, name: str, body: str | bytes, *, age: float = 3600) -> Path:
        """`age`: seconds since it changed."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        return self.touch(path, age)

    def append(self, name: str, body: str | bytes, *, age: float = 3000) -> Path:
        path = self.folder / name
        path.write_bytes(path.read_bytes() + (body if isinstance(body, bytes) else body.encode()))
        return self.touch(path, age)

    def touch(self, path: Path, age: float) -> Path:
        at = int((self.clock().timestamp() - age) * 1e9)
        os.utime(path, ns=(at, at))
        return path

    def leads(self) -> Files:
        return self._connector({"lead": self.lead})

    def sales(self) -> Files:
        return self._connector({"activity": {"sale": self.sale}})

    async def read(self, fields: Sequence[str] = FIELDS) -> list[Record]:
        """The next run over the leads."""
        return await self._read(self.leads(), fields)

    async def read_sales(self) -> list[Record]:
        return await self._read(self.sales(), ACTIVITY_FIELDS)

    async def one(self, body: str | bytes, name: str = "leads.csv", fields: Sequence[str] = FIELDS) -> list[Record]:
        """All that a single file says of leads."""
        self.put(name, body)
        return await self.read(fields)

    async def one_sale(self, body: str | bytes, name: str = "sales.csv") -> Mapping[str, Any]:
        self.put(name, body)
        (record,) = await self.read_sales()
        assert record.problem is None, record.problem
        return record.fields

    async def _read(self, connector: Files, fields: Sequence[str]) -> list[Record]:
        self.pages = [page async for page in connector.read(fields, self.cursor)]
        self.cursor = json.loads(json.dumps(self.pages[-1].cursor))
        return [record for page in self.pages for record in page.records]

    def _connector(self, kinds: Mapping[str, Any]) -> Files:
        settings = Settings.model_validate({"folder": self.folder, **kinds, **self.more})
        return Files("inbox", settings, clock=self.clock, block=self.block)


def names(records: Sequence[Record]) -> dict[str, Any]:
    """Id -> name, of what could be read."""
    return {record.id: record.fields.get("Name") for record in records if record.problem is None}


def problems(records: Sequence[Record]) -> dict[str, str]:
    """Place -> why it could not be read."""
    assert not any(record.fields for record in records if record.problem)
    return {record.id: record.problem for record in records if record.problem}
