"""What HubSpot allows and how it refuses: settings, limits and the dialect of its errors.

Every number has its source beside it. Limits are where to begin: what the response headers say replaces them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.auth import Bearer, Credentials, OAuth, refresh_token
from connectors.errors import ConnectorError, Duplicate, Gone, Invalid, RateLimited, Reject, Unauthorized, Unavailable
from connectors.http import Dialect, Headers, Refusal
from connectors.limits import DEFAULT, Seen, Window

ACCOUNT = "/account-info/v3/details"
TOKEN = "/oauth/v1/token"  # noqa: S105  (a path)

SEARCH = "search"
"""The rate policy of search, which HubSpot counts apart from all else."""

LIST_PAGE = 100
"""https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts"""

SEARCH_PAGE = 200
SEARCH_CHARACTERS = 3_000
"""A longer request body is refused: https://developers.hubspot.com/docs/api-reference/search/guide#limits"""

SEARCHES_A_SECOND = 5
"""Per account: https://developers.hubspot.com/docs/api-reference/search/guide"""

BATCH = 100
"""Inputs of a batch read, create, update, upsert; property definitions of a batch create: the same."""

CALLS_IN_10_SECONDS = 100
"""The least that any plan allows an app; headers tell the rest:
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines"""

ARCHIVE_DAYS = 90
"""An archived record can be listed and restored so long, then it is gone."""

STAGE = "lifecyclestage"
OWNERS = "/crm/v3/owners"
PIPELINES = "/crm/v3/pipelines/deals"
FORMS = "/marketing/v3/forms"
SUBMISSIONS = "/form-integrations/v1/submissions/forms"
EMAIL_EVENTS = "/email/public/v1/events"
CAMPAIGNS = "/email/public/v1/campaigns"


class Settings(BaseModel):
    """How to reach one HubSpot portal: either `access_token` (a private app's) or the three OAuth settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: SecretStr | None = Field(default=None, description="Token of a private app")
    client_id: str | None = Field(default=None, description="OAuth: the app's client id")
    client_secret: SecretStr | None = Field(default=None, description="OAuth: the app's client secret")
    refresh_token: SecretStr | None = Field(
        default=None, description="OAuth: from the person who connected the account"
    )
    base_url: str = Field(default="https://api.hubapi.com", description="Where the API is")
    calls_in_10_seconds: int = Field(
        default=CALLS_IN_10_SECONDS, ge=1, description="Until the response headers say otherwise"
    )
    searches_a_second: int = Field(default=SEARCHES_A_SECOND, ge=1, description="Of the whole account; no header tells")
    overlap_seconds: float = Field(
        default=120.0, ge=0, description="How late a change may appear in HubSpot's search index"
    )
    archived_pages: int = Field(
        default=20, ge=0, description="Pages of the archive read per run, to find deletions; 0: none"
    )
    timeout_seconds: float = Field(default=30.0, gt=0, description="For one answer")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        oauth = (self.client_id, self.client_secret, self.refresh_token)
        if (self.access_token is None) == (None in oauth) or (self.access_token is not None and any(oauth)):
            raise ValueError("give either access_token, or client_id, client_secret and refresh_token")
        return self

    def credentials(self) -> Credentials:
        if self.access_token is not None:
            return Bearer(self.access_token)
        assert self.client_id is not None  # by _one_way_in
        assert self.refresh_token is not None
        grant = refresh_token(self.client_id, self.client_secret, self.refresh_token)
        return OAuth(self.base_url.rstrip("/") + TOKEN, grant)

    def policies(self) -> dict[str, list[Window]]:
        return {DEFAULT: [Window(self.calls_in_10_seconds, 10.0)], SEARCH: [Window(self.searches_a_second, 1.0)]}


class Forbidden(Unauthorized):
    """403: the credentials are good, but not for this. `scopes`: those that HubSpot says are missing."""

    def __init__(self, message: str, scopes: Sequence[str] = (), *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.scopes = tuple(scopes)


def classify(refusal: Refusal) -> ConnectorError | None:
    """HubSpot's refusals that their status alone does not explain.

    https://developers.hubspot.com/docs/api-reference/error-handling
    """
    body: Mapping[str, Any] = refusal.json if isinstance(refusal.json, dict) else {}
    said = f"HubSpot answered {refusal.what} {refusal.status}: {refusal.text or 'no reason given'}"
    if refusal.status == 429:
        return RateLimited(said, retry_after=WAIT_BY_POLICY.get(str(body.get("policyName")), None))
    if refusal.status == 477:  # the account is being moved between HubSpot's data centres
        return Unavailable(said, sent=False, hint="HubSpot is moving this account; try again tomorrow.")
    if refusal.status == 403:
        needed = [mapping(mapping(one).get("context")).get("requiredGranularScopes") or () for one in listed(body)]
        scopes = [str(scope) for some in needed for scope in some]
        hint = f"Give the app in HubSpot: {', '.join(scopes)}." if scopes else "Look at the app's scopes in HubSpot."
        return Forbidden(said, scopes, hint=hint)
    if refusal.status == 423:
        return Unavailable(said, sent=False)
    return None


WAIT_BY_POLICY: Mapping[str, float | None] = {"DAILY": 3600.0, "TEN_SECONDLY_ROLLING": None, "SECONDLY": 1.0}
"""Seconds to wait where HubSpot sends no Retry-After. A day's allowance comes back at the account's midnight: longer
than anybody's patience, so the run ends with the message."""


def seen(headers: Headers) -> Mapping[str, Seen]:
    """The app's burst limit. Answers to searches may lack these headers; the search limit is in none."""
    try:
        most, left = int(headers["x-hubspot-ratelimit-max"]), int(headers["x-hubspot-ratelimit-remaining"])
        span = int(headers.get("x-hubspot-ratelimit-interval-milliseconds", "10000")) / 1000
        return {DEFAULT: Seen(Window(most, span), left)}
    except (KeyError, ValueError):
        return {}


def allowance(headers: Headers) -> tuple[int, int] | None:
    """(used, limit) of the day; OAuth apps are not told."""
    try:
        limit = int(headers["x-hubspot-ratelimit-daily"])
        return limit - int(headers["x-hubspot-ratelimit-daily-remaining"]), limit
    except (KeyError, ValueError):
        return None


DIALECT = Dialect("HubSpot", classify=classify, seen=seen, allowance=allowance)


_EXISTING = re.compile(r"Existing ID:\s*(\d+)|(\d+) already has that value")
_CONFLICT = "CONFLICTING_UNIQUE_VALUE"
_NAMED = re.compile(r'"name"\s*:\s*"([^"]+)"|Property \\*"([a-z0-9_]+)\\*"')


def rejection(error: Mapping[str, Any]) -> Reject:
    """One entry of a batch's `errors`, or a whole refusal, as what it means for the record at fault."""
    category, message = str(error.get("category", "")), str(error.get("message", "HubSpot gave no reason"))
    context = mapping(error.get("context"))
    if category == "CONFLICT" or _CONFLICT in message:
        existing = [*(context.get("existingId") or ()), *(one for one in _existing(message) if one)]
        return Duplicate(readable(message), existing=str(existing[0]) if existing else None)
    if category == "OBJECT_NOT_FOUND":
        return Gone("HubSpot holds no such record any more.", hint="It was deleted, or merged into another one.")
    named = _NAMED.search(message)
    inner = [mapping(mapping(one).get("context")).get("propertyName") or () for one in error.get("errors") or ()]
    names = [name for some in inner for name in some] + list(
        context.get("properties") or context.get("propertyName") or ()
    )
    field = names[0] if names else (named[1] or named[2]) if named else None
    return Invalid(readable(message), field=field)


def listed(body: Mapping[str, Any]) -> list[Any]:
    errors = body.get("errors")
    return errors if isinstance(errors, list) else []


def _existing(message: str) -> tuple[str | None, ...]:
    found = _EXISTING.search(message)
    return found.groups() if found else ()


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one for whatever else a vendor puts in its place."""
    return value if isinstance(value, dict) else {}


def readable(message: str) -> str:
    """HubSpot puts JSON into its messages: take the sentences for people out of it."""
    inner = re.findall(r'"(?:localizedErrorMessage|message)"\s*:\s*"((?:[^"\\]|\\.)*)"', message)
    if not inner:
        return message[:500]
    unquoted = [text.replace('\\"', '"') for text in inner]
    return "; ".join(dict.fromkeys(unquoted))[:500]
