"""What the form of the scoring editor says, read into an edit; and its rows. Pure.

Invariant: what cannot be understood is said by name and nothing of the form is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from alignment.criteria import described
from alignment.words import Words
from mapping.conditions import Condition
from mapping.config import HubField
from mapping.fields import STAGE
from mapping.scored import ENGAGEMENT_GRADES, FIT_GRADES, GRADES
from mapping.scoring_edit import AXES, Axis, ScoringEdit, rules_of

TESTS = ("present", "absent", "contains", "equals", "among", "at_least", "at_most", "yes", "no")
"""What a new rule may ask of a field."""
WITHOUT_VALUE = ("present", "absent", "yes", "no")


class Wrong(Exception):
    """`key`: of the text that says what."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Row:
    """A rule as the form shows it. `happens`: it is about activities, and may decay."""

    name: str
    points: Any
    text: str
    happens: bool
    within: Any
    half_life: Any
    cap: Any


def rows_of(rules: Sequence[Mapping[str, Any]], fields: Mapping[str, HubField], words: Words) -> list[Row]:
    found = []
    for rule in rules:
        on = rule.get("on")
        text = (
            words.either(_activity(str(one), words) for one in on)
            if on
            else _condition(rule.get("when"), fields, words)
        )
        found.append(
            Row(
                str(rule.get("name", "")), rule.get("points", 0), text, bool(on), rule.get("within"),
                rule.get("half_life"), rule.get("cap"),
            )
        )  # fmt: skip
    return found


def _activity(name: str, words: Words) -> str:
    return words(f"activities.{name}") if f"activities.{name}" in words else name


def _condition(said: Any, fields: Mapping[str, HubField], words: Words) -> str:
    try:
        return described(Condition.model_validate(said), fields, words)
    except ValidationError:
        return str(said)


def read(
    posted: Mapping[str, str], on: Sequence[str], text: str, stage: str, fields: Mapping[str, HubField]
) -> ScoringEdit:
    """`text`: of the main file as the form was made from it; `on`: the activities of a new rule. Raises Wrong."""
    rules: dict[tuple[Axis, int], dict[str, float | None]] = {}
    drop = set()
    graded = all(rules_of(text, axis) for axis in AXES)
    for axis in AXES:
        for index, rule in enumerate(rules_of(text, axis)):
            prefix = f"{axis}-{index}-"
            if posted.get(f"{prefix}drop"):
                drop.add((axis, index))
                continue
            wanted: dict[str, float | None] = {}
            if f"{prefix}points" in posted:
                points = _number(posted[f"{prefix}points"], str(rule.get("name", "")))
                if points is None:
                    raise Wrong("scoring.wrong_number", what=str(rule.get("name", "")), value="")
                wanted["points"] = points
            if rule.get("on"):
                for name in ("within", "half_life", "cap"):
                    if f"{prefix}{name}" in posted:
                        wanted[name] = _number(posted[f"{prefix}{name}"], str(rule.get("name", "")))
            rules[axis, index] = wanted
    grades = {
        axis: {
            grade: int(number)
            for grade in names
            if (number := _number(posted.get(f"grade-{grade}", ""), grade)) is not None
        }
        for axis, names in (("fit", FIT_GRADES), ("engagement", ENGAGEMENT_GRADES))
    }
    weights: dict[str, float] = {
        axis: number for axis in AXES if (number := _number(posted.get(f"weight-{axis}", ""), axis)) is not None
    }
    grid = {cell: posted[f"cell-{cell}"] for cell in GRADES if posted.get(f"cell-{cell}")}
    axis_of, new = _new(posted, on, fields)
    return ScoringEdit(
        rules, frozenset(drop), {axis_of: [new]} if new else {},
        (stage, _number(posted.get("threshold", ""), stage)),
        _number(posted["half_life"], "half_life") if "half_life" in posted else "",
        weights if graded else {}, grades if graded else {}, grid if graded else None,
    )  # fmt: skip


def _new(
    posted: Mapping[str, str], on: Sequence[str], fields: Mapping[str, HubField]
) -> tuple[Axis, dict[str, Any] | None]:
    """The new rule, where one was filled in."""
    name = " ".join(posted.get("new_name", "").split())
    axis: Axis = "engagement" if posted.get("new_axis") == "engagement" else "fit"
    if not name:
        return axis, None
    points = _number(posted.get("new_points", ""), name)
    if points is None:
        raise Wrong("scoring.wrong_number", what=name, value="")
    rule: dict[str, Any] = {"name": name, "points": points}
    if on:
        rule["on"] = list(on)
        for key in ("within", "half_life", "cap"):
            number = _number(posted.get(f"new_{key}", ""), name)
            if number is not None:
                rule[key] = number
        return "engagement", rule
    field, test = posted.get("new_field", ""), posted.get("new_test", "")
    if field not in fields or test not in TESTS:
        raise Wrong("scoring.wrong_test", what=name)
    return axis, {
        **rule,
        "when": {field: _asked(field, test, posted.get("new_value", "").strip(), fields[field], name)},
    }


def _asked(name: str, test: str, value: str, field: HubField, rule: str) -> Any:
    if test not in WITHOUT_VALUE and not value:
        raise Wrong("scoring.wrong_value", what=rule)

    def typed(text: str) -> Any:
        if field.type in ("integer", "number") and name != STAGE:
            return _number(text, rule)
        return {"true": True, "false": False}.get(text, text) if field.type == "boolean" else text

    match test:
        case "present" | "absent":
            return {"present": test == "present"}
        case "yes" | "no":
            return test == "yes"
        case "contains":
            return {"contains": value}
        case "equals":
            return typed(value)
        case "among":
            return [typed(part.strip()) for part in value.split(",") if part.strip()]
    return {test: typed(value)}


def _number(text: str, what: str) -> float | None:
    """None for nothing; whole numbers stay whole. Raises Wrong."""
    told = text.strip().replace(",", ".")
    if not told:
        return None
    try:
        number = float(told)
    except ValueError:
        raise Wrong("scoring.wrong_number", what=what, value=text[:20]) from None
    return int(number) if number.is_integer() else number
