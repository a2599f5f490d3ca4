"""What an admin says of a folder of files, kind by kind. Only the shape is checked here; `check` looks at the folder.

Invariant: a pattern that could lead out of the folder is refused before anything is opened.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from connectors.base import ACTIVITY_FIELDS, ActivityType, Kind

ACTIVITY_TYPES: tuple[str, ...] = get_args(ActivityType)


def _pattern(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or not path.parts or ".." in path.parts or "**" in value or "\\" in value:
        raise ValueError("expected a pattern inside the folder, such as sales/*.csv, without .. and **")
    return value


def _known_encoding(value: str) -> str:
    try:
        found = codecs.lookup(value)
        "a".encode(value)  # those that are none of text, such as base64, are refused here
    except LookupError:
        raise ValueError(f"there is no encoding called {value!r}; such as utf-8, utf-16, cp1252") from None
    return found.name


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"there is no time zone called {value!r}; such as Europe/Paris") from None
    return value


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_several, json_schema_input_type=str | list[str])]
Delimiter = Annotated[str, StringConstraints(pattern=r'^[^"\r\n\x00]$')]


class Source(BaseModel):
    """The files of one kind of record, and how they are to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    files: Annotated[Word, AfterValidator(_pattern)]
    """Which files, as a pattern inside the folder: `leads-*.csv`, `sales/*.jsonl`. Names that begin with a dot are left
    alone"""
    format: Literal["csv", "jsonl"] | None = None
    """By the ending where it is not said: `.jsonl` and `.ndjson` hold one JSON object a line, all others are CSV"""
    time: Word | None = None
    """The column that tells when a record changed; for activities, when it happened"""
    columns: Mapping[Word, Word] = Field(default_factory=dict)
    """Field -> the column's name in the files, where the two differ"""
    constants: Mapping[Word, bool | int | float | str] = Field(default_factory=dict)
    """Field -> the value that it has in every line, for what the files do not say"""
    encoding: Annotated[str, AfterValidator(_known_encoding)] | None = None
    """UTF-16 and UTF-8 are told by the files themselves, anything else is taken for cp1252 (Western Europe) where it is
    not said"""
    delimiter: Delimiter | None = None
    """Between the columns of a CSV file; comma, semicolon, tab or bar by the file's first lines where it is not said"""
    decimal: Literal[".", ","] = "."
    """What stands before the cents"""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """Of times that do not tell theirs; days begin in it too"""
    date_formats: Words = ()
    """As in Python's strptime: `%d.%m.%Y %H:%M`. ISO 8601 is always understood"""


class Records(Source):
    """Leads, companies or deals."""

    id: Annotated[Words, Field(min_length=1)]
    """The column that tells records apart, or several columns that do so together"""
    numbers: Words = ()
    """Fields that are numbers, read with `decimal`"""
    dates: Words = ()
    """Fields that are dates or times, read with `date_formats` and given as ISO 8601"""
    refers: Mapping[Word, Kind] = Field(default_factory=dict)
    """Field -> the kind of record whose id it holds"""
    complete: bool = False
    """Each file is the whole list: only the one changed last counts, and who is not in it any more is gone. Otherwise
    files add up, and nothing is ever gone"""


class Activities(Source):
    """One stream of things that happened."""

    id: Words = ()
    """The column that tells activities apart, or several; by the line's whole content where it is not said, and then
    two lines that say the same are one"""
    types: Mapping[str, ActivityType] = Field(default_factory=dict)
    """The files' word for what happened -> its type"""

    @model_validator(mode="after")
    def _known_fields(self) -> Activities:
        unknown = [name for name in (*self.columns, *self.constants) if name not in ACTIVITY_FIELDS]
        if unknown:
            raise ValueError(f"an activity has no {', '.join(unknown)}; it has {', '.join(ACTIVITY_FIELDS)}")
        if self.time is None and "at" not in self.columns:
            raise ValueError("say in `time` which column tells when it happened")
        kind = self.constants.get("type", "other")
        if kind not in ACTIVITY_TYPES:
            raise ValueError(f"{kind!r} is no type of activity; they are {', '.join(ACTIVITY_TYPES)}")
        if self.constants.keys() & {"at", "leads"}:
            raise ValueError("when it happened and whom it concerns is never the same in every line")
        return self


class Settings(BaseModel):
    """A folder, and which of its files hold what. At least one kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    folder: Path
    """Where the files are put; a relative path starts at the project folder"""
    lead: Records | None = None
    """The files that hold people"""
    company: Records | None = None
    """The files that hold companies"""
    deal: Records | None = None
    """The files that hold deals"""
    activity: Mapping[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], Activities] = Field(
        default_factory=dict
    )
    """Streams by name; the name becomes part of each id"""
    settle_seconds: float = Field(default=30, ge=0)
    """A file that changed so shortly ago may be half written, and waits for the next run"""
    unfinished_seconds: float = Field(default=900, ge=0)
    """A last line without a line end may be half written, and waits until its file has not changed for so long"""

    @model_validator(mode="after")
    def _something(self) -> Settings:
        if not self.sources:
            raise ValueError("say which files hold what: lead, company, deal or activity")
        return self

    @property
    def sources(self) -> Mapping[Kind, Mapping[str, Source]]:
        """Kind -> its streams by name; a kind that is no activity is one stream of its own name."""
        found: dict[Kind, Mapping[str, Source]] = {}
        kinds: tuple[tuple[Kind, Records | None], ...] = (
            ("lead", self.lead),
            ("company", self.company),
            ("deal", self.deal),
        )
        for kind, source in kinds:
            if source:
                found[kind] = {kind: source}
        if self.activity:
            found["activity"] = self.activity
        return found
