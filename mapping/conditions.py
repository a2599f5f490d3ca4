"""Conditions on a lead: what an admin writes for `create_when`, `sync_when`, `promote` and scoring. Pure.

    {stage: {at_least: lead}}          {country: FR}              {country: [FR, BE]}
    {email: {present: true}}           {employees: {at_least: 50, at_most: 500}}
    {any: [{score: {at_least: 60}}, {all: [...]}]}                {not: {opted_out: true}}

Several fields, or several tests of one field, must all hold. A blank fails every test but `present: false` (and what
`not` turns round). Text is compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mapping.fields import STAGE, Fields, Value, blank
from mapping.lifecycle import Lifecycle

Scalar = bool | int | float | str
Predicate = Callable[[Fields], bool]


class Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class Test(Model):
    """Tests of one field's value; all that are given must hold."""

    __test__ = False

    equals: Scalar | None = None
    """This value, whatever its case. `country: FR` is short for it."""
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    """One of these values. `country: [FR, BE]` is short for it."""
    contains: str | None = None
    """Text with this in it, or a list with this member."""
    present: bool | None = None
    """true: has a value; false: is blank."""
    at_least: int | float | str | None = None
    """This number, date or time, or a later one; of a stage: this step of the ladder or a higher one."""
    at_most: int | float | str | None = None
    """The other way round."""

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
    """Conditions that must all hold."""
    any: tuple[Condition, ...] | None = None
    """Conditions of which one must hold."""
    not_: Condition | None = Field(default=None, alias="not")
    """A condition that must not hold."""

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
        parts.append(_either(condition.any, lifecycle))
    if condition.not_ is not None:
        wrong = predicate(condition.not_, lifecycle)
        parts.append(lambda hub: not wrong(hub))
    return parts[0] if len(parts) == 1 else _every(parts)


def _every(parts: list[Predicate]) -> Predicate:
    def holds(hub: Fields) -> bool:
        for part in parts:  # a loop, not all(): this runs for every lead  # noqa: SIM110
            if not part(hub):
                return False
        return True

    return holds


def _either(options: tuple[Condition, ...], lifecycle: Lifecycle) -> Predicate:
    """One of several. Alternatives that look for parts of one field's text fold it once."""
    looked_for: dict[str, list[str]] = {}
    others: list[Predicate] = []
    for option in options:
        ((name, test), *more) = [*option.tests.items(), ("", None)]
        plain = len(more) == 1 and test is not None and test.given().keys() == {"contains"}
        if plain and test is not None and test.contains is not None and option.model_fields_set <= {name}:
            looked_for.setdefault(name, []).append(test.contains.casefold())
        else:
            others.append(predicate(option, lifecycle))
    parts = [_containing(name, tuple(words)) for name, words in looked_for.items()] + others

    def holds(hub: Fields) -> bool:
        for part in parts:  # noqa: SIM110
            if part(hub):
                return True
        return False

    return parts[0] if len(parts) == 1 else holds


def _containing(name: str, words: tuple[str, ...]) -> Predicate:
    """Text that has one of the (folded) words in it, or a list that has one among its members."""

    def holds(hub: Fields) -> bool:
        value = hub.get(name)
        if type(value) is str:
            folded = value.casefold()
            for word in words:  # noqa: SIM110
                if word in folded:
                    return True
            return False
        return isinstance(value, list) and any(member.casefold() in words for member in value)

    return holds


def evidence(condition: Condition, hub: Fields) -> str:
    """What of a lead a condition that holds rests on, in words: "score is 72, country is FR"."""
    seen = dict.fromkeys(name for _, name, _ in leaves(condition))
    return ", ".join(f"{name} is {_told(hub.get(name))}" for name in seen)


class Clause(NamedTuple):
    """A part of a condition that does not hold: what it asks, and what there is instead, both in words."""

    asked: str
    found: str


def unmet(condition: Condition, hub: Fields, lifecycle: Lifecycle) -> list[Clause]:
    """The parts because of which a condition does not hold; none where it does. Of alternatives that all fail, one
    clause tells them all."""
    failing = [
        Clause(_asked_of(name, test), f"{name} is {_told(hub.get(name))}")
        for name, test in condition.tests.items()
        if not _field_predicate(name, test, lifecycle)(hub)
    ]
    for part in condition.all or ():
        failing += unmet(part, hub, lifecycle)
    if condition.any is not None and not _either(condition.any, lifecycle)(hub):
        either = Condition.model_construct(any=condition.any)
        failing.append(Clause(asked(either), evidence(either, hub)))
    if condition.not_ is not None and predicate(condition.not_, lifecycle)(hub):
        failing.append(Clause(f"not ({asked(condition.not_)})", evidence(condition.not_, hub)))
    return list(dict.fromkeys(failing))


def asked(condition: Condition) -> str:
    """What a condition asks, in words: "stage is at least lead and country is FR or BE"."""
    parts = [_asked_of(name, test) for name, test in condition.tests.items()]
    parts += [asked(part) for part in condition.all or ()]
    if condition.any is not None:
        either = " or ".join(asked(part) for part in condition.any)
        parts.append(f"({either})" if parts else either)
    if condition.not_ is not None:
        parts.append(f"not ({asked(condition.not_)})")
    return " and ".join(parts)


def _asked_of(name: str, test: Test) -> str:
    return f"{name} {' and '.join(_asked(kind, wanted) for kind, wanted in test.given().items())}"


def _asked(kind: str, wanted: Any) -> str:
    if kind == "present":
        return "is filled in" if wanted else "is blank"
    if kind == "contains":
        return f"has {wanted} in it"
    if kind == "in_":
        return f"is {' or '.join(_told(one) for one in wanted)}"
    return f"is {_BOUNDS.get(kind, '')}{_told(wanted)}"


_BOUNDS = {"at_least": "at least ", "at_most": "at most "}


def _told(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "blank" if blank(value) else ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _field_predicate(name: str, test: Test, lifecycle: Lifecycle) -> Predicate:
    parts = [_single(name, kind, wanted, lifecycle) for kind, wanted in test.given().items()]
    return parts[0] if len(parts) == 1 else _every(parts)


def _single(name: str, kind: str, wanted: Any, lifecycle: Lifecycle) -> Predicate:
    if kind == "present":
        return lambda hub: blank(hub.get(name)) != wanted
    if kind == "contains":
        return _containing(name, (wanted.casefold(),))
    if kind in ("equals", "in_"):
        return _among(name, wanted if kind == "in_" else (wanted,))
    if name == STAGE and wanted in lifecycle.ladder:
        ladder = lifecycle.ladder
        at = lifecycle.rank(wanted)
        return _among(name, ladder[at:] if kind == "at_least" else ladder[: at + 1])
    if kind == "at_least":
        return lambda hub: _ordered(wanted, hub.get(name))
    return lambda hub: _ordered(hub.get(name), wanted)


def _among(name: str, options: Sequence[Any]) -> Predicate:
    exact = frozenset(option for option in options if isinstance(option, str))
    folded = frozenset(option.casefold() for option in exact)
    others = [option for option in options if not isinstance(option, str)]

    def holds(hub: Fields) -> bool:
        value = hub.get(name)
        if type(value) is str:
            return value in exact or value.casefold() in folded
        if isinstance(value, list):
            return any(member.casefold() in folded for member in value)
        if value is None or not others:
            return False
        return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in others)

    return holds


def _ordered(low: Value, high: Value) -> bool:
    """Numbers, or dates and times in ISO 8601; a blank, or two kinds of value, have no order."""
    if isinstance(low, str) or isinstance(high, str):
        return isinstance(low, str) and isinstance(high, str) and low <= high
    return isinstance(low, int | float) and isinstance(high, int | float) and low <= high
