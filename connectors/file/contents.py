"""One file: from where it was read to its end, block by block.

Invariant: what may be half written waits, and a file that changes while it is read is left where it was last whole; a
bad line gives a record with a `problem`, and costs no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, NamedTuple

from connectors.base import Record
from connectors.file.cursor import Note
from connectors.file.folder import Found, opened
from connectors.file.records import Make, Shape
from connectors.file.rows import Row, Rows, rows_of
from connectors.file.text import CHUNK, LONGEST, Layout, new_hasher, read, survey
from connectors.file.values import Unreadable

BLOCK = 1 << 18
"""Bytes of a file that make a page."""
TOLD = 100
"""Lines of one file that are told one by one as unreadable; the rest only by their number: the file is at fault."""


class Step(NamedTuple):
    """Some records, and what to note of the file once they are stored."""

    records: list[Record]
    note: Note


class Contents:
    """The records of one file. `patient`: a last line without a line end may be half written, and waits."""

    def __init__(self, file: Found, shape: Shape, *, patient: bool, block: int = BLOCK) -> None:
        self.file = file
        self.problems = 0
        self.resumed = False
        """It was not read from its beginning."""
        self.ended = False
        """It was read to its end."""
        self._shape = shape
        self.patient = patient
        self._block = block
        self._mtime = datetime.fromtimestamp(file.mtime / 1e9, UTC)

    def finished(self) -> bool:
        """Whether its last line has an end. Raises Unauthorized, Unavailable."""
        try:
            with opened(self.file) as handle:
                layout = survey(handle, self.file.size, 0, self._shape.source.encoding).layout
                return self.file.size == 0 or layout.ended(handle, self.file.size)
        except FileNotFoundError:
            return False

    def columns(self) -> list[str]:
        """Those of its header; of a JSONL file, of the lines at its beginning. None where it cannot be read. Raises
        Unauthorized, Unavailable."""
        try:
            with opened(self.file) as handle:
                layout = survey(handle, self.file.size, 0, self._shape.source.encoding).layout
                text, whole, rows = self._begin(handle, layout, self.file.size)
        except (FileNotFoundError, Unreadable):
            return []
        if rows is None:
            return []
        if rows.columns is not None:
            return [name for name in rows.columns if name]
        parsed = rows.parse(text, damaged=True, first=True, final=whole, force=False)
        return list(dict.fromkeys(name for _, row in parsed.rows if not isinstance(row, str) for name in row))

    def read(self, note: Note | None = None) -> Iterator[Step]:
        """What stands behind the note, where the file still begins as it did; else all. Raises Unauthorized,
        Unavailable."""
        try:
            handle = opened(self.file)
        except FileNotFoundError:  # taken away since the folder was looked through
            return
        with handle:
            if self._changed(handle):
                return
            size = self.file.size
            known = note.end if note and note.hash and note.end <= size else 0
            layout, hasher = survey(handle, size, known, self._shape.source.encoding)
            end = size
            if self.patient and not layout.ended(handle, size):
                end = layout.last_end(handle, size)
            if note and known and hasher.hexdigest() == note.hash and _joins(handle, layout, known, size):
                at, self.resumed = known, True
                begins = known in (size, layout.mark) or layout.ended(handle, known)
                line = note.line if begins else note.line - 1  # whose end is read now
            else:
                at, line, hasher = layout.mark, 1, new_hasher()
                handle.seek(0)
                hasher.update(read(handle, layout.mark))
            try:
                rows = self._rows(handle, layout, end)
            except Unreadable as fault:
                self.problems += 1
                _swallow(handle, hasher, at, end)
                told = f"{self.file.name} cannot be read: {fault}."
                problem = Record(f"{self.file.name}:1", {}, problem=told)
                yield Step([problem], self._note(end, line, hasher))
                return
            if rows is not None and at < end:
                yield from self._steps(handle, layout, rows, hasher, at, end, line)
            else:
                self.ended = True
                _swallow(handle, hasher, at, end)
                yield Step([], self._note(max(at, end), line, hasher))

    def _steps(
        self, handle: BinaryIO, layout: Layout, rows: Rows, hasher: Any, at: int, end: int, line: int
    ) -> Iterator[Step]:
        make = self._shape.bind(rows.columns, self._mtime)
        raw = b""
        while at < end:
            handle.seek(at + len(raw))
            raw += read(handle, min(max(self._block, len(raw)), end - at - len(raw)))
            if self._changed(handle):
                return
            final = at + len(raw) >= end
            cut = len(raw) if final else layout.cut(raw)
            if cut:
                text, damaged = layout.decode(raw[:cut])
                force = len(raw) > LONGEST
                parsed = rows.parse(text, damaged=damaged, first=line == 1, final=final, force=force)
                if parsed.open:
                    cut = layout.cut(raw[:cut], parsed.open)
                records = self._records(parsed.rows, make, line)
                line += parsed.lines - parsed.open
                hasher.update(raw[:cut])
                at, raw = at + cut, raw[cut:]
            elif len(raw) > LONGEST:
                records = self._records([(0, f"it is longer than {LONGEST >> 20} MB")], make, line)
                at, line, raw = _skip(handle, layout, hasher, at, end), line + 1, b""
            else:
                continue
            if records or at >= end:
                if at >= end and self.problems > TOLD:
                    told = f"{self.problems - TOLD:,} more lines of {self.file.name} cannot be read."
                    records.append(Record(self.file.name, {}, problem=told))
                yield Step(records, self._note(at, line, hasher))
        self.ended = True

    def _records(self, rows: Sequence[Row], make: Make, line: int) -> list[Record]:
        """`line`: the number of the block's first."""
        made: list[Record] = []
        for number, row in rows:
            if isinstance(row, str):
                fault = row
            else:
                try:
                    made.append(make(row))
                    continue
                except Unreadable as error:
                    fault = str(error)
            self.problems += 1
            if self.problems <= TOLD:
                place = f"{self.file.name}:{line + number}"
                made.append(Record(place, {}, problem=f"Line {line + number} cannot be read: {fault}."))
        return made

    def _rows(self, handle: BinaryIO, layout: Layout, end: int) -> Rows | None:
        """None for a file without a header. Raises Unreadable."""
        _, _, rows = self._begin(handle, layout, end)
        if rows is not None and rows.columns is not None:
            missing = sorted(self._shape.needed - {*rows.columns})
            if missing:
                raise Unreadable(f"it has no column {', '.join(missing)}, only {', '.join(filter(None, rows.columns))}")
            twice = sorted(name for name in self._shape.used & {*rows.columns} if rows.columns.count(name) > 1)
            if twice:
                raise Unreadable(f"the column {', '.join(twice)} stands in it twice")
        return rows

    def _begin(self, handle: BinaryIO, layout: Layout, end: int) -> tuple[str, bool, Rows | None]:
        """The first lines, whether they are all, and what reads them. Raises Unreadable."""
        source = self._shape.source
        handle.seek(layout.mark)
        head = read(handle, min(end, CHUNK) - layout.mark)
        whole = end <= CHUNK
        text, _ = layout.decode(head if whole else head[: layout.cut(head)])
        form = source.format or ("jsonl" if self.file.name.casefold().endswith((".jsonl", ".ndjson")) else "csv")
        return text, whole, rows_of(text, whole, form, source.delimiter, layout)

    def _note(self, end: int, line: int, hasher: Any) -> Note:
        return Note(self.file.size, self.file.mtime, end, line, hasher.hexdigest())

    def _changed(self, handle: BinaryIO) -> bool:
        now = os.fstat(handle.fileno())
        return (now.st_size, now.st_mtime_ns) != (self.file.size, self.file.mtime)


def _joins(handle: BinaryIO, layout: Layout, at: int, size: int) -> bool:
    """Whether what is new begins a line: a last line that had no end may have been one half of it."""
    if at in (size, layout.mark) or layout.ended(handle, at):
        return True
    handle.seek(at)
    return read(handle, 2 * layout.unit).startswith((layout.end, "\r\n".encode(layout.encoding)))


def _skip(handle: BinaryIO, layout: Layout, hasher: Any, at: int, end: int) -> int:
    """Where the line that begins at `at` ends, without holding it."""
    handle.seek(at)
    while at < end:
        chunk = read(handle, min(CHUNK, end - at))
        found = chunk.find(layout.end)
        while found > 0 and found % layout.unit:
            found = chunk.find(layout.end, found + 1)
        if found >= 0:
            chunk = chunk[: found + len(layout.end)]
        hasher.update(chunk)
        at += len(chunk)
        if found >= 0 or not chunk:
            break
    return at


def _swallow(handle: BinaryIO, hasher: Any, at: int, end: int) -> None:
    handle.seek(at)
    while at < end and (chunk := read(handle, min(CHUNK, end - at))):
        hasher.update(chunk)
        at += len(chunk)
