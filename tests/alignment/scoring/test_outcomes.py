"""Which leads are decided, as of when they are looked at, and that nothing later is seen."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alignment.scoring.features import Example
from tests.alignment.scoring.past import DAY, START, Past, begin


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return begin(tmp_path)


def only(past: Past) -> Example:
    [example] = past.decisions().examples
    return example


def test_a_lead_is_looked_at_as_it_was_when_it_became_marketing_qualified(past: Past) -> None:
    ada = past.lead(START, company="Weak", stage="lead")
    past.set(ada, START + DAY, company="Strong")
    past.stage(ada, START + 2 * DAY, "mql")
    past.set(ada, START + 3 * DAY, company="Changed", employees=5)
    past.happen(ada, "form", START + DAY)
    past.happen(ada, "call", START + 2 * DAY + timedelta(seconds=1))
    past.stage(ada, START + 9 * DAY, "customer")
    found = only(past)
    assert (found.cutoff, found.outcome_at, found.won) == (START + 2 * DAY, START + 9 * DAY, True)
    assert (found.fields["company"], found.fields["stage"], found.fields.get("employees")) == ("Strong", "mql", None)
    assert found.activities == (("form", START + DAY),)


def test_a_lead_that_was_never_qualified_is_looked_at_just_before_its_end(past: Past) -> None:
    ada = past.lead(START, company="Weak", stage="lead")
    past.set(ada, START + DAY, company="Strong")
    past.happen(ada, "form", START + 2 * DAY)
    past.stage(ada, START + 2 * DAY, "disqualified")
    found = only(past)
    assert (found.cutoff, found.won) == (START + 2 * DAY, False)
    assert (found.fields["company"], found.fields["stage"]) == ("Strong", "lead")
    assert found.activities == (), "what happened at the end is no sign of it"


def test_a_deal_decides_for_all_who_take_part_in_it(past: Past) -> None:
    ada, bob = past.lead(START, stage="lead"), past.lead(START, stage="lead")
    for lead in (ada, bob):
        past.stage(lead, START + DAY, "mql")
    deal = past.deal(START + 2 * DAY, "open", ada, bob)
    past.set(deal, START + 5 * DAY, stage="won")
    assert [(e.hub_id, e.won, e.outcome_at) for e in past.decisions().examples] == [
        (ada.id, True, START + 5 * DAY), (bob.id, True, START + 5 * DAY),
    ]  # fmt: skip


def test_who_was_lost_and_won_later_is_won(past: Past) -> None:
    ada = past.lead(START, stage="lead")
    past.stage(ada, START + DAY, "mql")
    past.stage(ada, START + 2 * DAY, "recycled")
    lost = past.deal(START + 3 * DAY, "open", ada)
    past.set(lost, START + 4 * DAY, stage="lost")
    won = past.deal(START + 5 * DAY, "open", ada)
    past.set(won, START + 6 * DAY, stage="won")
    found = only(past)
    assert (found.won, found.outcome_at) == (True, START + 6 * DAY)


def test_a_deal_ends_on_its_close_date_where_that_is_earlier_than_we_heard(past: Past) -> None:
    ada = past.lead(START, stage="lead")
    deal = past.deal(START + DAY, "open", ada, close_date="2025-01-10")
    past.set(ada, START + 10 * DAY, company="Told after the fact")
    past.set(deal, START + 30 * DAY, stage="won")
    found = only(past)
    assert found.outcome_at.isoformat() == "2025-01-10T00:00:00+00:00"
    assert found.fields.get("company") is None


def test_whoever_was_decided_when_first_seen_tells_nothing(past: Past) -> None:
    """A first load holds customers of years ago, with all that is known of customers."""
    ada = past.lead(START, company="Strong")
    past.stage(ada, START, "customer")
    bob = past.lead(START, company="Strong", stage="lead")
    past.deal(START + DAY, "won", bob, close_date="2024-03-01")
    carl = past.lead(START, stage="lead")
    past.deal(START, "won", carl)
    found = past.decisions()
    assert found.examples == []
    assert found.left_out == {"decided already when first seen": 2, "a deal without a date of its end": 1}


def test_the_undecided_are_no_outcome(past: Past) -> None:
    ada = past.lead(START, stage="lead")
    past.stage(ada, START + DAY, "mql")
    past.deal(START + DAY, "open", ada)
    assert past.decisions().examples == []


def test_a_union_since_then_mixes_two_pasts_and_is_left_out(past: Past) -> None:
    ada = past.lead(START, stage="lead")
    past.stage(ada, START + DAY, "mql")
    past._log(ada, START + 2 * DAY, "united", {"union": {"hub": "x"}})
    past.stage(ada, START + 3 * DAY, "customer")
    found = past.decisions()
    assert (found.examples, found.left_out) == ([], {"united with another lead since": 1})
