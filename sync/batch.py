"""What one commit will hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from state.records import Hub, Link, Review, Waiting
from state.scores import ScoreRow
from sync import references
from sync.context import Context
from sync.entered import Moves, entries


@dataclass
class Batch:
    """What one commit will hold."""

    hubs: dict[str, Hub] = field(default_factory=dict)
    new_hubs: dict[str, Hub] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    new_links: list[Link] = field(default_factory=list)
    returned: list[Link] = field(default_factory=list)
    """of records that were gone, and are there again"""
    keys: set[tuple[int, str]] = field(default_factory=set)
    lost_keys: set[tuple[int, str]] = field(default_factory=set)
    changes: list[dict[str, Any]] = field(default_factory=list)
    moves: list[Moves] = field(default_factory=list)
    """of stages, in the order in which they were found"""
    reviews: list[Review] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)
    read: list[tuple[str, str]] = field(default_factory=list)
    """(system, remote id) of the records that were read, where their kind refers to others"""
    moved: list[str] = field(default_factory=list)
    """hub records that go by another id in some system"""
    waiting: list[Waiting] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    due: dict[str, int | None] = field(default_factory=dict)
    """hub id -> the day on which its score changes by itself, where that was looked at"""

    def close(self, ctx: Context, subject: str, *kinds: str) -> None:
        """A question that has answered itself, or that a person answered, is a question no more."""
        self.closed += [(kind, subject) for kind in kinds if (kind, subject) in ctx.open_questions]

    def touch(self, link: Link) -> None:
        """The link must be stored again."""
        if link.n:
            self.links[link.n] = link

    def flush(self, ctx: Context, at: datetime) -> None:
        store = ctx.store
        store.insert_hubs(list(self.new_hubs.values()))
        store.update_hubs([hub for hub in self.hubs.values() if hub.id not in self.new_hubs])
        store.insert_links(self.new_links)
        store.update_links(list(self.links.values()))
        store.drop_keys(sorted(self.lost_keys - self.keys))
        store.add_keys(sorted(self.keys))
        store.log_changes(self.changes)
        store.log_stages(list(self._events(ctx, at)))
        store.log_scores(self.scores)
        store.save_due(self.due)
        store.open_reviews(self.reviews, ctx.run_id, at)
        store.close_reviews(self.closed, at)
        references.store(ctx, self)
        store.flag_referrers(self.moved)

    def _events(self, ctx: Context, now: datetime) -> Iterator[dict[str, Any]]:
        """The stage events of the batch, each dated as well as it can be."""
        last = ctx.store.stage_times({one.hub_id for one in self.moves if one.moves[0].old is not None})
        for one in self.moves:
            for entry in entries(one, ctx.rules.lifecycle, last.get(one.hub_id), now):
                move = entry.move
                last[one.hub_id] = entry.at
                yield {
                    **one.row, "at": entry.at, "old": move.old, "new": move.new, "system": move.source,
                    "reason": move.reason, "evidence": move.evidence, "dated": entry.dated,
                    "noted": None if entry.at is now else now,
                }  # fmt: skip
