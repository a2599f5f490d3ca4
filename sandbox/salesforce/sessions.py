"""Who may call: OAuth token answers, sessions that end, and the SOAP login that older clients begin with.

https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flows.htm
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, unescape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.salesforce.org import Org

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class OAuthError(Exception):
    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True)
class Credentials:
    """What the sandbox accepts: one connected app and one user. `public_key` is PEM, for signed assertions."""

    client_id: str = "sandbox-consumer-key"
    client_secret: str = field(default="sandbox-consumer-secret", repr=False)
    username: str = "integration@acme.example.sandbox"
    password: str = field(default="sandbox-password", repr=False)
    security_token: str = field(default="sandbox-security-token", repr=False)
    refresh_token: str = field(default="sandbox-refresh-token", repr=False)
    access_token: str | None = field(default=None, repr=False)
    """One that is good from the start, for clients that are handed a token."""
    public_key: str | None = None


class Sessions:
    def __init__(self, org: Org, accepted: Credentials) -> None:
        self.org = org
        self.accepted = accepted
        self._used: dict[str, float] = {}
        if accepted.access_token is not None:
            self._used[accepted.access_token] = org.clock.elapsed()

    def open(self) -> str:
        """A new access token."""
        token = f"{self.org.id[:15]}!AQ{secrets.token_urlsafe(48)}"
        self._used[token] = self.org.clock.elapsed()
        return token

    def alive(self, token: str) -> bool:
        """Whether the session is still good; asking counts as use."""
        now = self.org.clock.elapsed()
        if now - self._used.get(token, float("-inf")) > self.org.switches.session_seconds:
            self._used.pop(token, None)
            return False
        self._used[token] = now
        return True

    def end(self, token: str | None = None) -> None:
        """One session, or all of them."""
        if token is None:
            self._used.clear()
        else:
            self._used.pop(token, None)

    def grant(self, form: Mapping[str, str], authorization: str, base: str) -> dict[str, Any]:
        """The answer of the token endpoint at `base`. Raises OAuthError."""
        kind = form.get("grant_type", "")
        client_id, secret = _client(form, authorization)
        match kind:
            case "client_credentials":
                self._check_client(client_id, secret)
            case "refresh_token":
                self._check_client(client_id, secret, secret_needed=False)
                if not _same(form.get("refresh_token"), self.accepted.refresh_token):
                    raise OAuthError("invalid_grant", "expired access/refresh token")
            case "password":
                self._check_client(client_id, secret)
                self.check_password(form.get("username", ""), form.get("password", ""))
            case x if x == JWT_BEARER:
                self._check_assertion(form.get("assertion", ""), base)
            case _:
                raise OAuthError("unsupported_grant_type", "grant type not supported")
        answer = {
            "access_token": self.open(),
            "instance_url": base,
            "id": f"{base}/id/{self.org.id}/{self.org.user_id}",
            "token_type": "Bearer",
            "scope": "api refresh_token",
        }
        if kind in ("client_credentials", "refresh_token", "password"):
            issued = str(int(self.org.clock.now().timestamp() * 1000))
            signed = hmac.new(self.accepted.client_secret.encode(), (answer["id"] + issued).encode(), "sha256")
            answer |= {"issued_at": issued, "signature": base64.b64encode(signed.digest()).decode()}
        return answer

    def check_password(self, username: str, password: str) -> None:
        """The security token may follow the password, as it must from outside the trusted network."""
        good = (self.accepted.password, self.accepted.password + self.accepted.security_token)
        if username != self.accepted.username or not any(_same(password, one) for one in good):
            raise OAuthError("invalid_grant", "authentication failure")

    def _check_client(self, client_id: str, secret: str, *, secret_needed: bool = True) -> None:
        if client_id != self.accepted.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if (secret or secret_needed) and not _same(secret, self.accepted.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str, base: str) -> None:
        if self.accepted.public_key is None:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        try:
            head, body, signature = assertion.split(".")
            header, claims = json.loads(_decoded(head)), json.loads(_decoded(body))
            key = load_pem_public_key(self.accepted.public_key.encode())
            assert isinstance(key, RSAPublicKey)
            key.verify(_decoded(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
            expires = float(claims["exp"])
        except (ValueError, KeyError, TypeError, InvalidSignature):
            raise OAuthError("invalid_grant", "invalid assertion") from None
        if header.get("alg") != "RS256":
            raise OAuthError("invalid_grant", "invalid assertion")
        if claims.get("iss") != self.accepted.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        audience = claims.get("aud")
        if not any(one in (*AUDIENCES, base) for one in (audience if isinstance(audience, list) else [audience])):
            raise OAuthError("invalid_grant", "audience is invalid")
        if expires <= self.org.clock.now().timestamp():
            raise OAuthError("invalid_grant", "expired authorization code")
        if claims.get("sub") != self.accepted.username:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")

    def soap_login(self, envelope: str, base: str, version: str) -> tuple[int, str]:
        """HTTP status and XML. https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_login.htm"""
        username, password = (_element(envelope, name) for name in ("username", "password"))
        try:
            self.check_password(username, password)
        except OAuthError:
            words = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
            fault = (
                f"<soapenv:Fault><faultcode>sf:INVALID_LOGIN</faultcode><faultstring>{words}</faultstring>"
                '<detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>'
                f"<sf:exceptionMessage>{words.partition(': ')[2]}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
            )
            return 500, _envelope(fault)
        server = f"{base}/services/Soap/u/{version}/{self.org.id[:15]}"
        result = (
            '<loginResponse xmlns="urn:partner.soap.sforce.com"><result><passwordExpired>false</passwordExpired>'
            f"<serverUrl>{escape(server)}</serverUrl><sessionId>{escape(self.open())}</sessionId>"
            f"<userId>{self.org.user_id}</userId><userInfo><organizationId>{self.org.id}</organizationId></userInfo>"
            "</result></loginResponse>"
        )
        return 200, _envelope(result)


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    kind, _, given = authorization.partition(" ")
    if kind.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return client_id, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _same(given: str | None, wanted: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), wanted.encode())


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _element(envelope: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}>([^<]*)</", envelope)
    return unescape(found[1], {"&quot;": '"', "&#x27;": "'", "&apos;": "'"}) if found else ""


def _envelope(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    )
