"""Counting by the million in little memory: a set of what was met, as digests, and a few examples of each kind.

Not here: what is counted. Invariant: what is kept is eight bytes for each thing that was met, and a number of examples that
does not grow with the data. The examples are a fair draw, and the same ones each time.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import numpy as np

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def digest(*parts: Any) -> int:
    """64 bits that two different things share once in 10^19 times."""
    return int.from_bytes(blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest())


class Met:
    """First filled, then asked."""

    def __init__(self) -> None:
        self._digests = array("Q")
        self._sorted = True

    def add(self, *parts: Any) -> None:
        self._digests.append(digest(*parts))
        self._sorted = False

    def has(self, *parts: Any) -> bool:
        if not self._sorted:
            np.frombuffer(self._digests, dtype=np.uint64).sort()  # in place
            self._sorted = True
        mark = digest(*parts)
        at = bisect_left(self._digests, mark)
        return at < len(self._digests) and self._digests[at] == mark


@dataclass(slots=True)
class Count(Generic[T]):
    """`due`: of all, those that would not have been there anyway. `examples` are of those, as far as there are any."""

    all: int = 0
    due: int = 0
    _kept: list[tuple[int, int, T]] = field(default_factory=list)

    def add(self, example: T, mark: int, due: bool, keep: int) -> None:
        """`mark`: its digest, by which the draw is made."""
        self.all += 1
        self.due += due
        weight = -mark if due else -mark - 2**64
        entry = (weight, self.all, example)
        if len(self._kept) < keep:
            heapq.heappush(self._kept, entry)
        elif weight > self._kept[0][0]:
            heapq.heapreplace(self._kept, entry)

    @property
    def examples(self) -> Iterator[T]:
        return (example for _, _, example in sorted(self._kept, key=lambda one: one[:2], reverse=True))


class Counts(dict[K, Count[T]], Generic[K, T]):
    """By whatever tells one kind from another."""

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep

    def add(self, key: K, example: T, mark: int, due: bool = True) -> None:
        if key not in self:
            self[key] = Count()
        self[key].add(example, mark, due, self._keep)
