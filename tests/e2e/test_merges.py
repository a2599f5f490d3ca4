"""A merge made in one system is done in the other, where the admin says so, against both sandboxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.conftest import MakeWorld
from tests.e2e.test_business import hubs, rows_of
from tests.e2e.test_stories import open_leads
from tests.e2e.world import World

POLICY = [("smarketing.yaml", "\nplaceholders:\n", "\non_merge: merge\nplaceholders:\n")]
OF_COMPANIES = [("smarketing.yaml", "\ncompanies:\n", "\ncompanies:\n  on_merge: merge\n")]


@pytest.fixture
def merging(make_world: MakeWorld) -> World:
    made = make_world(rewrite=POLICY)
    made.settled()
    return made


def in_salesforce(world: World) -> tuple[str, str, dict[str, str]]:
    """Somebody in sales merges two leads that both tools have as two. Returns winner and loser, and their contacts' ids."""
    winner, loser = open_leads(world, "lead")[:2]
    contacts = {email: str(world.contact(email).id) for email in (winner, loser)}
    world.edit("salesforce", "merge", winner, other=world.row(loser)["Id"])
    return winner, loser, contacts


def contacts_by_address(world: World) -> Mapping[str, Any]:
    with world.both.hubspot.lock:
        return {str(c.values.get("email")): c for c in world.both.hubspot.contacts.live.values()}


def test_a_merge_in_salesforce_is_done_in_hubspot_by_a_plan(merging: World) -> None:
    w = merging
    winner, loser, ids = in_salesforce(w)
    said = w.cli("plan", code=3).out
    assert "1 lead to merge in hubspot" in said
    assert ids[loser] in said
    assert ids[winner] in said
    assert "no system takes a merge back" in said
    assert "the first ever here" in " ".join(said.split())
    planned = w.cli("plan", "--json", code=3).json
    [row] = [row for row in planned["writes"] if row["operation"] == "merge"]
    assert (row["fields"][""]["old"], row["fields"][""]["new"]) == (ids[loser], ids[winner])
    assert len(contacts_by_address(w).keys() & {winner, loser}) == 2, "a plan merges nobody"

    stopped = w.sync(confirmed=False)
    assert [stop["code"] for stop in stopped.stops if stop["code"] == "guard-merges"] == ["guard-merges"]
    assert len(contacts_by_address(w).keys() & {winner, loser}) == 2

    done = w.cli("apply", "last", "--confirm", "--json").json
    assert done["planned"] == len(planned["writes"])
    one = w.contact(winner)
    assert set(str(one.values["hs_merged_object_ids"]).split(";")) >= set(ids.values())
    assert w.lead(winner).links["hubspot"].remote_id == str(one.id), "HubSpot gave it another id"
    assert loser not in contacts_by_address(w)
    assert [r for r in w.reviews("duplicate") if r.remote_id in ids.values()] == []
    for quiet in w.settled():
        assert quiet.writes == 0
    assert w.lead(winner).links["hubspot"].remote_id == str(one.id)
    w.set("salesforce", winner, City="Elsewhere")
    w.settled(1)
    assert w.contact(winner).values["city"] == "Elsewhere"
    assert "into" in w.cli("explain", winner).out


def test_an_opt_out_that_only_the_loser_has_is_not_merged_away(merging: World) -> None:
    """HubSpot's opt-outs go with the address, and cannot be written: a person has to look at these two."""
    w = merging
    winner, loser, ids = in_salesforce(w)
    w.edit("hubspot", "opt_out", loser)
    w.settled()
    assert str(w.contact(loser).id) == ids[loser]
    assert w.lead(winner).fields["opted_out"] is True, "but everybody hears of it"
    assert w.row(winner)["HasOptedOutOfEmail"] is True
    [review] = [r for r in w.reviews("duplicate") if r.remote_id == ids[loser]]
    said = w.cli("review", "list", "--kind", "duplicate", "--limit", "200", "--json").json
    assert any(r["id"] == review.id and "opt-out" in r["detail"]["waits"] for r in said["reviews"])
    w.edit("hubspot", "opt_out", winner)
    w.settled()
    assert loser not in contacts_by_address(w)
    assert w.contact(winner).values["hs_email_optout"] == "true"


def test_a_merge_whose_answer_is_lost_is_found_and_not_done_again(merging: World) -> None:
    w = merging
    winner, loser, _ = in_salesforce(w)
    w.both.hubspot.faults.add("hangup_after", path="/contacts/merge$", times=1)
    broken = w.sync()
    assert broken.outcome == "partial"
    w.heal()
    merged = str(contacts_by_address(w)[winner].id)
    assert loser not in contacts_by_address(w), "it arrived"
    assert w.calls("hubspot", "/contacts/merge$") == 1
    w.forget_calls()
    reports = w.settled()
    assert reports[0].systems["hubspot"].recovered == 1
    assert w.calls("hubspot", "/contacts/merge$") == 0
    assert w.lead(winner).links["hubspot"].remote_id == merged
    assert w.sync().writes == 0


def test_what_a_system_cannot_merge_is_told_to_a_person_with_both_records(merging: World) -> None:
    """Salesforce has no merge in its REST API."""
    w = merging
    winner, loser = open_leads(w, "lead")[:2]
    rows = {email: w.row(email)["Id"] for email in (winner, loser)}
    w.edit("hubspot", "merge", winner, other=loser)
    w.settled()
    said = " ".join(w.cli("review", "list", "--kind", "duplicate", "--limit", "200", "--json").out.split())
    assert rows[loser] in said
    [review] = [r for r in w.reviews("duplicate") if r.remote_id == rows[loser]]
    assert (review.detail["was"], review.detail["into"]) == (rows[loser], rows[winner])
    found = w.cli("check", "--json", code=None).json
    assert any(f["code"] == "cannot-merge" for f in found["systems"]["salesforce"]["findings"])
    assert not any(f["code"] == "cannot-merge" for f in found["systems"]["hubspot"]["findings"])


def test_a_merge_cannot_be_reverted_and_that_is_said(merging: World) -> None:
    w = merging
    winner, _, _ = in_salesforce(w)
    run = w.sync()
    assert run.systems["hubspot"].merged == 1
    before = w.hubspot()
    said = w.cli("revert", run.run_id, "--json", code=None).json
    assert any("two records were merged, which no system can take back" in row["why"] for row in said["left"])
    assert w.hubspot() == before
    assert w.contact(winner)


def test_companies_are_merged_with_their_people(make_world: MakeWorld) -> None:
    w = make_world(business=True, rewrite=OF_COMPANIES)
    w.settled()
    companies = hubs(w, "company")
    both = [c for c in companies.values() if {"hubspot", "salesforce"} <= c.links.keys()]
    people = {c.id: [lead for lead in w.leads() if lead.fields.get("employer") == c.id] for c in both}
    keeps, goes = sorted(both, key=lambda c: -len(people[c.id]))[:2]
    assert people[goes.id]
    org = w.both.salesforce.org
    from sandbox.salesforce.people_work import merge

    merge(org, "Account", keeps.links["salesforce"].remote_id, [goes.links["salesforce"].remote_id])
    before = len(w.both.hubspot.companies.live)
    reports = w.settled()
    assert reports[0].systems["hubspot/company"].merged == 1
    assert len(w.both.hubspot.companies.live) == before - 1
    assert goes.id not in hubs(w, "company")
    there = hubs(w, "company")[keeps.id].links["hubspot"].remote_id
    assert int(there) in w.both.hubspot.companies.live
    for lead in people[goes.id]:
        assert {one.fields.get("employer") for one in w.leads() if one.id == lead.id} == {keeps.id}
    assert w.sync().writes == 0
    assert len(rows_of(w, "Account")) == len({row["Id"] for row in rows_of(w, "Account")})


def test_what_a_person_has_said_to_leave_alone_is_not_merged(merging: World) -> None:
    w = merging
    winner, loser, ids = in_salesforce(w)
    assert w.sync(confirmed=False).outcome == "stopped"
    [review] = [r for r in w.reviews("duplicate") if r.remote_id == ids[loser]]
    w.cli("review", "resolve", str(review.id), "--ignore")
    for report in w.settled():
        assert report.systems["hubspot"].merged == 0
    assert contacts_by_address(w).keys() >= {winner, loser}
