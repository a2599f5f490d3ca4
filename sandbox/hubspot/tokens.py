"""Who may call: the private app's token, and OAuth access tokens that expire.

https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/oauth/working-with-oauth
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sandbox.clock import Clock
from sandbox.hubspot.errors import Refused, expired, missing_scope, unauthorized
from sandbox.hubspot.properties import iso
from sandbox.hubspot.settings import Settings


class Tokens:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.issued = 0
        self._ends: dict[str, float] = {}

    def check(self, authorization: str, scope: str | None) -> None:
        """Raises Refused: 401 without a good token, 403 where the app lacks the scope."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not self.known(token):
            raise unauthorized()
        late = self.clock.elapsed() - self._ends.get(token, float("inf"))
        if late >= 0:
            end = self.clock.now() - timedelta(seconds=late)
            raise expired(late, iso(int(end.timestamp() * 1000)))
        if scope is not None:
            self.check_scope(scope)

    def check_scope(self, scope: str) -> None:
        """Raises Refused: 403."""
        if scope not in self.settings.scopes:
            raise missing_scope(scope)

    def known(self, token: str) -> bool:
        return token == self.settings.token or token in self._ends

    def is_oauth(self, authorization: str) -> bool:
        return authorization.partition(" ")[2] in self._ends

    def expire_all(self) -> None:
        """End every OAuth access token now."""
        for token in self._ends:
            self._ends[token] = self.clock.elapsed()

    def refresh(self, form: Mapping[str, str]) -> dict[str, Any]:
        """A new access token for the refresh token; the one before goes on to its own end."""
        settings = self.settings
        if form.get("grant_type") != "refresh_token":
            raise _bad("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")
        if form.get("client_id") != settings.client_id:
            raise _bad("BAD_CLIENT_ID", "invalid_client", "missing or invalid client id")
        if form.get("client_secret") != settings.client_secret:
            raise _bad("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret")
        if form.get("refresh_token") != settings.refresh_token:
            text = "refresh token is invalid, expired or revoked"
            raise _bad("BAD_REFRESH_TOKEN", "invalid_grant", text)
        self.issued += 1
        token = "sandbox-access-" + hashlib.sha256(f"{settings.refresh_token}/{self.issued}".encode()).hexdigest()[:24]
        self._ends[token] = self.clock.elapsed() + settings.token_seconds
        return {
            "token_type": "bearer",
            "refresh_token": settings.refresh_token,
            "access_token": token,
            "expires_in": int(settings.token_seconds),
            "hub_id": settings.portal_id,
            "scopes": list(settings.scopes),
        }

    def describe(self, token: str) -> dict[str, Any]:
        """/oauth/v1/access-tokens/{token}"""
        if token not in self._ends:
            raise Refused(404, "OBJECT_NOT_FOUND", "Access token not found")
        return {
            "token": token,
            "user": "ada@example.com",
            "hub_domain": "sandbox.example.com",
            "scopes": list(self.settings.scopes),
            "hub_id": self.settings.portal_id,
            "app_id": 111111,
            "expires_in": max(0, int(self._ends[token] - self.clock.elapsed())),
            "user_id": 293199,
            "token_type": "access",
        }


def _bad(status: str, error: str, message: str) -> Refused:
    refused = Refused(400, "VALIDATION_ERROR", message, error=error, error_description=message)
    refused.more["status"] = status
    return refused
