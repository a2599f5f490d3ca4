"""The words that every connector speaks, and the protocol it satisfies.

A connector knows one vendor's API and nothing of mappings, the hub or the database: it deals in the vendor's own
field names and values. It speaks of one kind of record; `of` gives the connector for another kind of the same system,
over the same sign-in, the same limits and the same count of calls. Pages come lazily; a batch of writes comes back as
one result per record, in order, even where the vendor answers 200 to a batch that half failed.

Three things are kept apart everywhere: a field that is *absent* from `Record.fields` was not read; one that is None
or "" is blank; and a clear is a `Write` that carries None on purpose.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from connectors.errors import Misconfigured, Reject

Cursor = dict[str, Any]
"""Where to read on: JSON, made and understood by its connector alone. Saved in the commit of the records it covers."""

Clock = Callable[[], datetime]

Kind = Literal["owner", "company", "lead", "deal", "activity"]
"""What a record is about. A lead is a person, whatever a system calls it; an owner is one of the system's own users; an
activity is something that happened, is only ever read, and never changes."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class Record(NamedTuple):
    """What a system holds of one person, company, deal, user or activity, in the system's own field names and values.

    A field that refers to other records (`RemoteField.refers`) holds the other record's id, or None; where one record
    may refer to several (`many`), a sorted list of ids, empty where there are none.
    """

    id: str
    fields: Mapping[str, Any]
    changed_at: datetime | None = None
    version: str | None = None
    deleted: bool = False
    became: str | None = None
    """Id of the record that took this one's place: it was merged into it, or converted to it. Wins over `deleted`."""
    problem: str | None = None
    """Why this record could not be read, for a person: a fault in the data that costs this record and no other. Then
    `id` names the place ("sales.csv:17"), `fields` is empty, and nothing follows for any lead: it is a question for a
    person. A scan that met one is not complete."""


class Page(NamedTuple):
    records: Sequence[Record]
    cursor: Cursor
    """Resume here once these records are stored: mid-scan a checkpoint, on the last page where the next run begins."""
    complete: bool = False
    """True on the last page of a scan that returned *every* live record, begun without a checkpoint. Only then is
    absence evidence of deletion."""


class Members(NamedTuple):
    """What a `Write` does to a field that refers to many: who joins and who leaves. Everybody else stays: what somebody
    else has added meanwhile is not ours to remove."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class Key(NamedTuple):
    """One thing to look a record up by. `field` is a remote field name, or "id"."""

    field: str
    value: str


Operation = Literal["create", "update"]


@dataclass(frozen=True, slots=True)
class Write:
    """One record to write. `fields` holds exactly what changes; None clears. Fields that refer to many hold `Members`.

    `key` (creates only) makes the create repeatable: where the vendor can upsert by that field, a second try finds
    the record of the first. `ref` is ours, unique within the batch.
    """

    ref: str
    operation: Operation
    fields: Mapping[str, Any]
    id: str | None = None
    key: Key | None = None


Outcome = Literal["done", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of one write. `unknown`: it may have happened; recovery will look before anything is tried again.

    `fields` is what the vendor answered that it now holds (remote names), None where it did not say.
    """

    outcome: Outcome
    id: str | None = None
    fields: Mapping[str, Any] | None = None
    version: str | None = None
    error: Reject | None = None


ActivityType = Literal[
    "form", "email_sent", "email_open", "email_click", "email_reply", "page_visit", "meeting", "call", "task", "note",
    "campaign_member", "campaign_response", "sale", "other",
]  # fmt: skip

ACTIVITY_FIELDS = (
    "type", "at", "leads", "company", "deal", "owner", "email", "subject", "direction", "campaign", "status", "url",
    "value",
)  # fmt: skip
"""What every connector tells of an activity, by these names: there is nothing in one that an admin would map.

`type` is an `ActivityType`; `at` when it happened, ISO 8601 in UTC; `leads` a list of lead ids, `company`, `deal` and
`owner` an id or None; `email` an address, where the vendor tells that and no id; `direction` "in", "out" or None;
`value` a number or None; the others text or None."""

FieldType = Literal["string", "text", "number", "boolean", "date", "datetime", "picklist", "multipicklist", "reference"]


@dataclass(frozen=True, slots=True)
class RemoteField:
    """One field of the live schema. `options` are (value, label) pairs of a picklist, in the vendor's order."""

    name: str
    label: str
    type: FieldType
    writable: bool = True
    required: bool = False
    unique: bool = False
    options: tuple[tuple[str, str], ...] = ()
    max_length: int | None = None
    refers: Kind | None = None
    """The kind of record whose id it holds (type "reference"), where that is one of ours."""
    many: bool = False
    """It holds a list of ids."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to the system: shown by `smarketing check`. `detail` is for people."""

    id: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the API allowance, as the vendor last told. None: the vendor did not say."""

    used: int | None = None
    limit: int | None = None
    calls: int = 0
    """Requests sent by this connector since it was made."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    create: bool = True
    update: bool = True
    tombstones: bool = False
    """Incremental reads report deletions. Where False, only a complete scan finds them."""
    upsert_keys: frozenset[str] = field(default_factory=frozenset)
    """Remote fields by which a create may be repeated safely; "*" for any field that the vendor calls unique."""
    answers_values: bool = False
    """A write's result tells the values that the vendor now holds."""
    write_batch: int = 100
    find_batch: int = 100
    provision: bool = False
    oldest_first: bool = False
    """Changes come in the order of their time, so that a backfill may stop at the end of its window."""
    overlap: timedelta = timedelta(seconds=0)
    """How far behind its cursor an incremental read begins, for records that become visible late."""
    appends: bool = False
    """Fields that hold several words take `Members` with who joins: whatever else is in them by then stays."""
    archive: bool = False
    """`archive` works. Where False, it must not be called."""
    erase: bool = False
    """`erase` works. Where False, it must not be called."""
    merge: bool = False
    """`merge` works. Where False, it must not be called."""


def no_such_kind(name: str, kind: Kind) -> Misconfigured:
    """What `Connector.of` raises."""
    return Misconfigured(f"{name} has no records of kind {kind}.", hint=f"Take {kind} out of its mapping.")


class Connector(Protocol):
    """One kind of record of one connected system. Methods raise `Retry` (after their own patience is spent) or `Stop`,
    never `Reject`."""

    name: str
    kind: Kind
    kinds: frozenset[Kind]
    """The kinds that this system has; the same whichever of its connectors is asked."""
    can: Capabilities

    def of(self, kind: Kind) -> Connector:
        """The connector for this kind of record; itself for its own. What is made here is closed with the one that was
        connected. Raises Misconfigured for a kind that the system does not have."""
        ...

    async def check(self) -> Account:
        """Prove that the credentials work. Raises Unauthorized, Misconfigured."""
        ...

    async def schema(self) -> list[RemoteField]:
        """Every field of this kind as it is now, picklist options included."""
        ...

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        """Create the custom fields that are missing, and return their names. Raises Misconfigured, with what to do
        by hand, where the API does not allow it."""
        ...

    def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        """Records changed since the cursor, in whatever order cannot lose one; every record where it is None. A cursor of an unfinished
        scan resumes it; one too old for the vendor's memory starts a full scan by itself."""
        ...

    def cursor_at(self, at: datetime) -> Cursor:
        """A cursor from which `read` gives what has changed since `at`, for backfills of a window of time."""
        ...

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """The live records for each key, in the order of the keys; an empty list where there is none. Reads what is
        so now, not a search index that may lag."""
        ...

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        """At most `can.write_batch` writes; results of the same length and order. Never raises for one record. A
        time-out after sending gives `unknown` for every record that may have been written."""
        ...

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        """Take records out of use, as a person in the system's own pages would who deletes them: where the vendor has a
        bin, that is where they go. Any number of ids; results of the same length and order. `done` also for one that
        is gone already."""
        ...

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        """Erase records for good, for a person who asks to be forgotten: no bin, no way back, and a later read brings
        no tombstone. Any number of ids; results of the same length and order. `done` also for one that is gone already,
        or that lies in the bin and is erased from there."""
        ...

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        """Make one record of two, for good: no vendor parts them again. What refers to the loser refers to the survivor
        then. `id` is the survivor's, which some vendors give a new one; whoever looks for either of the two by id finds
        the survivor, or for the loser nothing. Raises Retry where no answer came: it may have happened."""
        ...

    def budget(self) -> Budget: ...

    async def aclose(self) -> None: ...
