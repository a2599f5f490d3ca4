"""What becomes of records: converted, merged, deleted, forgotten, and seen too late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.people_work import convert_lead, merge

from .conftest import Org

DAY = 86_400.0


def asked(sf: Org, what: str, start: timedelta, end: timedelta = timedelta(0), kind: str = "Lead") -> Any:
    """getDeleted or getUpdated over a window of the past."""
    now = sf.org.clock.now()
    window = {"start": (now - start).isoformat(), "end": (now - end).isoformat()}
    return sf.http.get(f"/sobjects/{kind}/{what}/", params=window)


def test_a_converted_lead_points_to_what_it_became_and_is_read_only(sf: Org) -> None:
    lead = sf.lead(Email="ada@acme.example", City="Paris", Smarketing_Id__c="s-1", Smarketing_Score__c=42)
    became = convert_lead(sf.org, lead, opportunity="Ten engines")
    shown = sf.query(
        "SELECT IsConverted, Status, ConvertedDate, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId, "
        f"IsDeleted FROM Lead WHERE Id = '{lead}'"
    )["records"][0]
    del shown["attributes"]
    assert shown == {
        "IsConverted": True,
        "Status": "Closed - Converted",
        "ConvertedDate": sf.org.clock.now().date().isoformat(),
        "ConvertedAccountId": became.account_id,
        "ConvertedContactId": became.contact_id,
        "ConvertedOpportunityId": became.opportunity_id,
        "IsDeleted": False,
    }
    contact = sf.query(
        "SELECT LastName, Email, MailingCity, Smarketing_Id__c, Smarketing_Score__c, Account.Name FROM Contact"
    )
    [person] = contact["records"]
    assert (person["Email"], person["MailingCity"], person["Account"]["Name"]) == (
        "ada@acme.example",
        "Paris",
        "Analytical Engines",
    )
    assert (person["Smarketing_Id__c"], person["Smarketing_Score__c"]) == ("s-1", 42.0)
    answer = sf.http.patch(f"/sobjects/Lead/{lead}", json={"City": "Lyon"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")
    with pytest.raises(Refused, match="cannot reference converted lead"):
        convert_lead(sf.org, lead)


def test_conversion_into_a_contact_that_exists_fills_only_what_is_empty(sf: Org) -> None:
    account = sf.http.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    contact = sf.http.post("/sobjects/Contact", json={"LastName": "Kept", "AccountId": account}).json()["id"]
    became = convert_lead(sf.org, sf.lead(City="Paris"), account_id=account, contact_id=contact)
    assert (became.contact_id, became.opportunity_id) == (contact, None)
    assert (sf.row(contact)["LastName"], sf.row(contact)["MailingCity"]) == ("Kept", "Paris")


def test_the_losers_of_a_merge_are_deleted_and_name_the_master(sf: Org, clock: Clock) -> None:
    master, one, two = sf.lead(City="Paris"), sf.lead(City="Lyon", Smarketing_Id__c="s-1"), sf.lead()
    before = sf.row(master)["SystemModstamp"]
    clock.advance(2)
    merge(sf.org, "Lead", master, [one, two], {"City": "Lyon", "Smarketing_Id__c": "s-1"})
    rows = sf.query("SELECT Id, IsDeleted, MasterRecordId FROM Lead ORDER BY Id", deleted=True)["records"]
    assert [(r["Id"], r["IsDeleted"], r["MasterRecordId"]) for r in rows] == [
        (master, False, None),
        (one, True, master),
        (two, True, master),
    ]
    assert sf.row(master)["SystemModstamp"] > before
    assert (sf.row(master)["City"], sf.row(master)["Smarketing_Id__c"]) == ("Lyon", "s-1")
    assert {
        r["id"] for r in asked(sf, "deleted", timedelta(hours=1), -timedelta(minutes=2)).json()["deletedRecords"]
    } == {one, two}
    with pytest.raises(Refused, match="entity is deleted"):
        merge(sf.org, "Lead", master, [one])
    with pytest.raises(Refused, match="one or two"):
        merge(sf.org, "Lead", master, [])


def test_a_deleted_record_is_forgotten_after_fifteen_days(sf: Org, clock: Clock) -> None:
    lead = sf.lead()
    sf.server.edit({"do": "delete", "id": lead})
    clock.advance(14 * DAY)
    assert sf.query("SELECT COUNT() FROM Lead", deleted=True)["totalSize"] == 1
    assert [r["id"] for r in asked(sf, "deleted", timedelta(days=20)).json()["deletedRecords"]] == [lead]
    clock.advance(DAY + 1)
    assert sf.query("SELECT COUNT() FROM Lead", deleted=True)["totalSize"] == 0
    answer = asked(sf, "deleted", timedelta(days=20)).json()
    assert answer["deletedRecords"] == []
    assert sf.http.get(f"/sobjects/Lead/{lead}").json()[0]["errorCode"] == "NOT_FOUND"


def test_a_record_comes_back_out_of_the_recycle_bin(sf: Org) -> None:
    lead = sf.lead()
    sf.server.edit({"do": "delete", "id": lead})
    sf.server.edit({"do": "undelete", "id": lead})
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 1
    with pytest.raises(ValueError, match="not in the recycle bin"):
        sf.server.edit({"do": "undelete", "id": lead})


def test_replication_ignores_the_seconds_so_the_last_minute_comes_next_time(sf: Org, clock: Clock) -> None:
    clock.set(clock.now().replace(second=40, microsecond=0))
    clock.freeze()
    lead = sf.lead()
    sf.server.edit({"do": "delete", "id": lead})
    first = asked(sf, "deleted", timedelta(hours=1)).json()
    assert first["deletedRecords"] == []
    assert first["latestDateCovered"].endswith(":00.000+0000")
    clock.advance(60)
    assert [r["id"] for r in asked(sf, "deleted", timedelta(hours=1)).json()["deletedRecords"]] == [lead]


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        (timedelta(days=31), timedelta(0), "startDate cannot be more than 30 days ago"),
        (timedelta(0), timedelta(0), "endDate must be at least one minute after startDate"),
        (timedelta(hours=1), timedelta(hours=2), "endDate must be at least one minute after startDate"),
    ],
)
def test_a_replication_window_out_of_range(sf: Org, start: timedelta, end: timedelta, words: str) -> None:
    for what in ("deleted", "updated"):
        answer = asked(sf, what, start, end)
        assert answer.status_code == 400
        assert answer.json() == [{"errorCode": "INVALID_REPLICATION_DATE", "message": words}]


def test_late_visibility_shows_a_write_later_under_its_own_stamp(sf: Org, clock: Clock) -> None:
    changed = sf.lead(City="Paris")
    clock.advance(10)
    sf.org.switches.late_visibility = 30
    sf.server.edit({"do": "set", "id": changed, "fields": {"City": "Lyon"}})
    created = sf.lead(City="Nice")
    written = sf.row(created)["SystemModstamp"]
    soql = "SELECT Id, City, SystemModstamp FROM Lead ORDER BY SystemModstamp, Id"
    assert [(r["Id"], r["City"]) for r in sf.query(soql)["records"]] == [(changed, "Paris")]
    assert sf.query("SELECT COUNT() FROM Lead WHERE City = 'Lyon'")["totalSize"] == 0
    clock.advance(31)
    after = sf.query(soql)["records"]
    assert [(r["Id"], r["City"]) for r in after] == [(changed, "Lyon"), (created, "Nice")]
    assert after[1]["SystemModstamp"] == written
