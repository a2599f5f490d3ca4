"""When a lead's clocks start, stand still, stop and break, clause by clause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alignment.sla.calendar import MINUTE, BusinessCalendar, business
from alignment.sla.clocks import History, Moved, Reading, Span, Touched, history, read, spans
from mapping.agreement.sla import Pact
from mapping.lifecycle import Lifecycle
from state.facts import microseconds
from tests.alignment.sla.pacts import pact

MADRID = ZoneInfo("Europe/Madrid")
MONDAY = datetime(2026, 1, 12, 10, tzinfo=MADRID)
H = timedelta(hours=1)


def us(at: datetime) -> int:
    return microseconds(at.astimezone(UTC))


def lead(
    moves: list[tuple[datetime, str] | tuple[datetime, str, str]],
    touches: Sequence[datetime] = (),
    now: datetime = MONDAY + 30 * 24 * H,
) -> History:
    told = [Moved(us(move[0]), move[1], move[2] if len(move) > 2 else None) for move in moves]  # type: ignore[misc]
    return history(told, [Touched(us(at), "call") for at in touches], ("recycled",), us(now))


def clocks(of: str, told: History, made: Pact | None = None) -> list[Span]:
    made = made or pact()
    found = spans(made, Lifecycle(), CALENDAR, told, lambda segment: segment.name == "others")
    return [span for span in found if span.clause == of]


CALENDAR: BusinessCalendar = business(pact().calendars["madrid"])


def shown(span: Span, told: History, now: datetime) -> Reading:
    return read(span, CALENDAR, told.paused, us(now), [0.5, 0.8])


def test_a_response_in_time_meets_and_a_late_one_breaks_and_tells_how_late() -> None:
    told = lead([(MONDAY, "mql")], [MONDAY + 3 * H])
    [span] = clocks("first_response", told)
    assert (span.segment, span.stop, shown(span, told, MONDAY + 9 * H).state) == ("others", us(MONDAY + 3 * H), "met")
    told = lead([(MONDAY, "mql")], [MONDAY + 7 * H])  # one hour of it is lunch
    reading = shown(clocks("first_response", told)[0], told, MONDAY + 9 * H)
    assert (reading.state, reading.elapsed, reading.late) == ("breached", 6 * 60 * MINUTE, 2 * 60 * MINUTE)
    assert reading.breached == us(MONDAY + 4 * H)  # 14:00, where the morning ends
    assert reading.over == us(MONDAY + 5 * H) + 1


def test_reminders_are_shares_of_the_business_time() -> None:
    told = lead([(MONDAY, "mql")])
    reading = shown(clocks("first_response", told)[0], told, MONDAY + H)
    assert reading.reminders == (us(MONDAY + 2 * H), us(MONDAY) + 192 * MINUTE)
    assert (reading.state, reading.due) == ("running", us(MONDAY + 4 * H))


def test_a_clock_stands_still_while_a_lead_is_recycled_and_goes_on_with_what_was_left() -> None:
    moves = [(MONDAY, "mql"), (MONDAY + H, "recycled", "bad_timing")]
    told = lead(moves)
    [span] = clocks("first_response", told)
    assert shown(span, told, MONDAY + 24 * H) == Reading("paused", 60 * MINUTE, None, reminders=())
    back = MONDAY + 24 * H
    told = lead([*moves, (back, "mql")])
    [span] = clocks("first_response", told)  # one clock, not two
    assert shown(span, told, back + H).elapsed == 120 * MINUTE
    assert shown(span, told, back + H).due == us(back + 3 * H)


def test_who_is_disqualified_needs_no_answer_and_who_comes_back_gets_a_new_clock() -> None:
    moves = [(MONDAY, "mql"), (MONDAY + H, "disqualified", "duplicate"), (MONDAY + 48 * H, "mql")]
    told = lead(moves)
    first, second = clocks("first_response", told)
    assert shown(first, told, MONDAY + 96 * H).state == "cancelled"
    assert second.start == us(MONDAY + 48 * H)


def test_what_was_done_before_is_no_response_and_who_jumps_over_the_stage_was_not_handed_over() -> None:
    told = lead([(MONDAY, "mql")], [MONDAY - H])
    assert clocks("first_response", told)[0].stop is None
    assert clocks("first_response", lead([(MONDAY, "sql")])) == []


@pytest.mark.parametrize(
    ("to", "reason", "state", "note"),
    [
        ("sal", "", "met", "accepted"),
        ("opportunity", "", "met", "accepted"),
        ("disqualified", "wrong_fit", "met", "rejected"),
        ("recycled", "bad_timing", "met", "rejected"),
        ("disqualified", " ", "breached", "no_reason"),
    ],
)
def test_a_decision_accepts_or_rejects_with_a_reason(to: str, reason: str, state: str, note: str) -> None:
    told = lead([(MONDAY, "mql"), (MONDAY + H, to, reason)])
    [span] = clocks("decision", told)
    assert (shown(span, told, MONDAY + 2 * H).state, span.note) == (state, note)


def test_attempts_too_close_do_not_count_and_who_is_given_up_too_early_breaks_the_promise() -> None:
    told = lead(
        [(MONDAY, "mql"), (MONDAY + 48 * H, "disqualified", "no_response")], [MONDAY, MONDAY + H, MONDAY + 3 * H]
    )
    first, second, third = clocks("attempts", told)
    assert [first.stop, second.stop] == [us(MONDAY), us(MONDAY + 3 * H)]  # that of 11:00 came too soon
    assert (third.how, third.note) == ("failed", "given_up_after:2")
    assert shown(third, told, MONDAY + 72 * H).state == "breached"


def test_three_attempts_are_enough_and_a_lead_that_goes_up_needs_none() -> None:
    calls = [MONDAY, MONDAY + 24 * H, MONDAY + 48 * H]
    told = lead([(MONDAY, "mql"), (MONDAY + 72 * H, "disqualified", "no_response")], calls)
    assert [shown(span, told, MONDAY + 96 * H).state for span in clocks("attempts", told)] == ["met"] * 3
    told = lead([(MONDAY, "mql"), (MONDAY + H, "sal")])
    assert [span.how for span in clocks("attempts", told)] == ["cancelled"]


def test_a_silence_is_as_long_as_the_business_days_of_the_pact_and_ends_with_the_lead() -> None:
    touch = MONDAY + 24 * H  # Tuesday: due on Friday at 18:00
    told = lead([(MONDAY, "sal"), (MONDAY + 14 * 24 * H, "customer")], [touch])
    first, second = clocks("follow_up", told)
    assert shown(first, told, touch).state == "met"
    reading = shown(second, told, MONDAY + 20 * 24 * H)
    assert reading.due == us(datetime(2026, 1, 16, 18, tzinfo=MADRID))
    assert (reading.state, reading.stopped) == ("breached", us(MONDAY + 14 * 24 * H))


def test_what_lies_in_the_future_or_has_no_time_is_left_out_and_counted() -> None:
    now = us(MONDAY + H)
    told = history(
        [Moved(us(MONDAY), "mql"), Moved(None, "sal"), Moved(us(MONDAY + 2 * H), "sql")],
        [Touched(None, "call"), Touched(us(MONDAY + 3 * H), "call")], ("recycled",), now,
    )  # fmt: skip
    assert (told.left.future, told.left.undated) == (2, 2)
    assert [move[1] for move in told.moves] == ["mql"]
    assert clocks("first_response", told)[0].stop is None


def test_a_lead_in_no_segment_is_counted() -> None:
    told = lead([(MONDAY, "mql")])
    made: dict[str, Any] = {"first_response": {"segments": [{"name": "hot", "when": {"score": 1}, "within": "1 h"}]}}
    assert spans(pact(sales=made), Lifecycle(), CALENDAR, told, lambda segment: False) == []
    assert told.left.unmatched == 1
