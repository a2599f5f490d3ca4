"""An edit of the scoring as text: points, rules, threshold, grades, grid and half-life, entry by entry. Pure.

What is not edited stays byte for byte as it was, its comments too (`mapping.editing`). Not here: whether the result makes sense
(`mapping.loader.loaded` says so). Invariant: an entry that says already what is wanted, or means it without saying so, is not
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from mapping.editing import CannotEdit, data_of, drop_at, set_at
from mapping.folder import MAIN, Files
from mapping.source import Loc

Axis = Literal["fit", "engagement"]
AXES: tuple[Axis, ...] = ("fit", "engagement")
DEFAULTS: Mapping[str, Any] = {
    "weights": {"fit": 1, "engagement": 1},
    "grades": {"fit": {"A": 75, "B": 50, "C": 25}, "engagement": {"1": 75, "2": 50, "3": 25}},
    "half_life": 30,
}
"""What holds where the file does not say."""

NAMES = ("name", "points", "on", "when", "within", "half_life", "cap")
"""Of a rule, in the order in which people write them."""


@dataclass(frozen=True, slots=True)
class ScoringEdit:
    """`rules`: (axis, index as the file has it) -> what of the rule is to be another: points, within, half_life, cap; None takes
    an entry away. `drop`: rules that go. `add`: new rules of each axis, as the file writes them. `threshold`: (stage, points),
    points None where they are to stay as they are. `half_life` "": as it is."""

    rules: Mapping[tuple[Axis, int], Mapping[str, float | None]] = field(default_factory=dict)
    drop: frozenset[tuple[Axis, int]] = frozenset()
    add: Mapping[Axis, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    threshold: tuple[str, float | None] = ("", None)
    half_life: float | Literal[""] | None = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    grades: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    grid: Mapping[str, str] | None = None


@lru_cache(maxsize=16)
def said_in(text: str) -> dict[str, Any]:
    """What the text says; read, never changed: reading a long file takes a tenth of a second. Raises CannotEdit."""
    return data_of(text)


def scoring_edit(files: Files, edit: ScoringEdit) -> dict[str, str]:
    """All files, the main one changed. Raises CannotEdit where an entry is not there, or cannot be changed by itself."""
    text = files[MAIN]
    if not isinstance(said_in(text).get("scoring"), dict):
        raise CannotEdit("scoring is not in the file")
    for (axis, index), wanted in edit.rules.items():
        if (axis, index) not in edit.drop:
            text = _rule(text, (*rules_at(text, axis), index), wanted)
    for axis in AXES:
        text = _rules(text, axis, [index for one, index in edit.drop if one == axis], edit.add.get(axis, ()))
    stage, points = edit.threshold
    if stage and points is not None:
        text = _set(text, ("vocabulary", "promote", stage, "score", "at_least"), points)
    if edit.half_life != "" and "engagement" in said_in(text)["scoring"]:
        text = _set(text, ("scoring", "engagement", "half_life"), edit.half_life, DEFAULTS["half_life"])
    for name, weight in edit.weights.items():
        text = _set(text, ("scoring", "weights", name), weight, DEFAULTS["weights"][name])
    for axis_name, grades in edit.grades.items():
        default = DEFAULTS["grades"][axis_name]
        said = _at(said_in(text), ("scoring", "grades", axis_name)) or default
        if {**said, **grades} != said:
            text = set_at(text, ("scoring", "grades", axis_name), {**said, **grades})
    if edit.grid is not None:
        held = _at(said_in(text), ("scoring", "grid")) or {}
        if dict(edit.grid) != held:
            text = (
                set_at(text, ("scoring", "grid"), dict(edit.grid)) if edit.grid else drop_at(text, ("scoring", "grid"))
            )
    return {**files, MAIN: text}


def rules_at(text: str, axis: Axis) -> Loc:
    """Where the rules of an axis stand: `scoring.rules` is short for `scoring.fit.rules`."""
    short = axis == "fit" and "rules" in said_in(text)["scoring"]
    return ("scoring", "rules") if short else ("scoring", axis, "rules")


def rules_of(text: str, axis: Axis) -> list[dict[str, Any]]:
    """As the file has them; none where the axis is not there. Raises CannotEdit."""
    found = _at(said_in(text), rules_at(text, axis)) if isinstance(said_in(text).get("scoring"), dict) else None
    return [deepcopy(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def threshold_of(text: str, stage: str) -> float | None:
    """The points that earn the stage, where the file says them alone by themselves (`mql: {score: {at_least: 60}}`)."""
    found = _at(said_in(text), ("vocabulary", "promote", stage, "score", "at_least"))
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def _rule(text: str, loc: Loc, wanted: Mapping[str, float | None]) -> str:
    said = _at(said_in(text), loc)
    if not isinstance(said, dict):
        raise CannotEdit("the rule is not there any more")
    for name, value in wanted.items():
        if value is None and name in said:
            text = drop_at(text, (*loc, name))
        elif value is not None and said.get(name) != value:
            text = set_at(text, (*loc, name), value, order=NAMES)
    return text


def _rules(text: str, axis: Axis, gone: list[int], more: Sequence[Mapping[str, Any]]) -> str:
    place = rules_at(text, axis)
    held = _at(said_in(text), place) or []
    if more:  # first: an axis is never without a rule
        text = set_at(text, place, [*held, *map(dict, more)])
    if gone and len(gone) == len(held) + len(more):
        return drop_at(text, place[:-1] if len(place) == 3 else place)
    for index in sorted(gone, reverse=True):
        if index >= len(held):
            raise CannotEdit("the rule is not there any more")
        text = drop_at(text, (*place, index))
    return text


def _set(text: str, loc: Loc, value: Any, default: Any = None) -> str:
    held = _at(said_in(text), loc, default)
    return text if held == value else set_at(text, loc, value)


def _at(data: Any, loc: Loc, default: Any = None) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return default
    return data
