"""The org as a whole: custom fields that come and go, its beginnings, and its way to a file and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.clock import Clock
from sandbox.people import demo_edits, make_world
from sandbox.salesforce import query
from sandbox.salesforce.schema import SMARKETING
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce
from sandbox.salesforce.sessions import Credentials
from sandbox.serve import serve

from .conftest import TOKEN, Org


@pytest.fixture
def bare(clock: Clock) -> Any:
    """An org without smarketing's fields."""
    server = Salesforce(Credentials(access_token=TOKEN), clock=clock, custom_fields=False)
    with serve({"salesforce": server.app}) as urls:
        yield Org(server, urls["salesforce"])


def create_field(sf: Org, name: str, **metadata: Any) -> httpx.Response:
    body = {"FullName": name, "Metadata": {"label": "Ours", **metadata}}
    return sf.http.post("/tooling/sobjects/CustomField", json=body)


def fields(sf: Org) -> dict[str, Any]:
    return {f["name"]: f for f in sf.http.get("/sobjects/Lead/describe").json()["fields"]}


def show(sf: Org, field: str, *, edit: bool = True) -> None:
    """What field-level security takes: a FieldPermissions record in a permission set of one's own."""
    [mine] = sf.query(f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{sf.org.user_id}'")[
        "records"
    ]
    grant = {"ParentId": mine["PermissionSetId"], "SobjectType": "Lead", "Field": field, "PermissionsRead": True}
    answer = sf.http.post("/sobjects/FieldPermissions", json={**grant, "PermissionsEdit": edit})
    assert answer.status_code == 201


def test_a_field_made_by_the_api_is_out_of_sight_until_a_permission_set_shows_it(bare: Org) -> None:
    made = create_field(bare, "Lead.Ours__c", type="Text", length=36, externalId=True, unique=True)
    assert (made.status_code, made.json()["id"][:3]) == (201, "00N")
    assert "Ours__c" not in fields(bare)
    assert bare.http.get("/query", params={"q": "SELECT Ours__c FROM Lead"}).json()[0]["errorCode"] == "INVALID_FIELD"
    show(bare, "Lead.Ours__c")
    ours = fields(bare)["Ours__c"]
    assert (ours["type"], ours["length"], ours["externalId"], ours["unique"]) == ("string", 36, True, True)
    created = bare.http.patch("/sobjects/Lead/Ours__c/x", json={"LastName": "A", "Company": "B"})
    assert created.status_code == 201
    assert bare.query("SELECT Ours__c FROM Lead WHERE Ours__c = 'X'")["records"][0]["Ours__c"] == "x"


def test_read_permission_alone_leaves_a_field_read_only(bare: Org) -> None:
    create_field(bare, "Lead.Ours__c", type="Text", length=36)
    show(bare, "Lead.Ours__c", edit=False)
    assert fields(bare)["Ours__c"]["updateable"] is False
    answer = bare.http.post("/sobjects/Lead", json={"LastName": "A", "Company": "B", "Ours__c": "x"})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"


def test_without_field_level_security_a_field_is_there_at_once_for_old_records_too(bare: Org) -> None:
    bare.org.switches.field_level_security = False
    lead = bare.lead()
    create_field(bare, "Lead.Flag__c", type="Checkbox", defaultValue=True)
    values = [{"fullName": v, "label": v.upper(), "default": False} for v in ("a", "b")]
    value_set = {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}}
    create_field(bare, "Lead.Pick__c", type="Picklist", valueSet=value_set)
    assert bare.row(lead)["Flag__c"] is True
    pick = fields(bare)["Pick__c"]
    assert ([v["value"] for v in pick["picklistValues"]], pick["restrictedPicklist"]) == (["a", "b"], True)


@pytest.mark.parametrize(
    ("name", "metadata", "code"),
    [
        ("Lead.Email__c__c", {"type": "Text", "length": 5}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.NoSuffix", {"type": "Text", "length": 5}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Nope.Ours__c", {"type": "Text", "length": 5}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Ours__c", {"type": "Text"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Ours__c", {"type": "Checkbox"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Ours__c", {"type": "LongTextArea", "length": 1000}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Ours__c", {"type": "Number", "precision": 5}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Ours__c", {"type": "Magic"}, "FIELD_INTEGRITY_EXCEPTION"),
        ("Lead.Smarketing_Id__c", {"type": "Text", "length": 36}, "DUPLICATE_DEVELOPER_NAME"),
    ],
)
def test_a_field_that_salesforce_would_not_create(sf: Org, name: str, metadata: dict[str, Any], code: str) -> None:
    answer = create_field(sf, name, **metadata)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)


def test_a_dropped_field_is_gone_between_two_queries(sf: Org) -> None:
    sf.lead(Smarketing_Score__c=5)
    field = sf.org.tables["Lead"].fields["Smarketing_Score__c"].id
    assert sf.query("SELECT Smarketing_Score__c FROM Lead")["totalSize"] == 1
    assert sf.http.delete(f"/tooling/sobjects/CustomField/{field}").status_code == 204
    answer = sf.http.get("/query", params={"q": "SELECT Smarketing_Score__c FROM Lead"})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD"


def test_smarketings_fields_are_there_or_not_as_the_world_is_made(sf: Org, bare: Org) -> None:
    ours = {f.name for f in SMARKETING}
    assert ours <= set(fields(sf))
    assert not ours & set(fields(bare))


def test_1400_people_become_leads_and_contacts_with_their_past(clock: Clock) -> None:
    world = make_world(3)
    server = Salesforce(clock=clock)
    assert server.seed(to_salesforce(person, clock.now()) for person in world.crm) == 1400
    leads, contacts = (query.run(server.org, f"SELECT Id FROM {kind}").total for kind in ("Lead", "Contact"))
    assert (leads + contacts, leads > 700, contacts > 300) == (1400, True, True)
    stamps = [row["SystemModstamp"] for row in server.org.tables["Lead"].by_stamp()]
    assert stamps == sorted(stamps)
    assert stamps[0] < clock.now().isoformat()[:10]
    lead = next(p for p in world.crm if p["kind"] == "lead" and p["email"].strip())
    _, row = server.find({"email": lead["email"].strip()}, only="Lead")
    assert row["LastName"] == lead["last_name"].strip()
    assert row["Email"] == lead["email"].strip().lower()


def test_the_demos_edits_are_ordinary_work_here(clock: Clock) -> None:
    world = make_world()
    server = Salesforce(clock=clock)
    server.seed(to_salesforce(person, clock.now()) for person in world.crm)
    for edit in demo_edits(world):
        if edit["system"] == "crm":
            assert server.edit({**edit, "fields": to_salesforce(edit["fields"])})
    assert query.run(server.org, "SELECT Id FROM Lead WHERE Email = 'mateo.quispe@altiplano-solar.example'").total == 1
    assert query.run(server.org, "SELECT Id FROM Lead WHERE IsConverted = true").total == 1


def test_the_whole_org_goes_to_a_file_and_back(sf: Org, tmp_path: Path, clock: Clock) -> None:
    kept, gone = sf.lead(Email="a@b.example", Smarketing_Id__c="s-1"), sf.lead()
    sf.server.edit({"do": "delete", "id": gone})
    sf.server.edit({"do": "convert", "id": kept})
    create_field(sf, "Lead.Ours__c", type="Text", length=36)
    sf.org.switches.duplicate_rule = True
    sf.server.save(tmp_path / "org.json")

    again = Salesforce(clock=clock)
    again.load(tmp_path / "org.json")
    assert again.org.dump() == sf.org.dump()
    assert json.loads((tmp_path / "org.json").read_bytes())["org_id"] == sf.org.id
    assert query.run(again.org, "SELECT Id FROM Lead WHERE Smarketing_Id__c = 'S-1'").total == 1
    assert again.org.new_id("00Q") == sf.org.new_id("00Q")


def test_edits_that_cannot_be_done_say_why(sf: Org) -> None:
    for edit, words in (
        ({"do": "set", "email": "no@body.example", "fields": {}}, "no lead or contact has the e-mail no@body.example"),
        ({"do": "set", "id": sf.lead(), "fields": {"Email": "x"}}, "INVALID_EMAIL_ADDRESS"),
        ({"do": "dance", "id": sf.lead()}, "no edit is called 'dance'"),
    ):
        with pytest.raises(ValueError, match=words):
            sf.server.edit(edit)


def test_any_version_of_the_api_answers_under_its_own_name(sf: Org) -> None:
    lead = sf.lead()
    for version in ("v59.0", "v64.0"):
        row = sf.http.get(f"{sf.url}/services/data/{version}/sobjects/Lead/{lead}").json()
        assert row["attributes"]["url"] == f"/services/data/{version}/sobjects/Lead/{lead}"
