"""Signing in: tokens are got once, renewed once, and never shown."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest
import respx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from connectors.auth import Bearer, Credentials, Grant, OAuth, client_credentials, jwt_bearer, refresh_token
from connectors.errors import Misconfigured, ProtocolChanged, RateLimited, Unauthorized, Unavailable
from connectors.http import Dialect, Http, Patience, open_client
from connectors.tryton.session import Session

API, LOGIN = "https://api.vendor.test", "https://login.vendor.test/token"
GRANT = refresh_token("app", SecretStr("client-hush"), SecretStr("refresh-hush"))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def web() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


def tokens(router: respx.MockRouter, *names: str, **more: object) -> respx.Route:
    answers = [httpx.Response(200, json={"access_token": name, **more}) for name in names]
    return router.post(LOGIN).mock(side_effect=answers)


def api(router: respx.MockRouter, good: str, base: str = API) -> respx.Route:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)  # so that calls made at once are under way at once
        return httpx.Response(200 if request.headers["authorization"] == f"Bearer {good}" else 401, json={})

    return router.get(f"{base}/x").mock(side_effect=answer)


def http(auth: Credentials) -> Http:
    return Http(open_client(API, auth), Dialect("Vendor"), patience=Patience(attempts=3, first=0.001, longest=0.001))


async def test_a_private_token_is_sent(web: respx.MockRouter) -> None:
    api(web, "mine")
    assert (await http(Bearer(SecretStr("mine"))).request("GET", "/x")).status == 200


async def test_a_token_is_got_once_and_kept(web: respx.MockRouter) -> None:
    login, route = tokens(web, "one", expires_in=1800), api(web, "one")
    connection = http(OAuth(LOGIN, GRANT))
    for _ in range(3):
        await connection.request("GET", "/x")
    assert (login.call_count, route.call_count) == (1, 3)
    form = parse_qs(login.calls[0].request.content.decode())
    assert form == {
        "grant_type": ["refresh_token"],
        "client_id": ["app"],
        "client_secret": ["client-hush"],
        "refresh_token": ["refresh-hush"],
    }


async def test_calls_at_once_wait_for_one_renewal(web: respx.MockRouter) -> None:
    login, _ = tokens(web, "one"), api(web, "one")
    connection = http(OAuth(LOGIN, GRANT))
    await asyncio.gather(*(connection.request("GET", "/x") for _ in range(10)))
    assert login.call_count == 1


async def test_a_refused_token_is_renewed_once_for_all_calls_that_used_it(web: respx.MockRouter) -> None:
    login, route = tokens(web, "old", "new"), api(web, "new")
    connection = http(OAuth(LOGIN, GRANT))
    await asyncio.gather(*(connection.request("GET", "/x") for _ in range(5)))
    assert login.call_count == 2
    assert route.call_count == 10


async def test_a_token_that_stays_refused_is_unauthorized(web: respx.MockRouter) -> None:
    login, route = tokens(web, "a", "b", "c"), api(web, "another")
    with pytest.raises(Unauthorized):
        await http(OAuth(LOGIN, GRANT)).request("GET", "/x")
    assert (login.call_count, route.call_count) == (2, 2)


async def test_a_token_is_renewed_before_it_ends(web: respx.MockRouter) -> None:
    clock = Clock()
    login = tokens(web, "one", "two", expires_in=600)
    web.get(f"{API}/x").mock(return_value=httpx.Response(200, json={}))
    connection = http(OAuth(LOGIN, GRANT, clock=clock))
    await connection.request("GET", "/x")
    clock.now += timedelta(seconds=530)
    await connection.request("GET", "/x")
    assert login.call_count == 1
    clock.now += timedelta(seconds=20)
    await connection.request("GET", "/x")
    assert login.call_count == 2


async def test_calls_move_to_the_instance_that_the_token_names(web: respx.MockRouter) -> None:
    tokens(web, "one", instance_url="https://eu5.vendor.test")
    route = api(web, "one", base="https://eu5.vendor.test")
    auth = OAuth(LOGIN, client_credentials("app", SecretStr("hush")), moves_to_instance=True)
    await http(auth).request("GET", "/x")
    assert route.calls[0].request.headers["host"] == "eu5.vendor.test"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            httpx.Response(400, json={"error": "invalid_grant", "error_description": "refresh-hush expired"}),
            Unauthorized,
        ),
        (httpx.Response(401, json={"message": "client-hush is wrong"}), Unauthorized),
        (httpx.Response(500, text="client-hush"), Unavailable),
        (httpx.Response(429), RateLimited),
        (httpx.Response(200, json={"token": "other name"}), ProtocolChanged),
        (httpx.Response(200, html="<html>"), ProtocolChanged),
        (httpx.ConnectError("x"), Unavailable),
        (httpx.ReadTimeout("x"), Unavailable),
    ],
)
async def test_a_token_endpoint_that_refuses(web: respx.MockRouter, answer: object, error: type[Exception]) -> None:
    web.post(LOGIN).mock(side_effect=[answer] * 3)
    with pytest.raises(error) as caught:
        await http(OAuth(LOGIN, GRANT)).request("POST", "/x", json={})
    assert "hush" not in f"{caught.value} {caught.value!r}"
    if isinstance(caught.value, Unavailable):
        assert not caught.value.sent, "the call itself never left"


def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(of: rsa.RSAPrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return of.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def test_a_jwt_bearer_grant_is_signed_by_our_key_and_short_lived() -> None:
    private, clock = key(), Clock()
    form = jwt_bearer("app", "me@x.test", "https://login.vendor.test", SecretStr(pem(private)), clock=clock)()
    head, body, signature = form["assertion"].split(".")
    claims = json.loads(unpadded(body))
    assert json.loads(unpadded(head)) == {"alg": "RS256", "typ": "JWT"}
    assert claims["exp"] - clock.now.timestamp() == 180
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("app", "me@x.test", "https://login.vendor.test")
    private.public_key().verify(unpadded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("bad", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_misconfigured_without_being_shown(bad: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        jwt_bearer("app", "me", "aud", SecretStr(bad))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("grant", [GRANT, client_credentials("app", SecretStr("hush"), "scope")])
def test_secrets_are_named_and_not_shown(grant: Grant) -> None:
    auth = OAuth(LOGIN, grant)
    assert any("hush" in secret for secret in auth.secrets())
    assert "hush" not in repr(auth)
    assert "app" not in auth.secrets()
    assert "hush" not in repr(Bearer(SecretStr("hush")))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("kind", ["oauth", "tryton"])
async def test_a_sign_in_that_is_never_answered_is_given_up_as_any_call(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        auth = OAuth(f"{url}/token", GRANT) if kind == "oauth" else Session(url, "crm", "ann", SecretStr("hush"))
        patience = Patience(attempts=2, first=0.001, longest=0.001)
        connection = Http(open_client(url, auth, timeout=0.05), Dialect("Vendor"), patience=patience)
        async with asyncio.timeout(10):
            with pytest.raises(Unavailable) as caught:
                await connection.request("POST", "/x", idempotent=False)
    assert not caught.value.sent
    assert connection.calls == 2
