"""What activities are worth, day by day, against a count of every single one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from math import floor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.decay import LASTING, Day, Decay, day_of, decay, next_change

TODAY = 20_000


def one_by_one(rule: Decay, days: list[Day], today: int) -> int:
    """Each activity for itself, by the sentence in the documentation."""
    worths = [
        rule.points * 2 ** (-(today - day) / rule.half_life) if rule.half_life else float(rule.points)
        for day, count in days
        for _ in range(count)
        if day <= today and (rule.within is None or today - day <= rule.within)
    ]
    size = floor(round(abs(sum(worths)), 9) + 0.5)
    size = min(size, rule.cap) if rule.cap else size
    return size if sum(worths) >= 0 else -size


rules = st.builds(
    decay,
    rule=st.just("r"),
    points=st.integers(-100, 100),
    types=st.just(["form"]),
    within=st.none() | st.integers(1, 200),
    half_life=st.none() | st.sampled_from([1, 7, 30, 0.5, 45.5]),
    cap=st.none() | st.integers(1, 100),
)
histories = st.lists(st.tuples(st.integers(TODAY - 250, TODAY + 40), st.integers(1, 3)), max_size=12)


@given(rule=rules, days=histories)
def test_a_rule_counts_what_a_count_of_every_activity_gives(rule: Decay, days: list[Day]) -> None:
    assert rule.counted(days, TODAY) == one_by_one(rule, days, TODAY)


@given(rule=rules, days=histories)
def test_the_next_change_is_the_first_day_on_which_the_points_are_others(rule: Decay, days: list[Day]) -> None:
    now = one_by_one(rule, days, TODAY)
    coming = range(TODAY + 1, TODAY + 500)
    first = next((day for day in coming if one_by_one(rule, days, day) != now), None)
    found = next_change(rule, days, TODAY)
    assert found == first or (first is None and found is not None and found >= coming.stop)


def test_points_halve_with_every_half_life_and_are_rounded_once() -> None:
    rule = decay("r", 10, ["form"], half_life=30)
    worth = [rule.counted([(TODAY, 1)], TODAY + days) for days in (-1, 0, 30, 60, 90, 120, 10_000)]
    assert worth == [0, 10, 5, 3, 1, 1, 0]
    assert rule.counted([(TODAY - 60, 3)], TODAY) == 8, "7.5, and not three times 3"


def test_an_activity_of_the_future_counts_from_its_day_on() -> None:
    rule = decay("r", 20, ["meeting"], half_life=30)
    assert rule.counted([(TODAY + 3, 1)], TODAY) == 0
    assert next_change(rule, [(TODAY + 3, 1)], TODAY) == TODAY + 3
    assert rule.counted([(TODAY + 3, 1)], TODAY + 3) == 20


def test_what_is_not_said_lasts_for_ten_half_lives_and_never_longer_than_activities_are_kept() -> None:
    assert decay("r", 10, ["form"], half_life=30).within == 30 * LASTING == 300
    assert decay("r", 10, ["form"], half_life=30, kept=90).within == 90
    assert decay("r", 10, ["form"], within=20, half_life=30, kept=90).within == 20
    assert decay("r", 10, ["form"]).within is None


def test_a_cap_holds_back_until_what_is_left_is_below_it() -> None:
    rule = decay("r", 10, ["form"], half_life=10, cap=40)
    days = [(TODAY, 16)]
    assert [rule.counted(days, TODAY + n) for n in (0, 20, 21)] == [40, 40, 37]
    assert next_change(rule, days, TODAY) == TODAY + 21


@pytest.mark.parametrize("hours", [-11, 0, 14])
def test_days_are_those_of_utc(hours: int) -> None:
    at = datetime(1970, 1, 2, tzinfo=UTC)
    assert day_of(at.astimezone(timezone(timedelta(hours=hours)))) == 1
    assert day_of(at - timedelta(microseconds=1)) == 0


def test_of_random_histories_no_day_before_the_next_change_gives_other_points() -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    dice = Random(seed)
    for _ in range(300):
        rule = decay(
            "r", dice.randint(-50, 50), ["form"], half_life=dice.choice([3, 14, 30, 90]), cap=dice.choice([None, 30])
        )
        days = [(TODAY - dice.randint(-10, 400), dice.randint(1, 5)) for _ in range(dice.randint(1, 30))]
        then = next_change(rule, days, TODAY)
        until = then if then is not None else TODAY + 1200
        assert {one_by_one(rule, days, day) for day in range(TODAY, until)} == {rule.counted(days, TODAY)}
        if then is not None:
            assert one_by_one(rule, days, then) != rule.counted(days, TODAY)
