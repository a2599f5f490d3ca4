"""Where the reading of a folder stands.

    {"version": 1, "streams": {stream: {"settings": …, "files": {name: [size, mtime, end, line, hash]}, …}}}

Of each file: its size and time of change when it was looked at, up to where it was read and which line comes next, and
what the bytes up to there come to. A file that has the same size and time is not opened; one whose first bytes still
come to the same has only grown, and is read on from there; any other is read from its beginning. So a checkpoint in the
midst of a file needs nothing more. `window` is there while a backfill reads what has changed since a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from connectors.base import Cursor
from connectors.file.folder import Found
from connectors.file.settings import Source

VERSION = 1


class Note(NamedTuple):
    """What is remembered of a file; `hash` is empty where it was passed over unread."""

    size: int
    mtime: int
    end: int
    line: int
    hash: str

    def unchanged(self, file: Found) -> bool:
        return (self.size, self.mtime) == (file.size, file.mtime)

    def done(self, file: Found) -> bool:
        return self.unchanged(file) and self.end == file.size


@dataclass
class Position:
    """Of one stream. `refused`: names that have been told as such. `again`: the complete list was read in two parts, so
    that nobody could say who is missing."""

    settings: str
    files: dict[str, Note] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    again: bool = False

    @classmethod
    def begin(cls, source: Source) -> Position:
        told = source.model_dump_json(by_alias=True).encode()
        return cls(hashlib.blake2b(told, digest_size=8).hexdigest())

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Position:
        """Raises KeyError, TypeError, AttributeError, ValueError for what is none."""
        files = {str(name): Note(*note) for name, note in said["files"].items()}
        return cls(str(said["settings"]), files, list(said["refused"]), bool(said["again"]))

    def as_json(self) -> dict[str, Any]:
        files = {name: list(note) for name, note in self.files.items()}
        return {"settings": self.settings, "files": files, "refused": list(self.refused), "again": self.again}


@dataclass
class Positions:
    """Of all streams of a kind. `window`: records from before that time are passed over."""

    streams: dict[str, Position]
    window: datetime | None = None

    @classmethod
    def of(cls, cursor: Cursor | None, sources: Mapping[str, Source]) -> Positions:
        """A stream begins anew where the cursor is not understood, or was made under other settings."""
        fresh = {stream: Position.begin(source) for stream, source in sources.items()}
        if not isinstance(cursor, dict) or cursor.get("version") != VERSION:
            return cls(fresh)
        try:
            window = cursor.get("window")
            since = datetime.fromisoformat(window) if window else None
            said = {stream: Position.of(part) for stream, part in cursor["streams"].items()}
        except (KeyError, TypeError, AttributeError, ValueError):
            return cls(fresh)
        known = {
            stream: said[stream] if stream in said and said[stream].settings == begin.settings else begin
            for stream, begin in fresh.items()
        }
        return cls(known, since)

    def cursor(self) -> Cursor:
        """Resume here. The last one of a reading is made after `window` has been taken away."""
        streams = {stream: position.as_json() for stream, position in self.streams.items()}
        window = {"window": self.window.isoformat()} if self.window else {}
        return {"version": VERSION, "streams": streams, **window}


def cursor_at(at: datetime) -> Cursor:
    """What has changed since `at`: files that have, and of them the records that have."""
    return {"version": VERSION, "streams": {}, "window": at.isoformat()}
