"""All that a run goes by, compiled from the published configuration: one frozen object, pinned by its hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from mapping.decay import Decay
from mapping.fields import KINDS, Fields, Kind, Policy, RecordKind, Value
from mapping.lifecycle import Lifecycle
from mapping.mapper import Mapper


@dataclass(frozen=True, slots=True)
class Limits:
    """When the guard stops a plan. Shares are of the records linked in that system; a share counts only once `floor`
    records are concerned, so that a small database is not stopped by a handful of edits."""

    create_count: int = 500
    create_share: float = 0.10
    change_share: float = 0.30
    blank_count: int = 20
    delete_share: float = 0.05
    archive_count: int = 100
    archive_share: float = 0.05
    merge_count: int = 50
    floor: int = 20
    canaries: Mapping[str, str] = field(default_factory=dict)
    """system -> a value of its first match field (an e-mail) that must be found there before anything is written"""
    moving: frozenset[str] = frozenset()
    """Fields that change with every day by themselves: that many of them do is no sign of a mistake"""


class Departure(NamedTuple):
    """`seen`: the reasons to leave the ladder that are known, as text to keep with the hub. `stage`: where a new one
    among them takes the lead; with the reason to note, and the evidence in words."""

    seen: str | None = None
    stage: str | None = None
    reason: str | None = None
    evidence: str = ""


STAYS = Departure()


@dataclass(frozen=True, slots=True)
class Rollup:
    """A hub field that sums up the hub records of another kind that refer to this one in their field `via`.

    Of activities (`kind="activity"`, leads alone, `via="leads"`), `fold` is given no single ones, but one entry for each
    type that occurs: `{"type": ..., "count": ..., "latest": ...}`, the last ISO 8601 in UTC. `types`: these alone, all
    where there are none; `days`: of today and so many days before it (UTC), of all time where None. What is planned for
    later than today does not count yet."""

    name: str
    kind: RecordKind
    via: str
    fold: Callable[[Sequence[Fields]], Value]
    types: frozenset[str] = frozenset()
    days: int | None = None


def count_activities(name: str, types: Iterable[str] = (), days: int | None = None) -> Rollup:
    """How often something of these types happened to a lead."""
    return Rollup(name, "activity", "leads", _count, frozenset(types), days)


def latest_activity(name: str, types: Iterable[str] = (), days: int | None = None) -> Rollup:
    """When something of these types last happened to a lead, ISO 8601 in UTC; blank where it never did."""
    return Rollup(name, "activity", "leads", _latest, frozenset(types), days)


def tally_activities(name: str) -> Rollup:
    """How often each type of activity happened to a lead: JSON, type -> count; blank where nothing ever did."""
    return Rollup(name, "activity", "leads", _tally)


def _tally(told: Sequence[Fields]) -> Value:
    counts = {str(one["type"]): one["count"] for one in told}
    return orjson.dumps(counts, option=orjson.OPT_SORT_KEYS).decode() if counts else None


def _count(told: Sequence[Fields]) -> Value:
    return sum(one["count"] for one in told if isinstance(one["count"], int))


def _latest(told: Sequence[Fields]) -> Value:
    return max((str(one["latest"]) for one in told), default=None)


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one kind of record, leads where nothing else is said; `of` gives that of another kind. `derive`
    computes the hub fields that nobody types (score, sales_qualified, templates) from the others; pure.
    `policies` has an entry for every hub field that two systems share."""

    mappers: Mapping[str, Mapper]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    limits: Limits = field(default_factory=Limits)
    derive: Callable[[Fields], Fields] = lambda hub: {}
    promote: Callable[[Fields], tuple[str, str] | None] = lambda hub: None
    """The stage that a lead has earned, and the evidence in words: given its fields, derived ones included. None where
    it stays. Only ever a move up the ladder that the lifecycle allows, and never out of a side state."""
    leave: Callable[[Fields], Departure] = lambda hub: STAYS
    """Whether something has become of a lead that takes it off the ladder, given its fields, roll-ups included; and what
    of that is known by now. Only ever to a side state."""
    hash: str = ""
    """Of the whole published configuration."""
    kind: Kind = "lead"
    others: Mapping[Kind, Rules] = field(default_factory=dict)
    """The rules of the other kinds that are synced."""
    summed: frozenset[str] = frozenset()
    """The fields that some other kind's rollup comes by."""
    follow_merges: bool = False
    """Two hub records whose records a system has merged become one by themselves. Where not, a person is asked."""
    merges: bool = False
    """And their records are merged in the other systems, too."""
    referred: bool = False
    """Whether other kinds refer to this one."""

    rollups: tuple[Rollup, ...] = ()
    decays: tuple[Decay, ...] = ()
    """The scoring rules over activities, of leads alone."""
    scores: bool = False
    """Whether leads have a score, whose history is kept."""
    predicts: bool = False
    """Whether the learned score is pushed."""
    activities: frozenset[str] = frozenset()
    """The systems whose activities are read. Said in the rules of leads."""
    keep_activities: int | None = None
    """Days after which an activity is dropped; None keeps all."""

    @property
    def counts_activities(self) -> bool:
        """Whether anything that is computed of a hub record depends on its activities."""
        return bool(self.decays) or any(one.kind == "activity" for one in self.rollups)

    @property
    def sums_up(self) -> bool:
        """Whether anything of a hub record has to be asked of what refers to it, or happened to it."""
        return bool(self.rollups or self.decays)

    @property
    def archives(self) -> bool:
        """Whether any system archives what leaves its rule."""
        return any(mapper.archives is not None for mapper in self.mappers.values())

    @property
    def references(self) -> tuple[str, ...]:
        """The fields that refer to other hub records, in any system."""
        return tuple(sorted({name for mapper in self.mappers.values() for name in mapper.references}))

    def of(self, kind: Kind) -> Rules:
        """Raises KeyError for a kind that is not synced."""
        return self if kind == self.kind else self.others[kind]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is synced, in the order of reading and writing."""
        return tuple(kind for kind in KINDS if kind == self.kind or kind in self.others)

    def policy(self, name: str) -> Policy:
        return self.policies.get(name, DEFAULT_POLICY)


DEFAULT_POLICY = Policy()
