"""Credentials as `httpx.Auth` generators: they never touch the network themselves, httpx sends what they yield.

A token that the vendor refuses (401) is renewed once and the call repeated; a second refusal reaches `connectors.http`
and becomes Unauthorized. Renewal is single-flight: calls that find the same token refused wait for one renewal.

Invariant: secrets live in pydantic SecretStr or in private attributes; `secrets()` names them all, so that
`connectors.http` can keep them out of every message.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pydantic import SecretStr

from connectors.base import Clock, utc_now
from connectors.errors import ConnectorError, Misconfigured, ProtocolChanged, RateLimited, Unauthorized, Unavailable

EARLY = timedelta(seconds=60)
"""A token is renewed this long before it ends, so that none runs out on the way."""


class Credentials(httpx.Auth):
    """What a connector hands to `connectors.http`."""

    def secrets(self) -> list[str]:
        """Every secret text that must never be shown."""
        return []

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        yield request


class Bearer(Credentials):
    """A token that a person made and that does not expire by itself (HubSpot private app, API key)."""

    def __init__(self, token: SecretStr, *, header: str = "Authorization", scheme: str = "Bearer") -> None:
        self._token = token
        self._header = header
        self._scheme = scheme

    def secrets(self) -> list[str]:
        return [self._token.get_secret_value()]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers[self._header] = f"{self._scheme} {self._token.get_secret_value()}".strip()
        yield request


Grant = Callable[[], dict[str, str]]
"""The form fields of a token request, made anew for every request (an assertion carries the time)."""


class OAuth(Credentials):
    """An access token from a token endpoint, kept and renewed.

    `grant` is one of `refresh_token`, `client_credentials`, `jwt_bearer` below. With `moves_to_instance` calls go to
    the `instance_url` that the token answer names, whatever base URL the client has (Salesforce).
    """

    def __init__(
        self, token_url: str, grant: Grant, *, moves_to_instance: bool = False, clock: Clock = utc_now
    ) -> None:
        self.token_url = token_url
        self.answer: Mapping[str, Any] = {}
        """The last token answer, for what a vendor adds to it (`instance_url`, `id`)."""
        self._grant = grant
        self._moves = moves_to_instance
        self._clock = clock
        self._token = ""
        self._ends: datetime | None = None
        self._renewing = asyncio.Lock()

    def secrets(self) -> list[str]:
        private = (v for k, v in self._grant().items() if k not in ("grant_type", "client_id", "scope"))
        issued = (str(v) for k, v in self.answer.items() if k in ("access_token", "refresh_token", "id_token"))
        return [secret for secret in (*private, *issued) if secret]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if not self._valid():
            async with self._renewing:
                if not self._valid():
                    await self._accept((yield self._token_request(request)))
        used = self._token
        self._sign(request)
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        async with self._renewing:
            if self._token == used:
                await self._accept((yield self._token_request(request)))
        self._sign(request)
        yield request

    def _valid(self) -> bool:
        return bool(self._token) and (self._ends is None or self._clock() < self._ends - EARLY)

    def _sign(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"
        if self._moves and "instance_url" in self.answer:
            at = httpx.URL(str(self.answer["instance_url"]))
            request.url = request.url.copy_with(scheme=at.scheme, host=at.host, port=at.port)
            request.headers["Host"] = at.netloc.decode("ascii")

    def _token_request(self, call: httpx.Request) -> httpx.Request:
        return httpx.Request(
            "POST",
            self.token_url,
            data=self._grant(),
            headers={"Accept": "application/json"},
            extensions=patience_of(call),
        )

    async def _accept(self, response: httpx.Response) -> None:
        answer = _object(await response.aread())
        if response.status_code != httpx.codes.OK:
            raise token_refused(response.status_code, answer)
        if not isinstance(answer.get("access_token"), str):
            raise ProtocolChanged("The token endpoint answered without an access token.")
        self.answer = answer
        self._token = answer["access_token"]
        life = answer.get("expires_in")
        self._ends = self._clock() + timedelta(seconds=float(life)) if life is not None else None


def patience_of(call: httpx.Request) -> dict[str, Any]:
    """The client's time-outs, for a sign-in on the way to this call: httpx gives them only to requests that the client
    itself has built, and waits for any other without end."""
    return {name: value for name, value in call.extensions.items() if name == "timeout"}


def token_refused(status: int, answer: Mapping[str, Any]) -> ConnectorError:
    """The token endpoint's refusal (RFC 6749, 5.2) as one of our errors. Only the two fields meant for reading are
    shown: vendors echo the request in others."""
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited("The token endpoint is rate limited.")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"The token endpoint answered {status}.", sent=False)
    why = ": ".join(str(answer[k]) for k in ("error", "error_description", "message") if answer.get(k))
    return Unauthorized(
        f"The token endpoint refused our credentials ({status}{', ' + why if why else ''}).",
        hint="Check the client id and secret, and connect the account again if its grant was withdrawn.",
    )


def refresh_token(client_id: str, client_secret: SecretStr | None, token: SecretStr) -> Grant:
    """RFC 6749, 6: a new access token for a person's earlier consent."""

    def grant() -> dict[str, str]:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token.get_secret_value()}
        if client_secret is not None:
            form["client_secret"] = client_secret.get_secret_value()
        return form

    return grant


def client_credentials(client_id: str, client_secret: SecretStr, scope: str = "") -> Grant:
    """RFC 6749, 4.4: the application on its own behalf."""

    def grant() -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.get_secret_value(),
        }
        return form | ({"scope": scope} if scope else {})

    return grant


def jwt_bearer(client_id: str, subject: str, audience: str, private_key: SecretStr, *, clock: Clock = utc_now) -> Grant:
    """RFC 7523: an assertion signed with our key (RS256), good for three minutes. Raises Misconfigured for a key
    that is not an RSA private key in PEM."""
    try:
        key = serialization.load_pem_private_key(private_key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Misconfigured(
            "The private key for JWT sign-in cannot be read.", hint="It must be an RSA key in PEM, without a password."
        )
    signer = key

    def grant() -> dict[str, str]:
        ends = int((clock() + timedelta(minutes=3)).timestamp())
        claims = {"iss": client_id, "sub": subject, "aud": audience, "exp": ends}
        body = f"{_segment({'alg': 'RS256', 'typ': 'JWT'})}.{_segment(claims)}"
        signature = signer.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": f"{body}.{_base64(signature)}",
        }

    return grant


def _segment(part: Mapping[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
