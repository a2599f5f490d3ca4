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

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]
Make = Callable[[Row], Record]
"""Raises Unreadable."""


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

    def bind(self, columns: Sequence[str] | None, mtime: datetime) -> Make:
        """What makes a record of a row. `columns`: of a CSV file, whose cells are all text; None for JSON. `mtime`:
        when the file changed."""
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

    def bind(self, columns: Sequence[str] | None, mtime: datetime) -> Make:
        constants, time, read, id_of = self._constants, self._time, self._times.read, _id_reader(self._id)
        plan = [
            (name, column, convert if columns is None or convert is not text_of else None)
            for name, column, convert in self._plan
            if columns is None or column in columns
        ]

        def make(row: Row) -> Record:
            fields: dict[str, Any] = dict(constants)
            for name, column, convert in plan:
                if column in row:
                    value = row[column]
                    fields[name] = value if convert is None else None if _blank(value) else convert(value)
            at = word(row.get(time)) if time else ""
            return Record(id_of(row), fields, read(at) if at else mtime)

        return make

    def _convert(self, source: Records, name: str) -> Convert:
        if name in source.numbers:
            return lambda value: number(value, source.decimal)
        if name in source.dates:
            return lambda value: self._times.iso(word(value))
        if name in source.refers:
            return lambda value: word(value) or None
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
        self._type_column = None if "type" in source.constants else source.columns.get("type", "type")

    @property
    def needed(self) -> frozenset[str]:
        typed = {self._type_column} if self._type_column else set()
        return frozenset({*self._id, self._time, *typed, *self.source.columns.values()})

    @property
    def used(self) -> frozenset[str]:
        return self.needed | {column for _, column, _ in self._plan}

    def bind(self, columns: Sequence[str] | None, mtime: datetime) -> Make:
        blank, stream, time, read, asked = self._blank, self._stream, self._time, self._times.read, self._at
        id_of = _id_reader(self._id) if self._id else content_id
        must = self._type_column
        plan = [
            (name, column, convert if columns is None or convert is not _text else None)
            for name, column, convert in self._plan
            if columns is None or column in columns
        ]

        def make(row: Row) -> Record:
            fields = blank.copy()
            told = row.get(time)
            if not told:
                raise Unreadable(f"it does not say when it happened: {time} is empty")
            at = read(told if isinstance(told, str) else word(told))
            if asked:
                fields["at"] = at.isoformat()
            for name, column, convert in plan:
                value = row.get(column)
                if value is not None and value != "":
                    fields[name] = value if convert is None else None if _blank(value) else convert(value)
            if must and _blank(row.get(must)):
                raise Unreadable(f"it does not say what happened: {must} is empty")
            return Record(f"{stream}:{id_of(row)}", fields, at)

        return make

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


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _id_reader(columns: tuple[str, ...]) -> Callable[[Row], str]:
    """Several columns are joined by a bar; a bar within one is written otherwise, so that no two ids fall together."""

    def one(row: Row) -> str:
        value = row.get(columns[0])
        found = value.strip() if isinstance(value, str) else word(value)
        if not found:
            raise Unreadable(f"it has no id: {columns[0]} is empty")
        return found

    def several(row: Row) -> str:
        parts = [word(row.get(column)) for column in columns]
        if not all(parts):
            raise Unreadable(f"it has no id: {columns[parts.index('')]} is empty")
        return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in parts)

    return one if len(columns) == 1 else several


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
