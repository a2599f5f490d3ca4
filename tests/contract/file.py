"""A folder of files under contract: one list that somebody keeps by hand and saves as a whole. What files do besides is
in tests/connectors/file."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.base import Connector
from connectors.file import Files, Settings
from connectors.memory import LogicalClock
from tests.contract.harness import Harness

LINE = 80
"""Bytes, about."""


class FileHarness(Harness):
    email, text, other = "E-mail", "First", "Last"
    writable = False
    credentials = False
    rescans = True
    page = 10

    def __init__(self) -> None:
        self.clock = LogicalClock()
        self.rows: dict[str, dict[str, Any]] = {}
        self.saves = self.made = 0
        self.folder = Path()

    @contextmanager
    def running(self) -> Iterator[Harness]:
        with tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self._save()
            yield self

    def connector(self) -> Connector:
        return self.files(lead={"files": "people*.csv", "id": "No", "time": "Changed", "complete": True})

    def files(self, **sources: Any) -> Connector:
        settings = {"folder": self.folder, **sources, "settle_seconds": 0, "unfinished_seconds": 0}
        return Files("file", Settings.model_validate(settings), clock=self.clock, block=self.page * LINE)

    def connector_refused(self) -> Connector:
        raise NotImplementedError("a folder asks for no credentials")

    async def seed(self, fields: Mapping[str, Any]) -> str:
        self.made += 1
        id = f"P-{self.made:04}"
        self.rows[id] = {"No": id, **fields, "Changed": self.clock().isoformat()}
        self._save()
        return id

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        self.rows[id] |= {**fields, "Changed": self.clock().isoformat()}
        self._save()

    async def delete(self, id: str) -> None:
        del self.rows[id]
        self._save()

    async def held(self) -> dict[str, Mapping[str, Any]]:
        return {id: dict(row) for id, row in self.rows.items()}

    def later(self, seconds: float) -> None:
        self.clock.tick(seconds)

    def _save(self) -> None:
        """As an editor does: a new file in the old one's place."""
        self.saves += 1
        new = self.folder / ".people.csv.new"
        with new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["No", *self.fields, "Changed"])
            writer.writeheader()
            writer.writerows(self.rows.values())
        at = int(self.clock().timestamp()) * 10**9 + self.saves
        os.utime(new, ns=(at, at))
        new.replace(self.folder / "people.csv")
