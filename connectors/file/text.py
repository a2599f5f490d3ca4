"""Bytes to text: how a file is encoded, where its lines end, and what has been read of it already.

Invariant: a file is held a block at a time, however large it is and however long its lines are.

No detector of encodings is used: on names in cp1252, charset-normalizer answers cp1250 and makes č of è. Unicode tells
itself; everything else is what the settings say, and cp1252 where they say nothing.
"""

from __future__ import annotations

import codecs
import hashlib
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

CHUNK = 1 << 20
LONGEST = 16 << 20
"""Bytes of the longest line, and of the longest record of several lines; more is taken for damage."""
SAMPLE = 1 << 16
"""Bytes of lines that are not plain ASCII, enough to tell UTF-8 from anything else."""
WESTERN = "cp1252"

_MARKS = (  # the longer first: UTF-16's mark begins UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PLAIN = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@dataclass(frozen=True, slots=True)
class Layout:
    """`mark`: bytes of the byte order mark; `unit`: bytes of the smallest character, at which line ends are aligned."""

    encoding: str
    mark: int
    newline: str
    unit: int
    end: bytes

    def decode(self, raw: bytes) -> tuple[str, bool]:
        """The text, and whether it may hold what is none: a NUL, or U+FFFD in place of what could not be decoded."""
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError:
            return raw.decode(self.encoding, "replace"), True
        return text, "\0" in text

    def cut(self, raw: bytes, lines: int = 0) -> int:
        """Where the whole lines of `raw` end, or as many lines before that; 0 where there are not so many."""
        at = len(raw)
        for _ in range(lines + 1):
            at = raw.rfind(self.end, 0, at)
            while at > 0 and at % self.unit:
                at = raw.rfind(self.end, 0, at + len(self.end) - 1)
            if at < 0:
                return 0
        return at + len(self.end)

    def ended(self, handle: BinaryIO, at: int) -> bool:
        """Whether a line ends just before this place."""
        handle.seek(max(at - len(self.end), 0))
        return handle.read(len(self.end)) == self.end

    def last_end(self, handle: BinaryIO, size: int) -> int:
        """Where the last whole line ends; the byte order mark's end where there is none."""
        upto = size - size % self.unit
        while upto > self.mark:
            start = max(upto - CHUNK, 0)
            handle.seek(start)
            at = self.cut(read(handle, upto - start))
            if at:
                return start + at
            upto = start
        return self.mark


class Survey(NamedTuple):
    layout: Layout
    hasher: Any
    """Of the bytes that had been read before."""


def survey(handle: BinaryIO, size: int, known: int, encoding: str | None) -> Survey:
    """Go through a file once: how it is laid out, and what its first `known` bytes come to."""
    handle.seek(0)
    head = read(handle, min(size, 4))
    mark, told = _told(head)
    chosen = told or (_PLAIN.get(encoding, encoding) if encoding else None)
    hasher = new_hasher()
    votes = [0, 0]
    sampled = at = 0
    lines, returns = False, False
    handle.seek(0)
    while at < size and (at < known or not lines or (chosen is None and sampled < SAMPLE)):
        chunk = read(handle, min(CHUNK, size - at))
        if not chunk:
            break
        if at < known:
            hasher.update(chunk[: known - at])
        lines, returns = lines or b"\n" in chunk, returns or b"\r" in chunk
        if chosen is None and sampled < SAMPLE and not chunk.isascii():
            sampled += _vote(chunk, votes, whole=at == 0)
        at += len(chunk)
    chosen = chosen or ("utf-8" if votes[1] >= votes[0] else WESTERN)
    newline = "\r" if returns and not lines else "\n"
    end = newline.encode(chosen)
    return Survey(Layout(chosen, mark, newline, len(end), end), hasher)


def new_hasher() -> Any:
    return hashlib.blake2b(digest_size=16)


def read(handle: BinaryIO, size: int) -> bytes:
    """As many bytes as asked for, fewer only at the end of the file."""
    parts = []
    while size > 0 and (part := handle.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _told(head: bytes) -> tuple[int, str | None]:
    """What the first bytes say: a byte order mark goes before every setting, and ASCII with a NUL beside each
    character is UTF-16 that lost its mark."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return len(mark), name
    if len(head) == 4 and head[0] and head[2] and not head[1] and not head[3]:
        return 0, "utf-16-le"
    if len(head) == 4 and head[1] and head[3] and not head[0] and not head[2]:
        return 0, "utf-16-be"
    return 0, None


def _vote(chunk: bytes, votes: list[int], *, whole: bool) -> int:
    """Count the lines that are UTF-8 and those that are not; those that are plain ASCII are both, and say nothing.
    Returns how many bytes were looked at."""
    looked = 0
    for number, line in enumerate(chunk.splitlines(keepends=True)):
        if line.isascii():
            continue
        if number == 0 and not whole:
            line = line.lstrip(bytes(range(0x80, 0xC0)))  # the chunk may begin within a character
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(line)  # and end within one
            votes[1] += 1
        except UnicodeDecodeError:
            votes[0] += 1
        looked += len(line)
        if looked >= SAMPLE:
            break
    return looked
