"""The vendor's own clients run their ordinary calls against the sandbox: what they refuse, HubSpot would not send."""

from __future__ import annotations

import hubspot
import hubspot_sdk
import pytest
from hubspot.crm import companies, deals, owners
from hubspot.crm import contacts as crm
from hubspot.crm import properties as schema
from hubspot.crm.associations import v4
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


# The other objects


def test_api_client_makes_companies_and_deals_and_merges_companies(client: hubspot.Client, portal: HubSpot) -> None:
    basic = client.crm.companies.basic_api
    a, b = (
        basic.create(
            companies.SimplePublicObjectInputForCreate(properties={"name": n, "domain": "a.example"}, associations=[])
        )
        for n in ("A", "B")
    )
    found = client.crm.companies.search_api.do_search(
        companies.PublicObjectSearchRequest(
            filter_groups=[
                companies.FilterGroup(
                    filters=[companies.Filter(property_name="domain", operator="EQ", value="a.example")]
                )
            ],
            properties=["name"], sorts=["name"], limit=10, after="0",
        )
    )  # fmt: skip
    assert [c.id for c in found.results] == [a.id, b.id]
    merged = basic.merge(companies.PublicMergeInput(primary_object_id=a.id, object_id_to_merge=b.id))
    assert merged.properties["hs_merged_object_ids"] == f"{a.id};{b.id}"
    company = deals.PublicAssociationsForObject(
        to=deals.PublicObjectId(id=merged.id),
        types=[deals.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=5)],
    )
    deal = client.crm.deals.basic_api.create(
        deals.SimplePublicObjectInputForCreate(
            properties={"dealname": "D", "dealstage": "closedwon", "amount": "10"}, associations=[company]
        )
    )
    held = client.crm.deals.basic_api.get_by_id(
        deal.id, properties=["hs_is_closed_won", "hs_primary_associated_company"]
    )
    assert held.properties["hs_is_closed_won"] == "true"
    assert held.properties["hs_primary_associated_company"] == merged.id
    client.crm.deals.basic_api.archive(deal.id)
    assert not portal.deals.live


def test_api_client_reads_pipelines_and_owners(client: hubspot.Client, portal: HubSpot) -> None:
    pipelines = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert [p.label for p in pipelines] == ["Sales Pipeline", "Renewals"]
    assert pipelines[0].stages[0].metadata["isClosed"] == "false"
    made = portal.owners.add("a@b.example", "A", "B", created=1_700_000_000_000)
    portal.owners.add("c@b.example", "C", "D", created=1_700_000_000_000, archived=True)
    (owner,) = client.crm.owners.owners_api.get_page().results
    assert isinstance(owner, owners.PublicOwner)
    assert (owner.id, owner.email, owner.user_id) == (str(made.id), "a@b.example", made.user_id)
    (gone,) = client.crm.owners.owners_api.get_page(archived=True).results
    assert gone.archived
    assert len(client.crm.owners.get_all()) == 1


def test_api_client_associates(client: hubspot.Client, portal: HubSpot) -> None:
    api = client.crm.associations.v4
    person = client.crm.contacts.basic_api.create(new("a@b.example"))
    company = portal.companies.create({"name": "A"})
    spec = v4.AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=1)
    one, two = v4.PublicObjectId(id=person.id), v4.PublicObjectId(id=str(company.id))
    made = api.batch_api.create(
        "contacts",
        "companies",
        v4.BatchInputPublicAssociationMultiPost(
            inputs=[v4.PublicAssociationMultiPost(_from=one, to=two, types=[spec])]
        ),
    )
    assert made.results[0].labels == ["Primary"]
    asked = v4.BatchInputPublicFetchAssociationsBatchRequest(
        inputs=[v4.PublicFetchAssociationsBatchRequest(id=person.id)]
    )
    read = api.batch_api.get_page("contacts", "companies", asked)
    types = read.results[0].to[0].association_types
    assert {(t.type_id, t.label) for t in types} == {(1, "Primary"), (279, None)}
    assert len(api.basic_api.get_page("companies", str(company.id), "contacts").results) == 1
    ended = v4.BatchInputPublicAssociationMultiArchive(inputs=[v4.PublicAssociationMultiArchive(_from=one, to=[two])])
    api.batch_api.archive("contacts", "companies", ended)
    assert not portal.associations.of("contacts", "companies", int(person.id))


@pytest.mark.parametrize("name", ["calls", "emails", "meetings", "notes", "tasks"])
def test_api_client_logs_activities(client: hubspot.Client, portal: HubSpot, name: str) -> None:
    api = getattr(client.crm.objects, name)
    package = __import__(f"hubspot.crm.objects.{name}", fromlist=["x"])
    made = api.basic_api.create(
        package.SimplePublicObjectInputForCreate(properties={"hs_timestamp": "2026-03-01T10:00:00Z"}, associations=[])
    )
    assert made.properties["hs_timestamp"] == "2026-03-01T10:00:00.000Z"
    assert [one.id for one in api.basic_api.get_page().results] == [made.id]


def test_api_client_lists_forms(client: hubspot.Client, portal: HubSpot) -> None:
    made = portal.marketing.form("Price list", created=1_700_000_000_000)
    (form,) = client.marketing.forms.forms_api.get_page().results
    assert (form.id, form.name) == (made.id, "Price list")
