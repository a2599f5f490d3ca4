"""Signing in, checking, the schema, and creating fields."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError

from connectors.base import RemoteField
from connectors.errors import Misconfigured, Unauthorized
from connectors.registry import connect
from connectors.salesforce import Settings
from connectors.salesforce.settings import _audience
from sandbox.salesforce.server import Salesforce as Vendor
from sandbox.salesforce.sessions import Credentials
from sandbox.serve import serve
from tests.connectors.salesforce.conftest import World, overruled, pages_of

ID = "sandbox-consumer-key"
KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
SECRETS = ("sandbox-consumer-secret", "sandbox-refresh-token", "sandbox-access-token", PRIVATE)


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": ID, "client_secret": "sandbox-consumer-secret"},
        {"client_id": ID, "client_secret": "sandbox-consumer-secret", "refresh_token": "sandbox-refresh-token"},
        {"client_id": ID, "refresh_token": "sandbox-refresh-token"},
        {"client_id": ID, "username": "integration@acme.example.sandbox", "private_key": PRIVATE},
        {"access_token": "sandbox-access-token"},
    ],
    ids=["client credentials", "refresh token", "refresh token of a public app", "jwt bearer", "access token"],
)
async def test_every_way_to_sign_in(settings: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = Vendor(Credentials(access_token="sandbox-access-token", public_key=PUBLIC))
    with serve({"salesforce": vendor.app}) as urls:
        url = urls["salesforce"]
        where = {"instance_url": url} if "access_token" in settings else {"login_url": url}
        sf = connect("crm", "salesforce", {**where, **settings})
        account = await sf.check()
        await sf.aclose()
    assert account.name == "Acme"
    assert account.id.startswith("00D")
    assert "integration@acme.example.sandbox" in account.detail
    assert "API calls left" in account.detail
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_instance_url_of_the_token_answer_is_overruled_by_the_settings(world: World) -> None:
    """Behind a proxy, or on this machine, the address that the org believes to have may not be reachable."""

    def elsewhere(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/token"):
            assert request.url.host == "127.0.0.1"
            return None
        token = world.vendor.sessions.open()
        return httpx.Response(200, json={"access_token": token, "instance_url": "https://acme.my.salesforce.com"})

    world.leads(1)
    assert (await pages_of(overruled(world, elsewhere, instance_url=world.url)))[-1].complete


async def test_a_session_that_ended_is_renewed_once_and_the_call_repeated(world: World) -> None:
    sf = world.connector()
    await sf.check()
    world.vendor.sessions.end()
    assert (await sf.check()).name == "Acme"
    assert world.calls("/oauth2/token") == 2


async def test_jwt_audience_is_the_login_server_whatever_my_domain_is() -> None:
    assert _audience("https://acme.my.salesforce.com") == "https://login.salesforce.com"
    assert _audience("https://test.salesforce.com") == "https://test.salesforce.com"
    assert _audience("https://acme--uat.sandbox.my.salesforce.com") == "https://test.salesforce.com"


async def test_jwt_assertion_names_app_user_and_audience(world: World) -> None:
    seen: list[dict[str, Any]] = []

    def note(request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/token"):
            return None
        form = dict(part.split("=") for part in request.content.decode().split("&"))
        body = form["assertion"].split(".")[1]
        seen.append(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        return httpx.Response(200, json={"access_token": world.vendor.sessions.open(), "instance_url": world.url})

    sf = overruled(world, note, username="roe@acme.example", private_key=PRIVATE, client_secret=None)
    await sf.check()
    assert {name: seen[0][name] for name in ("iss", "sub", "aud")} == {
        "iss": ID,
        "sub": "roe@acme.example",
        "aud": "https://login.salesforce.com",
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "client_id"),
        ({"access_token": "t"}, "instance_url"),
        ({"client_id": "x"}, "client_secret, refresh_token or private_key"),
        ({"client_id": "x", "private_key": "k"}, "username"),
        ({"client_id": "x", "client_secret": "y"}, "My Domain"),
        ({"client_id": "x", "client_secret": "y", "login_url": "https://a.my.salesforce.com/path"}, "login_url"),
        ({"client_id": "x", "refresh_token": "y", "api_version": "v62"}, "api_version"),
        ({"client_id": "x", "refresh_token": "y", "colour": "red"}, "colour"),
    ],
)
def test_settings_that_do_not_fit_say_what_is_missing(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        Settings(**settings)
    assert "input_value='y'" not in str(caught.value)


def test_settings_show_no_secret() -> None:
    settings = Settings(client_id="x", refresh_token="hush-hush", client_secret="more-hush", private_key=None)
    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()


async def test_wrong_credentials_are_for_a_person_to_correct(world: World) -> None:
    with pytest.raises(Unauthorized) as caught:
        await world.connector(client_secret="not-the-secret-at-all").check()
    assert "not-the-secret-at-all" not in str(caught.value)
    assert caught.value.hint


async def test_check_tells_of_an_org_without_access_to_leads(world: World) -> None:
    def hidden(request: httpx.Request) -> httpx.Response | None:
        refusal = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        return httpx.Response(404, json=refusal) if request.url.path.endswith("/describe") else None

    with pytest.raises(Misconfigured, match="describe"):
        await overruled(world, hidden).check()


async def test_schema_has_custom_fields_and_picklist_options(world: World) -> None:
    fields = {field.name: field for field in await world.connector().schema()}
    assert fields["Smarketing_Id__c"].unique
    assert ("Working - Contacted", "Working - Contacted") in fields["Status"].options
    assert fields["LastName"].required
    assert fields["Company"].writable
    assert not fields["Name"].writable
    assert fields["Description"].type == "text"
    assert fields["NumberOfEmployees"].type == "number"
    assert "MailingStreet" not in fields


WANTED = [
    RemoteField("Fresh_Id__c", "Our id", "string", unique=True, max_length=36),
    RemoteField("Fresh_Score__c", "Score", "number"),
    RemoteField("Fresh_Why__c", "Why", "text"),
    RemoteField("Fresh_Sql__c", "Sales qualified", "boolean"),
    RemoteField("Fresh_Day__c", "Day", "date"),
    RemoteField("Fresh_Time__c", "Time", "datetime"),
    RemoteField("Fresh_Stage__c", "Stage", "picklist", options=(("lead", "Lead"), ("mql", "MQL"))),
    RemoteField("Fresh_Tags__c", "Tags", "multipicklist", options=(("a", "A"), ("b", "B"))),
]


async def test_provision_creates_fields_on_both_objects_and_makes_them_visible(world: World) -> None:
    sf = world.connector()
    assert await sf.provision([*WANTED, RemoteField("Email", "Email", "string")]) == [each.name for each in WANTED]
    fields = {field.name: field for field in await sf.schema()}
    for each in WANTED:
        assert fields[each.name].type == each.type
        assert fields[each.name].writable
        assert "only" not in fields[each.name].label
    assert fields["Fresh_Id__c"].unique
    assert fields["Fresh_Stage__c"].options[1][0] == "mql"
    world.forget_calls()
    assert await sf.provision(WANTED) == []
    assert not world.calls("POST")


async def test_provision_completes_what_is_on_one_object(world: World) -> None:
    from sandbox.salesforce.schema import number

    world.org.add_field(world.org.tables["Lead"], number("Fit__c", 5))
    assert await world.connector().provision([RemoteField("Fit__c", "Fit", "number")]) == ["Fit__c"]
    assert "Fit__c" in world.org.tables["Contact"].fields


async def test_provision_without_permission_says_what_to_create_by_hand(world: World) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        refusal = [{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights"}]
        return httpx.Response(403, json=refusal) if "/tooling/" in request.url.path else None

    with pytest.raises(Misconfigured) as caught:
        await overruled(world, refuse).provision(WANTED)
    for part in ("Fresh_Id__c: Text, External ID", "values lead, mql", "Object Manager", "insufficient access rights"):
        assert part in caught.value.message


async def test_provision_field_level_security_that_cannot_be_set_is_told(world: World) -> None:
    """The field is there, and nobody can see it."""

    def refuse(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and request.url.path.endswith("/composite/sobjects"):
            return httpx.Response(403, json=[{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}])
        return None

    with pytest.raises(Misconfigured, match="may not see") as caught:
        await overruled(world, refuse).provision(WANTED[:1])
    assert "Fresh_Id__c" in world.org.tables["Lead"].fields
    assert "Fresh_Id__c" in caught.value.message
    # Said again, and not created twice, until somebody gives access.
    with pytest.raises(Misconfigured, match="may not see"):
        await overruled(world, refuse).provision(WANTED[:1])


async def test_provision_of_a_name_that_salesforce_would_not_take(world: World) -> None:
    with pytest.raises(Misconfigured, match="cannot create"):
        await world.connector().provision([RemoteField("lifecycle", "Stage", "string")])
