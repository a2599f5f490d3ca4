"""The vendor's own clients run their ordinary calls against the sandbox: what they refuse, HubSpot would not send."""

from __future__ import annotations

import hubspot
import hubspot_sdk
import pytest
from hubspot.crm import contacts as crm
from hubspot.crm import properties as schema
from hubspot.crm.contacts.exceptions import ApiException

from sandbox.hubspot import HubSpot


@pytest.fixture
def client(portal_url: str) -> hubspot.Client:
    return hubspot.Client.create(access_token="sandbox-token", host=portal_url)


@pytest.fixture
def sdk(portal_url: str) -> hubspot_sdk.HubSpot:
    return hubspot_sdk.HubSpot(access_token="sandbox-token", base_url=portal_url, max_retries=0)


def new(email: str, **values: str) -> crm.SimplePublicObjectInputForCreate:
    return crm.SimplePublicObjectInputForCreate(properties={"email": email, **values}, associations=[])


def test_api_client_creates_reads_updates_archives(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.contacts.basic_api
    made = api.create(new("Ada@Example.com", firstname="Ada"))
    assert made.properties["email"] == "ada@example.com"
    assert made.created_at is not None
    assert made.archived is False
    read = api.get_by_id(made.id, properties=["firstname", "phone"])
    assert read.properties["firstname"] == "Ada"
    assert read.properties["phone"] is None
    assert api.get_by_id("ada@example.com", id_property="email").id == made.id
    changed = api.update(made.id, crm.SimplePublicObjectInput(properties={"phone": "+33 1 23"}))
    assert changed.properties["phone"] == "+33 1 23"
    assert changed.updated_at >= made.updated_at
    api.archive(made.id)
    with pytest.raises(ApiException) as gone:
        api.get_by_id(made.id)
    assert gone.value.status == 404
    archived = api.get_by_id(made.id, archived=True)
    assert archived.archived is True
    assert archived.archived_at is not None
    assert [c.id for c in api.get_page(archived=True).results] == [made.id]


def test_api_client_pages_through_all(client: hubspot.Client, portal: HubSpot) -> None:
    portal.seed({"email": f"p{n}@example.com", "lastname": "P"} for n in range(250))
    everyone = client.crm.contacts.get_all(properties=["email"])
    assert [c.properties["email"] for c in everyone] == [f"p{n}@example.com" for n in range(250)]
    assert portal.requests.count("GET /crm/v3/objects/contacts$") == 3
    page = client.crm.contacts.basic_api.get_page(limit=100)
    assert len(page.results) == 100
    assert page.paging.next.after == page.results[-1].id


def test_api_client_batches(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.contacts.batch_api
    made = api.create(
        crm.BatchInputSimplePublicObjectBatchInputForCreate(
            inputs=[
                crm.SimplePublicObjectBatchInputForCreate(properties={"email": f"b{n}@example.com"}, associations=[])
                for n in range(3)
            ]
        )
    )
    assert made.status == "COMPLETE"
    ids = {c.properties["email"]: c.id for c in made.results}
    read = api.read(
        crm.BatchReadInputSimplePublicObjectId(
            inputs=[crm.SimplePublicObjectId(id=email) for email in ids],
            id_property="email",
            properties=["email"],
            properties_with_history=[],
        )
    )
    assert {c.id for c in read.results} == set(ids.values())
    updated = api.update(
        crm.BatchInputSimplePublicObjectBatchInput(
            inputs=[crm.SimplePublicObjectBatchInput(id=id_, properties={"city": "Pau"}) for id_ in ids.values()]
        )
    )
    assert {c.properties["city"] for c in updated.results} == {"Pau"}
    upserted = api.upsert(
        crm.BatchInputSimplePublicObjectBatchInputUpsert(
            inputs=[
                crm.SimplePublicObjectBatchInputUpsert(id=email, id_property="email", properties={"city": "Dax"})
                for email in ("b0@example.com", "fresh@example.com")
            ]
        )
    )
    assert {c.properties["email"]: c.new for c in upserted.results} == {
        "b0@example.com": False,
        "fresh@example.com": True,
    }
    api.archive(crm.BatchInputSimplePublicObjectId(inputs=[crm.SimplePublicObjectId(id=id_) for id_ in ids.values()]))
    assert portal.summary()["contacts"] == 1


def test_api_client_searches(client: hubspot.Client, portal: HubSpot) -> None:
    portal.seed({"email": f"s{n}@example.com", "city": "Lyon" if n % 2 else "Nice"} for n in range(30))
    found = client.crm.contacts.search_api.do_search(
        crm.PublicObjectSearchRequest(
            filter_groups=[
                crm.FilterGroup(filters=[crm.Filter(property_name="city", operator="EQ", value="lyon")]),
            ],
            sorts=["-hs_object_id"],
            properties=["city", "email"],
            limit=10,
            after="0",
        )
    )
    assert found.total == 15
    assert [c.properties["email"] for c in found.results][:2] == ["s29@example.com", "s27@example.com"]
    assert found.paging.next.after == "10"


def test_api_client_merges_into_a_new_id(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.contacts.basic_api
    one, two = (api.create(new(f"m{n}@example.com", phone=f"{n}", city="Metz" if n else "")) for n in (0, 1))
    merged = api.merge(crm.PublicMergeInput(primary_object_id=one.id, object_id_to_merge=two.id))
    assert merged.id not in (one.id, two.id)
    assert merged.properties["hs_merged_object_ids"] == f"{one.id};{two.id}"
    assert api.get_by_id(two.id, properties=["phone", "city"]).id == merged.id
    assert (merged.properties["phone"], merged.properties["city"]) == ("0", "Metz")
    assert api.get_by_id("m1@example.com", id_property="email").id == merged.id


def test_api_client_erases(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.contacts.basic_api
    made = api.create(new("erase@example.com"))
    api.purge(crm.PublicGdprDeleteInput(object_id=made.id))
    assert portal.summary()["contacts"] == portal.summary()["archived"] == 0


def test_api_client_makes_properties(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.properties.core_api
    names = {prop.name for prop in api.get_all("contacts").results}
    assert {"email", "lifecyclestage", "hs_object_id"} <= names
    wanted = schema.PropertyCreate(
        name="smarketing_id",
        label="smarketing id",
        type="string",
        field_type="text",
        group_name="contactinformation",
        has_unique_value=True,
    )
    assert api.create("contacts", wanted).has_unique_value is True
    with pytest.raises(schema.ApiException) as again:
        api.create("contacts", wanted)
    assert again.value.status == 409
    stage = api.get_by_name("contacts", "lifecyclestage")
    assert [option.value for option in stage.options][:3] == ["subscriber", "lead", "marketingqualifiedlead"]
    assert {g.name for g in client.crm.properties.groups_api.get_all("contacts").results} >= {"contactinformation"}


def test_api_client_refreshes_its_token(client: hubspot.Client, portal: HubSpot, portal_url: str) -> None:
    got = client.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        refresh_token="sandbox-refresh",
    )
    assert got.expires_in == 1800
    fresh = hubspot.Client.create(access_token=got.access_token, host=portal_url)
    assert fresh.crm.contacts.basic_api.get_page().results == []
    assert client.oauth.access_tokens_api.get(got.access_token).hub_id == 62515
    portal.clock.advance(1801)
    with pytest.raises(ApiException) as late:
        fresh.crm.contacts.basic_api.get_page()
    assert late.value.status == 401
    assert "EXPIRED_AUTHENTICATION" in late.value.body


def test_api_client_reads_errors(client: hubspot.Client) -> None:
    api = client.crm.contacts.basic_api
    made = api.create(new("dup@example.com"))
    with pytest.raises(ApiException) as twice:
        api.create(new("DUP@example.com "))
    assert twice.value.status == 409
    assert f"Contact already exists. Existing ID: {made.id}" in twice.value.body
    with pytest.raises(ApiException) as wrong:
        hubspot.Client.create(access_token="nobody", host=client.config["host"]).crm.contacts.basic_api.get_page()
    assert wrong.value.status == 401


def test_sdk_runs_its_ordinary_calls(sdk: hubspot_sdk.HubSpot, portal: HubSpot) -> None:
    contacts = sdk.crm.objects.contacts
    made = contacts.create(properties={"email": "sdk@example.com", "firstname": "Sdk"}, associations=[])
    assert contacts.get(made.id, properties=["email", "firstname"]).properties["firstname"] == "Sdk"
    assert contacts.update(made.id, properties={"city": "Brest"}).properties["city"] == "Brest"
    portal.seed({"email": f"k{n}@example.com"} for n in range(120))
    assert len(list(contacts.list(limit=50))) == 121
    found = contacts.search(
        filter_groups=[{"filters": [{"propertyName": "email", "operator": "EQ", "value": "sdk@example.com"}]}],
        properties=["email"],
        sorts=[],
        limit=5,
        after="0",
        query="",
    )
    assert [c.id for c in found.results] == [made.id]
    batch = contacts.batch.upsert(
        inputs=[{"id": "sdk@example.com", "idProperty": "email", "properties": {"city": "Quimper"}}]
    )
    assert batch.results[0].new is False
    read = contacts.batch.get(inputs=[{"id": made.id}], properties=["city"], properties_with_history=[], archived=False)
    assert read.results[0].properties["city"] == "Quimper"
    sdk.communication_preferences.statuses.batch.unsubscribe_all(channel="EMAIL", inputs=["sdk@example.com"])
    assert portal.by_email("sdk@example.com").values["hs_email_optout"] == "true"
    assert sdk.crm.properties.get("email", object_type="contacts").type == "string"
    contacts.delete(made.id)
    with pytest.raises(hubspot_sdk.NotFoundError):
        contacts.get(made.id)
