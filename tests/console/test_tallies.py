"""Counting by the million: nothing is forgotten or made up, the examples are few, fair, and first of what is due."""

from __future__ import annotations

import random
from collections import Counter

from console.tallies import Counts, Met, digest


def test_what_was_met_is_known_and_nothing_else() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    things = [(chance.randrange(10**6), chance.choice(["a", None, True, 1.5, ("x",)])) for _ in range(5000)]
    met = Met()
    assert not met.has("anything")
    for thing in things:
        met.add(*thing)
    assert all(met.has(*thing) for thing in things)
    others = {(chance.randrange(10**6), "b") for _ in range(5000)}
    assert not any(met.has(*other) for other in others)
    met.add("later")
    assert met.has("later")
    assert met.has(*things[0])


def test_one_and_true_are_not_the_same() -> None:
    assert len({digest(1), digest(True), digest("1"), digest(1.0)}) == 4


def test_examples_are_few_and_first_of_what_is_due() -> None:
    counts: Counts[str, int] = Counts(5)
    for n in range(1000):
        counts.add("a", n, digest(n), due=n % 100 == 0)
        counts.add("b", n, digest(n), due=n in (3, 5))
    a, b = counts["a"], counts["b"]
    assert (a.all, a.due, b.all, b.due) == (1000, 10, 1000, 2)
    assert len(list(a.examples)) == len(list(b.examples)) == 5
    assert all(n % 100 == 0 for n in a.examples)
    assert set(list(b.examples)[:2]) == {3, 5}


def test_the_draw_is_fair_and_always_the_same() -> None:
    drawn: Counter[bool] = Counter()
    for world in range(300):
        counts: Counts[str, int] = Counts(4)
        for n in range(100):
            counts.add("a", n, digest(world, n))
        again: Counts[str, int] = Counts(4)
        for n in reversed(range(100)):
            again.add("a", n, digest(world, n))
        assert sorted(counts["a"].examples) == sorted(again["a"].examples)
        drawn.update(n < 50 for n in counts["a"].examples)
    assert 480 < drawn[True] < 720  # of 1,200, seven standard deviations around the half
