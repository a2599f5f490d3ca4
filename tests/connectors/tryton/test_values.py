"""Tryton's values and states, without Tryton."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import Invalid
from connectors.tryton.finding import any_spelling
from connectors.tryton.jobs import BUTTONS, next_button
from connectors.tryton.subjects import leaders
from connectors.tryton.values import into, moment, out, timed

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
STATES = ["lead", "opportunity", "converted", "won", "lost", "cancelled"]


@given(
    st.one_of(
        st.tuples(st.just("char"), TEXT),
        st.tuples(st.just("integer"), st.integers()),
        st.tuples(st.just("float"), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just("boolean"), st.booleans()),
        st.tuples(st.just("date"), st.dates().map(date.isoformat)),
        st.tuples(st.just("timestamp"), st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)),
        st.tuples(st.just("numeric"), st.decimals(allow_nan=False, allow_infinity=False).map(str)),
    )
)
def test_a_value_comes_back_as_it_went(typed: tuple[str, Any]) -> None:
    kind, value = typed
    assert out(kind, into("field", kind, value)) == value


@given(
    st.sampled_from(["integer", "float", "boolean", "date", "timestamp", "numeric", "many2one"]), st.text(min_size=1)
)
def test_any_text_is_a_value_or_refused_by_name(kind: str, text: str) -> None:
    try:
        into("the_field", kind, text)
    except Invalid as error:
        refused = error
    else:
        return
    assert refused.field == "the_field"
    assert "the_field" in refused.message


@given(st.datetimes(timezones=st.timezones()))
def test_times_are_told_in_utc(at: datetime) -> None:
    assert moment(timed(at)) == at.astimezone(UTC)


def test_decimals_keep_their_digits() -> None:
    assert into("amount", "numeric", 0.1) == {"__class__": "Decimal", "decimal": "0.1"}
    assert Decimal(out("numeric", into("amount", "numeric", "1234567890.123456789"))) == Decimal("1234567890.123456789")


@pytest.mark.parametrize("start", STATES)
@pytest.mark.parametrize("goal", STATES)
def test_buttons_lead_there_or_there_is_no_way(start: str, goal: str) -> None:
    state, pressed = start, []
    while state != goal and (button := next_button(state, goal)) is not None:
        before, after = BUTTONS[button]
        assert state in before
        pressed.append(button)
        state = after
    assert len(pressed) <= 3
    reachable = start == goal or (goal != "won" and start not in ("converted", "won"))
    assert (state == goal) == reachable


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(STATES)), unique=False))
def test_every_party_has_one_leading_opportunity(rows: list[tuple[int, str]]) -> None:
    made = [{"id": n, "state": state, "party.": {"id": party}} for n, (party, state) in enumerate(rows, 1)]
    leading = leaders(made)
    assert leading.keys() == {party for party, _ in rows}
    for party, lead in leading.items():
        own = [row for row in made if row["party."] == {"id": party}]
        open_ones = [row["id"] for row in own if row["state"] != "cancelled"]
        assert lead == max(open_ones or [row["id"] for row in own])


def test_wildcards_are_taken_literally() -> None:
    assert any_spelling([" 100%_\\@example.com "]) == ["OR", ["value", "ilike", "100\\%\\_\\\\@example.com"]]
