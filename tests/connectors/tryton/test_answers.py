"""Answers that a healthy server does not give: made up, in the shapes of Tryton's own code."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import respx

from connectors.base import Write
from connectors.errors import ConnectorError, Invalid, Misconfigured, ProtocolChanged, Retry, Unauthorized, Unavailable
from connectors.http import Patience
from connectors.registry import connect
from connectors.tryton import Settings, Tryton

URL = "http://tryton.test/crm/rpc/"
SECRET = "pass-word-of-ours"
QUICK = Patience(attempts=3, total=3.0, first=0.01, longest=0.02)

Reply = Callable[[str, list[Any]], Any]
"""What a method answers: a result, an {"error": …}, a response, or an exception to raise."""

FIELDS = {
    "description": {"type": "char", "string": "Description"},
    "state": {"type": "selection", "string": "State", "readonly": True, "selection": [["lead", "Lead"]]},
}
PARTY = {"name": {"type": "char", "string": "Name"}}
LEARNED = {
    "sale.opportunity.fields_get": FIELDS,
    "party.party.fields_get": PARTY,
    "party.address.fields_get": {"city": {"type": "char", "string": "City"}},
    "sale.opportunity.default_get": {},
    "res.user.get_preferences": {"company": 1},
}
LEAD = {"id": 7, "state": "lead", "_timestamp": "1.5", "party.": None}


class Server:
    """Answers by method; what was asked is in `calls`."""

    def __init__(self) -> None:
        self.replies: dict[str, Any] = {"common.db.login": [1, "token-of-a-session", None], **LEARNED}
        self.calls: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        method = body["method"].removeprefix("model.")
        self.calls.append(method)
        reply = self.replies[method]
        if isinstance(reply, list) and reply and reply[0] == "one after the other":
            reply = reply.pop(1)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        failed = isinstance(reply, dict) and set(reply) == {"error"}
        return httpx.Response(200, json={"id": 1, **(reply if failed else {"result": reply})})


@pytest.fixture
def server() -> AsyncIterator[Server]:
    made = Server()
    with respx.mock(assert_all_called=False) as mock:
        mock.post(url__startswith="http://tryton.test/").mock(side_effect=made)
        yield made


@pytest.fixture
async def connector(server: Server) -> AsyncIterator[Tryton]:
    settings = Settings(base_url="http://tryton.test", database="crm", user="sync", password=SECRET)
    client = httpx.AsyncClient(auth=settings.credentials())
    made = Tryton("crm", settings, client=client, patience=QUICK)
    yield made
    await made.aclose()


async def describe(connector: Tryton, text: str = "new") -> Any:
    (result,) = await connector.write([Write("r", "update", {"description": text}, id="7")])
    return result


async def test_a_session_that_is_refused_again_after_a_new_sign_in_ends_the_run(
    server: Server, connector: Tryton
) -> None:
    server.replies["res.user.get_preferences"] = httpx.Response(401)
    with pytest.raises(Unauthorized):
        await connector.check()

    assert server.calls.count("common.db.login") == 2
    assert server.calls.count("res.user.get_preferences") == 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (httpx.Response(429), Unauthorized, "locked"),
        (httpx.Response(401), Unauthorized, "does not know user 'sync'"),
        (httpx.Response(404, text="<html>"), Misconfigured, "404"),
        (httpx.Response(405, text="<html>"), Misconfigured, "8.0"),
        (httpx.Response(502, text="<html>"), Unavailable, "502"),
        (httpx.Response(200, text="<html>Welcome</html>"), ProtocolChanged, "not JSON"),
        (httpx.Response(200, json={"id": 0, "result": None}), ProtocolChanged, "without a session"),
        ({"error": ["LoginException", ["sms", "Code sent to +49***", "char"]]}, Unauthorized, "more than a password"),
        ({"error": ["'res.user'", ""]}, Misconfigured, "database's name"),
    ],
    ids=str,
)
async def test_a_sign_in_that_fails_says_why(
    server: Server, connector: Tryton, answer: Any, error: type[ConnectorError], words: str
) -> None:
    server.replies["common.db.login"] = answer
    with pytest.raises(error) as caught:
        await connector.check()

    assert words in str(caught.value)
    assert SECRET not in f"{caught.value} {caught.value!r}"


async def test_without_the_module_party_relationship_a_relation_cannot_be_named(server: Server) -> None:
    """What the real server answered for a model that it does not have."""
    server.replies["party.category.search_read"] = [{"id": 1, "name": "Company"}]
    server.replies["party.relation.type.search_read"] = {"error": ["'party.relation.type'", ""]}
    settings = {"base_url": "http://tryton.test", "database": "crm", "user": "sync", "password": SECRET}
    named = {"company_category": "Company", "company_relation": "Employee of"}
    chosen = Settings.model_validate({**settings, **named})
    connector = Tryton("crm", chosen, client=httpx.AsyncClient(auth=chosen.credentials()), patience=QUICK)
    with pytest.raises(Misconfigured, match="Activate the module party_relationship"):
        await connector.schema()
    await connector.aclose()


async def test_no_refusal_repeats_the_sign_in(server: Server, connector: Tryton) -> None:
    server.replies["common.db.login"] = httpx.Response(429)
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await connector.check()

    assert server.calls == ["common.db.login"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (["UserError", ["The value is not valid.", "It is too long.", None]], "It is too long."),
        (["UserWarning", ["sale_7", "The customer has open invoices.", ""]], "open invoices"),
        (["could not convert string to float: 'x'", "Traceback (most recent call last):\n  File …"], "convert"),
        (["", ""], "Tryton failed"),
        ("unheard of", "without words"),
    ],
    ids=str,
)
async def test_a_business_error_comes_as_200_and_costs_its_record(
    server: Server, connector: Tryton, error: Any, words: str
) -> None:
    server.replies |= {"sale.opportunity.search_read": [LEAD], "sale.opportunity.write": {"error": error}}
    result = await describe(connector)

    assert isinstance(result.error, Invalid)
    assert words in str(result.error)
    assert "Traceback" not in str(result.error)


async def test_a_warning_asks_for_a_person(server: Server, connector: Tryton) -> None:
    warning = ["UserWarning", ["sale_7", "The customer has open invoices.", ""]]
    server.replies |= {"sale.opportunity.search_read": [LEAD], "sale.opportunity.write": {"error": warning}}

    assert "confirm" in str((await describe(connector)).error)


async def test_a_busy_database_is_not_the_record_s_fault(server: Server, connector: Tryton) -> None:
    server.replies |= {
        "sale.opportunity.search_read": [LEAD],
        "sale.opportunity.write": {"error": ["database is locked", ""]},
    }
    with pytest.raises(Retry, match="busy"):
        await describe(connector)


async def test_what_was_written_before_the_line_broke_is_unknown(server: Server, connector: Tryton) -> None:
    """The parties were made; the opportunities were never sent. Nobody may call that a failure without effect."""
    server.replies |= {
        "party.party.search_read": [],
        "party.party.create": [11],
        "sale.opportunity.create": httpx.ConnectError("no route to host"),
    }
    (result,) = await connector.write([Write("r", "create", {"name": "Ada"})])

    assert result.outcome == "unknown"


async def test_a_write_is_never_sent_twice(server: Server, connector: Tryton) -> None:
    server.replies |= {
        "sale.opportunity.search_read": [LEAD],
        "sale.opportunity.write": httpx.ReadTimeout("too slow"),
    }
    assert (await describe(connector)).outcome == "unknown"
    assert server.calls.count("sale.opportunity.write") == 1


async def test_reading_without_the_right_is_unauthorized(server: Server, connector: Tryton) -> None:
    refusal = {"error": ["UserError", ['You are not allowed to access "Sale Opportunity".', "", None]]}
    server.replies["party.party.search_read"] = server.replies["sale.opportunity.search_read"] = refusal
    with pytest.raises(Unauthorized, match="not allowed to access"):
        _ = [page async for page in connector.read(["description"])]


async def test_a_database_without_the_module_says_which_to_activate(server: Server, connector: Tryton) -> None:
    server.replies["ir.model.access.get_access"] = {"error": ["'sale.opportunity'", ""]}
    with pytest.raises(Misconfigured, match="sale_opportunity"):
        await connector.check()


@pytest.mark.parametrize(
    "rows",
    [
        [{"id": 7}],
        [{**LEAD, "last_modified_at": "yesterday", "description": "x"}],
        [{**LEAD, "last_modified_at": {"__class__": "datetime", "year": 2026}, "description": "x"}],
        {"not": "a list"},
        [None],
    ],
    ids=str,
)
async def test_rows_that_are_not_what_was_asked_for_end_the_run(server: Server, connector: Tryton, rows: Any) -> None:
    server.replies |= {"sale.opportunity.search_read": ["one after the other", [], rows, []]}
    server.replies |= {f"{model}.search_read": [] for model in ("party.party", "party.contact_mechanism")}
    server.replies["party.address.search_read"] = []
    with pytest.raises(ProtocolChanged):
        _ = [page async for page in connector.read(["description"])]


async def test_an_answer_with_neither_result_nor_error_ends_the_run(server: Server, connector: Tryton) -> None:
    server.replies["res.user.get_preferences"] = httpx.Response(200, json={"id": 1})
    with pytest.raises(ProtocolChanged):
        await connector.check()


def test_the_registry_makes_one_and_shows_no_password_in_what_is_wrong() -> None:
    settings = {"base_url": "https://tryton.example.com", "database": "crm", "user": "sync", "password": SECRET}
    assert isinstance(connect("crm", "tryton", settings), Tryton)
    assert SECRET not in repr(Settings(**settings))
    with pytest.raises(Misconfigured) as caught:
        connect("crm", "tryton", {**settings, "databse": "crm", "page_size": 0})
    assert "databse" in str(caught.value)
    assert "page_size" in str(caught.value)
    assert SECRET not in str(caught.value)
