"""Where a read stands: overlap, settling, damaged cursors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.paging import Position
from connectors.salesforce.cursor import Checkpoint, Mark, Memo, dumped, later, load, next_mark, starting
from connectors.salesforce.soql import Place

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
OVERLAP = timedelta(minutes=5)
PLACE = Place("2026-07-01T11:00:00.000+0000", "00Q000000000005AAA")
AFTER = Place("2026-07-01T11:00:01.000+0000", "00Q000000000001AAA")


def test_the_first_read_of_an_object_without_rows_reads_all_of_it_again() -> None:
    assert starting(None, OVERLAP) == ""


def test_late_visible_rows_are_looked_for_behind_the_mark() -> None:
    assert starting(Mark(place=PLACE, seen=NOW), OVERLAP) == "SystemModstamp >= 2026-07-01T10:55:00.000Z"


def test_a_settled_mark_reads_nothing_twice() -> None:
    where = starting(Mark(place=PLACE, seen=NOW, settled=True), OVERLAP)
    assert where.startswith("(SystemModstamp > 2026-07-01T11:00:00.000Z)")


def test_a_mark_settles_only_when_a_run_looked_again_after_the_overlap() -> None:
    first = next_mark(None, PLACE, NOW, OVERLAP)
    assert first == Mark(place=PLACE, seen=NOW)
    soon = next_mark(first, PLACE, NOW + timedelta(minutes=4), OVERLAP)
    assert soon == first
    late = next_mark(soon, PLACE, NOW + timedelta(minutes=6), OVERLAP)
    assert late is not None
    assert late.settled
    assert next_mark(late, None, NOW + timedelta(days=1), OVERLAP) == late


def test_a_newer_row_moves_the_mark_and_unsettles_it() -> None:
    settled = Mark(place=PLACE, seen=NOW, settled=True)
    assert next_mark(settled, AFTER, NOW + OVERLAP, OVERLAP) == Mark(place=AFTER, seen=NOW + OVERLAP)


def test_a_mark_never_goes_back_when_its_row_was_purged() -> None:
    mark = next_mark(Mark(place=AFTER, seen=NOW), PLACE, NOW, OVERLAP)
    assert mark is not None
    assert mark.place == AFTER


def test_a_vendors_clock_in_the_past_does_not_settle_a_mark_early() -> None:
    long_ago = Place("2020-01-01T00:00:00.000+0000", "00Q000000000001AAA")
    mark = next_mark(None, long_ago, NOW, OVERLAP)
    assert mark is not None
    assert not mark.settled


def test_later_compares_times_and_not_their_spelling() -> None:
    bulk = Place("2026-07-01T11:00:02.000Z", "a")
    assert later(AFTER, bulk) == bulk
    assert later(None, AFTER) == later(AFTER, None) == AFTER


def test_a_cursor_survives_json() -> None:
    memo = Memo(ran=NOW, marks={"Lead": Mark(place=PLACE, seen=NOW)}, deleted={"Contact": NOW})
    checkpoint = Checkpoint(entity="Contact", after={"Contact": PLACE}, newest={"Lead": AFTER})
    cursor = Position(phase="changes", began=NOW, memo=dumped(memo)).step(dumped(checkpoint)).save()
    loaded = load(cursor)
    assert loaded is not None
    assert loaded[1:] == (memo, checkpoint)


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        {},
        {"since": "2026-01-01"},
        {"phase": "changes"},
        {"phase": "changes", "memo": {"ran": "never"}},
        {"phase": "scan", "at": {"entity": "Task"}},
    ],
)
def test_a_cursor_that_is_not_ours_reads_everything(cursor: dict[str, Any] | None) -> None:
    assert load(cursor) is None
