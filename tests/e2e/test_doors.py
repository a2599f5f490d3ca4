"""What a person asks for is what happens: guards that stop and are lifted, plans that are carried out to the letter,
one system alone, a stretch of the past, and runs that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.faults import Fault
from sync.project import run_backfill
from sync.pull import Window
from sync.run import Options
from tests.e2e.story import PAGE, differences, one_record_each, plain_people, small_requests
from tests.e2e.world import SYSTEMS, World, quick_connectors

MakeWorld = Callable[..., World]
Snapshot = dict[str, dict[str, dict[str, Any]]]
NOT_OURS = ("SystemModstamp", "LastModifiedDate", "CreatedDate", "LastModifiedById", "Name", "object")


def snapshot(w: World) -> Snapshot:
    """Every record of both systems by its id."""
    with w.both.hubspot.contacts.lock:
        contacts = {str(i): dict(c.values) for i, c in w.both.hubspot.contacts.live.items()}
    rows = {row["Id"]: {n: v for n, v in row.items() if n not in NOT_OURS} for row in w.rows()}
    return {"hubspot": contacts, "salesforce": rows}


def changed(before: Snapshot, after: Snapshot) -> dict[tuple[str, str], set[str]]:
    """(system, id) -> the fields that are others now."""
    found = {}
    for system, records in after.items():
        for id_, now in records.items():
            then = before[system].get(id_, {})
            names = {n for n in {*then, *now} if then.get(n) != now.get(n) and not n.startswith("hs_lifecyclestage_")}
            if names:
                found[system, id_] = names
    return found


# -- guards -----------------------------------------------------------------------------------------------------------


def test_the_first_write_to_a_system_waits_for_a_person(make_world: MakeWorld) -> None:
    w = make_world()
    before = snapshot(w)
    answer = w.cli("sync", "--json", code=3).json
    assert {stop["code"] for stop in answer["stops"]} == {"guard-first"}
    assert {stop["system"] for stop in answer["stops"]} == set(SYSTEMS)
    assert snapshot(w) == before
    assert w.cli("sync", code=3).out.count("--confirm") == 1
    assert w.cli("sync", "--confirm", "--json").json["writes"] > 100
    assert w.cli("sync", "--json").json["writes"] == 0


def test_a_stop_may_be_answered_as_any_question(make_world: MakeWorld) -> None:
    w = make_world()
    w.cli("sync", code=3)
    [asked] = w.reviews("guard")
    w.cli("review", "resolve", str(asked.id), "--confirm")
    assert w.cli("sync", "--json").json["writes"] > 100
    assert w.reviews("guard") == []


def test_a_change_of_nearly_everybody_waits_for_a_person(synced: World) -> None:
    w = synced
    for contact in list(w.both.hubspot.contacts.live.values()):
        if contact.values.get("email"):
            w.set("hubspot", contact.values["email"], city="Everywhere")
    before = w.salesforce()
    answer = w.cli("sync", "--json", code=3).json
    assert [stop["code"] for stop in answer["stops"]] == ["guard-changes"]
    assert "city would change on" in answer["stops"][0]["message"]
    assert w.salesforce() == before
    w.cli("sync", "--confirm")
    assert w.salesforce() != before
    assert w.sync(confirmed=False).writes == 0


def test_many_who_vanish_at_once_are_not_let_go_of_without_a_person(synced: World) -> None:
    """Somebody empties HubSpot, in a way that leaves no trace in its archive."""
    w = synced
    linked = {lead.links["hubspot"].remote_id for lead in w.leads() if "hubspot" in lead.links}
    with w.both.hubspot.contacts.lock:
        for id_ in sorted(linked)[:60]:
            w.both.hubspot.contacts.erase(id_)
    answer = w.cli("sync", "--full", "--json", code=None).json
    assert "guard-deletes" in {stop["code"] for stop in answer["stops"]}
    assert not w.ask("SELECT 1 FROM link WHERE system = 'hubspot' AND state = 'deleted'")
    w.cli("sync", "--full", "--confirm")
    assert len(w.ask("SELECT 1 FROM link WHERE system = 'hubspot' AND state = 'deleted'")) == 60
    assert len(w.rows()) > 100, "and nobody else is deleted for it"


def test_a_changed_configuration_waits_for_a_person(synced: World) -> None:
    w = synced
    file = w.folder / "smarketing.yaml"
    file.write_text(file.read_text().replace("points: 15, when: {any: [{company", "points: 17, when: {any: [{company"))
    email = next(e for e in plain_people(w, "Lead") if w.lead(e).fields.get("city") != "Elsewhere")
    w.set("hubspot", email, city="Elsewhere")
    answer = w.cli("sync", "--json", code=3).json
    assert "guard-rules" in {stop["code"] for stop in answer["stops"]}
    assert w.row(email)["City"] != "Elsewhere"
    w.cli("sync", "--confirm")
    assert w.row(email)["City"] == "Elsewhere"
    w.cli("sync")


# -- plan and apply ---------------------------------------------------------------------------------------------------


def test_a_plan_writes_nothing_and_its_application_just_what_it_shows(make_world: MakeWorld) -> None:
    w = make_world()
    before = snapshot(w)
    planned = w.cli("plan", "--json", code=3).json
    assert snapshot(w) == before
    assert not (w.folder / "state.sqlite").exists(), "not even in the database"
    w.cli("apply", planned["id"], code=3)
    assert snapshot(w) == before, "what would stop a sync stops it, too"
    applied = w.cli("apply", planned["id"], "--confirm", "--json").json
    assert applied["planned"] == len(planned["writes"]) == applied["writes"]
    assert applied["left"] == []
    after = snapshot(w)
    touched = changed(before, after)
    for system in SYSTEMS:
        writes = [row for row in planned["writes"] if row["system"] == system]
        updates = {row["remote_id"] for row in writes if row["operation"] == "update"}
        creates = [row for row in writes if row["operation"] == "create"]
        assert updates == {id_ for name, id_ in touched if name == system and id_ in before[system]}
        assert len(after[system]) - len(before[system]) == len(creates)
    assert_only_planned_fields(w, planned["writes"], touched, before)
    assert w.cli("sync", "--json").json["writes"] == 0


def assert_only_planned_fields(w: World, writes: Any, touched: Any, before: Snapshot) -> None:
    mappings = {"hubspot": hubspot_names, "salesforce": salesforce_names}
    shown = {(row["system"], row["remote_id"]): set(row["fields"]) for row in writes if row["operation"] == "update"}
    for (system, id_), names in touched.items():
        if id_ in before[system]:
            allowed = {mappings[system](name) for name in shown[system, id_]}
            contact = (
                {"MailingStreet", "MailingCity", "MailingPostalCode", "MailingCountry"} if id_[:3] == "003" else set()
            )
            assert names <= allowed | contact, (system, id_, names - allowed)


def hubspot_names(name: str) -> str:
    known = {
        "first_name": "firstname", "last_name": "lastname", "mobile": "mobilephone", "job_title": "jobtitle",
        "street": "address", "postal_code": "zip", "employees": "numemployees", "stage": "lifecyclestage",
        "do_not_email": "smarketing_opted_out", "score": "smarketing_score", "score_reason": "smarketing_score_reason",
        "fit_score": "smarketing_fit_score", "engagement_score": "smarketing_engagement_score",
        "grade": "smarketing_grade", "sales_qualified": "smarketing_sales_qualified", "shared_stage": "smarketing_stage",
        "stage_reason": "smarketing_stage_reason", "consent_basis": "hs_legal_basis",
        "consent_at": "smarketing_consent_at", "consent_source": "smarketing_consent_source",
    }  # fmt: skip
    return known.get(name, name)


def salesforce_names(name: str) -> str:
    known = {
        "mobile": "MobilePhone", "job_title": "Title", "employees": "NumberOfEmployees", "source": "LeadSource",
        "stage": "Status", "opted_out": "HasOptedOutOfEmail", "score": "Smarketing_Score__c",
        "fit_score": "Smarketing_Fit_Score__c", "engagement_score": "Smarketing_Engagement_Score__c",
        "grade": "Smarketing_Grade__c",
        "score_reason": "Smarketing_Score_Reason__c", "sales_qualified": "Smarketing_Sales_Qualified__c",
        "shared_stage": "Smarketing_Stage__c", "stage_reason": "Smarketing_Stage_Reason__c",
        "consent_basis": "Smarketing_Consent_Basis__c", "consent_at": "Smarketing_Consent_At__c",
        "consent_source": "Smarketing_Consent_Source__c",
    }  # fmt: skip
    return known.get(name, "".join(part.title() for part in name.split("_")))


def test_what_changed_since_the_plan_is_left_out_and_told(synced: World) -> None:
    w = synced
    one, other, third = plain_people(w, "Lead")[:3]
    w.set("hubspot", one, city="Planned")
    w.set("hubspot", other, city="Planned too")
    planned = w.cli("plan", "--json").json
    assert len(planned["writes"]) == 2
    w.set("hubspot", other, city="Changed since")
    w.set("hubspot", third, city="Came later")
    applied = w.cli("apply", "last", "--json", code=1).json
    assert applied["writes"] == 1
    assert [left["who"] for left in applied["left"]] == [row["who"] for row in planned["writes"] if other in str(row)]
    assert w.row(one)["City"] == "Planned"
    assert w.row(other)["City"] not in ("Planned too", "Changed since")
    assert w.row(third)["City"] != "Came later"
    w.settled(1)
    assert w.row(other)["City"] == "Changed since"
    assert w.row(third)["City"] == "Came later"


# -- one system alone -------------------------------------------------------------------------------------------------


def test_one_system_alone_asks_no_other(synced: World) -> None:
    w = synced
    email, other = plain_people(w, "Lead")[:2]
    w.set("hubspot", email, city="Elsewhere")
    w.set("salesforce", other, City="Elsewhere")
    w.forget_calls()
    w.cli("sync", "--system", "hubspot")
    assert w.calls("salesforce") == 0
    assert w.lead(email).fields["city"] == "Elsewhere"
    assert w.lead(other).fields["city"] != "Elsewhere"
    w.forget_calls()
    w.cli("sync", "--system", "salesforce")
    assert w.calls("hubspot") == 0
    assert w.row(email)["City"] == "Elsewhere", "what waited for it is told now"
    w.cli("sync", "--system", "hubspot")
    assert w.contact(other).values["city"] == "Elsewhere"
    w.cli("sync", "--system", "nowhere", code=2)


# -- backfill ---------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Ends a run as a signal does: nobody catches it."""


def test_a_backfill_that_was_killed_goes_on_where_it_stopped(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window's checkpoint is one of its own."""
    small_requests(monkeypatch)
    w = make_world(marketing=150, crm=60, shared=30)
    w.settled()
    window = Window(datetime.now(UTC) - timedelta(days=1))

    def backfill(progress: Any = lambda phase, system, count: None) -> Any:
        w.forget_calls()
        with quick_connectors({"hubspot": {"searches_a_second": 1000}}):
            return asyncio.run(run_backfill(w.folder, window, systems=["hubspot"], progress=progress))

    def kill(phase: str, system: str, count: int) -> None:
        if phase == "read" and count >= 80:
            raise Killed

    with small_batches(monkeypatch), pytest.raises(Killed):
        backfill(kill)
    assert w.ask("SELECT count(*) FROM cursor WHERE stream <> 'lead'") == [1]
    with small_batches(monkeypatch):
        report = backfill()
    assert report.outcome == "done"
    whole = len(w.both.hubspot.contacts.live)
    assert 0 < report.systems["hubspot"].read <= whole - 60, "the first pages are not read again"
    assert w.ask("SELECT count(*) FROM cursor WHERE stream <> 'lead'") == [0]
    assert w.ask("SELECT count(*) FROM cursor WHERE stream = 'lead'") == [2]
    assert w.sync().writes == 0


@contextmanager
def small_batches(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commits after every page, not after every thousand records."""
    with patch.context() as inner:
        inner.setattr("sync.project.Options", lambda **how: Options(**{"batch": PAGE, **how}))
        yield


def test_a_backfill_brings_back_what_the_hub_has_lost(synced: World) -> None:
    """By the command line; days are those of the person's own zone."""
    w = synced
    email = plain_people(w, "Lead")[0]
    w.set("hubspot", email, city="Elsewhere")
    w.cli("backfill", "--from", (datetime.now() - timedelta(days=2)).strftime("%Y-%m-%d"), "--system", "hubspot")  # noqa: DTZ005
    assert w.lead(email).fields["city"] == "Elsewhere"
    w.cli("backfill", "--from", "2026-05-31", "--to", "2026-05-01", code=2)
    w.cli("backfill", "--from", "yesterday", code=2)


# -- kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("system", "path"),
    [("hubspot", "/batch/(update|upsert)$"), ("salesforce", "/composite/sobjects"), ("hubspot", "/contacts$")],
)
def test_a_run_that_is_killed_in_the_middle_of_a_call_is_taken_up_by_the_next(
    make_world: MakeWorld, system: str, path: str
) -> None:
    """kill -9 of a process whose request has been carried out, and not answered yet. (Random moments: `make simulate`.)"""
    calm, w = (make_world(marketing=60, crm=50, shared=30) for _ in range(2))
    calm.settled(3)
    faults = (w.both.hubspot if system == "hubspot" else w.both.salesforce).faults
    faults.add(Fault("timeout_after", path=path, times=1, seconds=60.0))
    process = start(w)
    wait_for(lambda: faults.struck() > 0)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    assert w.run("status").code == 0
    again = w.run("sync", "--confirm", "--json")
    assert again.code in (0, 1), again
    w.settled(2)
    wrong = differences(calm.picture(), w.picture())
    assert not wrong, "\n".join(wrong)
    assert one_record_each(w) == []
    assert w.sync().writes == 0


@pytest.mark.e2e
def test_an_interrupted_run_says_so_in_words(make_world: MakeWorld) -> None:
    w = make_world(marketing=60, crm=50, shared=30)
    w.both.hubspot.faults.add("timeout_before", path="/contacts$", seconds=60.0)
    process = start(w)
    wait_for(lambda: w.both.hubspot.faults.struck() > 0)
    process.send_signal(signal.SIGINT)
    out, err = ended(process, 60)
    assert process.returncode == 130, err.decode()
    assert b"Traceback" not in out + err
    answer = json.loads(out)
    assert answer["error"]["code"] == "interrupted"
    w.heal()
    w.settled(2)


@pytest.mark.e2e
def test_two_runs_at_once_are_one_and_a_busy_one(make_world: MakeWorld) -> None:
    w = make_world(marketing=60, crm=50, shared=30)
    w.both.hubspot.faults.add("latency", path="/contacts$", seconds=2.5)
    process = start(w)
    wait_for(lambda: w.both.hubspot.faults.struck() > 0)
    busy = w.cli("sync", "--json", code=5).json
    assert busy["error"]["code"] == "busy"
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0, out
    w.heal()
    w.settled(1)


def start(w: World) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-X", "faulthandler", "-m", "console.cli", "sync", "--confirm", "--json"]
    return subprocess.Popen(
        [*command, "--project", str(w.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def ended(process: subprocess.Popen[bytes], seconds: float) -> tuple[bytes, bytes]:
    """What it said. Where it does not end, it tells where it stands, on stderr."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        return process.communicate(timeout=seconds)


def wait_for(done: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.02)
