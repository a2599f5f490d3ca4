"""All that a run goes by, compiled from the published configuration: one frozen object, pinned by its hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mapping.fields import Fields, Policy
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
    floor: int = 20
    canaries: Mapping[str, str] = field(default_factory=dict)
    """system -> a value of its first match field (an e-mail) that must be found there before anything is written"""


@dataclass(frozen=True, slots=True)
class Rules:
    """`derive` computes the hub fields that nobody types (score, sales_qualified, templates) from the others; pure.
    `policies` has an entry for every hub field that two systems share."""

    mappers: Mapping[str, Mapper]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    limits: Limits = field(default_factory=Limits)
    derive: Callable[[Fields], Fields] = lambda hub: {}
    promote: Callable[[Fields], tuple[str, str] | None] = lambda hub: None
    """The stage that a lead has earned, and the evidence in words: given its fields, derived ones included. None where
    it stays. Only ever a move up the ladder that the lifecycle allows, and never out of a side state."""
    hash: str = ""
    """Of the whole published configuration."""

    def policy(self, name: str) -> Policy:
        return self.policies.get(name, DEFAULT_POLICY)


DEFAULT_POLICY = Policy()
