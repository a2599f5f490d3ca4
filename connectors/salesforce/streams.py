"""Several objects' records in one order, their age: (SystemModstamp, Id). Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from connectors.base import Record
from connectors.salesforce.soql import Place, stamp_time


class Stream:
    """One object's pages, taken record by record. `waiting` are those read and not taken; `ended`: no page follows."""

    def __init__(self, pages: AsyncIterator[tuple[list[Record], bool]]) -> None:
        self._pages = pages
        self.waiting: list[Record] = []
        self.ended = False

    async def fill(self) -> None:
        while not self.waiting and not self.ended:
            self.waiting, self.ended = await anext(self._pages)

    def take(self, horizon: tuple[datetime, str] | None) -> list[Record]:
        """Those up to the horizon, all where it is None."""
        count = sum(age(record) <= horizon for record in self.waiting) if horizon else len(self.waiting)
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def age(record: Record) -> tuple[datetime, str]:
    return stamp_time(record.version or ""), row_id(record)


def row_id(record: Record) -> str:
    """Without the stream that an activity's id begins with."""
    return record.id.rpartition(":")[2]


def place_of(records: Sequence[Record]) -> Place | None:
    return Place(records[-1].version or "", row_id(records[-1])) if records else None
