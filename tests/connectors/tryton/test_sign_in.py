"""Signing in, checking and describing, against a real Tryton."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from connectors.base import Key, RemoteField
from connectors.errors import Misconfigured, Unauthorized
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import Wire, new_email
from tests.real.tryton import PASSWORD, TrytonError, started
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]

LOGIN = "common.db.login"


def a_user(server: Server, *, groups: bool = False, company: bool = True) -> str:
    login = f"user-{uuid4().hex[:8]}"
    mine = server.model("res.user.search_read", [["login", "=", server.user]], 0, 1, None, ["groups"])[0]["groups"]
    values = {"name": login, "login": login, "password": PASSWORD, "groups": [["add", mine]] if groups else []}
    values |= {"companies": [["add", [1]]], "company": 1} if company else {"companies": [], "company": None}
    server.model("res.user.create", [values])
    return login


async def test_one_sign_in_serves_all_calls(connect: Callable[..., Tryton], wire: Wire) -> None:
    connector = connect(signs_in=True)
    account = await connector.check()
    await connector.schema()

    assert (account.id, account.name) == ("crm/1", "Our Company")
    said = "Tryton 8.0, database crm, as Sally Sales"
    assert account.detail == f"{said}; no companies (company_category is not set)"
    assert wire.calls.count(LOGIN) == 1


async def test_a_session_that_ended_is_renewed_once_and_the_call_repeated(
    tryton: Server, connect: Callable[..., Tryton], wire: Wire
) -> None:
    connector = connect(signs_in=True)
    await connector.check()
    replace(tryton, session=wire.authorization.removeprefix("Session ")).rpc("common.db.logout")
    wire.calls.clear()

    email = new_email()
    assert await connector.find([Key("email", email)], ["email"]) == [[]]
    assert wire.calls.count(LOGIN) == 1


async def test_basic_works_too(connect: Callable[..., Tryton], wire: Wire) -> None:
    account = await connect(signs_in=True, auth="basic").check()

    assert account.name == "Our Company"
    assert LOGIN not in wire.calls


@pytest.mark.parametrize("auth", ["session", "basic"])
async def test_a_wrong_password_is_tried_once(connect: Callable[..., Tryton], wire: Wire, auth: str) -> None:
    """Tryton counts: after five it refuses the right password as well."""
    connector = connect(signs_in=True, auth=auth, user=f"nobody-{uuid4().hex[:6]}", password="not-the-password")
    for _ in range(3):
        with pytest.raises(Unauthorized) as caught:
            await connector.check()
        assert "not-the-password" not in f"{caught.value!r} {caught.value}"

    assert len(wire.calls) == 1


async def test_a_user_who_is_locked_out_is_refused_with_the_right_password_and_not_tried_again(
    connect: Callable[..., Tryton], wire: Wire
) -> None:
    """Tryton's default is five; here one is enough."""
    with started(max_attempt=0) as strict:
        with pytest.raises(TrytonError, match="401"):
            strict.rpc("common.db.login", strict.user, {"password": "not-the-password"})
        connector = connect(strict, signs_in=True)
        for _ in range(2):
            with pytest.raises(Unauthorized, match="locked this user out"):
                await connector.check()

    assert wire.calls == [LOGIN]


@pytest.mark.parametrize(
    ("wrong", "words"), [({"database": "crn"}, "database"), ({"path": "/tryton"}, "base_url")], ids=str
)
async def test_an_address_that_is_not_tryton_s_is_misconfigured(
    tryton: Server, connect: Callable[..., Tryton], wrong: dict[str, str], words: str
) -> None:
    settings = {"base_url": tryton.base_url + wrong.pop("path", ""), **wrong}
    with pytest.raises(Misconfigured) as caught:
        await connect(signs_in=True, **settings).check()

    assert words in str(caught.value)


async def test_a_user_without_rights_learns_which_group_is_missing(
    tryton: Server, connect: Callable[..., Tryton]
) -> None:
    with pytest.raises(Unauthorized) as caught:
        await connect(signs_in=True, user=a_user(tryton)).check()

    assert "sale.opportunity" in str(caught.value)
    assert "group" in caught.value.hint


async def test_a_user_without_a_company_could_create_nothing(tryton: Server, connect: Callable[..., Tryton]) -> None:
    with pytest.raises(Misconfigured, match="company"):
        await connect(signs_in=True, user=a_user(tryton, groups=True, company=False)).check()


async def test_a_user_without_an_employee_hears_what_will_not_work(
    tryton: Server, connect: Callable[..., Tryton]
) -> None:
    account = await connect(signs_in=True, user=a_user(tryton, groups=True)).check()

    assert "employee" in account.detail


async def test_the_schema_has_the_fields_of_both_halves_and_the_states(connector: Tryton) -> None:
    schema = {field.name: field for field in await connector.schema()}

    assert schema["state"].type == "picklist"
    assert [value for value, _ in schema["state"].options] == [
        "lead",
        "opportunity",
        "converted",
        "won",
        "lost",
        "cancelled",
    ]
    assert schema["state"].writable
    assert not schema["number"].writable
    assert (schema["conversion_probability"].type, schema["end_date"].type) == ("number", "date")
    assert {"smarketing_id", "name", "email", "phone", "street", "country", "company_name", "party.code"} <= set(schema)
    assert not any(field.required for field in schema.values())  # Tryton fills in what it must have
    assert not {"party", "company", "lines", "party.contact_mechanisms"} & set(schema)


async def test_there_is_no_score_field_and_none_can_be_made(connector: Tryton) -> None:
    assert await connector.provision([RemoteField("conversion_probability", "Score", "number")]) == []
    with pytest.raises(Misconfigured) as caught:
        await connector.provision([RemoteField("lead_score", "Score", "number")])

    assert "lead_score" in caught.value.message
    assert "conversion_probability" in caught.value.hint
