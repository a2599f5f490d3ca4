"""A field of all leads as one column: a small number for each lead, and what the numbers stand for.

A condition over columns holds of exactly the leads of which `mapping.conditions.predicate` says so; it is asked once
for each value, not once for each lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapping.conditions import Condition, predicate
from mapping.fields import Value
from mapping.lifecycle import Lifecycle

Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]


class Numbers(dict[Any, int]):
    """A new key gets the next number."""

    def __missing__(self, key: Any) -> int:
        number = self[key] = len(self)
        return number


@dataclass(frozen=True, slots=True)
class Column:
    """`codes[n]` is the place in `values` of what lead n has."""

    codes: Codes
    values: list[Value]

    def where(self, wanted: Iterable[bool]) -> Mask:
        """The leads whose value is one of those."""
        chosen: Mask = np.fromiter(wanted, bool, len(self.values))
        found: Mask = chosen[self.codes]
        return found


@dataclass(slots=True)
class Coding:
    """A column while it is read."""

    numbers: Numbers = field(default_factory=Numbers)
    values: list[Value] = field(default_factory=list)
    parts: list[Codes] = field(default_factory=list)

    def add(self, values: Sequence[Value]) -> None:
        types = set(map(type, values))
        keys: Sequence[Any] = values
        if list in types or bool in types:  # a list is no key, and True would be 1
            keys = [_key(value) for value in values]
        numbers = self.numbers
        codes = np.fromiter(map(numbers.__getitem__, keys), np.int32, len(keys))
        if len(numbers) > len(self.values):
            first: dict[int, Value] = {}
            for place in np.flatnonzero(codes >= len(self.values)).tolist():
                first.setdefault(int(codes[place]), values[place])
            self.values += [first[code] for code in range(len(self.values), len(numbers))]
        self.parts.append(codes)

    def column(self) -> Column:
        return Column(np.concatenate(self.parts) if self.parts else np.zeros(0, np.int32), self.values)


def _key(value: Value) -> Any:
    if isinstance(value, list):
        return ("list", *value)
    return ("bool", value) if isinstance(value, bool) else value


def holds(condition: Condition, columns: Mapping[str, Column], count: int, lifecycle: Lifecycle) -> Mask:
    """Of which of the `count` leads the condition holds. A field that has no column is blank."""
    found: Mask = np.ones(count, bool)
    for name, test in condition.tests.items():
        alone = predicate(Condition.model_construct(_fields_set=set(), **{name: test}), lifecycle)
        column = columns.get(name)
        if column is None:
            found &= alone({})
        else:
            found &= column.where(alone({name: value}) for value in column.values)
    for part in condition.all or ():
        found &= holds(part, columns, count, lifecycle)
    if condition.any is not None:
        either: Mask = np.zeros(count, bool)
        for part in condition.any:
            either |= holds(part, columns, count, lifecycle)
        found &= either
    if condition.not_ is not None:
        found &= ~holds(condition.not_, columns, count, lifecycle)
    return found
