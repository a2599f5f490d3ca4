"""The live schema, and the properties that we add to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.base import RemoteField
from connectors.errors import Misconfigured
from connectors.hubspot import HubSpot
from connectors.hubspot.properties import field_of
from tests.connectors.hubspot.conftest import Portal

ID = RemoteField("smarketing_id", "smarketing id", "string", unique=True)
SCORE = RemoteField("smarketing_score", "Score", "number")
SQL = RemoteField("smarketing_sql", "Sales qualified", "boolean")
REASON = RemoteField("smarketing_reason", "Reason", "picklist", options=(("no_budget", "No budget"), ("spam", "Spam")))
SINCE = RemoteField("smarketing_since", "Since", "datetime")
ALL = [ID, SCORE, SQL, REASON, SINCE]


async def test_the_schema_tells_types_options_and_what_may_be_written(connector: HubSpot) -> None:
    schema = {field.name: field for field in await connector.schema()}
    assert schema["lifecyclestage"].type == "picklist"
    assert schema["lifecyclestage"].options[:2] == (("subscriber", "Subscriber"), ("lead", "Lead"))
    assert schema["email"].unique
    assert not schema["firstname"].unique
    assert not schema["lastmodifieddate"].writable
    assert schema["lastmodifieddate"].type == "datetime"
    assert schema["hs_email_optout"].type == "boolean"


@pytest.mark.parametrize(
    ("definition", "type"),
    [
        ({"type": "string", "fieldType": "textarea"}, "text"),
        ({"type": "string", "fieldType": "html"}, "text"),
        ({"type": "phone_number", "fieldType": "phonenumber"}, "string"),
        ({"type": "enumeration", "fieldType": "checkbox"}, "multipicklist"),
        ({"type": "enumeration", "fieldType": "booleancheckbox"}, "boolean"),
        ({"type": "enumeration", "fieldType": "select", "referencedObjectType": "OWNER"}, "reference"),
        ({"type": "enumeration", "fieldType": "select", "externalOptions": True}, "reference"),
        ({"type": "of another age", "fieldType": "text"}, "string"),
    ],
)
def test_types(definition: dict[str, object], type: str) -> None:
    assert field_of({"name": "x", "label": "X", **definition}).type == type


def test_options_come_in_hubspots_order_and_calculated_properties_are_read_only() -> None:
    options = [{"value": v, "label": v.upper(), "displayOrder": n} for v, n in (("b", 2), ("a", 1), ("c", 3))]
    field = field_of(
        {"name": "x", "type": "enumeration", "fieldType": "select", "options": options, "calculated": True}
    )
    assert field.options == (("a", "A"), ("b", "B"), ("c", "C"))
    assert not field.writable


async def test_what_is_missing_is_created_once_in_a_group_of_our_own(hubspot: Portal, connector: HubSpot) -> None:
    assert await connector.provision(ALL) == [field.name for field in ALL]
    schema = {field.name: field for field in await connector.schema()}
    for wanted in ALL:
        got = schema[wanted.name]
        assert (got.type, got.unique, got.writable) == (wanted.type, wanted.unique, True)
    assert schema["smarketing_reason"].options == REASON.options
    assert hubspot.server.properties.all["smarketing_score"]["groupName"] == "smarketing"
    hubspot.forget_calls()
    assert await connector.provision(ALL) == []
    assert hubspot.calls("POST") == 0
    more = RemoteField("smarketing_more", "More", "text")
    assert await connector.provision([*ALL, more]) == ["smarketing_more"]


async def test_a_property_that_is_there_but_not_unique_cannot_be_made_so(hubspot: Portal, connector: HubSpot) -> None:
    await connector.provision([RemoteField("smarketing_id", "id", "string")])
    with pytest.raises(Misconfigured, match="smarketing_id") as caught:
        await connector.provision([ID])
    assert "archive it" in caught.value.hint


async def test_a_name_that_hubspot_does_not_take_is_said_before_anything_is_created(
    hubspot: Portal, connector: HubSpot
) -> None:
    with pytest.raises(Misconfigured, match="Lead Score"):
        await connector.provision([SCORE, RemoteField("Lead Score", "Lead Score", "number")])
    assert hubspot.calls("POST") == 0


async def test_without_the_scope_the_person_is_told_what_to_create(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(scopes=("crm.objects.contacts.read", "crm.schemas.contacts.read"))
    connector = hubspot.connector()
    with pytest.raises(Misconfigured) as caught:
        await connector.provision([ID, SCORE])
    assert "crm.schemas.contacts.write" in caught.value.hint
    assert "smarketing_id (unique string), smarketing_score (number)" in caught.value.hint
    await connector.aclose()
