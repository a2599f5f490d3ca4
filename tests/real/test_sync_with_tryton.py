"""The whole engine between a marketing tool and a real CRM, with the presets as they come: HubSpot is the sandbox's,
Tryton is Tryton's own.

A test of your own that wants a real CRM in a sync starts like `project` below: a folder with `connector: tryton` and
the settings of the `fresh_tryton` fixture (the password from the environment), then `sync.project.run_sync`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import mapping
from connectors.tryton.jobs import Job
from connectors.tryton.writing import Writing
from console.checking import shapes_of
from console.fitting import mapped_kinds
from console.schemas import needs, wanted
from sync.context import Report
from sync.project import open_project, run_sync
from tests.contract.hubspot import HubSpotHarness
from tests.real.tryton import Tryton

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]

PRESETS = Path(mapping.__file__).parent / "presets"
STATE = ["state", "conversion_probability", "party.name", "party.email", "party.phone", "party.identifiers.code"]


@pytest.fixture
def hubspot() -> Iterator[HubSpotHarness]:
    harness = HubSpotHarness()
    with harness.running():
        yield harness


@pytest.fixture
def project(tmp_path: Path, hubspot: HubSpotHarness, fresh_tryton: Tryton, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `smarketing init` makes it, with the addresses of the two servers."""
    monkeypatch.setenv("HUBSPOT_TOKEN", hubspot.secret)
    monkeypatch.setenv("TRYTON_PASSWORD", fresh_tryton.password)
    fresh_tryton.model("party.category.create", [{"name": "Company"}])
    text = (PRESETS / "smarketing.yaml").read_text()
    start, end = text.index("systems:\n"), text.index("# The one vocabulary")
    systems = f"""systems:
  hubspot:
    connector: hubspot
    role: marketing
    settings: {{access_token: "${{HUBSPOT_TOKEN}}", base_url: "{hubspot.url}"}}
  tryton:
    connector: tryton
    role: crm
    settings:
      base_url: {fresh_tryton.base_url}
      database: {fresh_tryton.database}
      user: {fresh_tryton.user}
      password: ${{TRYTON_PASSWORD}}
      company_category: Company

"""
    (tmp_path / "smarketing.yaml").write_text(text[:start] + systems + text[end:])
    (tmp_path / "mappings").mkdir()
    for system in ("hubspot", "tryton"):
        (tmp_path / "mappings" / f"{system}.yaml").write_text((PRESETS / f"{system}.yaml").read_text())
    return tmp_path


async def provision(project: Path) -> None:
    """The properties that HubSpot lacks; of Tryton, that nothing is missing (it could not be created)."""
    async with open_project(project, reading=True) as opened:
        for system, connector in opened.connectors.items():
            for kind, section in mapped_kinds(opened.project.mappings[system], shapes_of(connector)):
                needed = needs(opened.project.config, section, kind)
                missing, doubtful = wanted(needed, await connector.of(kind).schema())
                assert not doubtful
                if missing:
                    await connector.of(kind).provision(missing)


def questions(project: Path) -> list[Any]:
    with closing(sqlite3.connect(project / "state.sqlite")) as database:
        return database.execute("SELECT kind, subject, detail FROM review WHERE closed_at IS NULL").fetchall()


async def settled(project: Path, hubspot: HubSpotHarness) -> Report:
    """Runs until one writes nothing, which must be soon."""
    for _ in range(4):
        hubspot.later(300)
        report = await run_sync(project, confirmed=True)
        assert report.outcome == "done", report.as_dict()
        if not report.writes:
            assert questions(project) == []
            return report
    raise AssertionError(f"still writing: {report.as_dict()}")


def leads(crm: Tryton) -> dict[str, dict[str, Any]]:
    """What sales sees, by e-mail."""
    rows = crm.model("sale.opportunity.search_read", [], 0, None, [["id", "ASC"]], STATE)
    found = {
        str(row["party."]["email"]).lower(): {"id": row["id"], "state": row["state"], **row["party."]} for row in rows
    }
    assert len(found) == len(rows), "two leads with one e-mail address"
    return found


async def contact(hubspot: HubSpotHarness, email: str) -> dict[str, Any]:
    (found,) = [dict(held) for held in (await hubspot.held()).values() if held.get("email") == email]
    return found


async def test_leads_of_a_real_crm_and_a_marketing_tool_become_one(
    project: Path, hubspot: HubSpotHarness, fresh_tryton: Tryton
) -> None:
    crm = fresh_tryton
    ada, ada_party = crm.lead("Ada Lovelace", "Ada@Example.com")
    customer = {
        "name": "Bob Babbage",
        "contact_mechanisms": [["create", [{"type": "email", "value": "bob@example.com"}]]],
    }
    crm.model("party.party.create", [customer])
    for email, first, stage in (
        ("ada@example.com", "Ada", "lead"),
        ("bob@example.com", "Bob", "lead"),
        ("carol@example.com", "Carol", "marketingqualifiedlead"),
        ("dan@example.com", "Dan", "subscriber"),
    ):
        fields = {"email": email, "firstname": first, "phone": "+49 30 1234567", "lifecyclestage": stage}
        await hubspot.seed(fields)
    await provision(project)
    await settled(project, hubspot)

    held = leads(crm)
    assert held.keys() == {"ada@example.com", "bob@example.com", "carol@example.com"}  # sales gets no mere subscriber
    assert crm.model("party.party.search_count", [["name", "ilike", "%Babbage%"]]) == 1
    assert held["bob@example.com"]["name"] == "Bob Babbage"
    assert held["ada@example.com"]["phone"] == "+49 30 1234567"
    assert all(len(lead["identifiers."]) == 1 for mail, lead in held.items() if mail != "ada@example.com")

    # Sales corrects the address and takes the lead on; marketing learns the city.
    (mechanism,) = crm.model("party.contact_mechanism.search", [["party", "=", ada_party], ["type", "=", "phone"]])
    crm.model("party.contact_mechanism.write", [mechanism], {"value": "+49 89 7654321"})
    crm.model("sale.opportunity.opportunity", [ada])
    for id_, fields in (await hubspot.held()).items():
        if fields.get("email") == "carol@example.com":
            await hubspot.edit(id_, {"city": "Turin"})
    await settled(project, hubspot)

    told = await contact(hubspot, "ada@example.com")
    assert told["phone"].replace(" ", "") == "+49897654321"
    assert told["lifecyclestage"] == "opportunity"  # there is a deal now
    assert told["smarketing_sales_qualified"] == "true"
    (address,) = crm.model("party.address.search_read", [["city", "=", "Turin"]], 0, 9, None, ["party.email"])
    assert address["party."]["email"] == "carol@example.com"
    score = crm.one("sale.opportunity", ada, "conversion_probability")["conversion_probability"]
    assert score == int(told["smarketing_score"]) / 100


async def test_a_customer_who_comes_back_stays_one_lead(
    project: Path, hubspot: HubSpotHarness, fresh_tryton: Tryton
) -> None:
    """Sales opens a second opportunity for somebody who is linked: the link goes to it, and nobody is asked."""
    crm = fresh_tryton
    old, party = crm.lead("Ada Lovelace", "ada@example.com")
    id_ = await hubspot.seed({"email": "ada@example.com", "lifecyclestage": "lead"})
    await provision(project)
    await settled(project, hubspot)
    (new,) = crm.model("sale.opportunity.create", [{"party": party, "description": "once more"}])
    await settled(project, hubspot)

    crm.model("sale.opportunity.opportunity", [new])
    await hubspot.edit(id_, {"city": "Turin"})
    await settled(project, hubspot)

    told = await contact(hubspot, "ada@example.com")
    assert told["lifecyclestage"] == "opportunity"  # there is a deal now
    assert crm.one("sale.opportunity", old, "state")["state"] == "lead"
    assert crm.model("party.address.search_count", [["party", "=", party], ["city", "=", "Turin"]]) == 1
    assert len(await hubspot.held()) == 1


async def test_a_run_that_died_between_party_and_opportunity_is_made_good_by_the_next(
    project: Path, hubspot: HubSpotHarness, fresh_tryton: Tryton, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = fresh_tryton
    for n in range(5):
        await hubspot.seed({"email": f"person{n}@example.com", "firstname": f"Person {n}", "lifecyclestage": "lead"})
    await provision(project)
    create = Writing._create_leads

    async def die(self: Writing, jobs: list[Job]) -> None:
        raise KilledError

    monkeypatch.setattr(Writing, "_create_leads", die)
    with pytest.raises(KilledError):
        await run_sync(project, confirmed=True)
    assert crm.model("party.party.search_count", [["name", "like", "Person%"]]) == 5
    assert crm.model("sale.opportunity.search_count", []) == 0

    monkeypatch.setattr(Writing, "_create_leads", create)
    await settled(project, hubspot)
    assert crm.model("party.party.search_count", [["name", "like", "Person%"]]) == 5
    assert leads(crm).keys() == {f"person{n}@example.com" for n in range(5)}


class KilledError(BaseException):
    """The process died here."""
