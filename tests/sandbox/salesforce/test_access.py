"""Who may call, how often, and with how long an address."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from sandbox.clock import Clock
from sandbox.salesforce.server import Salesforce
from sandbox.salesforce.sessions import JWT_BEARER, Credentials
from sandbox.serve import serve

from .conftest import TOKEN, Org

KNOWN = Credentials()
APP = {"client_id": KNOWN.client_id, "client_secret": KNOWN.client_secret}
USER = {"username": KNOWN.username, "password": KNOWN.password}


def token(sf: Org, form: dict[str, str], **more: Any) -> httpx.Response:
    return httpx.post(f"{sf.url}/services/oauth2/token", data=form, **more)


@pytest.mark.parametrize(
    "form",
    [
        {"grant_type": "client_credentials", **APP},
        {"grant_type": "refresh_token", "refresh_token": KNOWN.refresh_token, **APP},
        {"grant_type": "refresh_token", "refresh_token": KNOWN.refresh_token, "client_id": KNOWN.client_id},
        {"grant_type": "password", **APP, **USER},
        {"grant_type": "password", **APP, **USER, "password": KNOWN.password + KNOWN.security_token},
    ],
)
def test_a_grant_opens_a_session(sf: Org, form: dict[str, str]) -> None:
    answer = token(sf, form).json()
    assert (answer["token_type"], answer["instance_url"]) == ("Bearer", sf.url)
    assert answer["id"] == f"{sf.url}/id/{sf.org.id}/{sf.org.user_id}"
    told = httpx.get(
        f"{sf.url}/services/oauth2/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"}
    )
    assert told.json()["preferred_username"] == KNOWN.username


def test_client_credentials_by_basic_authorization(sf: Org) -> None:
    answer = token(sf, {"grant_type": "client_credentials"}, auth=(KNOWN.client_id, KNOWN.client_secret))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", **APP, "client_secret": "wrong"}, "invalid_client"),
        ({"grant_type": "client_credentials", **APP, "client_id": "wrong"}, "invalid_client_id"),
        ({"grant_type": "refresh_token", "refresh_token": "wrong", **APP}, "invalid_grant"),
        ({"grant_type": "password", **APP, **USER, "password": "wrong"}, "invalid_grant"),
        ({"grant_type": JWT_BEARER, "assertion": "a.b.c"}, "invalid_grant"),
        ({"grant_type": "magic"}, "unsupported_grant_type"),
    ],
)
def test_a_grant_is_refused(sf: Org, form: dict[str, str], error: str) -> None:
    answer = token(sf, form)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert "access_token" not in answer.json()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, None),
        ({"aud": "https://test.salesforce.com"}, None),
        ({"aud": "https://evil.example"}, "audience is invalid"),
        ({"exp": int(time.time()) - 10}, "expired authorization code"),
        ({"sub": "somebody@else.example"}, "user hasn't approved this consumer"),
        ({"iss": "another-app"}, "client identifier invalid"),
    ],
)
def test_signed_assertions(sf: Org, changed: dict[str, Any], words: str | None) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    sf.server.sessions.accepted = Credentials(public_key=public.decode())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    claims = {
        "iss": KNOWN.client_id,
        "sub": KNOWN.username,
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
        **changed,
    }
    assertion = jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(private))
    answer = token(sf, {"grant_type": JWT_BEARER, "assertion": assertion})
    assert (answer.status_code == 200) is (words is None)
    assert answer.json().get("error_description") == words


def test_a_session_ends_some_time_after_it_was_last_used(sf: Org, clock: Clock) -> None:
    sf.org.switches.session_seconds = 600
    for _ in range(3):
        clock.advance(500)
        assert sf.http.get("/limits").status_code == 200
    clock.advance(601)
    ended = sf.http.get("/limits")
    assert ended.status_code == 401
    assert ended.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_a_call_without_a_session_and_the_list_of_versions_that_needs_none(sf: Org) -> None:
    answer = httpx.get(f"{sf.url}/services/data/v62.0/limits")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, "INVALID_AUTH_HEADER")
    assert "62.0" in [v["version"] for v in httpx.get(f"{sf.url}/services/data/").json()]


def test_revoking_ends_the_session(sf: Org) -> None:
    httpx.post(f"{sf.url}/services/oauth2/revoke", data={"token": TOKEN})
    assert sf.http.get("/limits").status_code == 401


def test_the_allowance_is_told_on_every_answer_and_ends_in_403(clock: Clock) -> None:
    server = Salesforce(Credentials(access_token=TOKEN), clock=clock, daily_calls=2)
    server.org.switches.session_seconds = 1e9
    with serve({"small": server.app}) as urls:
        small = httpx.Client(
            base_url=urls["small"] + "/services/data/v62.0", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        answers = [small.get("/limits") for _ in range(3)]
        assert [a.headers["Sforce-Limit-Info"] for a in answers] == ["api-usage=1/2", "api-usage=2/2", "api-usage=2/2"]
        assert answers[2].status_code == 403
        assert answers[2].json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
        clock.advance(86_401)
        assert small.get("/limits").json()["DailyApiRequests"] == {"Max": 2, "Remaining": 1}


def test_a_uri_over_16384_bytes_is_414_and_with_its_headers_431(sf: Org) -> None:
    def query(size: int, **headers: str) -> int:
        bare = len("/services/data/v62.0/query?q=")
        return sf.http.get("/query", params={"q": "x" * (size - bare)}, headers=headers).status_code

    assert query(16_385) == 414
    assert query(16_300) == 431
    assert query(10_000) == 400  # short enough to be read, and no SOQL
    assert query(10_000, Padding="x" * 6_500) == 431


def test_faults_speak_salesforces_words(sf: Org) -> None:
    sf.server.faults.add("error", nth=(1,), status=503)
    sf.server.faults.add("rate_limited", nth=(2,))
    first, second = sf.http.get("/limits"), sf.http.get("/limits")
    assert (first.status_code, first.json()[0]["errorCode"]) == (503, "SERVER_UNAVAILABLE")
    assert (second.status_code, second.json()[0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")


def test_switches_and_edits_over_http(sf: Org) -> None:
    lead = sf.lead(Email="ada@acme.example")
    page = f"{sf.url}/__sandbox__/state"
    assert httpx.post(page, json={"do": "switch", "switches": {"lock_next": 1}}).json()["lock_next"] == 1
    sf.org.switches.lock_next = 0
    assert httpx.post(page, json={"do": "opt_out", "email": "ada@acme.example"}).json() == {"id": lead}
    assert sf.row(lead)["HasOptedOutOfEmail"] is True
    assert httpx.get(page).json()["live"]["Lead"] == 1
    wrong = httpx.post(page, json={"do": "switch", "switches": {"nope": 1}})
    assert (wrong.status_code, "no switch is called 'nope'" in json.dumps(wrong.json())) == (400, True)


def test_secrets_stay_out_of_reprs() -> None:
    shown = repr(Credentials(access_token="an-access-token"))
    assert not any(s in shown for s in ("an-access-token", KNOWN.client_secret, KNOWN.password, KNOWN.refresh_token))
