"""Bulk API 2.0: jobs, their states, and what their files do."""

from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from sandbox.clock import Clock

from .conftest import Org

KEY = "Smarketing_Id__c"


def ingest(sf: Org, operation: str, text: str, **more: Any) -> dict[str, Any]:
    """A job run to its end: its last info."""
    body = {"object": "Lead", "operation": operation, "contentType": "CSV", "lineEnding": "LF", **more}
    job = sf.http.post("/jobs/ingest", json=body).json()
    assert sf.http.put(f"/jobs/ingest/{job['id']}/batches", content=text.encode()).status_code == 201
    sf.http.patch(f"/jobs/ingest/{job['id']}", json={"state": "UploadComplete"})
    return finished(sf, "ingest", job["id"])


def finished(sf: Org, kind: str, job: str) -> dict[str, Any]:
    for _ in range(5):
        info: dict[str, Any] = sf.http.get(f"/jobs/{kind}/{job}").json()
        if info["state"] not in ("UploadComplete", "InProgress"):
            return info
    raise AssertionError(f"the job is still {info['state']}")


def results(sf: Org, job: dict[str, Any], part: str) -> list[dict[str, str]]:
    text = sf.http.get(f"/jobs/ingest/{job['id']}/{part}").text
    return list(csv.DictReader(io.StringIO(text)))


def test_a_job_goes_through_its_states_by_polls_and_by_time(sf: Org, clock: Clock) -> None:
    sf.org.switches.bulk_polls, sf.org.switches.bulk_seconds = 2, 30
    made = sf.http.post("/jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()
    assert (made["state"], made["apiVersion"], made["contentUrl"]) == (
        "Open", 62.0, f"services/data/v62.0/jobs/ingest/{made['id']}/batches",
    )  # fmt: skip
    sf.http.put(f"/jobs/ingest/{made['id']}/batches", content=b"LastName,Company\nA,B\n")
    closed = sf.http.patch(f"/jobs/ingest/{made['id']}", json={"state": "UploadComplete"}).json()
    states = [closed["state"]] + [sf.http.get(f"/jobs/ingest/{made['id']}").json()["state"] for _ in range(4)]
    assert states == ["UploadComplete", "InProgress", "InProgress", "InProgress", "InProgress"]
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    clock.advance(30)
    assert finished(sf, "ingest", made["id"])["state"] == "JobComplete"


def test_an_empty_cell_says_nothing_and_na_clears(sf: Org) -> None:
    kept, cleared = sf.lead(City="Paris"), sf.lead(City="Paris")
    ingest(sf, "update", f"Id,City,Title\n{kept},,Chief\n{cleared},#N/A,Chief\n")
    assert sf.row(kept)["City"] == "Paris"
    assert "City" not in sf.row(cleared)


def test_each_row_has_its_own_fate_and_its_own_line(sf: Org) -> None:
    rows = ["A,C,,5,true", ",C,,5,true", "B,C,nobody,5,true", "D,C,,many,true", "E,C,,5,maybe"]
    job = ingest(sf, "insert", "\n".join(["LastName,Company,Email,Smarketing_Score__c,DoNotCall", *rows]) + "\n")
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (5, 4)
    errors = {row["LastName"]: row["sf__Error"] for row in results(sf, job, "failedResults")}
    assert errors == {
        "": "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --",
        "B": "INVALID_EMAIL_ADDRESS:Email: invalid email address: nobody:Email --",
        "D": "INVALID_TYPE_ON_FIELD_IN_RECORD:Smarketing Score: value not of required type: many:Smarketing_Score__c --",
        "E": "INVALID_TYPE_ON_FIELD_IN_RECORD:Do Not Call: value not of required type: maybe:DoNotCall --",
    }
    [good] = results(sf, job, "successfulResults")
    assert (good["sf__Created"], good["LastName"], sf.row(good["sf__Id"])["DoNotCall"]) == ("true", "A", True)


def test_results_come_in_no_particular_order(sf: Org) -> None:
    names = [f"L{n:03}" for n in range(450)]
    job = ingest(sf, "insert", "LastName,Company\n" + "".join(f"{name},C\n" for name in names))
    given = [row["LastName"] for row in results(sf, job, "successfulResults")]
    assert sorted(given) == names
    assert given != names


def test_upsert_and_delete(sf: Org) -> None:
    known = sf.lead(**{KEY: "one"})
    job = ingest(sf, "upsert", f"{KEY},LastName,Company\nONE,New,C\ntwo,Two,C\n", externalIdFieldName=KEY)
    assert {r[KEY]: r["sf__Created"] for r in results(sf, job, "successfulResults")} == {"ONE": "false", "two": "true"}
    assert sf.row(known)["LastName"] == "New"
    job = ingest(sf, "delete", f"Id\n{known}\n{known}\n")
    assert [r["sf__Error"] for r in results(sf, job, "failedResults")] == ["ENTITY_IS_DELETED:entity is deleted: --"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LastName,Nope__c\nA,B\n", "InvalidBatch : Field name not found : Nope__c"),
        ("LastName,Company\r\nA,B\r\n", "ClientInputError : LineEnding is invalid on user data"),
        ("LastName,Company\nA\n", "InvalidBatch : 2 columns in the header, 1 in a row"),
        ("", "InvalidBatch : The batch has no header row"),
    ],
)
def test_a_bad_file_fails_the_whole_job(sf: Org, text: str, words: str) -> None:
    job = ingest(sf, "insert", text)
    assert (job["state"], job["numberRecordsProcessed"]) == ("Failed", 0)
    assert words in job["errorMessage"]
    assert sf.http.get(f"/jobs/ingest/{job['id']}/unprocessedrecords").text == text


def test_an_aborted_job_does_nothing(sf: Org) -> None:
    job = sf.http.post("/jobs/ingest", json={"object": "Lead", "operation": "insert"}).json()["id"]
    sf.http.put(f"/jobs/ingest/{job}/batches", content=b"LastName,Company\nA,B\n")
    sf.http.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert sf.http.patch(f"/jobs/ingest/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert sf.http.get(f"/jobs/ingest/{job}").json()["state"] == "Aborted"
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 0
    assert "A,B" in sf.http.get(f"/jobs/ingest/{job}/unprocessedrecords").text
    assert sf.http.delete(f"/jobs/ingest/{job}").status_code == 204
    assert sf.http.get(f"/jobs/ingest/{job}").status_code == 404


def test_other_delimiters_and_line_ends(sf: Org) -> None:
    more = {"columnDelimiter": "SEMICOLON", "lineEnding": "CRLF"}
    job = ingest(sf, "insert", 'LastName;Company\r\n"A;\r\nB";C\r\n', **more)
    text = sf.http.get(f"/jobs/ingest/{job['id']}/successfulResults").text
    assert text.startswith('"sf__Id";"sf__Created";"LastName";"Company"\r\n')
    assert '"A;\r\nB";"C"' in text


def pages(sf: Org, job: str, size: int) -> list[httpx.Response]:
    found: list[httpx.Response] = []
    locator = ""
    while locator != "null":
        asked = {"maxRecords": size, **({"locator": locator} if locator else {})}
        found.append(sf.http.get(f"/jobs/query/{job}/results", params=asked))
        locator = found[-1].headers["Sforce-Locator"]
    return found


def test_query_results_are_paged_by_locator_until_it_says_null(sf: Org) -> None:
    made = [sf.lead(LastName=f"L{n}", Smarketing_Score__c=5) for n in range(5)]
    soql = "SELECT Id, Smarketing_Score__c, DoNotCall, City, Owner.Name, CreatedDate FROM Lead"
    job = sf.http.post("/jobs/query", json={"operation": "query", "query": soql}).json()
    assert job["state"] == "UploadComplete"
    early = sf.http.get(f"/jobs/query/{job['id']}/results")
    assert (early.status_code, early.json()[0]["errorCode"]) == (412, "JOB_NOT_COMPLETE")
    assert finished(sf, "query", job["id"])["numberRecordsProcessed"] == 5
    answers = pages(sf, job["id"], 2)
    assert [a.headers["Sforce-NumberOfRecords"] for a in answers] == ["2", "2", "1"]
    rows = [row for a in answers for row in csv.DictReader(io.StringIO(a.text))]
    assert [row["Id"] for row in rows] == made
    told = {name: value for name, value in rows[0].items() if name not in ("Id", "CreatedDate")}
    assert told == {"Smarketing_Score__c": "5.0", "DoNotCall": "false", "City": "", "Owner.Name": "Integration User"}
    assert rows[0]["CreatedDate"].endswith("Z")


def test_query_all_jobs_see_the_recycle_bin(sf: Org) -> None:
    gone = sf.lead()
    sf.server.edit({"do": "delete", "id": gone})
    for operation, found in (("query", 0), ("queryAll", 1)):
        job = sf.http.post("/jobs/query", json={"operation": operation, "query": "SELECT Id FROM Lead"}).json()["id"]
        assert finished(sf, "query", job)["numberRecordsProcessed"] == found


def test_a_wrong_query_or_job_is_refused_at_once(sf: Org) -> None:
    answers = [
        sf.http.post("/jobs/query", json={"operation": "query", "query": "SELECT Nope FROM Lead"}),
        sf.http.post("/jobs/ingest", json={"object": "Lead", "operation": "upsert"}),
        sf.http.post("/jobs/ingest", json={"object": "Nope", "operation": "insert"}),
        sf.http.post("/jobs/ingest", json={"object": "Lead", "operation": "replace"}),
    ]
    assert [a.json()[0]["errorCode"] for a in answers] == ["INVALID_FIELD", "INVALIDJOB", "INVALIDENTITY", "INVALIDJOB"]
