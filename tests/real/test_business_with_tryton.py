"""Companies, deals, owners and activities between the sandbox's HubSpot and a real Tryton, as `smarketing init --preset
hubspot+tryton` sets them up: nothing is added but the addresses of the two servers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.folders import SYSTEMS, make
from tests.contract.hubspot import HubSpotHarness
from tests.real.tryton import Tryton

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]

Command = Callable[..., dict[str, Any]]


@pytest.fixture
def hubspot() -> Iterator[HubSpotHarness]:
    harness = HubSpotHarness()
    with harness.running():
        yield harness


@pytest.fixture
def command(
    tmp_path: Path, hubspot: HubSpotHarness, fresh_tryton: Tryton, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs a command of a new project, and returns what it says as JSON. `exit`: with which exit code it is to end."""
    token = "access_token: ${HUBSPOT_TOKEN}"
    block = SYSTEMS["hubspot"].replace(token, f"{token}\n      base_url: {hubspot.url}")
    env = {
        "HUBSPOT_TOKEN": hubspot.secret,
        "TRYTON_URL": fresh_tryton.base_url,
        "TRYTON_DATABASE": fresh_tryton.database,
        "TRYTON_USER": fresh_tryton.user,
        "TRYTON_PASSWORD": fresh_tryton.password,
    }
    make(tmp_path, {"hubspot": block, "tryton": SYSTEMS["tryton"]}, env)

    def run(*arguments: str, exit: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        code = main([*arguments, "--json", "--project", str(tmp_path)])
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == exit, json.dumps(said, indent=1)
        return said

    return run


def sync(command: Command, hubspot: HubSpotHarness) -> None:
    """Until a run has nothing to write, which must be soon."""
    for _ in range(4):
        hubspot.later(300)
        said = command("sync", "--confirm")
        if not said["writes"]:
            return
    raise AssertionError(f"still writing: {said}")


def held(hubspot: HubSpotHarness, objects: str) -> list[dict[str, str]]:
    with hubspot.portal.lock:
        live = hubspot.portal.objects[objects].live
        return [{**record.values, "hs_object_id": str(id_)} for id_, record in live.items()]


def make_there(hubspot: HubSpotHarness, objects: str, **fields: str) -> int:
    with hubspot.portal.lock:
        return int(hubspot.portal.objects[objects].create(fields, trusted=True).id)


def company_of(hubspot: HubSpotHarness, objects: str, id_: str) -> set[int]:
    return set(hubspot.portal.associations.of(objects, "companies", int(id_)))


def test_a_category_that_is_not_there_yet_is_told_by_check(command: Command, fresh_tryton: Tryton) -> None:
    error = command("check", exit=4)["systems"]["tryton"]["error"]
    assert error["code"] == "misconfigured"
    assert error["message"] == "Tryton has no party category 'Company'."
    assert "Parties › Configuration › Categories" in error["hint"]


def test_companies_deals_owners_and_activities_follow(
    command: Command, hubspot: HubSpotHarness, fresh_tryton: Tryton, tmp_path: Path
) -> None:
    crm, portal = fresh_tryton, hubspot.portal
    (category,) = crm.model("party.category.create", [{"name": "Company"}])
    sally = portal.owners.add("admin@example.com", "Sally", "Sales", created=int(portal.clock.now().timestamp() * 1000))
    ways = [{"type": "email", "value": "info@acme.example"}, {"type": "website", "value": "https://www.acme.example"}]
    acme = {
        "name": "Acme GmbH",
        "categories": [["add", [category]]],
        "contact_mechanisms": [["create", ways]],
        "addresses": [["create", [{"city": "Berlin"}]]],
    }
    (party,) = crm.model("party.party.create", [acme])
    amount = {"__class__": "Decimal", "decimal": "1200.50"}
    (deal,) = crm.model("sale.opportunity.create", [{"party": party, "description": "Rollout", "amount": amount}])
    crm.model("sale.opportunity.opportunity", [deal])
    crm.model("ir.note.create", [{"resource": f"sale.opportunity,{deal}", "message": "Wants it in May"}])
    make_there(hubspot, "companies", name="Acme", domain="acme.example")
    theirs = make_there(hubspot, "deals", dealname="Something of marketing's", dealstage="appointmentscheduled")

    command("provision")
    command("check")
    sync(command, hubspot)

    (company,) = held(hubspot, "companies")
    assert (company["name"], company["domain"], company["city"]) == ("Acme GmbH", "acme.example", "Berlin")
    (person,) = held(hubspot, "contacts")
    assert (person["email"], person["lifecyclestage"]) == ("info@acme.example", "opportunity")
    assert person["hubspot_owner_id"] == str(sally.id)
    (rollout,) = [one for one in held(hubspot, "deals") if one["dealname"] == "Rollout"]
    assert (rollout["dealstage"], float(rollout["amount"])) == ("appointmentscheduled", 1200.5)
    assert rollout["hubspot_owner_id"] == str(sally.id)
    assert company_of(hubspot, "deals", rollout["hs_object_id"]) == {int(company["hs_object_id"])}
    assert company_of(hubspot, "contacts", person["hs_object_id"]) == {int(company["hs_object_id"])}
    assert crm.model("sale.opportunity.search_count", []) == 1, "a deal of marketing's makes no lead in Tryton"
    assert str(theirs) in {one["hs_object_id"] for one in held(hubspot, "deals")}

    crm.model("sale.opportunity.convert", [deal])
    crm.sell(deal, "1500.00")
    with portal.lock:
        companies = portal.objects["companies"]
        companies.update(companies.get(company["hs_object_id"]), {"city": "Hamburg"}, trusted=True)
    sync(command, hubspot)

    (rollout,) = [one for one in held(hubspot, "deals") if one["dealname"] == "Rollout"]
    (person,), (company,) = held(hubspot, "contacts"), held(hubspot, "companies")
    assert rollout["dealstage"] == "closedwon"
    assert person["lifecyclestage"] == "customer"
    assert company["smarketing_won_deals"] == "1"
    (address,) = crm.model(
        "party.address.search_read", [["party", "=", party], ["city", "!=", "Berlin"]], 0, 1, None, ["city"]
    )
    assert address["city"] == "Hamburg"
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as database:
        told = database.execute(
            "SELECT type, json_extract(rest, '$.subject'), leads, company_id FROM activity"
        ).fetchall()
    assert {(type_, subject) for type_, subject, *_ in told} >= {("note", "Wants it in May")}
    assert {"note", "sale"} == {type_ for type_, *_ in told}
    assert all(leads and company_id for *_, leads, company_id in told)
