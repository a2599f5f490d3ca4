"""Lines to rows: CSV and JSONL. Invariant: a line that cannot be read costs itself and no other.

A quote that is opened and never closed makes a CSV reader swallow what follows. So a record of several lines that does
not fit (more text behind its closing quote, a wrong number of columns, no end) is taken back: its first line is the bad
one, and reading goes on with the second.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Protocol

import orjson

from connectors.file.text import LONGEST, Layout
from connectors.file.values import Unreadable

csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # 128 KiB by itself, for the whole process

DELIMITERS = ",;\t|"
_DAMAGE = re.compile("[\0\ufffd]")
_DAMAGED = "it holds a NUL, or bytes that are no text in the file's encoding"
_SAYS = re.compile(r"sep=([^\"\r\n])\s*", re.IGNORECASE)
"""What Excel writes in front of the header to name the delimiter."""

Row = tuple[int, Mapping[str, Any] | str]
"""How many lines of the block stand before it, and what it holds; a text says why it could not be read."""


class Parsed(NamedTuple):
    """Of a block: its rows, how many lines it has, and how many at its end begin a record that the next one goes on
    with."""

    rows: list[Row]
    lines: int
    open: int = 0


class Rows(Protocol):
    @property
    def columns(self) -> Sequence[str] | None:
        """As the header names them; None where each line names its own."""
        ...

    def parse(self, text: str, *, damaged: bool, first: bool, final: bool, force: bool) -> Parsed:
        """A block of whole lines. `damaged`: look for what is no text. `first`: the file's first lines. `final`: no
        block follows. `force`: the first record will not be waited for any more."""
        ...


@dataclass
class Feed:
    """Lines for a CSV reader, which may be set back."""

    lines: Sequence[str]
    at: int = 0
    ended: bool = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at == len(self.lines):
            self.ended = True
            raise StopIteration
        line = self.lines[self.at]
        self.at += 1
        return line


class Csv:
    """`header` is the first line of the file that is not empty. A later line that says the same is no record."""

    def __init__(self, header: Sequence[str], delimiter: str, newline: str) -> None:
        self._columns = [name.strip() for name in header]
        self._header = list(header)
        self._delimiter = delimiter
        self._newline = newline

    @property
    def columns(self) -> Sequence[str]:
        return self._columns

    def parse(self, text: str, *, damaged: bool, first: bool, final: bool, force: bool) -> Parsed:
        lines = split(text, self._newline)
        feed = Feed(lines)
        rows: list[Row] = []
        width, columns, header = len(self._columns), self._columns, self._header
        if first and lines and _SAYS.fullmatch(lines[0]):
            feed.at = 1
        start = feed.at
        while not feed.ended:
            reader = csv.reader(feed, delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    if len(cells) != width:
                        while len(cells) > width and not cells[-1].strip():
                            cells.pop()  # delimiters behind the last column
                        if cells and len(cells) != width:
                            raise csv.Error(f"it has {len(cells)} columns, and the header {width}")
                    if damaged and _DAMAGE.search("".join(lines[start : feed.at])):
                        raise csv.Error(_DAMAGED)
                    if cells and cells != header and any(cells):
                        rows.append((start, dict(zip(columns, cells, strict=True))))
                    start = feed.at
            except csv.Error as error:
                if feed.ended and not final and not (force and start == 0):
                    return Parsed(rows, len(lines), len(lines) - start)
                told = "a quote is opened and never closed" if feed.ended else _said(error)
                rows.append((start, told))
                start = feed.at = start + 1
                feed.ended = False
        return Parsed(rows, len(lines))


class Jsonl:
    """One JSON object a line."""

    def __init__(self, newline: str) -> None:
        self._newline = newline

    @property
    def columns(self) -> None:
        return None

    def parse(self, text: str, *, damaged: bool, first: bool, final: bool, force: bool) -> Parsed:
        lines = split(text, self._newline)
        return Parsed([(at, _object(line, damaged)) for at, line in enumerate(lines) if line.strip()], len(lines))


def rows_of(head: str, whole: bool, form: str, delimiter: str | None, layout: Layout) -> Rows | None:
    """The reader for a file that begins like this; None for one without a header, as an empty one. `whole`: the head is
    all of it. Raises Unreadable for a header that cannot be read."""
    if form == "jsonl":
        return Jsonl(layout.newline)
    lines = split(head, layout.newline)
    says = _SAYS.fullmatch(lines[0]) if lines else None
    if says:
        delimiter, lines = says[1], lines[1:]
    try:
        if delimiter is None:
            delimiter = max(DELIMITERS, key=lambda one: _fits(lines, one))
        header = next((cells for cells in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, cells))), None)
    except csv.Error as error:
        raise Unreadable(f"its header cannot be read ({error})") from None
    if header is None:
        if not whole:
            raise Unreadable("it begins with nothing but empty lines")
        return None
    if _DAMAGE.search("".join(header)):
        raise Unreadable(f"its header cannot be read: {_DAMAGED}")
    return Csv(header, delimiter, layout.newline)


def split(text: str, newline: str) -> list[str]:
    """Lines with their ends; nothing but the file's own line end is one."""
    return list(io.StringIO(text, newline=newline))


def _fits(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """How well a delimiter explains the first lines: how many have as many columns as the header, if more than one."""
    try:
        widths = [len(cells) for cells in islice(csv.reader(lines, delimiter=delimiter), 20) if cells]
    except csv.Error:
        return 0, 0
    return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)


def _said(error: csv.Error) -> str:
    return "a carriage return stands in the middle of it" if "new-line" in str(error) else str(error)


def _object(line: str, damaged: bool) -> Mapping[str, Any] | str:
    if damaged and _DAMAGE.search(line):
        return _DAMAGED
    try:
        held = orjson.loads(line)
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        return f"it is no JSON ({str(error).partition(':')[0]})"
    return held if isinstance(held, dict) else "it is JSON, but no object"
