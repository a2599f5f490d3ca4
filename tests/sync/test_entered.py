"""When stages were really entered: what counts as a date, what it is clamped by, and that no order is ever broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.lifecycle import Lifecycle
from state.records import Hub, Link, Side
from sync.entered import OLDEST, Entry, entries, noted, read
from sync.reconcile import SMARKETING, StageMove

LIFE = Lifecycle()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    return NOW - timedelta(days=number)


def iso(number: float) -> str:
    return day(number).isoformat().replace("+00:00", "Z")


def move(old: str | None, new: str, source: str = "mkt", reason: str | None = None) -> StageMove:
    return StageMove(old, new, source, reason, "furthest")


def found(
    *moves: StageMove,
    mkt: dict[str, object] | None = None,
    crm: dict[str, object] | None = None,
    changed: dict[str, datetime] | None = None,
    before: datetime | None = None,
    life: Lifecycle = LIFE,
) -> list[Entry]:
    hub = Hub("h")
    for system in ("crm", "mkt"):
        hub.links[system] = Link("h", system, "1", Side(seen_at=(changed or {}).get(system)))
    told = noted(hub, {"mkt": mkt or {}, "crm": crm or {}}, moves, {})
    return list(entries(told, life, before, NOW))


def shown(some: list[Entry]) -> list[tuple[str, str, float]]:
    return [(e.move.new, e.dated, round((NOW - e.at) / timedelta(days=1), 3)) for e in some]


@pytest.mark.parametrize(
    ("raw", "at", "whole"),
    [
        ("2026-03-01T08:30:00.250Z", datetime(2026, 3, 1, 8, 30, 0, 250_000, UTC), False),  # HubSpot
        ("2026-03-01T08:30:00.000+0000", datetime(2026, 3, 1, 8, 30, tzinfo=UTC), False),  # Salesforce
        ("2026-03-01T08:30:00+02:00", datetime(2026, 3, 1, 6, 30, tzinfo=UTC), False),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC), True),
        ("1772353800000", datetime(2026, 3, 1, 8, 30, tzinfo=UTC), False),
        (1772353800000, datetime(2026, 3, 1, 8, 30, tzinfo=UTC), False),
    ],
)
def test_what_vendors_write_is_read(raw: object, at: datetime, whole: bool) -> None:
    assert read(raw) == (at, whole)


@pytest.mark.parametrize("raw", ["", "soon", "2026-13-01", "31.12.2026", None, True, 1.5, [], "9" * 40, "0000-00-00"])
def test_garbage_is_no_date(raw: object) -> None:
    assert read(raw) is None


def test_the_date_of_the_vendor_comes_before_the_change_of_the_record() -> None:
    (one,) = found(move("lead", "mql"), mkt={"mql": iso(30)}, changed={"mkt": day(3)})
    assert (one.at, one.dated) == (day(30), "vendor")


def test_without_one_the_change_of_the_record_counts() -> None:
    assert shown(found(move("lead", "mql"), changed={"mkt": day(3)})) == [("mql", "changed", 3)]
    assert shown(found(move("lead", "mql"))) == [("mql", "run", 0)]


@pytest.mark.parametrize("raw", ["soon", "2099-01-01T00:00:00Z", "1970-01-01", "1900-01-01T00:00:00Z", 0])
def test_a_date_that_cannot_be_is_passed_over(raw: object) -> None:
    assert shown(found(move("lead", "mql"), mkt={"mql": raw}, changed={"mkt": day(3)})) == [("mql", "changed", 3)]
    assert shown(found(move("lead", "mql"), mkt={"mql": raw})) == [("mql", "run", 0)]
    assert shown(found(move("lead", "mql"), changed={"mkt": NOW + timedelta(days=1)})) == [("mql", "run", 0)]


def test_what_the_hub_computes_or_a_person_decides_is_of_the_run() -> None:
    for source in (SMARKETING, "person"):
        (one,) = found(move("lead", "mql", source), mkt={"mql": iso(30)}, changed={"mkt": day(3)})
        assert (one.at, one.dated) == (NOW, "run")


def test_skipped_steps_that_are_dated_get_events_of_their_own() -> None:
    some = found(move(None, "customer"), mkt={"lead": iso(90), "mql": iso(60), "customer": iso(10)})
    assert shown(some) == [("lead", "vendor", 90), ("mql", "vendor", 60), ("customer", "vendor", 10)]
    assert [e.move.old for e in some] == [None, "lead", "mql"]


def test_a_skipped_step_out_of_order_is_left_out() -> None:
    some = found(move(None, "customer"), mkt={"lead": iso(90), "mql": iso(5), "sql": iso(95), "customer": iso(10)})
    assert shown(some) == [("lead", "vendor", 90), ("customer", "vendor", 10)]


def test_the_way_to_a_side_state_is_told_too_and_keeps_its_reason() -> None:
    some = found(move(None, "lost", "crm", "price"), mkt={"mql": iso(60)}, changed={"crm": day(2)})
    assert shown(some) == [("mql", "vendor", 60), ("lost", "changed", 2)]
    assert [e.move.reason for e in some] == [None, "price"]


def test_before_a_promotion_stands_what_the_system_said() -> None:
    some = found(move(None, "lead"), move("lead", "mql", SMARKETING), mkt={"lead": iso(40)}, changed={"mkt": day(3)})
    assert shown(some) == [("lead", "vendor", 40), ("mql", "run", 0)]


def test_nothing_happens_before_the_event_before() -> None:
    some = found(move("recycled", "mql"), mkt={"mql": iso(60)}, changed={"mkt": day(9)}, before=day(5))
    assert shown(some) == [("mql", "changed", 5)]
    some = found(move("recycled", "mql"), mkt={"mql": iso(60)}, changed={"mkt": day(4)}, before=day(5))
    assert shown(some) == [("mql", "changed", 4)]


def test_a_whole_day_holds_the_event_before() -> None:
    noon = datetime(2026, 10, 1, 12, tzinfo=UTC)
    (one,) = found(move("sql", "opportunity", "crm"), crm={"opportunity": "2026-10-01"}, before=noon)
    assert (one.at, one.dated) == (noon, "vendor")


def test_the_source_s_own_date_counts_and_another_s_where_it_has_none() -> None:
    both = {"mkt": {"mql": iso(30)}, "crm": {"mql": iso(20)}}
    assert shown(found(move("lead", "mql", "crm"), **both)) == [("mql", "vendor", 20)]  # type: ignore[arg-type]
    assert shown(found(move("lead", "mql", "crm"), mkt={"mql": iso(30)})) == [("mql", "vendor", 30)]


def test_a_step_that_the_lifecycle_does_not_allow_gets_no_event() -> None:
    life = Lifecycle(ladder=("lead", "mql", "sql"), side={"lost": ("sql",)})
    some = found(move("lost", "sql"), mkt={"lead": iso(3), "mql": iso(2), "sql": iso(1)}, before=day(9), life=life)
    assert shown(some) == [("sql", "vendor", 1)]


STAGE = st.sampled_from(LIFE.stages)
RAW = st.one_of(
    st.floats(-5, 900).map(iso), st.sampled_from(["soon", "1970-01-01", "2026-11-20", "2026-10-01", "", None])
)
DATES = st.dictionaries(STAGE, RAW, max_size=8)


@given(
    st.none() | STAGE,
    STAGE,
    DATES,
    DATES,
    st.floats(-3, 900),
    st.none() | st.floats(0, 900),
    st.sampled_from(["mkt", "crm", SMARKETING]),
)
def test_events_are_in_order_allowed_and_end_where_the_move_does(
    old: str | None,
    new: str,
    mkt: dict[str, object],
    crm: dict[str, object],
    changed: float,
    before: float | None,
    source: str,
) -> None:
    if not LIFE.allowed(old, new) or old == new:
        return
    last = None if before is None else day(before)
    some = found(move(old, new, source), mkt=mkt, crm=crm, changed={"mkt": day(changed)}, before=last)
    times = [*([last] if last else []), *(e.at for e in some)]
    assert times == sorted(times)
    assert all(OLDEST <= e.at <= NOW for e in some)
    assert [e.move.old for e in some] == [old, *(e.move.new for e in some[:-1])]
    assert some[-1].move.new == new
    assert all(LIFE.allowed(e.move.old, e.move.new) for e in some)
    ranks = [LIFE.rank(e.move.new) for e in some if e.move.new in LIFE.ladder]
    assert ranks == sorted(set(ranks))
    for e in some:
        if e.dated == "vendor":
            told = [read(raw) for raw in (mkt.get(e.move.new), crm.get(e.move.new))]
            assert any(t and (t.at == e.at or (t.whole and t.at <= e.at < t.at + timedelta(days=1))) for t in told)
