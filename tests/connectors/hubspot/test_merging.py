"""Two records become a third, and what is known of it when the answer is lost."""

from __future__ import annotations

import pytest

from connectors.base import Key
from connectors.errors import Gone, Unavailable
from connectors.hubspot import HubSpot

from .conftest import FIELDS, Portal


async def test_a_merge_gives_the_survivor_a_third_id_and_the_old_ones_lead_there(
    connector: HubSpot, hubspot: Portal
) -> None:
    one, two = hubspot.add(2)
    result = await connector.merge(one, two)
    assert result.outcome == "done"
    assert result.id not in (one, two)
    found = await connector.find([Key("id", one), Key("id", two)], FIELDS)
    assert [[record.id for record in records] for records in found] == [[result.id], [result.id]]
    assert found[0][0].fields["email"] == "p0@example.com"


async def test_a_merge_is_never_sent_twice(connector: HubSpot, hubspot: Portal) -> None:
    """A second try would find the two gone: what became of it is looked up by id."""
    one, two = hubspot.add(2)
    hubspot.faults.add("hangup_after", path="/contacts/merge$", times=1)
    hubspot.forget_calls()
    with pytest.raises(Unavailable):
        await connector.merge(one, two)
    [[keeps], [goes]] = await connector.find([Key("id", one), Key("id", two)], FIELDS)
    assert keeps.id == goes.id
    assert keeps.id not in (one, two)
    assert hubspot.calls("/contacts/merge$") == 1


async def test_a_merge_with_who_is_not_there_is_refused(connector: HubSpot, hubspot: Portal) -> None:
    [one] = hubspot.add(1)
    result = await connector.merge(one, "404404")
    assert result.outcome == "rejected"
    assert isinstance(result.error, Gone)
    again = await connector.merge(one, one)
    assert again.outcome == "rejected"


async def test_deals_and_users_are_merged_by_people(connector: HubSpot) -> None:
    assert {kind: connector.of(kind).can.merge for kind in ("lead", "company", "deal", "owner", "activity")} == {  # type: ignore[arg-type]
        "lead": True, "company": True, "deal": False, "owner": False, "activity": False,
    }  # fmt: skip
