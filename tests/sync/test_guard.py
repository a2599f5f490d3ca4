"""Every stop at its threshold, in its words; and the monitor that ends a run of refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.rules import Limits
from sync.guard import ErrorMonitor, Facts, Stop, guard
from sync.plan import Tally

LIMITS = Limits()
NOTHING_ODD = Facts()


def stops(tally: Tally, facts: Facts = NOTHING_ODD) -> list[tuple[str, str]]:
    return [(stop.code, stop.message) for stop in guard({"crm": tally}, LIMITS, facts)]


def test_an_ordinary_plan_runs() -> None:
    assert stops(Tally(linked=1000, creates=20, updates=100, fields={"title": 100}, blanks={"note": 5})) == []
    assert stops(Tally()) == []


@pytest.mark.parametrize(
    ("tally", "more", "code", "message"),
    [
        (Tally(10_000, creates=500), {"creates": 501}, "guard-creates", "crm: 501 creates, more than 500."),
        (Tally(1_000, creates=100), {"creates": 101}, "guard-creates", "crm: 101 creates on 1,000 linked records."),
        (Tally(0, creates=20), {"creates": 21}, "guard-creates", "crm: 21 creates on 0 linked records."),
        (
            Tally(1_000, updates=300, fields={"title": 300}),
            {"fields": {"title": 301}},
            "guard-changes",
            "crm: title would change on 301 of 1,000 records.",
        ),
        (
            Tally(1, updates=20, fields={"title": 20}),
            {"fields": {"title": 21}},
            "guard-changes",
            "crm: title would change on 21 of 1 records.",
        ),
        (
            Tally(1_000, updates=20, blanks={"note": 20}),
            {"blanks": {"note": 21}},
            "guard-blanks",
            "crm: note would be blanked on 21 records.",
        ),
    ],
    ids=["creates", "share of creates", "floor of creates", "share of changes", "floor of changes", "blanks"],
)
def test_at_the_threshold_it_runs_and_one_more_stops(
    tally: Tally, more: dict[str, object], code: str, message: str
) -> None:
    assert stops(tally) == []
    assert stops(replace(tally, **more)) == [(code, message)]  # type: ignore[arg-type]


def test_the_first_write_to_a_system_stops_once_and_says_how_much_it_is() -> None:
    first = Facts(first=frozenset({"crm"}))
    assert stops(Tally(), first) == []
    assert stops(Tally(10, creates=2000, updates=1000, fields={"title": 9}), first) == [
        ("guard-first", "crm: first write to this system: 2,000 creates, 1,000 updates.")
    ]
    assert [code for code, _ in stops(Tally(10, updates=30, blanks={"note": 30}), first)] == [
        "guard-first", "guard-blanks",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("linked", "most", "message"),
    [
        (10_000, 100, "crm: 101 of 10,000 linked records would be archived, more than 100."),
        (1_000, 50, "crm: 51 of 1,000 linked records would be archived."),
        (10, 20, "crm: 21 of 10 linked records would be archived."),
    ],
    ids=["number", "share", "floor"],
)
def test_archives_count_like_deletions(linked: int, most: int, message: str) -> None:
    assert stops(Tally(linked, archives=most)) == []
    assert stops(Tally(linked, archives=most + 1)) == [("guard-archives", message)]
    assert [code for code, _ in stops(Tally(linked, archives=most + 1), Facts(reverts="r1"))] == ["guard-revert"]


def test_the_first_archive_in_a_system_stops() -> None:
    first = Facts(first_archives=frozenset({"crm"}))
    assert stops(Tally(1_000, archives=1), first) == [
        ("guard-archives", "crm: 1 of 1,000 linked records would be archived, the first ever here.")
    ]
    assert stops(Tally(1_000, creates=1), first) == []


@pytest.mark.parametrize(("linked", "most"), [(1_000, 50), (100, 20), (10_000, 500)])
def test_vanished_records(linked: int, most: int) -> None:
    assert stops(Tally(linked), Facts(deleted={"crm": most})) == []
    assert stops(Tally(linked), Facts(deleted={"crm": most + 1})) == [
        ("guard-deletes", f"crm: {most + 1} of {linked:,} linked records have vanished.")
    ]
    assert stops(Tally(linked), Facts(deleted={"mkt": linked})) == []


def test_a_system_that_shows_nothing_is_one_stop_not_two() -> None:
    facts = Facts(empty=frozenset({"crm"}), deleted={"crm": 1000})
    assert stops(Tally(1000), facts) == [
        ("guard-empty", "crm: a complete scan returned no records, where 1,000 are linked.")
    ]


def test_a_missing_canary() -> None:
    assert stops(Tally(), Facts(missing_canaries={"crm": "us@x"})) == [
        ("guard-canary", "crm: the canary us@x was not found; is this the right account?")
    ]


def test_changed_rules_stop_only_a_plan_that_writes() -> None:
    assert stops(Tally(10), Facts(rules_changed=True)) == []
    assert stops(Tally(10, updates=1), Facts(rules_changed=True)) == [
        ("guard-rules", "The configuration has changed since the last run that wrote.")
    ]


def test_every_system_is_judged_by_itself_and_told_in_order() -> None:
    tallies = {"mkt": Tally(10_000, creates=501), "crm": Tally(10_000, creates=501), "sup": Tally(10_000, creates=500)}
    assert [(stop.code, stop.system) for stop in guard(tallies, LIMITS, Facts())] == [
        ("guard-creates", "crm"), ("guard-creates", "mkt"),
    ]  # fmt: skip


@given(
    st.builds(
        Tally,
        linked=st.integers(0, 2000),
        creates=st.integers(0, 2000),
        updates=st.integers(0, 2000),
        fields=st.dictionaries(st.sampled_from("abc"), st.integers(1, 2000)),
        blanks=st.dictionaries(st.sampled_from("abc"), st.integers(1, 2000)),
    )
)
def test_a_smaller_plan_never_stops_where_a_larger_one_runs(tally: Tally) -> None:
    smaller = replace(
        tally,
        creates=tally.creates // 2,
        fields={n: c // 2 for n, c in tally.fields.items()},
        blanks={n: c // 2 for n, c in tally.blanks.items()},
    )
    assert {s.code for s in guard({"crm": smaller}, LIMITS, Facts())} <= {
        s.code for s in guard({"crm": tally}, LIMITS, Facts())
    }
    assert all(isinstance(s, Stop) and s.message.startswith("crm: ") for s in guard({"crm": tally}, LIMITS, Facts()))


# --- the monitor ----------------------------------------------------------------------------------------------------


def tripped_after(outcomes: list[bool]) -> tuple[int, str] | None:
    """How many writes were noted before the monitor had enough, and its words."""
    monitor = ErrorMonitor()
    for number, failed in enumerate(outcomes, 1):
        monitor.note(failed)
        if monitor.tripped:
            return number, monitor.tripped
    return None


def test_ten_refusals_in_a_row() -> None:
    assert tripped_after([True] * 9 + [False] + [True] * 9) is None
    assert tripped_after([False] + [True] * 10) == (11, "10 writes refused in a row")


def test_fifteen_of_the_last_hundred() -> None:
    assert tripped_after(([True] + [False] * 6) * 14 + [False] * 2) is None
    assert tripped_after(([True] + [False] * 5) * 30) == (100, "17 of the last 100 writes refused")
    assert tripped_after([False] * 400 + ([True] + [False] * 5) * 15) == (400 + 85, "15 of the last 100 writes refused")


def test_a_thousand_in_all() -> None:
    assert tripped_after(([True] + [False] * 9) * 999) is None
    assert tripped_after(([True] + [False] * 9) * 1000) == (9991, "1,000 writes refused")


@given(st.lists(st.booleans(), max_size=300))
def test_the_monitor_agrees_with_a_plain_count(outcomes: list[bool]) -> None:
    def enough(seen: list[bool]) -> bool:
        recent = seen[-100:]
        return (all(seen[-10:]) and len(seen) >= 10) or (len(recent) == 100 and sum(recent) >= 15)

    expected = next((n for n in range(1, len(outcomes) + 1) if enough(outcomes[:n])), None)
    found = tripped_after(outcomes)
    assert (found[0] if found else None) == expected


def test_scores_that_age_by_themselves_stop_nothing() -> None:
    tally = {"crm": Tally(100, updates=90, fields={"score": 90, "title": 90}, blanks={"score": 90, "title": 90})}
    found = guard(tally, Limits(moving=frozenset({"score"})), Facts())
    assert [stop.message for stop in found] == [
        "crm: title would change on 90 of 100 records.",
        "crm: title would be blanked on 90 records.",
    ]
