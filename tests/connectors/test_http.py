"""Calls to a vendor: what is tried again, what is not, and what the caller hears in the end."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from connectors.auth import Bearer
from connectors.dialect import BY_STATUS
from connectors.errors import (
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    Misconfigured,
    ProtocolChanged,
    RateLimited,
    Reject,
    Retry,
    Stop,
    Unauthorized,
    Unavailable,
)
from connectors.http import Dialect, Http, Patience, Refusal, open_client
from connectors.limits import RateLimits, Seen, Window
from connectors.scrub import scrub

URL = "https://api.vendor.test"
SECRET = "s3cret-token-of-ours"
OK = httpx.Response(200, json={"results": []})


class Time:
    """A clock that sleeping moves; remembers the sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def vendor() -> AsyncIterator[respx.MockRouter]:
    with respx.mock(base_url=URL) as router:
        yield router


@pytest.fixture
async def http(time: Time) -> AsyncIterator[Http]:
    made = make(time)
    yield made
    await made.aclose()


def make(time: Time, dialect: Dialect | None = None, **more: Any) -> Http:
    client = open_client(URL, Bearer(SecretStr(SECRET)))
    return Http(client, dialect or Dialect("Vendor"), sleep=time.sleep, clock=time, **more)


# Again, or not again

BEFORE_IT_WAS_SENT = [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")]
PERHAPS_AFTER = [
    httpx.ReadTimeout("x"),
    httpx.ReadError("x"),
    httpx.WriteError("x"),
    httpx.RemoteProtocolError("x"),
    httpx.Response(500),
    httpx.Response(502, html="<html>Bad gateway</html>"),
    httpx.Response(200, content=b'{"results": [{"id'),
]


@pytest.mark.parametrize("failure", [*BEFORE_IT_WAS_SENT, *PERHAPS_AFTER, httpx.Response(429)], ids=repr)
async def test_a_repeatable_call_is_repeated(vendor: respx.MockRouter, http: Http, failure: Any) -> None:
    vendor.post("/x").mock(side_effect=[failure, failure, OK])
    assert (await http.request("POST", "/x", json={}, idempotent=True)).json == {"results": []}
    assert http.calls == 3


@pytest.mark.parametrize("failure", [*BEFORE_IT_WAS_SENT, httpx.Response(429)], ids=repr)
async def test_a_call_that_did_nothing_is_repeated_even_where_twice_would_do_harm(
    vendor: respx.MockRouter, http: Http, failure: Any
) -> None:
    vendor.post("/x").mock(side_effect=[failure, OK])
    await http.request("POST", "/x", json={})
    assert http.calls == 2


@pytest.mark.parametrize("failure", PERHAPS_AFTER, ids=repr)
async def test_a_call_that_may_have_been_carried_out_is_not_repeated(
    vendor: respx.MockRouter, http: Http, failure: Any
) -> None:
    vendor.post("/x").mock(side_effect=[failure, OK])
    with pytest.raises(Unavailable) as caught:
        await http.request("POST", "/x", json={})
    assert caught.value.sent
    assert http.calls == 1


async def test_a_call_that_was_never_sent_says_so(vendor: respx.MockRouter, http: Http) -> None:
    vendor.post("/x").mock(side_effect=httpx.ConnectError("x"))
    with pytest.raises(Unavailable) as caught:
        await http.request("POST", "/x", json={})
    assert not caught.value.sent


# Patience


async def test_patience_ends_by_number(vendor: respx.MockRouter, time: Time) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(503))
    http = make(time, patience=Patience(attempts=4))
    with pytest.raises(Unavailable):
        await http.request("GET", "/x")
    assert http.calls == 4


async def test_patience_ends_by_time(vendor: respx.MockRouter, time: Time) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(503, headers={"retry-after": "20"}))
    http = make(time, patience=Patience(attempts=100, total=50.0))
    with pytest.raises(Unavailable):
        await http.request("GET", "/x")
    assert time.now - 1000 <= 50


async def test_waits_grow_and_are_not_all_alike(vendor: respx.MockRouter, time: Time) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(503))
    http = make(time, patience=Patience(attempts=8, total=1000, first=1.0, longest=8.0))
    with pytest.raises(Unavailable):
        await http.request("GET", "/x")
    assert len(set(time.slept)) == 7
    assert all(0 <= slept <= min(8.0, 2.0**n) for n, slept in enumerate(time.slept))


async def test_retry_after_is_waited_for(vendor: respx.MockRouter, http: Http, time: Time) -> None:
    vendor.get("/x").mock(side_effect=[httpx.Response(429, headers={"Retry-After": "7"}), OK])
    await http.request("GET", "/x")
    assert sum(time.slept) >= 7


async def test_retry_after_may_be_a_date(vendor: respx.MockRouter, http: Http, time: Time) -> None:
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    vendor.get("/x").mock(side_effect=[httpx.Response(429, headers={"Retry-After": when}), OK])
    await http.request("GET", "/x")
    assert 7 <= sum(time.slept) <= 20


async def test_a_vendor_that_asks_for_more_than_our_patience_is_told_on_at_once(
    vendor: respx.MockRouter, http: Http, time: Time
) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(429, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        await http.request("GET", "/x")
    assert caught.value.retry_after == 3600
    assert time.slept == []


async def test_after_a_429_the_other_calls_wait_as_well(vendor: respx.MockRouter, time: Time) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(429, headers={"Retry-After": "5"}))
    vendor.get("/y").mock(return_value=OK)
    limits = RateLimits({"default": [Window(100, 10)]}, clock=time, sleep=time.sleep)
    http = make(time, limits=limits, patience=Patience(attempts=1))
    with pytest.raises(RateLimited):
        await http.request("GET", "/x")
    await http.request("GET", "/y")
    assert time.now >= 1005


# What an answer means


@pytest.mark.parametrize("status", [*BY_STATUS, 301, 405, 418, 500, 503, 599])
async def test_every_status_becomes_an_error_of_ours_with_the_vendors_words(
    vendor: respx.MockRouter, time: Time, status: int
) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(status, json={"message": "the vendor's words"}))
    http = make(time, patience=Patience(attempts=1))
    with pytest.raises(ConnectorError, match="the vendor's words") as caught:
        await http.request("GET", "/x", params={"token": SECRET})
    assert isinstance(caught.value, Retry | Stop), "a read has no record to blame"
    assert "GET /x" in caught.value.message
    assert "?" not in caught.value.message


@pytest.mark.parametrize(("status", "error"), [(400, Invalid), (404, Gone), (409, Duplicate), (422, Invalid)])
async def test_a_write_hears_which_record_is_to_blame(
    vendor: respx.MockRouter, http: Http, status: int, error: type[Reject]
) -> None:
    vendor.post("/x").mock(return_value=httpx.Response(status, json=[{"message": "no"}]))
    with pytest.raises(error):
        await http.request("POST", "/x", json={}, rejects=True)
    with pytest.raises(Misconfigured):
        await http.request("POST", "/x", json={})


async def test_a_status_may_be_an_answer(vendor: respx.MockRouter, http: Http) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(404, json={"nothing": True}))
    answer = await http.request("GET", "/x", accept=(404,), expect=("results",))
    assert (answer.status, answer.json) == (404, {"nothing": True})


async def test_a_dialect_knows_better_than_the_status(vendor: respx.MockRouter, time: Time) -> None:
    def classify(refusal: Refusal) -> ConnectorError | None:
        return RateLimited("locked") if refusal.json["code"] == "ROW_LOCK" else None

    vendor.post("/x").mock(side_effect=[httpx.Response(400, json={"code": "ROW_LOCK"}), OK])
    http = make(time, Dialect("Vendor", classify=classify))
    await http.request("POST", "/x", json={})
    assert http.calls == 2


@pytest.mark.parametrize(
    ("body", "expect"),
    [(b"[]", dict), (b"{}", list), (b"{}", ("results",)), (b'"text"', ("results",)), (b"null", dict)],
)
async def test_an_answer_of_another_shape_stops_the_run(
    vendor: respx.MockRouter, http: Http, body: bytes, expect: Any
) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(200, content=body))
    with pytest.raises(ProtocolChanged):
        await http.request("GET", "/x", expect=expect)


async def test_a_page_of_html_is_tried_again_and_then_stops_the_run(vendor: respx.MockRouter, http: Http) -> None:
    page = httpx.Response(200, html="<html>Please sign in to the hotel's network</html>")
    vendor.get("/x").mock(side_effect=[page, OK])
    await http.request("GET", "/x")
    vendor.get("/x").mock(return_value=page)
    with pytest.raises(ProtocolChanged) as caught:
        await http.request("GET", "/x")
    assert "hotel" not in str(caught.value)
    assert http.calls == 2 + Patience().unreadable


async def test_a_body_that_is_always_cut_off_is_the_networks_fault(vendor: respx.MockRouter, http: Http) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(200, content=b'{"results": ['))
    with pytest.raises(Unavailable):
        await http.request("GET", "/x")


async def test_bytes_and_nothing_are_answers_where_they_are_expected(vendor: respx.MockRouter, http: Http) -> None:
    vendor.get("/csv").mock(return_value=httpx.Response(200, content=b"a,b\n1,2\n"))
    vendor.delete("/x").mock(return_value=httpx.Response(204))
    assert (await http.request("GET", "/csv", expect=bytes)).content == b"a,b\n1,2\n"
    assert (await http.request("DELETE", "/x", expect=None)).json is None


# Limits and budget


async def test_headers_correct_the_limits_and_tell_the_days_allowance(vendor: respx.MockRouter, time: Time) -> None:
    def seen(headers: Mapping[str, str]) -> Mapping[str, Seen]:
        return {"default": Seen(Window(2, 10.0), int(headers["left"]))} if "left" in headers else {}

    dialect = Dialect("Vendor", seen=seen, allowance=lambda h: (40, 100) if "left" in h else None)
    vendor.get("/x").mock(
        side_effect=[httpx.Response(200, json={}, headers={"left": "0"}), httpx.Response(200, json={})]
    )
    http = make(time, dialect)
    assert http.budget().used is None
    await http.request("GET", "/x")
    await http.request("GET", "/x")
    assert time.now >= 1010
    assert (http.budget().used, http.budget().limit, http.budget().calls) == (40, 100, 2)


# Secrets


@pytest.mark.parametrize(
    "echo",
    [
        {"message": f"bad token {SECRET}"},
        {"message": f"https://x.test/?access_token={SECRET}&limit=1"},
        {"error": "invalid", "error_description": f"Bearer {SECRET}"},
        f"<html>{SECRET}</html>",
        f"plain {SECRET}",
    ],
)
async def test_a_vendor_that_echoes_our_secret_does_not_make_us_tell_it(
    vendor: respx.MockRouter, time: Time, echo: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="connectors")
    body: dict[str, Any] = {"json": echo} if isinstance(echo, dict) else {"text": echo}
    vendor.get("/x").mock(return_value=httpx.Response(400, **body))
    with pytest.raises(Misconfigured) as caught:
        await make(time).request("GET", "/x", params={"key": SECRET})
    error = caught.value
    assert SECRET not in f"{error} {error!r} {error.args} {error.hint} {caplog.text}"
    assert error.__cause__ is None
    assert "GET /x" in caplog.text


async def test_an_accepted_refusal_that_echoes_our_secret_comes_without_it(
    vendor: respx.MockRouter, time: Time
) -> None:
    echo = {"message": f"bad token {SECRET}", "errors": [{"context": {"sent": [f"Bearer {SECRET}"]}, "code": 7}]}
    vendor.post("/x").mock(return_value=httpx.Response(400, json=echo))
    answer = await make(time).request("POST", "/x", accept=(400,))
    assert SECRET not in str(answer.json)
    assert answer.json["errors"][0]["code"] == 7


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("GET /x?access_token=abc&limit=1", "GET /x?access_token=***&limit=1"),
        ('{"refresh_token": "abc", "x": 1}', '{"refresh_token": "***", "x": 1}'),
        ("client_secret=abc", "client_secret=***"),
        ("Authorization: Bearer abcdefghijk", "Authorization: ***"),
        ("pat-na1-0123abcd-1234-1234-1234-0123456789ab is wrong", "*** is wrong"),
        ("smk_8GvXx0Zz-1aBcD_2eFgH is revoked", "*** is revoked"),
        ("eyJhbGciOi.eyJpc3Mi.c2ln", "***"),
        ("00Dxx0000001gPz!AQcAQH0dMHZfz972Szmpkb58urFRkgeBGsxL", "***"),
        ("https://user:pw@host/x", "https://***@host/x"),
        ("the token endpoint said no", "the token endpoint said no"),
        ("a secret is not shown", "a secret is not shown"),
        ("use basic authentication, or a bearer token", "use basic authentication, or a bearer token"),
        ("Bearer abcdefgh1", "Bearer ***"),
    ],
)
def test_scrub(text: str, clean: str) -> None:
    assert scrub(text) == clean


# The client


@pytest.mark.parametrize("address", ["", "api.vendor.test", "ftp://x.test", "http://", "http://[::1"])
def test_an_address_that_is_none_is_misconfigured(address: str) -> None:
    with pytest.raises(Misconfigured, match="base_url"):
        open_client(address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"])
def test_loopback_never_goes_through_a_proxy(address: str) -> None:
    assert not open_client(address).trust_env
    assert open_client(URL).trust_env


async def test_a_redirect_is_not_followed_with_our_credentials(vendor: respx.MockRouter, http: Http) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(302, headers={"location": "https://elsewhere.test/x"}))
    with pytest.raises(Misconfigured, match="base_url"):
        await http.request("GET", "/x")


async def test_a_refused_token_is_unauthorized(vendor: respx.MockRouter, http: Http) -> None:
    vendor.get("/x").mock(return_value=httpx.Response(401, json={"message": "expired"}))
    with pytest.raises(Unauthorized, match="expired"):
        await http.request("GET", "/x")
    assert http.calls == 1


async def test_an_answer_is_gone_from_memory_once_nobody_holds_it(time: Time) -> None:
    """By itself: a search for dead cycles may be a long while off, and a page is large."""
    gc.collect()
    gc.disable()
    try:
        before = _responses()
        async with serving(b"HTTP/1.1 200 OK\r\ncontent-length: 14\r\n\r\n" + b'{"results":[]}') as url:
            http = Http(open_client(url), Dialect("Vendor"), sleep=time.sleep, clock=time)
            for _ in range(5):
                assert (await http.request("GET", "/leads", expect=("results",))).json == {"results": []}
            assert _responses() == before
            await http.aclose()
    finally:
        gc.enable()


def _responses() -> int:
    return sum(isinstance(one, httpx.Response) for one in gc.get_objects())


@asynccontextmanager
async def serving(answer: bytes) -> AsyncIterator[str]:
    """A server that gives this answer to whatever it is asked; its base URL."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
