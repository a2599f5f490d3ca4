"""SOQL as the sandbox understands it: what it gives, and how it says no."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.salesforce import query
from sandbox.salesforce.errors import Refused
from sandbox.salesforce.org import Org as State

from .conftest import Org

PEOPLE: list[dict[str, Any]] = [
    {"LastName": "Ada", "City": "Paris", "Smarketing_Score__c": 10, "Email": "ada@a.example"},
    {"LastName": "bob", "City": None, "Smarketing_Score__c": 20, "Email": "bob@b.example"},
    {"LastName": "Cy", "City": "PARIS", "Smarketing_Score__c": None, "DoNotCall": True},
    {"LastName": "O'Hara", "City": "Lyon", "Smarketing_Score__c": 30, "Smarketing_Id__c": "Id-4"},
]


@pytest.fixture(scope="module")
def state() -> State:
    state = State(Clock())
    leads = state.tables["Lead"]
    for person in PEOPLE:
        state.create(leads, state.read(leads, {"Company": "C", **person}))
    return state


def names(state: State, rest: str) -> list[str]:
    return [row["LastName"] for row in query.run(state, f"SELECT LastName FROM Lead {rest}").rows]


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("WHERE LastName = 'BOB'", ["bob"]),
        ("WHERE LastName != 'bob'", ["Ada", "Cy", "O'Hara"]),
        ("WHERE City = 'paris'", ["Ada", "Cy"]),
        ("WHERE City = null", ["bob"]),
        ("WHERE City != null", ["Ada", "Cy", "O'Hara"]),
        ("WHERE Smarketing_Score__c >= 20", ["bob", "O'Hara"]),
        ("WHERE Smarketing_Score__c < 20.5 AND DoNotCall = false", ["Ada", "bob"]),
        ("WHERE LastName LIKE 'o%' OR LastName LIKE '_ob'", ["bob", "O'Hara"]),
        (r"WHERE LastName = 'O\'Hara'", ["O'Hara"]),
        ("WHERE LastName IN ('ada', 'CY', 'nobody')", ["Ada", "Cy"]),
        ("WHERE LastName NOT IN ('Ada', 'Cy')", ["bob", "O'Hara"]),
        ("WHERE NOT (City = 'Lyon' OR LastName = 'Ada')", ["bob", "Cy"]),
        ("WHERE (City = 'Lyon' OR LastName = 'Ada') AND Smarketing_Score__c > 10", ["O'Hara"]),
        ("WHERE Email = 'ADA@A.example'", ["Ada"]),
        ("WHERE Smarketing_Id__c IN ('id-4')", ["O'Hara"]),
        ("WHERE CreatedDate > 2001-01-01T00:00:00Z AND CreatedDate < 2999-01-01T00:00:00+01:00 LIMIT 1", ["Ada"]),
        ("WHERE Owner.Name = 'integration user' LIMIT 1", ["Ada"]),
        ("ORDER BY LastName DESC", ["O'Hara", "Cy", "bob", "Ada"]),
        ("ORDER BY Smarketing_Score__c", ["Cy", "Ada", "bob", "O'Hara"]),
        ("ORDER BY Smarketing_Score__c DESC", ["Cy", "O'Hara", "bob", "Ada"]),
        ("ORDER BY Smarketing_Score__c DESC NULLS LAST", ["O'Hara", "bob", "Ada", "Cy"]),
        ("ORDER BY City NULLS LAST, LastName DESC", ["O'Hara", "Cy", "Ada", "bob"]),
        ("ORDER BY LastName LIMIT 2 OFFSET 1", ["bob", "Cy"]),
        ("order by lastname limit 1", ["Ada"]),
    ],
)
def test_conditions_and_order(state: State, rest: str, expected: list[str]) -> None:
    assert names(state, rest) == expected


@pytest.mark.parametrize(
    ("soql", "code", "words"),
    [
        ("SELECT Id FORM Lead", "MALFORMED_QUERY", "ERROR at Row:1:Column:11\nunexpected token: 'FORM'"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT Id FROM Leads", "INVALID_TYPE", "sObject type 'Leads' is not supported"),
        ("SELECT Id FROM Lead WHERE Nope.Name = 'x'", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        (
            "SELECT Id FROM Lead WHERE SystemModstamp > '2026-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "should not be enclosed",
        ),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE SystemModstamp > 2026-13-01T00:00:00Z", "MALFORMED_QUERY", "Invalid date"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "field 'Description' can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Lead WHERE A = 1 AND B = 2 OR C = 3", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Lead WHERE LastName = 'x", "MALFORMED_QUERY", "no viable alternative"),
        ("SELECT Id FROM Lead WHERE LastName =", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Id FROM Lead WHERE LastName < null", "MALFORMED_QUERY", "null"),
        ("SELECT MAX(Id) FROM Lead", "MALFORMED_QUERY", "unexpected token"),
        (
            "SELECT Id FROM Lead WHERE " + "LastName = 'x' OR " * 6000 + "LastName = 'y'",
            "MALFORMED_QUERY",
            "longer than",
        ),
    ],
)
def test_refusals(state: State, soql: str, code: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        query.run(state, soql)
    [problem] = refused.value.problems
    assert problem.code == code
    assert words in problem.message


def test_parent_fields_come_nested_and_null_without_a_parent(sf: Org) -> None:
    with sf.org.lock:
        contacts, accounts = sf.org.tables["Contact"], sf.org.tables["Account"]
        account = sf.org.create(accounts, sf.org.read(accounts, {"Name": "Acme"}))
        for name, parent in (("With", account), ("Without", None)):
            sf.org.create(contacts, sf.org.read(contacts, {"LastName": name, "AccountId": parent}))
    found = sf.query("SELECT LastName, Account.Name FROM Contact ORDER BY LastName")["records"]
    assert [r["Account"] and r["Account"]["Name"] for r in found] == ["Acme", None]
    assert found[0]["attributes"]["url"] == f"/services/data/v62.0/sobjects/Contact/{_id(sf, 'With')}"


def _id(sf: Org, last_name: str) -> str:
    return next(row["Id"] for row in sf.org.tables["Contact"].live() if row["LastName"] == last_name)


def test_count(sf: Org) -> None:
    for n in range(3):
        sf.lead(LastName=f"L{n}")
    assert sf.query("SELECT COUNT() FROM Lead WHERE LastName != 'L0'") == {"totalSize": 2, "done": True, "records": []}


def test_many_records_share_one_system_modstamp_and_the_keyset_reads_each_once(sf: Org, clock: Clock) -> None:
    clock.freeze()
    made = [sf.lead(LastName=f"L{n}") for n in range(50)]
    stamp = sf.row(made[0])["SystemModstamp"].replace("+0000", "Z")
    assert {sf.row(i)["SystemModstamp"] for i in made} == {sf.row(made[0])["SystemModstamp"]}
    read: list[str] = []
    after = ""
    while page := sf.query(f"SELECT Id FROM Lead WHERE {after or 'Id != null'} ORDER BY SystemModstamp, Id LIMIT 20")[
        "records"
    ]:
        read += [r["Id"] for r in page]
        after = f"(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > '{read[-1]}'))"
    assert read == sorted(made)


def test_an_update_moves_a_record_to_the_end_and_nowhere_else(sf: Org, clock: Clock) -> None:
    clock.freeze()
    made = []
    for n in range(5):
        made.append(sf.lead(LastName=f"L{n}"))
        clock.advance(1)
    for _ in range(3):
        sf.server.edit({"do": "set", "id": made[1], "fields": {"Title": "x"}})
    order = [r["Id"] for r in sf.query("SELECT Id FROM Lead ORDER BY SystemModstamp, Id")["records"]]
    assert order == [made[0], made[2], made[3], made[4], made[1]]


def test_page_size_is_asked_for_by_header_and_never_below_200(sf: Org) -> None:
    for n in range(450):
        sf.lead(LastName=f"L{n}")
    for asked, given in (("batchSize=250", 250), ("batchSize=10", 200), ("batchSize=9999", 450)):
        answer = sf.http.get(
            "/query", params={"q": "SELECT Id FROM Lead"}, headers={"Sforce-Query-Options": asked}
        ).json()
        assert len(answer["records"]) == given
        assert answer["done"] is (given == 450)


def test_a_cursor_shows_what_was_there_when_the_query_ran(sf: Org) -> None:
    made = [sf.lead(LastName=f"L{n}") for n in range(300)]
    size = {"Sforce-Query-Options": "batchSize=200"}
    first = sf.http.get("/query", params={"q": "SELECT Id, LastName FROM Lead"}, headers=size).json()
    sf.server.edit({"do": "delete", "id": made[299]})
    sf.server.edit({"do": "set", "id": made[298], "fields": {"LastName": "Changed"}})
    rest = sf.http.get(sf.url + first["nextRecordsUrl"]).json()
    assert [r["LastName"] for r in rest["records"]] == [f"L{n}" for n in range(200, 300)]
    assert rest["done"] is True
    assert "nextRecordsUrl" not in rest


def test_the_eleventh_cursor_closes_the_first(sf: Org) -> None:
    for n in range(201):
        sf.lead(LastName=f"L{n}")
    size = {"Sforce-Query-Options": "batchSize=200"}
    urls = [
        sf.http.get("/query", params={"q": "SELECT Id FROM Lead"}, headers=size).json()["nextRecordsUrl"]
        for _ in range(11)
    ]
    lost, kept = sf.http.get(sf.url + urls[0]), sf.http.get(sf.url + urls[1])
    assert (lost.status_code, lost.json()[0]["errorCode"]) == (400, "INVALID_QUERY_LOCATOR")
    assert kept.status_code == 200


def test_pages_repeat_and_shift_under_a_fault(sf: Org) -> None:
    made = [sf.lead(LastName=f"L{n}") for n in range(500)]
    size = {"Sforce-Query-Options": "batchSize=200"}
    sf.server.faults.add("duplicate_page", path="/query/", nth=(1,))
    sf.server.faults.add("shift_page", path="/query/", nth=(2,), shift=-5)
    first = sf.http.get("/query", params={"q": "SELECT Id FROM Lead ORDER BY Id"}, headers=size).json()
    second = sf.http.get(sf.url + first["nextRecordsUrl"]).json()
    third = sf.http.get(sf.url + second["nextRecordsUrl"]).json()
    assert second["records"] == first["records"]
    assert [r["Id"] for r in third["records"]] == made[395:]
