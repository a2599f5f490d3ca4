"""The sandbox's rules for accounts, deals and their people, activities, campaigns, and what is deleted with what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.both import Both
from sandbox.clock import Clock
from sandbox.companies import OWNERS
from sandbox.people import make_world
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.people_work import convert_lead, merge
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce

from .conftest import Org

DAY = 86_400.0
DEAL = {"Name": "Engines", "StageName": "Prospecting", "CloseDate": "2026-12-31"}


def make(sf: Org, sobject: str, **fields: Any) -> str:
    answer = sf.http.post(f"/sobjects/{sobject}", json=fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def refused(sf: Org, sobject: str, **fields: Any) -> tuple[str, list[str]]:
    answer = sf.http.post(f"/sobjects/{sobject}", json=fields)
    assert answer.status_code == 400, answer.text
    return answer.json()[0]["errorCode"], answer.json()[0]["fields"]


def live(sf: Org, sobject: str) -> list[str]:
    return [row["Id"] for row in sf.query(f"SELECT Id FROM {sobject} ORDER BY Id")["records"]]


# Deals


def test_a_stage_closes_a_deal_and_implies_its_probability(sf: Org) -> None:
    deal = make(sf, "Opportunity", **DEAL)
    shown = "SELECT IsClosed, IsWon, Probability FROM Opportunity"
    row = sf.query(shown)["records"][0]
    assert (row["IsClosed"], row["IsWon"], row["Probability"]) == (False, False, 10)
    sf.http.patch(f"/sobjects/Opportunity/{deal}", json={"StageName": "Closed Won"})
    row = sf.query(shown)["records"][0]
    assert (row["IsClosed"], row["IsWon"], row["Probability"]) == (True, True, 100)
    sf.http.patch(f"/sobjects/Opportunity/{deal}", json={"StageName": "Negotiation/Review", "Probability": 55})
    assert sf.query(shown)["records"][0]["Probability"] == 55
    assert refused(sf, "Opportunity", Name="x") == ("REQUIRED_FIELD_MISSING", ["StageName", "CloseDate"])
    answer = sf.http.patch(f"/sobjects/Opportunity/{deal}", json={"IsWon": True})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_nothing_is_given_to_an_inactive_user_and_what_is_theirs_may_be_edited(sf: Org) -> None:
    name = {"LastName": "Left", "Username": "left@x.example", "Email": "left@x.example", "UserType": "Standard"}
    users = sf.org.tables["User"]
    user = sf.org.create(users, sf.org.read(users, {**name, "IsActive": True}))
    deal = make(sf, "Opportunity", **DEAL, OwnerId=user)
    sf.org.update(users, user, sf.org.read(users, {"IsActive": False}))
    assert refused(sf, "Opportunity", **DEAL, OwnerId=user) == ("INACTIVE_OWNER_OR_USER", ["OwnerId"])
    other = make(sf, "Opportunity", **DEAL)
    answer = sf.http.patch(f"/sobjects/Opportunity/{other}", json={"OwnerId": user})
    assert answer.json()[0]["errorCode"] == "INACTIVE_OWNER_OR_USER"
    answer = sf.http.patch(f"/sobjects/Opportunity/{deal}", json={"Amount": 5, "OwnerId": user})
    assert answer.status_code == 204, answer.text


def test_a_deal_has_one_primary_contact(sf: Org) -> None:
    ada, bob = make(sf, "Contact", LastName="Ada"), make(sf, "Contact", LastName="Bob")
    deal = make(sf, "Opportunity", **DEAL, ContactId=ada)
    make(sf, "OpportunityContactRole", OpportunityId=deal, ContactId=bob, IsPrimary=True, Role="Decision Maker")
    roles = sf.query("SELECT ContactId, IsPrimary, Contact.LastName, Opportunity.Name FROM OpportunityContactRole")
    assert {(r["ContactId"], r["IsPrimary"]) for r in roles["records"]} == {(ada, False), (bob, True)}
    assert {r["Contact"]["LastName"] for r in roles["records"]} == {"Ada", "Bob"}
    assert sf.http.patch(f"/sobjects/Opportunity/{deal}", json={"ContactId": bob}).status_code == 400


def test_a_role_is_between_a_deal_and_a_contact_and_moves_to_no_other_deal(sf: Org) -> None:
    contact, deal = make(sf, "Contact", LastName="Ada"), make(sf, "Opportunity", **DEAL)
    code, fields = refused(sf, "OpportunityContactRole", OpportunityId=deal, ContactId=sf.lead())
    assert (code, fields) == ("MALFORMED_ID", ["ContactId"])
    assert refused(sf, "OpportunityContactRole", ContactId=contact)[0] == "REQUIRED_FIELD_MISSING"
    role = make(sf, "OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    other = make(sf, "Opportunity", **DEAL)
    answer = sf.http.patch(f"/sobjects/OpportunityContactRole/{role}", json={"OpportunityId": other})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_a_deleted_role_is_in_the_delete_log_and_not_in_the_recycle_bin(sf: Org, clock: Clock) -> None:
    contact, deal = make(sf, "Contact", LastName="Ada"), make(sf, "Opportunity", **DEAL)
    role = make(sf, "OpportunityContactRole", OpportunityId=deal, ContactId=contact)
    stamp = sf.row(deal)["SystemModstamp"]
    clock.advance(90)
    assert sf.http.delete(f"/sobjects/OpportunityContactRole/{role}").status_code == 204
    assert sf.query("SELECT COUNT() FROM OpportunityContactRole", deleted=True)["totalSize"] == 0
    clock.advance(90)
    now = sf.org.clock.now()
    window = {"start": (now - timedelta(hours=1)).isoformat(), "end": now.isoformat()}
    gone = sf.http.get("/sobjects/OpportunityContactRole/deleted/", params=window).json()["deletedRecords"]
    assert [entry["id"] for entry in gone] == [role]
    assert sf.row(deal)["SystemModstamp"] == stamp, "the deal does not notice"
    clock.advance(16 * DAY)
    sf.org.settle()
    assert not sf.org.tables["OpportunityContactRole"].bin


# Deleting, restoring, merging


def test_what_belongs_to_an_account_is_deleted_and_restored_with_it(sf: Org, clock: Clock) -> None:
    account = make(sf, "Account", Name="Acme")
    contact, early = (
        make(sf, "Contact", LastName="A", AccountId=account),
        make(sf, "Contact", LastName="B", AccountId=account),
    )
    deal = make(sf, "Opportunity", **DEAL, AccountId=account, ContactId=contact)
    task = make(sf, "Task", WhatId=account, Subject="Plan")
    both = make(sf, "Task", WhatId=account, WhoId=make(sf, "Contact", LastName="Elsewhere"))
    sf.http.delete(f"/sobjects/Contact/{early}")
    clock.advance(5)
    assert sf.http.delete(f"/sobjects/Account/{account}").status_code == 204
    for sobject in ("Account", "Opportunity", "OpportunityContactRole"):
        assert live(sf, sobject) == []
    assert (contact in live(sf, "Contact"), live(sf, "Task")) == (False, [both])
    sf.server.edit({"do": "undelete", "id": account})
    assert (live(sf, "Account"), live(sf, "Opportunity"), len(live(sf, "OpportunityContactRole"))) == (
        [account],
        [deal],
        1,
    )
    assert set(live(sf, "Task")) == {task, both}
    assert contact in live(sf, "Contact")
    assert early not in live(sf, "Contact"), "it was deleted before, by itself"


def test_an_account_with_a_won_deal_is_not_deleted(sf: Org) -> None:
    account = make(sf, "Account", Name="Acme")
    make(sf, "Opportunity", **DEAL | {"StageName": "Closed Won"}, AccountId=account)
    answer = sf.http.delete(f"/sobjects/Account/{account}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "DELETE_FAILED")
    assert "closed won" in answer.json()[0]["message"]
    assert live(sf, "Account") == [account]


def test_the_recycle_bin_forgets_an_account_and_all_that_went_with_it(sf: Org, clock: Clock) -> None:
    account = make(sf, "Account", Name="Acme")
    make(sf, "Contact", LastName="A", AccountId=account)
    make(sf, "Opportunity", **DEAL, AccountId=account)
    sf.http.delete(f"/sobjects/Account/{account}")
    clock.advance(14 * DAY)
    sf.org.settle()
    assert [len(sf.org.tables[n].rows) for n in ("Account", "Contact", "Opportunity")] == [1, 1, 1]
    clock.advance(DAY + 1)
    sf.org.settle()
    assert [len(sf.org.tables[n].rows) for n in ("Account", "Contact", "Opportunity")] == [0, 0, 0]
    with pytest.raises(ValueError, match="not in the recycle bin"):
        sf.server.edit({"do": "undelete", "id": account})


def test_a_merge_of_accounts_hands_over_what_belonged_to_the_loser(sf: Org, clock: Clock) -> None:
    master, loser = make(sf, "Account", Name="Acme"), make(sf, "Account", Name="ACME")
    contact = make(sf, "Contact", LastName="A", AccountId=loser)
    deal = make(sf, "Opportunity", **DEAL, AccountId=loser)
    task = make(sf, "Task", WhatId=loser)
    child = make(sf, "Account", Name="Daughter", ParentId=loser)
    before = sf.row(contact)["SystemModstamp"]
    clock.advance(5)
    merge(sf.org, "Account", master, [loser])
    assert [sf.row(i)["AccountId"] for i in (contact, deal)] == [master, master]
    assert (sf.row(task)["WhatId"], sf.row(child)["ParentId"]) == (master, master)
    assert sf.row(contact)["SystemModstamp"] > before
    [row] = sf.query("SELECT Id, MasterRecordId FROM Account WHERE IsDeleted = true", deleted=True)["records"]
    assert (row["Id"], row["MasterRecordId"]) == (loser, master)


def test_a_merge_of_contacts_gives_nobody_a_second_role_or_place_in_a_campaign(sf: Org) -> None:
    master, loser = make(sf, "Contact", LastName="A"), make(sf, "Contact", LastName="A.")
    shared, own = make(sf, "Opportunity", **DEAL), make(sf, "Opportunity", **DEAL)
    campaign = make(sf, "Campaign", Name="Fair")
    for contact in (master, loser):
        make(sf, "OpportunityContactRole", OpportunityId=shared, ContactId=contact)
        make(sf, "CampaignMember", CampaignId=campaign, ContactId=contact)
    make(sf, "OpportunityContactRole", OpportunityId=own, ContactId=loser)
    merge(sf.org, "Contact", master, [loser])
    roles = sf.query("SELECT OpportunityId, ContactId FROM OpportunityContactRole")["records"]
    assert sorted((r["OpportunityId"], r["ContactId"]) for r in roles) == sorted([(shared, master), (own, master)])
    assert [r["ContactId"] for r in sf.query("SELECT ContactId FROM CampaignMember")["records"]] == [master]


def test_hard_delete_needs_its_permission_and_leaves_no_row(sf: Org) -> None:
    account = make(sf, "Account", Name="Acme")
    contact = make(sf, "Contact", LastName="A", AccountId=account)
    body = {"object": "Account", "operation": "hardDelete", "contentType": "CSV", "lineEnding": "LF"}
    answer = sf.http.post("/jobs/ingest", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "FEATURENOTENABLED")
    sf.org.switches.hard_delete = True
    job = sf.http.post("/jobs/ingest", json=body).json()["id"]
    sf.http.put(f"/jobs/ingest/{job}/batches", content=f"Id\n{account}\n")
    sf.http.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    for _ in range(3):
        state = sf.http.get(f"/jobs/ingest/{job}").json()["state"]
    assert state == "JobComplete"
    for sobject, gone in (("Account", account), ("Contact", contact)):
        assert sf.query(f"SELECT COUNT() FROM {sobject}", deleted=True)["totalSize"] == 0
        assert gone in sf.org.tables[sobject].bin, "the delete log knows"


# Conversion


def test_a_conversion_with_a_deal_gives_the_contact_its_primary_role_and_the_leads_past(sf: Org) -> None:
    lead, campaign = sf.lead(), make(sf, "Campaign", Name="Fair")
    member = make(sf, "CampaignMember", CampaignId=campaign, LeadId=lead)
    call = make(sf, "Task", WhoId=lead, TaskSubtype="Call", Status="Completed")
    became = convert_lead(sf.org, lead, opportunity="Ten engines")
    [role] = sf.query("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole")["records"]
    assert (role["OpportunityId"], role["ContactId"], role["IsPrimary"]) == (
        became.opportunity_id,
        became.contact_id,
        True,
    )
    assert (
        sf.row(became.contact_id)["AccountId"] == sf.row(became.opportunity_id or "")["AccountId"] == became.account_id
    )
    assert (sf.row(member)["LeadId"], sf.row(member)["ContactId"]) == (lead, became.contact_id)
    assert (sf.row(call)["WhoId"], sf.row(call)["WhatId"]) == (became.contact_id, became.opportunity_id)


# Activities and campaigns


def test_a_leads_activity_is_about_nothing_else(sf: Org) -> None:
    account = make(sf, "Account", Name="Acme")
    assert refused(sf, "Task", WhoId=sf.lead(), WhatId=account) == ("FIELD_INTEGRITY_EXCEPTION", ["WhatId"])
    assert refused(sf, "Event", StartDateTime="2026-01-01T10:00:00Z")[0] == "REQUIRED_FIELD_MISSING"
    assert refused(sf, "Task", WhoId=account) == ("MALFORMED_ID", ["WhoId"])


def test_a_task_is_completed_when_its_status_says_so(sf: Org, clock: Clock) -> None:
    clock.freeze()
    task = make(sf, "Task", Subject="Ring", TaskSubtype="Call")
    assert (sf.row(task)["IsClosed"], sf.row(task).get("CompletedDateTime")) == (False, None)
    sf.http.patch(f"/sobjects/Task/{task}", json={"Status": "Completed"})
    [row] = sf.query("SELECT IsClosed, CompletedDateTime FROM Task WHERE IsClosed = true")["records"]
    assert row["CompletedDateTime"] == sf.org.now()
    sf.http.patch(f"/sobjects/Task/{task}", json={"Status": "In Progress"})
    assert sf.query("SELECT CompletedDateTime FROM Task")["records"][0]["CompletedDateTime"] is None


def test_a_campaigns_member_is_one_person_once_and_responds_once(sf: Org, clock: Clock) -> None:
    clock.freeze()
    campaign, lead, contact = make(sf, "Campaign", Name="Fair"), sf.lead(), make(sf, "Contact", LastName="A")
    assert refused(sf, "CampaignMember", CampaignId=campaign)[0] == "REQUIRED_FIELD_MISSING"
    both = refused(sf, "CampaignMember", CampaignId=campaign, LeadId=lead, ContactId=contact)
    assert both[0] == "REQUIRED_FIELD_MISSING"
    member = make(sf, "CampaignMember", CampaignId=campaign, LeadId=lead)
    assert refused(sf, "CampaignMember", CampaignId=campaign, LeadId=lead)[0] == "DUPLICATE_VALUE"
    shown = "SELECT HasResponded, FirstRespondedDate, Campaign.Name FROM CampaignMember"
    row = sf.query(shown)["records"][0]
    assert (row["HasResponded"], row["FirstRespondedDate"], row["Campaign"]["Name"]) == (False, None, "Fair")
    sf.http.patch(f"/sobjects/CampaignMember/{member}", json={"Status": "Responded"})
    first = sf.org.now()[:10]
    clock.advance(3 * DAY)
    for status in ("Sent", "Responded"):
        sf.http.patch(f"/sobjects/CampaignMember/{member}", json={"Status": status})
    row = sf.query(shown)["records"][0]
    assert (row["HasResponded"], row["FirstRespondedDate"]) == (True, first)


def test_an_object_without_access_is_not_there(sf: Org) -> None:
    make(sf, "Task", Subject="Ring")
    sf.org.switches.hidden = {"Task"}
    assert sf.http.get("/sobjects/Task/describe").json()[0]["errorCode"] == "NOT_FOUND"
    assert sf.http.get("/query", params={"q": "SELECT Id FROM Task"}).json()[0]["errorCode"] == "INVALID_TYPE"
    assert sf.http.post("/sobjects/Task", json={"Subject": "x"}).status_code == 404


def test_a_lead_waits_in_a_queue_and_an_account_does_not(sf: Org) -> None:
    queue = make(sf, "Group", Name="Inbound")
    lead = sf.lead(OwnerId=queue)
    assert sf.query("SELECT OwnerId, Owner.Name FROM Lead")["records"][0]["Owner"]["Name"] == "Inbound"
    assert sf.row(lead)["OwnerId"] == queue
    assert refused(sf, "Account", Name="Acme", OwnerId=queue) == ("MALFORMED_ID", ["OwnerId"])
    targets = {f["name"]: f["referenceTo"] for f in sf.http.get("/sobjects/Lead/describe").json()["fields"]}
    assert targets["OwnerId"] == ["User", "Group"]


# A world


def test_a_seeded_business_changes_nobody_and_hangs_together(clock: Clock) -> None:
    world = make_world(7)
    alone, whole = Salesforce(clock=clock), Salesforce(clock=clock)
    clock.freeze()
    for server in (alone, whole):
        server.seed(to_salesforce(person, clock.now()) for person in world.crm)
    seeded = whole.seed_business(world, clock.now())
    for name in ("Lead", "Contact"):
        assert whole.org.tables[name].rows == alone.org.tables[name].rows
    names = {row["Id"]: row["Name"] for row in alone.org.tables["Account"].live()}
    accounts, deals = whole.org.tables["Account"], whole.org.tables["Opportunity"]
    assert {i: accounts.rows[i]["Name"] for i in names} == names
    assert len(seeded.users) == len(OWNERS)
    assert {row["AccountId"] for row in deals.live()} <= accounts.rows.keys()
    assert {row["StageName"] for row in deals.live()} >= {"Closed Won", "Closed Lost", "Qualification"}
    roles = list(whole.org.tables["OpportunityContactRole"].live())
    assert {row["ContactId"] for row in roles} <= whole.org.tables["Contact"].rows.keys()
    assert len(roles) > len(list(deals.live())) / 2
    counts = whole.summary()["live"]
    assert min(counts[name] for name in ("Task", "Event", "CampaignMember")) > 50
    again = Salesforce(clock=clock)
    again.seed(to_salesforce(person, clock.now()) for person in world.crm)
    again.seed_business(world, clock.now())
    assert again.org.dump()["rows"] == whole.org.dump()["rows"], "the same again for the same world"


def test_the_demos_world_has_a_business() -> None:
    both = Both.make(7, marketing=60, crm=50, shared=30)
    live_rows = both.salesforce.summary()["live"]
    assert (live_rows["User"], live_rows["Campaign"]) == (len(OWNERS) + 1, 3)
    assert live_rows["Account"] > 0


def test_a_business_goes_to_a_file_and_back(sf: Org, tmp_path: Any, clock: Clock) -> None:
    account = make(sf, "Account", Name="Acme")
    contact = make(sf, "Contact", LastName="A", AccountId=account)
    deal = make(sf, "Opportunity", **DEAL, ContactId=contact)
    [role] = live(sf, "OpportunityContactRole")
    sf.http.delete(f"/sobjects/OpportunityContactRole/{role}")
    sf.http.delete(f"/sobjects/Account/{account}")
    sf.server.save(tmp_path / "org.json")
    again = Salesforce(clock=clock)
    again.load(tmp_path / "org.json")
    assert again.org.dump() == sf.org.dump()
    assert role in again.org.tables["OpportunityContactRole"].bin
    again.edit({"do": "undelete", "id": account})
    assert not again.org.tables["Contact"].rows[contact]["IsDeleted"]
    assert not again.org.tables["Opportunity"].rows[deal]["IsDeleted"]
    with pytest.raises(Refused):
        again.org.undelete(again.org.tables["OpportunityContactRole"], role)
