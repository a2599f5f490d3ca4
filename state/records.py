"""What the database hands to the pure half of the engine and takes back: plain data, no queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from mapping.fields import Fields, Kind, RecordKind, Value

LinkState = Literal["live", "deleted", "merged", "ignored", "archived"]
"""`deleted`: by somebody, and never created again; `archived`: by us, since it left `sync_when`; it may come back."""


@dataclass(slots=True)
class Side:
    """One link as the merge sees it. `base_remote` is what the remote showed, `base_hub` what the hub was, when they
    last agreed. `seen` holds the fields read since that differ from `base_remote` (or have no base yet); merge
    empties it, but for what a review keeps back. `entered`: when the stages were entered there, in the vendor's own
    words, as read with a stage that is not merged yet."""

    base_remote: Fields = field(default_factory=dict)
    base_hub: Fields = field(default_factory=dict)
    seen: Fields = field(default_factory=dict)
    seen_at: datetime | None = None
    entered: dict[str, Any] = field(default_factory=dict)

    def absorb(self, name: str, value: Value, agreed: Value) -> None:
        """Both sides now know the field: the remote shows `value`, and the hub was `agreed`."""
        self.base_remote[name] = value
        self.base_hub[name] = agreed
        self.seen.pop(name, None)


@dataclass(slots=True)
class Link:
    """This hub record is that remote record. `n` is 0 before it is stored. `kind` is the hub record's. `within`: the mark
    of the rule (`Mapper.archives`) that the record has been seen to satisfy; only what was in can leave."""

    hub_id: str
    system: str
    remote_id: str
    side: Side = field(default_factory=Side)
    state: LinkState = "live"
    mapping: int = 0
    digest: bytes | None = None
    n: int = 0
    kind: Kind = "lead"
    within: bytes | None = None


@dataclass(slots=True)
class Hub:
    """A hub record with all its links, by system. `origin` names the system each field came from; the entry "" is
    the one that most came from. A field that refers to other hub records holds an id, or a sorted list of ids."""

    id: str
    fields: Fields = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    touched: bool = False
    dirty: bool = False
    merged_into: str | None = None
    kind: Kind = "lead"
    links: dict[str, Link] = field(default_factory=dict)

    def sides(self) -> dict[str, Side]:
        """What takes part in a merge: also what was read of a record that has been deleted since."""
        return {s: link.side for s, link in self.links.items() if link.state == "live" or link.side.seen}

    @property
    def alive(self) -> bool:
        """Whether any system still has a record of it."""
        return any(link.state == "live" for link in self.links.values())


class Known(NamedTuple):
    """What a batch of reads needs to know of a link before anything else."""

    n: int
    hub_id: str
    digest: bytes | None
    remote_id: str


class Waiting(NamedTuple):
    """A record refers to one that has no hub record yet."""

    system: str
    kind: Kind
    remote_id: str
    target_kind: Kind
    target_remote_id: str


class Wait(NamedTuple):
    """An activity names a record that has no hub record yet, or an address that no lead has. `hash` is the address, as
    leads are found by it; `ref` the record's remote id."""

    target: Kind | Literal["email"]
    ref: str
    hash: int | None = None


class Activity(NamedTuple):
    """What happened, as it is stored. `leads`, `company`, `deal` and `owner` are ids of hub records; `rest` is JSON."""

    remote_id: str
    type: str
    at: datetime
    changed: datetime | None
    leads: tuple[str, ...]
    company: str | None
    deal: str | None
    owner: str | None
    rest: str
    waits: tuple[Wait, ...] = ()


class Told(NamedTuple):
    """How often something of a type happened to a lead, and when last."""

    hub_id: str
    type: str
    times: int
    latest: datetime


RECORD = ""
"""No name of a field: what a merge of records does to the record as such."""


@dataclass(slots=True)
class WriteRow:
    """A planned write; once `sent` it is the intent that recovery looks for. `fields`: field -> [old, new].

    A `restore` puts back what the system held before an earlier write, and leaves the hub as it is: only a revert plans
    one. An `archive` takes a record out of use: in a revert one that we had created, and its fields are what the create
    had sent; else one that has left `sync_when`, and it has no fields. A `merge` makes `remote_id` part of the hub
    record's own record there: its one entry, `RECORD`, is the ids of the two."""

    run_id: str
    hub_id: str
    system: str
    operation: Literal["create", "update", "restore", "archive", "merge"]
    remote_id: str | None
    fields: dict[str, tuple[Value, Value]]
    state: str = "planned"
    error: str | None = None
    id: int = 0
    rank: int = 1
    """0 goes first, in every system: what it says of consent may not come too late. 2 goes last: after a merge a record
    may have another id."""
    kind: Kind = "lead"
    at: datetime | None = None
    """When its state was last noted; told by what reads the past."""

    def sent(self) -> Fields:
        return {name: new for name, (_, new) in self.fields.items()}

    @property
    def leaves(self) -> bool:
        """Whether it archives what has left `sync_when`; it may come back."""
        return self.operation == "archive" and not self.fields


@dataclass(slots=True)
class Review:
    """What a person must decide. `subject` tells one open review from another of its kind."""

    kind: Literal["conflict", "match", "duplicate", "bad_value", "dead_letter", "owner", "guard"]
    subject: str
    detail: dict[str, Any]
    hub_id: str | None = None
    system: str | None = None
    remote_id: str | None = None
    resolution: dict[str, Any] | None = None
    id: int = 0
    record_kind: RecordKind = "lead"
    resolved_by: str | None = None
    open: bool = True
