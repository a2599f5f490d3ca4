"""Rows to records: ids, times, and the fields of each kind. Invariant: the same line gives the same record and the same
id, in whichever file and under whatever order of the columns it stands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import orjson

from connectors.base import ACTIVITY_FIELDS, Record, RemoteField
from connectors.file.settings import ACTIVITY_TYPES, Activities, Records, Source
from connectors.file.values import Times, Unreadable, number, text_of, word

Convert = Callable[[Any], Any]


class Shape(Protocol):
    """Makes the records of one stream."""

    source: Source

    @property
    def needed(self) -> frozenset[str]:
        """The columns that a file must have, if it has a header."""
        ...

    @property
    def used(self) -> frozenset[str]:
        """The columns that are looked at, where they are there."""
        ...

    def record(self, row: Mapping[str, Any], mtime: datetime) -> Record:
        """`mtime`: when the file changed. Raises Unreadable."""
        ...


class OfRecords:
    """Leads, companies and deals: fields by their own names, those that the file lacks left out."""

    def __init__(self, source: Records, fields: Sequence[str]) -> None:
        self.source: Source = source
        self._id = source.id
        self._time = source.time
        self._times = Times(source.date_formats, source.time_zone)
        self._constants = {name: source.constants[name] for name in fields if name in source.constants}
        self._plan = [
            (name, source.columns.get(name, name), self._convert(source, name))
            for name in fields
            if name not in self._constants
        ]

    @property
    def needed(self) -> frozenset[str]:
        time = {self._time} if self._time else set()
        return frozenset({*self._id, *time, *self.source.columns.values()})

    @property
    def used(self) -> frozenset[str]:
        return self.needed | {column for _, column, _ in self._plan}

    def record(self, row: Mapping[str, Any], mtime: datetime) -> Record:
        fields: dict[str, Any] = dict(self._constants)
        for name, column, convert in self._plan:
            if column in row:
                value = row[column]
                fields[name] = convert(value) if convert and value not in ("", None) else value
        at = word(row.get(self._time)) if self._time else ""
        return Record(_id(row, self._id), fields, self._times.read(at) if at else mtime)

    def _convert(self, source: Records, name: str) -> Convert | None:
        if name in source.numbers:
            return lambda value: number(value, source.decimal)
        if name in source.dates:
            return lambda value: self._times.iso(word(value))
        if name in source.refers:
            return lambda value: word(value) or None
        if source.format == "csv":
            return None
        return text_of


class OfActivities:
    """Activities under the names that all connectors share. `stream` goes before each id."""

    def __init__(self, stream: str, source: Activities, fields: Sequence[str]) -> None:
        self.source: Source = source
        self._stream = stream
        self._id = source.id
        self._time = source.time or source.columns["at"]
        self._times = Times(source.date_formats, source.time_zone)
        self._types = {**{one: one for one in ACTIVITY_TYPES}, **source.types}
        asked = [name for name in ACTIVITY_FIELDS if name in fields]
        blanks: dict[str, Any] = {name: [] if name == "leads" else None for name in asked}
        self._blank = blanks | {name: value for name, value in source.constants.items() if name in blanks}
        self._plan = [
            (name, source.columns.get(name, name), self._convert(source, name))
            for name in asked
            if name not in source.constants and name != "at"
        ]
        self._at = "at" in asked
        self._typed = "type" in source.constants

    @property
    def needed(self) -> frozenset[str]:
        typed = () if self._typed else (self.source.columns.get("type", "type"),)
        return frozenset({*self._id, self._time, *typed, *self.source.columns.values()})

    @property
    def used(self) -> frozenset[str]:
        return self.needed | {column for _, column, _ in self._plan}

    def record(self, row: Mapping[str, Any], mtime: datetime) -> Record:
        fields = self._blank.copy()
        told = row.get(self._time)
        at = self._times.read(told if isinstance(told, str) else word(told)) if told not in ("", None) else None
        if at is None:
            raise Unreadable(f"it does not say when it happened: {self._time} is empty")
        if self._at:
            fields["at"] = at.isoformat()
        for name, column, convert in self._plan:
            value = row.get(column)
            if value is not None and value != "":
                fields[name] = convert(value)
            elif name == "type":
                raise Unreadable(f"it does not say what happened: {column} is empty")
        own = _id(row, self._id) if self._id else content_id(row)
        return Record(f"{self._stream}:{own}", fields, at)

    def _convert(self, source: Activities, name: str) -> Convert:
        if name == "type":
            return self._type
        if name == "value":
            return lambda value: number(value, source.decimal)
        return {"leads": _ids, "direction": _direction}.get(name, _text)

    def _type(self, value: Any) -> str:
        said = word(value)
        found = self._types.get(said) or self._types.get(said.casefold())
        if found is None:
            raise Unreadable(f"{said!r} is no type of activity; say in `types` what it means")
        return found


def schema_of(source: Source, columns: Iterable[str]) -> list[RemoteField]:
    """What a stream tells, by the columns that its files have. Nobody can write it."""
    if not isinstance(source, Records):
        return [_activity_field(name) for name in ACTIVITY_FIELDS]
    renamed = {column: name for name, column in source.columns.items()}
    names = dict.fromkeys([renamed.get(column, column) for column in columns if column] + list(source.constants))
    return [_field(source, name) for name in names]


def content_id(row: Mapping[str, Any]) -> str:
    """From all that a line says; the order of the columns and empty ones count for nothing."""
    said = {name: value for name, value in row.items() if value is not None and value != ""}
    return hashlib.blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _id(row: Mapping[str, Any], columns: tuple[str, ...]) -> str:
    parts = [word(row.get(column)) for column in columns]
    if not all(parts):
        raise Unreadable(f"it has no id: {columns[parts.index('')]} is empty")
    if len(parts) == 1:
        return parts[0]
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)


def _field(source: Records, name: str) -> RemoteField:
    label = source.columns.get(name, name)
    if name in source.refers:
        return RemoteField(name, label, "reference", writable=False, refers=source.refers[name])
    if name in source.numbers:
        return RemoteField(name, label, "number", writable=False)
    return RemoteField(name, label, "datetime" if name in source.dates else "string", writable=False)


def _activity_field(name: str) -> RemoteField:
    if name in ("leads", "company", "deal", "owner"):
        kind: Any = "lead" if name == "leads" else name
        return RemoteField(name, name, "reference", writable=False, refers=kind, many=name == "leads")
    if name == "type":
        return RemoteField(name, name, "picklist", writable=False, options=tuple((t, t) for t in ACTIVITY_TYPES))
    if name == "value":
        return RemoteField(name, name, "number", writable=False)
    return RemoteField(name, name, "datetime" if name == "at" else "string", writable=False)


def _ids(value: Any) -> list[str]:
    several = value if isinstance(value, list) else word(value).replace(",", ";").split(";")
    return sorted({id_ for one in several if (id_ := word(one))})


def _direction(value: Any) -> str:
    said = word(value).casefold()
    if said not in ("in", "out"):
        raise Unreadable(f"{said!r} is no direction; in or out")
    return said


def _text(value: Any) -> str | None:
    return (value.strip() if isinstance(value, str) else word(value)) or None
