"""Conditions on a lead: what an admin writes for `create_when`, `sync_when`, `promote` and scoring. Pure.

    {stage: {at_least: lead}}          {country: FR}              {country: [FR, BE]}
    {email: {present: true}}           {employees: {at_least: 50, at_most: 500}}
    {any: [{score: {at_least: 60}}, {all: [...]}]}                {not: {opted_out: true}}

Several fields, or several tests of one field, must all hold. A blank fails every test but `present: false` (and what
`not` turns round). Text is compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mapping.fields import STAGE, Fields, Value, blank
from mapping.lifecycle import Lifecycle

Scalar = bool | int | float | str
Predicate = Callable[[Fields], bool]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)


class Test(Model):
    """Tests of one field's value; all that are given must hold."""

    __test__ = False

    equals: Scalar | None = None
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    contains: str | None = None
    present: bool | None = None
    at_least: int | float | str | None = None
    at_most: int | float | str | None = None

    @model_validator(mode="after")
    def _any(self) -> Test:
        if not self.given():
            raise ValueError("say what the field is tested for")
        return self

    def given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if getattr(self, name) is not None}


def _shorthand(value: Any) -> Any:
    """`FR` is short for `{equals: FR}`, `[FR, BE]` for `{in: [FR, BE]}`."""
    if isinstance(value, list | tuple):
        return {"in": value}
    return {"equals": value} if isinstance(value, bool | int | float | str) else value


FieldTest = Annotated[Test, BeforeValidator(_shorthand, json_schema_input_type=Scalar | list[Scalar] | Test)]


class Condition(Model):
    """Fields by name, beside `all`, `any` and `not`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FieldTest]

    all: tuple[Condition, ...] | None = None
    any: tuple[Condition, ...] | None = None
    not_: Condition | None = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if not self.__pydantic_extra__ and self.all is None and self.any is None and self.not_ is None:
            raise ValueError("the condition is empty")
        return self

    @property
    def tests(self) -> dict[str, Test]:
        return self.__pydantic_extra__


def leaves(condition: Condition, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str, Test]]:
    """Every test in the condition: where it stands, of which field, and what it asks."""
    for name, test in condition.tests.items():
        yield (*path, name), name, test
    for key, parts in (("all", condition.all), ("any", condition.any)):
        for index, part in enumerate(parts or ()):
            yield from leaves(part, (*path, key, index))
    if condition.not_ is not None:
        yield from leaves(condition.not_, (*path, "not"))


def predicate(condition: Condition, lifecycle: Lifecycle) -> Predicate:
    """The condition as a function of a lead's fields."""
    parts = [_field_predicate(name, test, lifecycle) for name, test in sorted(condition.tests.items())]
    if condition.all is not None:
        parts += [predicate(part, lifecycle) for part in condition.all]
    if condition.any is not None:
        options = [predicate(part, lifecycle) for part in condition.any]
        parts.append(lambda hub: any(option(hub) for option in options))
    if condition.not_ is not None:
        wrong = predicate(condition.not_, lifecycle)
        parts.append(lambda hub: not wrong(hub))
    return parts[0] if len(parts) == 1 else lambda hub: all(part(hub) for part in parts)


def evidence(condition: Condition, hub: Fields) -> str:
    """What of a lead a condition that holds rests on, in words: "score is 72, country is FR"."""
    seen = dict.fromkeys(name for _, name, _ in leaves(condition))
    return ", ".join(f"{name} is {_told(hub.get(name))}" for name in seen)


def _told(value: Value) -> str:
    text = "blank" if blank(value) else ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _field_predicate(name: str, test: Test, lifecycle: Lifecycle) -> Predicate:
    checks = [_check(name, kind, wanted, lifecycle) for kind, wanted in test.given().items()]
    if len(checks) == 1:
        check = checks[0]
        return lambda hub: check(hub.get(name))
    return lambda hub: all(check(hub.get(name)) for check in checks)


def _check(name: str, kind: str, wanted: Any, lifecycle: Lifecycle) -> Callable[[Value], bool]:
    if kind == "present":
        return lambda value: blank(value) != wanted
    if kind in ("equals", "in_"):
        options = frozenset(map(_folded, wanted if kind == "in_" else (wanted,)))
        return lambda value: _among(value, options)
    if kind == "contains":
        part = wanted.casefold()
        return lambda value: _holds(value, part)
    measure: Callable[[Value], Any] = lifecycle.rank if name == STAGE else _measure
    limit = measure(wanted)
    if kind == "at_least":
        return lambda value: not blank(value) and _ordered(limit, measure(value))
    if name == STAGE:
        return lambda value: 0 <= lifecycle.rank(value) <= limit
    return lambda value: not blank(value) and _ordered(measure(value), limit)


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _among(value: Value, options: frozenset[object]) -> bool:
    if isinstance(value, list):
        return any(word.casefold() in options for word in value)
    if isinstance(value, bool):
        return any(option is value for option in options)
    return value is not None and _folded(value) in options


def _holds(value: Value, part: str) -> bool:
    if isinstance(value, list):
        return any(word.casefold() == part for word in value)
    return isinstance(value, str) and part in value.casefold()


def _measure(value: Value) -> Any:
    return value


def _ordered(low: object, high: object) -> bool:
    if isinstance(low, int | float) and isinstance(high, int | float):
        return low <= high
    return isinstance(low, str) and isinstance(high, str) and low <= high  # dates and times in ISO 8601
