"""Taking records out of use, and erasing them for good."""

from __future__ import annotations

import httpx
import pytest

from connectors.base import Write
from connectors.errors import Reject
from connectors.salesforce import Salesforce
from sandbox.salesforce import query
from tests.connectors.salesforce.conftest import World, overruled

PERMISSION = "Bulk API Hard Delete"


@pytest.fixture
def sf(world: World) -> Salesforce:
    world.org.switches.hard_delete = True
    return world.connector()


def anywhere(world: World, *names: str) -> set[str]:
    """Ids of everything that queryAll still shows."""
    names = names or ("Lead", "Contact", "Account", "Opportunity", "OpportunityContactRole", "CampaignMember", "Task")
    return {row["Id"] for name in names for row in query.run(world.org, f"SELECT Id FROM {name}", deleted=True).rows}


async def test_archive_is_the_recycle_bin_of_leads_and_contacts_at_once(world: World) -> None:
    lead, contact, kept = world.create(), world.create("Contact"), world.create()
    sf = world.connector()
    results = await sf.archive([lead, "nonsense", contact])
    assert [result.outcome for result in results] == ["done", "rejected", "done"]
    assert world.calls("DELETE") == 1
    assert world.live() == {kept}
    assert world.row(lead)["IsDeleted"]
    assert [result.outcome for result in await sf.archive([lead])] == ["done"]


async def test_archive_of_an_account_with_a_won_deal_is_refused_in_salesforces_words(world: World) -> None:
    sold, other = world.create("Account", Name="Sold"), world.create("Account", Name="Other")
    world.create("Opportunity", Name="Big", StageName="Closed Won", CloseDate="2026-01-01", AccountId=sold)
    refused, done = await world.connector().of("company").archive([sold, other])
    assert (refused.outcome, done.outcome) == ("rejected", "done")
    assert refused.error is not None
    assert "closed won" in refused.error.message
    assert not world.row(sold)["IsDeleted"]


async def test_archive_whose_answer_is_lost_is_asked_again(world: World) -> None:
    leads = [world.create() for _ in range(3)]
    world.vendor.faults.add("hangup_after", path="/composite/sobjects", times=1)
    assert {result.outcome for result in await world.connector().archive(leads)} == {"done"}
    assert not world.live()


async def test_more_than_200_are_archived_in_several_calls(world: World) -> None:
    leads = [world.create() for _ in range(201)]
    assert {result.outcome for result in await world.connector().archive(leads)} == {"done"}
    assert world.calls("DELETE") == 2


async def test_hard_delete_leaves_nothing_behind_not_even_in_the_bin(world: World, sf: Salesforce) -> None:
    account, other = world.create("Account", Name="Acme"), world.create()
    contact = world.create("Contact", AccountId=account)
    deal = world.create("Opportunity", Name="E", StageName="Prospecting", CloseDate="2026-12-31", ContactId=contact)
    world.create("CampaignMember", CampaignId=world.create("Campaign", Name="Fair"), ContactId=contact)
    world.create("Task", WhoId=contact, Subject="Hello")
    [result] = await sf.erase([contact])
    assert (result.outcome, result.id, result.error) == ("done", contact, None)
    assert anywhere(world) == {account, other, deal}


async def test_a_persons_past_goes_with_the_person(world: World, sf: Salesforce) -> None:
    lead, doublet = world.create(Email="roe@acme.example"), world.create(Email="roe@home.example")
    world.merge(lead, doublet)
    contact = world.convert(lead).contact_id
    second = world.create("Contact", Email="roe@work.example")
    world.merge(contact, second)
    stranger = world.create()
    [result] = await sf.erase([contact])
    assert result.outcome == "done"
    assert anywhere(world, "Lead", "Contact") == {stranger}


async def test_whoever_asks_by_an_old_id_is_erased_as_what_it_became(world: World, sf: Salesforce) -> None:
    lead = world.create()
    contact = world.convert(lead).contact_id
    [result] = await sf.erase([lead])
    assert (result.outcome, result.id) == ("done", lead)
    assert contact not in anywhere(world, "Lead", "Contact")
    assert not anywhere(world, "Lead", "Contact")


async def test_what_salesforce_does_not_let_go_is_rejected_alone(world: World, sf: Salesforce) -> None:
    sold, other = world.create("Account", Name="Sold"), world.create("Account", Name="Other")
    world.create("Opportunity", Name="Big", StageName="Closed Won", CloseDate="2026-01-01", AccountId=sold)
    refused, done, never = await sf.of("company").erase([sold, other, "001000000000000AAA"])
    assert (refused.outcome, done.outcome, never.outcome) == ("rejected", "done", "done")
    assert refused.error is not None
    assert "closed won" in refused.error.message


async def test_without_the_permission_a_record_is_overwritten_and_deleted_and_the_result_says_that_this_is_not_all(
    world: World,
) -> None:
    lead = world.create(
        FirstName="Ada", LastName="Lovelace", Email="ada@acme.example", Phone="1", Description="Secret",
        Smarketing_Id__c="smk-1", LeadSource="Web",
    )  # fmt: skip
    [result] = await world.connector().erase([lead])
    assert result.outcome == "rejected"
    assert isinstance(result.error, Reject)
    assert "overwritten and deleted" in result.error.message
    assert "15 days" in result.error.message
    assert PERMISSION in result.error.hint
    row = world.row(lead)
    assert row["IsDeleted"]
    assert (row["LastName"], row["Company"]) == ("[erased]", "[erased]")
    assert not row.keys() & {"FirstName", "Email", "Phone", "Description", "Smarketing_Id__c", "LeadSource"}
    world.org.switches.hard_delete = True
    [again] = await world.connector().erase([lead])
    assert again.outcome == "done"
    assert not anywhere(world)


async def test_without_the_permission_what_cannot_be_overwritten_is_said_to_lie_in_the_bin(world: World) -> None:
    deleted, lead = world.create(), world.create()
    world.delete(deleted)
    contact = world.convert(lead).contact_id
    first, second = await world.connector().erase([deleted, contact])
    assert first.error is not None
    assert second.error is not None
    assert "had been deleted before" in first.error.message
    assert second.outcome == "rejected"
    assert not world.live()
    assert world.row(contact)["LastName"] == "[erased]"


async def test_without_the_permission_what_salesforce_does_not_let_overwrite_is_deleted_and_told(world: World) -> None:
    lead = world.create(FirstName="Ada")

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH":
            return httpx.Response(400, json=[{"errorCode": "INVALID_FIELD", "message": "no such column Fax"}])
        return None

    [result] = await overruled(world, refuse).erase([lead])
    assert result.error is not None
    assert "no such column Fax" in result.error.message
    assert (world.row(lead)["IsDeleted"], world.row(lead)["FirstName"]) == (True, "Ada")


async def test_a_job_that_never_tells_leaves_the_erasure_unknown(world: World, sf: Salesforce) -> None:
    lead = world.create()

    def lost(request: httpx.Request) -> httpx.Response | None:
        if "successfulResults" in request.url.path or "failedResults" in request.url.path:
            return httpx.Response(200, content=b"<html>")
        return None

    [result] = await overruled(world, lost).erase([lead])
    assert result.outcome == "done", "it is not there any more"
    world.org.switches.bulk_seconds = 1e9
    other = world.create()
    slow = world.connector(bulk_wait=0.5)
    world.org.clock.advance(1)

    async def tick(seconds: float) -> None:
        world.later(seconds)

    slow._bulk._sleep = tick
    [result] = await slow.erase([other])
    assert result.outcome == "unknown"
    assert world.live() == {other}


async def test_a_damaged_id_is_rejected_alone(world: World, sf: Salesforce) -> None:
    lead = world.create()
    assert [result.outcome for result in await sf.erase([lead[:15] + "ZZZ", lead])] == ["rejected", "done"]
    assert not anywhere(world)


async def test_an_erased_record_is_gone_for_whoever_still_writes_to_it(world: World, sf: Salesforce) -> None:
    lead = world.create()
    await sf.erase([lead])
    [result] = await sf.write([Write("x", "update", {"Title": "CEO"}, id=lead)])
    assert result.outcome == "rejected"
    assert await sf.erase([]) == []
    assert await sf.archive([]) == []
