"""The sandbox is honest: simple-salesforce runs its ordinary calls against it and notices nothing."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import Salesforce as Client
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

from sandbox.salesforce.sessions import Credentials

from .conftest import Org

CUSTOM = "Smarketing_Id__c"


def test_create_get_update_delete(client: Client, sf: Org) -> None:
    made = client.Lead.create({"LastName": "Hopper", "Company": "Navy", "Email": "Grace@Navy.example"})
    assert made["success"] is True
    lead = client.Lead.get(made["id"])
    assert (lead["Name"], lead["Email"], lead["IsConverted"]) == ("Hopper", "grace@navy.example", False)
    assert client.Lead.update(made["id"], {"FirstName": "Grace"}) == 204
    assert client.Lead.get(made["id"])["Name"] == "Grace Hopper"
    assert client.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        client.Lead.get(made["id"])


def test_query_query_all_and_iter_follow_the_pages(client: Client, sf: Org) -> None:
    for n in range(4500):
        sf.lead(LastName=f"Lead {n:04}")
    first = client.query("SELECT Id, LastName FROM Lead ORDER BY LastName")
    assert (first["totalSize"], first["done"], len(first["records"])) == (4500, False, 2000)
    everyone = client.query_all("SELECT Id, LastName FROM Lead ORDER BY LastName")
    assert [r["LastName"] for r in everyone["records"]] == [f"Lead {n:04}" for n in range(4500)]
    names = [r["LastName"] for r in client.query_all_iter("SELECT LastName FROM Lead ORDER BY LastName DESC")]
    assert names == [f"Lead {n:04}" for n in reversed(range(4500))]


def test_include_deleted_sees_the_recycle_bin(client: Client, sf: Org) -> None:
    lead = sf.lead()
    client.Lead.delete(lead)
    assert client.query("SELECT Id FROM Lead")["totalSize"] == 0
    found = client.query("SELECT Id, IsDeleted FROM Lead WHERE IsDeleted = true", include_deleted=True)
    assert [(r["Id"], r["IsDeleted"]) for r in found["records"]] == [(lead, True)]


def test_upsert_creates_then_updates(client: Client, sf: Org) -> None:
    person = {"LastName": "Curie", "Company": "Sorbonne"}
    created: requests.Response = client.Lead.upsert(f"{CUSTOM}/a1", person, raw_response=True)
    assert (created.status_code, created.json()["created"]) == (201, True)
    assert client.Lead.upsert(f"{CUSTOM}/a1", {"FirstName": "Marie"}) == 200
    assert client.Lead.get_by_custom_id(CUSTOM, "a1")["Name"] == "Marie Curie"


def test_upsert_by_a_field_that_is_not_unique_finds_several(client: Client, sf: Org) -> None:
    for _ in range(2):
        sf.lead(Email="twice@acme.example")
    with pytest.raises(SalesforceMoreThanOneRecord):
        client.Lead.upsert("Email/twice@acme.example", {"FirstName": "Which"})


def test_deleted_and_updated(client: Client, sf: Org, clock: Any) -> None:
    kept, gone = sf.lead(), sf.lead()
    client.Lead.delete(gone)
    clock.advance(120)
    now = datetime.now(UTC) + timedelta(seconds=120)
    answer = client.Lead.deleted(now - timedelta(days=1), now)
    assert [r["id"] for r in answer["deletedRecords"]] == [gone]
    assert answer["latestDateCovered"] >= answer["deletedRecords"][0]["deletedDate"]
    assert client.Lead.updated(now - timedelta(days=1), now)["ids"] == [kept]


def test_describe(client: Client) -> None:
    fields = {f["name"]: f for f in client.Lead.describe()["fields"]}
    assert (fields["LastName"]["nillable"], fields["LastName"]["length"]) == (False, 80)
    assert all(fields[CUSTOM][told] is True for told in ("externalId", "unique", "custom"))
    assert "Working - Contacted" in [v["value"] for v in fields["Status"]["picklistValues"]]
    assert not fields["SystemModstamp"]["updateable"]
    objects = client.describe()
    assert objects is not None
    assert {"Lead", "Contact", "Account", "Opportunity"} <= {o["name"] for o in objects["sobjects"]}


def test_limits_and_api_usage(client: Client) -> None:
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.api_usage["api-usage"] == (1, 100_000)


def test_restful_collections(client: Client) -> None:
    records = [{"attributes": {"type": "Lead"}, "LastName": f"L{n}", "Company": "C"} for n in range(200)]
    results = client.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": records})
    assert results is not None
    assert len(results) == 200
    assert all(r["success"] for r in results)


def test_is_sandbox_and_toolingexecute(client: Client, sf: Org) -> None:
    assert client.is_sandbox() is True
    made = client.toolingexecute(
        "sobjects/CustomField",
        method="POST",
        data={"FullName": "Lead.Tier__c", "Metadata": {"type": "Text", "label": "Tier", "length": 20}},
    )
    assert made["success"] is True


def test_malformed_query(client: Client) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
        client.query("SELECT Id FORM Lead")


def test_bulk2_insert_update_upsert_delete(client: Client, sf: Org) -> None:
    people = [{"LastName": f"Bulk {n}", "Company": "C", CUSTOM: f"id-{n}"} for n in range(300)]
    people[7]["LastName"] = ""
    [job] = client.bulk2.Lead.insert(records=people, wait=0)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (300, 1)
    results = client.bulk2.Lead.get_all_ingest_records(job["job_id"])
    assert [r["sf__Error"] for r in results["failedRecords"]] == [
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    ]
    created = {r[CUSTOM]: r["sf__Id"] for r in results["successfulRecords"]}
    assert len(created) == 299

    changes = [{"Id": created["id-1"], "Title": "Chief"}]
    [job] = client.bulk2.Lead.update(records=changes, wait=0)
    assert job["numberRecordsFailed"] == 0
    assert sf.row(created["id-1"])["Title"] == "Chief"

    mixed = [{CUSTOM: "id-2", "LastName": "Known", "Company": "C"}, {CUSTOM: "new", "LastName": "New", "Company": "C"}]
    [job] = client.bulk2.Lead.upsert(records=mixed, external_id_field=CUSTOM, wait=0)
    results = client.bulk2.Lead.get_all_ingest_records(job["job_id"])
    assert {r[CUSTOM]: r["sf__Created"] for r in results["successfulRecords"]} == {"id-2": "false", "new": "true"}

    [job] = client.bulk2.Lead.delete(records=[{"Id": created["id-3"]}], wait=0)
    assert job["numberRecordsFailed"] == 0
    assert sf.row(created["id-3"])["IsDeleted"] is True


def test_bulk2_query_pages(client: Client, sf: Org) -> None:
    ids = {sf.lead(LastName=f'Quote " and, comma {n}') for n in range(250)}
    pages = list(client.bulk2.Lead.query("SELECT Id, LastName, CreatedDate FROM Lead", max_records=100, wait=0))
    rows = [row for page in pages for row in csv.DictReader(io.StringIO(str(page)))]
    assert len(pages) == 3
    assert {row["Id"] for row in rows} == ids
    assert all(row["CreatedDate"].endswith(".000Z") for row in rows)


def test_bulk2_query_all_sees_the_recycle_bin(client: Client, sf: Org) -> None:
    lead = sf.lead()
    client.Lead.delete(lead)
    [page] = client.bulk2.Lead.query_all("SELECT Id, IsDeleted FROM Lead", wait=0)
    assert list(csv.DictReader(io.StringIO(page))) == [{"Id": lead, "IsDeleted": "true"}]


def test_client_credentials_login_and_refresh_after_expiry(sf: Org, session: requests.Session) -> None:
    known = Credentials()
    login = {"consumer_key": known.client_id, "consumer_secret": known.client_secret}
    client = Client(domain="acme.my", session=session, version="62.0", **login)
    before = client.session_id
    sf.server.sessions.end()
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    assert client.session_id != before


def test_password_login_over_soap(sf: Org, session: requests.Session) -> None:
    known = Credentials()
    login = {"username": known.username, "password": known.password, "security_token": known.security_token}
    client = Client(session=session, version="59.0", **login)
    assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        Client(session=session, version="59.0", **{**login, "password": "wrong"})


def test_jwt_bearer_login(sf: Org, session: requests.Session) -> None:
    ours, theirs = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = ours.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    accepted = Credentials(public_key=public.decode())
    sf.server.sessions.accepted = accepted

    def login(key: rsa.RSAPrivateKey) -> Client:
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        return Client(
            username=accepted.username, consumer_key=accepted.client_id, privatekey=pem, session=session, version="62.0"
        )

    assert login(ours).query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        login(theirs)


def test_a_session_that_ended_is_told(client: Client, sf: Org) -> None:
    sf.server.sessions.end()
    with pytest.raises(SalesforceExpiredSession, match="INVALID_SESSION_ID"):
        client.query("SELECT Id FROM Lead")


def test_accounts_deals_and_their_people(client: Client, sf: Org) -> None:
    account = client.Account.create({"Name": "Navy", "Website": "https://navy.example"})["id"]
    contact = client.Contact.create({"LastName": "Hopper", "AccountId": account})["id"]
    deal = client.Opportunity.create(
        {"Name": "Compiler", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
    )["id"]
    role = client.OpportunityContactRole.create({"OpportunityId": deal, "ContactId": contact, "IsPrimary": True})["id"]
    soql = "SELECT Contact.LastName, Opportunity.Name FROM OpportunityContactRole WHERE OpportunityId = "
    [row] = client.query(f"{soql}'{deal}'")["records"]
    assert (row["Contact"]["LastName"], row["Opportunity"]["Name"]) == ("Hopper", "Compiler")
    assert client.Opportunity.update(deal, {"StageName": "Closed Won"}) == 204
    assert client.Opportunity.get(deal)["IsWon"] is True
    with pytest.raises(SalesforceMalformedRequest, match="DELETE_FAILED"):
        client.Account.delete(account)
    assert client.OpportunityContactRole.delete(role) == 204
    assert client.query_all("SELECT Id FROM OpportunityContactRole", include_deleted=True)["totalSize"] == 0
    assert client.Account.upsert(f"{CUSTOM}/c-1", {"Name": "Army"}) == 201
    stages = next(f for f in client.Opportunity.describe()["fields"] if f["name"] == "StageName")["picklistValues"]
    assert "Closed Lost" in [value["value"] for value in stages]


def test_activities_and_campaigns(client: Client, sf: Org) -> None:
    lead = sf.lead()
    client.Task.create({"WhoId": lead, "Subject": "Call", "TaskSubtype": "Call", "Status": "Completed"})
    campaign = client.Campaign.create({"Name": "Fair"})["id"]
    client.CampaignMember.create({"CampaignId": campaign, "LeadId": lead, "Status": "Responded"})
    [task] = client.query("SELECT TaskSubtype, Who.Name, IsClosed FROM Task")["records"]
    assert (task["TaskSubtype"], task["Who"]["Name"], task["IsClosed"]) == ("Call", "Lovelace", True)
    [member] = client.query("SELECT Campaign.Name, Lead.LastName, HasResponded FROM CampaignMember")["records"]
    assert (member["Campaign"]["Name"], member["Lead"]["LastName"], member["HasResponded"]) == (
        "Fair",
        "Lovelace",
        True,
    )


def test_bulk_hard_delete_takes_its_permission(client: Client, sf: Org) -> None:
    account = client.Account.create({"Name": "Navy"})["id"]
    with pytest.raises(SalesforceMalformedRequest, match="FEATURENOTENABLED"):
        client.bulk2.Account.hard_delete(records=[{"Id": account}], wait=0)
    sf.org.switches.hard_delete = True
    client.bulk2.Account.hard_delete(records=[{"Id": account}], wait=0)
    assert client.query_all("SELECT Id FROM Account", include_deleted=True)["totalSize"] == 0
