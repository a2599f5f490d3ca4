"""What other rules of the score would make of the leads: by how much each would change, and which stage it would earn.

Effects: reads the database, and keeps nothing. Every lead is computed twice at one moment, by the rules as they are and by the
draft, with the functions that a run settles leads by; so whatever differs comes of the draft alone. Invariant: looked at as a
whole, `after` is what the next run leaves in the hub once the draft is published, as long as nothing else happens; memory does
not grow with the leads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from heapq import heappush, heapreplace
from itertools import islice
from random import Random
from typing import Any, Literal

from alignment.scoring.outcomes import qualified_stage
from mapping.conditions import predicate
from mapping.derived import GRADE, SCORE, lifecycle_of
from mapping.fields import ENGAGED, STAGE, Fields
from mapping.loader import Project, compile_rules, compile_scorer
from mapping.moves import earned_by
from mapping.rules import Rules
from state.facts import Facts
from state.history import Engine
from state.records import Hub
from state.store import Store
from sync.aging import engagement
from sync.context import BATCH, Progress
from sync.reconcile import computed
from sync.rollup import roll_up

EXAMPLES = 8
"""Leads that are named of each way to change."""

Way = Literal["up", "down", "grade", "points"]
"""Reaches what earns the stage, and did not; does no more; has another grade; has other points."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A lead by some rules. `parts`: the rules that count, and their points. `reaches`: whether the score earns the
    qualified stage."""

    total: int
    fit: int | None
    engagement: int | None
    grade: str | None
    stage: str | None
    reaches: bool
    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Example:
    hub: str
    before: Scored
    after: Scored


@dataclass(slots=True)
class Effect:
    """`looked` of all `leads` were computed. `before`, `after`: how many leads have so many points, from 0 to 100. `moved`:
    (grade before, grade after) -> leads, where they differ. `earned`: stage -> leads that the next run would give it because of
    the draft. `stage`: the qualified one, which `up` and `down` are about."""

    stage: str
    leads: int = 0
    looked: int = 0
    changed: int = 0
    """Leads with another total."""
    regraded: int = 0
    up: int = 0
    down: int = 0
    before: list[int] = field(default_factory=lambda: [0] * 101)
    after: list[int] = field(default_factory=lambda: [0] * 101)
    grades_before: Counter[str] = field(default_factory=Counter)
    grades_after: Counter[str] = field(default_factory=Counter)
    moved: Counter[tuple[str, str]] = field(default_factory=Counter)
    earned: Counter[str] = field(default_factory=Counter)
    examples: dict[Way, list[Example]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        counters = ("grades_before", "grades_after", "earned")  # asdict counts the entries of a Counter
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            **told,
            **{name: dict(told[name]) for name in counters},
            "moved": [[*pair, count] for pair, count in sorted(self.moved.items())],
            "examples": {way: [asdict(one) for one in some] for way, some in self.examples.items()},
        }


def effect(
    engine: Engine,
    now: Project,
    draft: Project,
    at: datetime,
    size: int | None = None,
    chance: Random | None = None,
    progress: Progress = lambda phase, place, count: None,
) -> Effect:
    """`size`: how many leads are drawn at random, all where it is None or there are no more. `now` and `draft`: projects that
    differ in nothing but the score, and what it earns."""
    rules = compile_rules(now), compile_rules(draft)
    judges = tuple(_judge(project) for project in (now, draft))
    found, most = Effect(qualified_stage(draft.config)), _Most()
    store = Store(engine, dry=True)
    try:
        with Facts(engine) as facts:
            for leads in _batches(facts, found, size, chance or Random()):
                hubs = [Hub(hub_id, fields) for hub_id, fields in leads]
                sides = [_rescored(store, one, hubs, at) for one in rules]
                for hub, before, after in zip(hubs, *sides, strict=True):
                    _count(found, most, hub.id, judges[0](before), judges[1](after), str(hub.fields.get(STAGE) or ""))
                found.looked += len(hubs)
                progress("score", "", found.looked)
    finally:
        store.close()
    found.leads = found.leads or found.looked
    found.examples = most.examples()
    return found


def _batches(facts: Facts, found: Effect, size: int | None, chance: Random) -> Iterator[Sequence[tuple[str, Fields]]]:
    if size is not None:
        ids, found.leads = facts.sample("lead", size, chance)
        for start in range(0, len(ids), BATCH):
            yield sorted(facts.some(ids[start : start + BATCH]).items())
    else:
        leads = facts.records("lead")
        while some := list(islice(leads, BATCH)):
            yield some


def _rescored(store: Store, rules: Rules, hubs: Sequence[Hub], at: datetime) -> list[Fields]:
    """As `sync.observe` settles leads of which no system has said anything new."""
    sums = roll_up(store, rules, hubs, at) if any(one.kind == "activity" for one in rules.rollups) else {}
    worth = engagement(store, rules, hubs, at)
    told = []
    for hub in hubs:
        known = {**hub.fields, **sums.get(hub.id, {})}
        if hub.id in worth:
            known[ENGAGED] = worth[hub.id][0]
        told.append(computed(known, rules))
    return told


def _judge(project: Project) -> Callable[[Fields], Scored]:
    """A lead as it is computed, by the project's rules."""
    score = compile_scorer(project)
    condition = earned_by(project.config).get(qualified_stage(project.config))
    holds = predicate(condition, lifecycle_of(project.config)) if condition is not None else lambda lead: False

    def judge(lead: Fields) -> Scored:
        one, stage = score(lead), lead.get(STAGE)
        reaches = holds({**lead, SCORE: one.total, GRADE: one.grade})
        return Scored(
            one.total, one.fit, one.engagement, one.grade, stage if isinstance(stage, str) else None, reaches, one.parts
        )

    return judge


def _count(found: Effect, most: _Most, hub_id: str, before: Scored, after: Scored, stage: str) -> None:
    found.before[before.total] += 1
    found.after[after.total] += 1
    found.grades_before[before.grade or ""] += 1
    found.grades_after[after.grade or ""] += 1
    if after.grade != before.grade:
        found.regraded += 1
        found.moved[before.grade or "", after.grade or ""] += 1
    found.changed += after.total != before.total
    found.up += after.reaches and not before.reaches
    found.down += before.reaches and not after.reaches
    if after.stage and after.stage not in (before.stage, stage):
        found.earned[after.stage] += 1
    way: Way | None = None
    if after.reaches != before.reaches:
        way = "up" if after.reaches else "down"
    elif after.grade != before.grade:
        way = "grade"
    elif after.total != before.total:
        way = "points"
    if way is not None:
        most.offer(way, Example(hub_id, before, after))


class _Most:
    """Of each way to change, the leads whose points change most."""

    def __init__(self) -> None:
        self._held: dict[Way, list[tuple[int, str, Example]]] = {}

    def offer(self, way: Way, one: Example) -> None:
        heap = self._held.setdefault(way, [])
        entry = abs(one.after.total - one.before.total), one.hub, one
        if len(heap) < EXAMPLES:
            heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapreplace(heap, entry)

    def examples(self) -> dict[Way, list[Example]]:
        return {
            way: [one for _, _, one in sorted(heap, key=lambda e: (-e[0], e[1]))] for way, heap in self._held.items()
        }
