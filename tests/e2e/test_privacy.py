"""Taking back a run, and forgetting a person, in HubSpot and Salesforce as the sandboxes play them."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import MakeWorld
from tests.e2e.world import World


def shared(world: World) -> str:
    """The address of somebody whom both tools have."""
    there = {(row.get("Email") or "").lower() for row in world.rows()}
    return next(
        str(lead.fields["email"])
        for lead in world.leads()
        if len(lead.links) == 2 and lead.fields.get("email") in there and lead.fields.get("phone")
    )


def let_erase(world: World) -> None:
    """An administrator has given the integration user the permission Bulk API Hard Delete."""
    world.both.salesforce.org.switches.hard_delete = True


def raw(folder: Path) -> bytes:
    """Every byte of the project's own files."""
    return b"\n".join(path.read_bytes().lower() for path in folder.rglob("*") if path.is_file())


def test_both_forget_a_person_who_does_not_come_back(synced: World) -> None:
    let_erase(synced)
    email = shared(synced)
    lead = synced.lead(email)
    words = [email, str(lead.fields["phone"])]
    assert all(word.lower().encode() in raw(synced.folder) for word in words)
    synced.cli("plan", code=None)
    told = synced.cli("forget", email, "--confirm", "--json")
    [erasure] = told.json["erasures"]
    assert {record["outcome"] for record in erasure["records"]} == {"erased"}
    assert {record["system"] for record in erasure["records"]} == {"hubspot", "salesforce"}
    assert not [row for row in synced.rows() if (row.get("Email") or "").lower() == email]
    assert not any(email in one for one in synced.hubspot())
    for full in (True, False, True):
        report = synced.sync(full=full)
        assert report.outcome == "done", (report.errors, report.stops)
        assert report.writes == 0
    assert not [one for one in synced.leads() if one.fields.get("email") == email]
    for word in words:
        assert word.lower().encode() not in raw(synced.folder), word


def test_somebody_who_signs_up_again_is_met_and_not_taken_in(synced: World) -> None:
    let_erase(synced)
    email = shared(synced)
    synced.cli("forget", email, "--confirm")
    fields = {"LastName": "Again", "Company": "Again Ltd", "Email": email}
    synced.both.salesforce.edit({"do": "create", "fields": fields})
    report = synced.sync(full=True)
    assert report.systems["salesforce"].forgotten == 1
    assert not any(email in one for one in synced.hubspot())
    synced.cli("forget", "--lift", email, "--reason", "asked to be in again")
    synced.sync(full=True)
    assert synced.lead(email).fields["last_name"] == "Again"


def test_without_the_right_to_erase_salesforce_says_what_to_do(make_world: MakeWorld) -> None:
    world = make_world()
    world.settled()
    email = shared(world)
    [erasure] = world.cli("forget", email, "--confirm", "--json", code=1).json["erasures"]
    told = {record["system"]: record for record in erasure["records"]}
    assert told["hubspot"]["outcome"] == "erased"
    assert told["salesforce"]["outcome"] == "by hand"
    assert "Hard Delete" in told["salesforce"]["note"]
    assert not [row for row in world.rows() if (row.get("Email") or "").lower() == email]
    assert email.encode() not in raw(world.folder)


def test_a_run_is_taken_back_in_both(synced: World) -> None:
    email = shared(synced)
    before = {"hubspot": synced.hubspot(), "salesforce": synced.salesforce()}
    synced.set("salesforce", email, Title="Keeper of Keys")
    held = synced.salesforce()
    synced.sync()
    assert synced.hubspot() != before["hubspot"]
    synced.cli("revert", "last", code=3)
    assert synced.cli("apply", "last", "--confirm", "--json").json["kind"] == "revert"
    assert synced.hubspot() == before["hubspot"]
    assert synced.salesforce() == held
    for report in (synced.sync(), synced.sync(full=True)):
        assert report.writes == 0
    assert synced.hubspot() == before["hubspot"]


def test_what_a_first_run_created_is_archived_in_both(make_world: MakeWorld) -> None:
    world = make_world(marketing=12, crm=10, shared=4)
    report = world.sync()
    made = {system: counts.created for system, counts in report.systems.items()}
    assert all(made[system] for system in ("hubspot", "salesforce"))
    there = (sum(world.hubspot().values()), len(world.rows()))
    answer = world.cli("revert", report.run_id, "--confirm", "--json", code=None).json
    gone = {system: counts["archived"] for system, counts in answer["systems"].items()}
    kept = [row for row in answer["left"] if not row.get("field")]
    assert gone["hubspot"] > 0
    assert gone["salesforce"] > 0
    assert (sum(world.hubspot().values()), len(world.rows())) == (
        there[0] - gone["hubspot"],
        there[1] - gone["salesforce"],
    )
    for system in ("hubspot", "salesforce"):
        assert gone[system] + len([row for row in kept if row["system"] == system]) == made[system]
    for _ in range(2):
        assert world.sync(full=True).writes == 0
