"""The moves of a lead that nobody makes by hand: up the ladder by what it has earned, off it by what became of it. Pure.

Invariant: a lead never moves back, is never taken out of a side state, and does not leave the ladder twice for the
same reason: who takes it back up by hand has seen that one.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from mapping.conditions import Condition, evidence, leaves, predicate
from mapping.config import ProjectFile
from mapping.fields import EVIDENCE, STAGE, Fields, Value
from mapping.lifecycle import Lifecycle
from mapping.rules import STAYS, Departure


def promotion(config: ProjectFile, lifecycle: Lifecycle) -> Callable[[Fields], tuple[str, str] | None]:
    """Nobody calls a person without a stage a lead: points do not make one of them, a deal does. Side states are left by
    people."""
    rolled = _rolled(config)
    steps = [
        (lifecycle.rank(stage), stage, condition, predicate(condition, lifecycle), bool(_asked(condition, rolled)))
        for stage, condition in earned_by(config).items()
    ]
    steps.sort(key=lambda step: -step[0])

    def promote(hub: Fields) -> tuple[str, str] | None:
        stage_now = hub.get(STAGE)
        rank = lifecycle.rank(stage_now)
        if rank < 0 and stage_now is not None:
            return None
        for above, stage, condition, holds, by_deals in steps:
            if above > rank and (rank >= 0 or by_deals) and holds(hub):
                return stage, evidence(condition, hub)
        return None

    return promote


def earned_by(config: ProjectFile) -> dict[str, Condition]:
    """Stage -> what earns it: by `vocabulary.promote`, and by the cells of the grid of grades."""
    earned = dict(config.vocabulary.promote)
    cells: dict[str, list[str]] = {}
    for cell, stage in (config.scoring.grid if config.scoring else {}).items():
        cells.setdefault(stage, []).append(cell)
    for stage, grades in cells.items():
        by_grade = Condition.model_validate({"grade": sorted(grades)})
        earned[stage] = Condition.model_validate({"any": (earned[stage], by_grade)}) if stage in earned else by_grade
    return earned


def departure(config: ProjectFile, lifecycle: Lifecycle) -> Callable[[Fields], Departure]:
    """Conditions are tried in the order of the file. What counts as a reason are the roll-ups that a condition asks
    for, and a reason is new where one of them has grown: another lost deal, not a lost deal that was deleted."""
    rolled = _rolled(config)
    ways = [
        (state, leaving.reason, leaving.when, predicate(leaving.when, lifecycle), _asked(leaving.when, rolled))
        for state, leaving in config.vocabulary.leave.items()
    ]

    def leave(hub: Fields) -> Departure:
        known = _known(hub.get(EVIDENCE))
        if not known and not any(holds(hub) for _, _, _, holds, _ in ways):
            return STAYS
        now = dict(known)
        chosen: tuple[str, str | None, str] | None = None
        for state, reason, condition, holds, names in ways:
            if not holds(hub):
                continue
            now[state] = {name: hub.get(name) for name in names}
            if chosen is None and any(_grown(known.get(state, {}).get(name), hub.get(name)) for name in names):
                chosen = state, reason, evidence(condition, hub)
        seen = orjson.dumps(now, option=orjson.OPT_SORT_KEYS).decode() if now else None
        return Departure(seen, *chosen) if chosen else Departure(seen)

    return leave


def _rolled(config: ProjectFile) -> set[str]:
    return {name for name, field in config.fields.items() if field.rollup is not None}


def _asked(condition: Condition, rolled: set[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, name, _ in leaves(condition) if name in rolled))


def _known(text: Value) -> dict[str, dict[str, Value]]:
    found: dict[str, dict[str, Value]] = orjson.loads(text) if isinstance(text, str) else {}
    return found


def _grown(before: Value, now: Value) -> bool:
    """A number, or a date in ISO 8601, that is further than it was; nothing and 0 are the beginning of both."""
    if not now or before == now:
        return False
    return not before or now > before  # type: ignore[operator]
