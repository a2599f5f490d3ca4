"""Employees (module company)."""

from __future__ import annotations

from uuid import uuid4

import pytest

from connectors.base import Key, Write
from connectors.errors import Invalid
from connectors.tryton import Tryton
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]

FIELDS = ["name", "email", "login", "active", "end_date"]


async def test_an_owner_is_an_employee_with_the_email_of_the_user(connector: Tryton, tryton: Server) -> None:
    lead, _ = tryton.lead("Ada")
    employee = tryton.one("sale.opportunity", lead, "employee")["employee"]
    owners = connector.of("owner")

    pages = [page async for page in owners.read(FIELDS)]

    found = {record.id: record.fields for page in pages for record in page.records}
    assert pages[-1].complete
    assert found[str(employee)] == {
        "name": "Sally Sales", "email": "admin@example.com", "login": "admin", "active": True, "end_date": None,
    }  # fmt: skip


async def test_an_employee_s_own_email_goes_before_the_user_s_and_finds_whatever_its_case(
    connector: Tryton, tryton: Server
) -> None:
    email = f"{uuid4().hex[:8]}@Example.com"
    employee = tryton.employee("Carl")
    party = tryton.one("company.employee", employee, "party")["party"]
    tryton.model("party.contact_mechanism.create", [{"party": party, "type": "email", "value": email}])

    found = await connector.of("owner").find([Key("email", email.lower()), Key("email", "x@example.com")], ["email"])

    assert [[(r.id, r.fields["email"]) for r in one] for one in found] == [[(str(employee), email)], []]


async def test_an_employee_who_left_is_a_record_that_is_not_active(connector: Tryton, tryton: Server) -> None:
    last_day = {"__class__": "date", "year": 2020, "month": 1, "day": 31}
    employee = tryton.employee("Gone", end_date=last_day)

    ((found,),) = await connector.of("owner").find([Key("id", str(employee))], FIELDS)

    assert (found.fields["active"], found.fields["end_date"], found.deleted) == (False, "2020-01-31", False)


async def test_owners_are_not_written(connector: Tryton) -> None:
    owners = connector.of("owner")
    results = [
        *await owners.write([Write("r", "update", {"name": "Other"}, id="1")]),
        *await owners.archive(["1"]),
        *await owners.erase(["1"]),
    ]
    assert all(isinstance(result.error, Invalid) for result in results)
    can = owners.can
    assert (can.create, can.update, can.archive, can.erase) == (False,) * 4
