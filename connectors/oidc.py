"""OpenID Connect, the client's half: discovery, the way to the provider and back, and who it says came.

    begun = await provider.begin("https://sync.example.com/sign-in/oidc/back")      # send the browser to begun.url
    claims = await provider.finish(code, "https://…/back", begun)                   # after it came back with a code

The authorization code flow with PKCE, state and nonce (https://openid.net/specs/openid-connect-core-1_0.html, RFC 7636). Not
here: cookies, accounts, roles. Invariants: what is not signed by a key of the provider's, or was meant for somebody else or for
another log-in, is nobody; the client's secret and the codes are in no message.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from connectors.auth import Credentials
from connectors.dialect import Dialect
from connectors.errors import Misconfigured, ProtocolChanged, Unauthorized
from connectors.http import Http, Patience, open_client

KEPT = 3600.0
"""Seconds for which the provider's addresses and keys are remembered."""

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""By a key pair alone: "none" is no signature, and a shared secret is one that others may have."""

LEEWAY = 120
"""Seconds by which the provider's clock may differ from ours."""

_DIALECT = Dialect("The identity provider")
_PATIENCE = Patience(attempts=3, total=10.0, first=0.2, longest=2.0)
"""A person waits."""


@dataclass(frozen=True)
class Begun:
    """A log-in under way. `url` is for the browser; the rest stays with whoever began, and is needed at the end."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """One provider, and what it calls us. `issuer`: its address. Safe to be used by several threads."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: SecretStr | None, scopes: tuple[str, ...], *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._issuer, self._client_id, self._secret, self._scopes = issuer, client_id, client_secret, scopes
        self._monotonic = monotonic
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def begin(self, back: str) -> Begun:
        """`back`: the address of ours to which the browser returns. Raises ConnectorError."""
        about = await self._about()
        state, nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        url = prepare_grant_uri(
            about["authorization_endpoint"], self._client_id, "code", back, list(self._scopes), state,
            nonce=nonce, code_challenge=create_s256_code_challenge(verifier), code_challenge_method="S256",
        )  # fmt: skip
        return Begun(str(url), state, nonce, verifier)

    async def finish(
        self, code: str, back: str, nonce: str, verifier: str, *, also: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The claims of whoever signed in. `also`: those that are looked for in the user info where the ID token has them not.
        Raises Unauthorized where the provider, or its answer, proves nobody; other ConnectorErrors where it cannot be asked."""
        about = await self._about()
        answer = await self._exchange(about, code, back, verifier)
        claims = await self._proven(about, str(answer["id_token"]), nonce, answer.get("access_token"))
        if any(name not in claims for name in also) and about.get("userinfo_endpoint") and answer.get("access_token"):
            return await self._with_info(str(about["userinfo_endpoint"]), str(answer["access_token"]), claims)
        return claims

    async def _about(self) -> Mapping[str, Any]:
        """What the provider says of itself: https://openid.net/specs/openid-connect-discovery-1_0.html."""
        if self._metadata is not None and self._monotonic() - self._metadata[0] < KEPT:
            return self._metadata[1]
        needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        async with self._http() as http:
            found = (await http.request("GET", get_well_known_url(self._issuer, external=True), expect=needed)).json
        if str(found["issuer"]).rstrip("/") != self._issuer.rstrip("/"):
            raise Misconfigured(
                f"The identity provider calls itself {found['issuer']}, not {self._issuer}.",
                hint="Set `issuer` to that.",
            )
        for name in (*needed, "userinfo_endpoint"):
            if found.get(name) and not self._safe(str(found[name])):
                raise Misconfigured(f"The identity provider's {name} is not reached by https.", hint="Check `issuer`.")
        self._metadata = self._monotonic(), found
        return self._metadata[1]

    def _safe(self, url: str) -> bool:
        """By https; or on this machine, where the issuer is too."""
        parts = urlsplit(url)
        local = ("127.0.0.1", "localhost", "::1")
        return parts.scheme == "https" or (parts.hostname in local and urlsplit(self._issuer).hostname in local)

    async def _exchange(self, about: Mapping[str, Any], code: str, back: str, verifier: str) -> Mapping[str, Any]:
        """The code for an ID token: RFC 6749, 4.1.3."""
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        in_header = "client_secret_basic" in methods or "client_secret_post" not in methods
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        if self._secret is None or not in_header:
            form["client_id"] = self._client_id
        if self._secret is not None and not in_header:
            form["client_secret"] = self._secret.get_secret_value()
        used = _Secrets((code, verifier), self._client_id, self._secret, in_header)
        async with self._http(used) as http:
            answer = await http.request(
                "POST", str(about["token_endpoint"]), content=urlencode(form).encode(),
                headers={"content-type": "application/x-www-form-urlencoded"}, expect=dict, accept=(400, 401),
            )  # fmt: skip
        found: Mapping[str, Any] = answer.json if isinstance(answer.json, dict) else {}
        if answer.status != httpx.codes.OK:
            why = found.get("error_description") or found.get("error") or str(answer.status)
            raise Unauthorized(f"The identity provider refused the log-in: {why}.", hint="Begin again.")
        if not isinstance(found.get("id_token"), str):
            raise ProtocolChanged("The identity provider answered without an ID token.")
        return found

    async def _proven(
        self, about: Mapping[str, Any], token: str, nonce: str, access_token: str | None
    ) -> dict[str, Any]:  # fmt: skip
        """The claims of an ID token that is what it has to be: OpenID Connect Core, 3.1.3.7."""
        proof = _verified(token, await self._key_set(about))
        if proof is None:  # the provider may have new keys
            proof = _verified(token, await self._key_set(about, anew=True))
        if proof is None:
            raise Unauthorized("The identity provider's answer is not signed by a key of its own.", hint="Begin again.")
        claims = CodeIDToken(
            proof.claims, proof.header,
            {"iss": {"essential": True, "value": about["issuer"]}, "aud": {"essential": True, "value": self._client_id}},
            {"nonce": nonce, "client_id": self._client_id, "access_token": access_token},
        )  # fmt: skip
        try:
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            named = getattr(error, "claim", None) or getattr(error, "error", type(error).__name__)
            raise Unauthorized(
                f"The identity provider's answer does not hold ({named}).", hint="Begin again."
            ) from None
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise Unauthorized("The identity provider's answer names nobody.", hint="Begin again.")
        return dict(claims)

    async def _key_set(self, about: Mapping[str, Any], *, anew: bool = False) -> KeySet:
        if self._keys is not None and not anew and self._monotonic() - self._keys[0] < KEPT:
            return self._keys[1]
        async with self._http() as http:
            found = (await http.request("GET", str(about["jwks_uri"]), expect=("keys",))).json
        try:
            keys = KeySet.import_key_set(found)
        except (JoseError, ValueError, KeyError, TypeError):
            raise ProtocolChanged("The identity provider's keys cannot be read.") from None
        self._keys = self._monotonic(), keys
        return keys

    async def _with_info(self, url: str, token: str, claims: dict[str, Any]) -> dict[str, Any]:
        """What the ID token says goes first; the user info has to be of the same person (Core, 5.3.2)."""
        async with self._http(_Secrets((token,))) as http:
            found = dict((await http.request("GET", url, headers={"authorization": f"Bearer {token}"})).json)
        if found.get("sub") != claims["sub"]:
            raise Unauthorized("The identity provider tells of somebody else.", hint="Begin again.")
        if "email" in claims and found.get("email") != claims["email"]:
            found.pop("email_verified", None)
        return {**found, **claims}

    @asynccontextmanager
    async def _http(self, auth: Credentials | None = None) -> AsyncIterator[Http]:
        http = Http(open_client(self._issuer, auth, timeout=8.0), _DIALECT, patience=_PATIENCE)
        try:
            yield http
        finally:
            await http.aclose()


class _Secrets(Credentials):
    """What must be in no message; and the client's name and secret in the header, where the provider wants them there."""

    def __init__(
        self, others: tuple[str, ...], client_id: str = "", secret: SecretStr | None = None, in_header: bool = False
    ) -> None:
        self._others, self._client_id, self._secret, self._in_header = others, client_id, secret, in_header

    def secrets(self) -> list[str]:
        return [*self._others, *([self._secret.get_secret_value()] if self._secret is not None else [])]

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if self._secret is not None and self._in_header:  # RFC 6749, 2.3.1: both are quoted first
            pair = f"{quote(self._client_id, safe='')}:{quote(self._secret.get_secret_value(), safe='')}"
            request.headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        yield request


def _verified(token: str, keys: KeySet) -> jwt.Token | None:
    """By the key that the token names; where it names none, by any."""
    for key in keys.keys:
        try:
            proof = jwt.decode(token, key, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            continue
        if proof.header.get("kid") in (None, key.kid):
            return proof
    return None
