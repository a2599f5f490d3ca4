"""What an admin sets to connect an org, and the sign-in that follows from it.

Four ways in, told apart by what is given: an access token; a refresh token; a private key (JWT bearer); a client id
and secret alone (client credentials). Secrets are SecretStr: no repr, error or log shows them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.auth import Bearer, Credentials, Grant, OAuth, client_credentials, jwt_bearer, refresh_token
from connectors.base import Clock

# Bulk API 2.0 pays from about this many records on (https://developer.salesforce.com/docs/platform/api-asynch/guide/
# query-bulk-api-2-0.html: "large amounts of data (2,000 records or more)").
BULK_ABOVE = 2_000
# sObject Collections take at most 200 records (https://developer.salesforce.com/docs/platform/api-rest/guide/
# resources-composite-sobjects-collections-update.html).
COLLECTION = 200
# Bulk API 2.0 makes a batch of its own of every 10,000 records (https://developer.salesforce.com/docs/atlas.en-us.
# api_asynch.meta/api_bulk_v2/datafiles_understanding_bulk2_ingest.htm).
WRITE_BATCH = 10_000
# The delete log and the recycle bin reach back 15 days (https://developer.salesforce.com/docs/platform/api-rest/guide/
# resources-getdeleted.md); one day is kept in hand for clocks and slow runs.
DELETES_KEPT = timedelta(days=14)

Url = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+$")]


class Settings(BaseModel):
    """The settings of one org. Times in seconds.

    `login_url` is where tokens come from: https://login.salesforce.com, https://test.salesforce.com for a sandbox, or
    the org's own My Domain address (which client credentials require). `instance_url` is where calls go; without it
    they go where the token answer says. `bulk_above` is the number of records from which on a scan, or one batch of
    writes, goes by Bulk API 2.0; smaller batches are cut into collections of 200.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    login_url: Url = "https://login.salesforce.com"
    """Where tokens come from: https://login.salesforce.com, https://test.salesforce.com, or the org's My Domain
    address."""
    instance_url: Url | None = None
    """Where calls go; where the token answer says, if not given."""
    client_id: str | None = None
    """Consumer key of the connected app"""
    client_secret: SecretStr | None = None
    """Consumer secret"""
    refresh_token: SecretStr | None = None
    """From the person who connected the org"""
    username: str | None = None
    """JWT: the user to sign in as"""
    private_key: SecretStr | None = None
    """JWT: the app's private key, PEM"""
    audience: str | None = None
    """JWT: who the assertion is for, where it is not told by login_url"""
    access_token: SecretStr | None = None
    """A session that somebody else renews; needs instance_url"""

    api_version: str = Field(default="62.0", pattern=r"^\d{2,3}\.0$")
    """Version of the REST API"""
    bulk_above: int = Field(default=BULK_ABOVE, ge=1)
    """Records from which on a scan or a batch goes by Bulk API 2.0"""
    write_batch: int = Field(default=WRITE_BATCH, ge=1, le=WRITE_BATCH)
    """Records of one batch"""
    overlap: float = Field(default=300.0, ge=0)
    """Seconds that a change may become visible late"""
    deletes_every: float = Field(default=3_600.0, ge=60)
    """Seconds between two looks at the delete log"""
    bulk_wait: float = Field(default=1_800.0, gt=0)
    """Seconds that a Bulk job may take"""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds for one answer"""

    @model_validator(mode="after")
    def _one_way_in(self) -> Settings:
        if self.access_token is not None:
            if self.instance_url is None:
                raise ValueError("access_token needs instance_url, the address of the org")
            return self
        if not self.client_id:
            raise ValueError("give client_id with client_secret, refresh_token or private_key; or access_token")
        if self.private_key is not None:
            if not self.username:
                raise ValueError("private_key needs username, the user to sign in as")
        elif self.refresh_token is None:
            if self.client_secret is None:
                raise ValueError("client_id needs client_secret, refresh_token or private_key")
            if urlsplit(self.login_url).hostname in ("login.salesforce.com", "test.salesforce.com"):
                raise ValueError(
                    "client credentials need login_url to be the org's My Domain address, "
                    "such as https://example.my.salesforce.com"
                )
        return self


def credentials(settings: Settings, clock: Clock) -> Credentials:
    """The sign-in that the settings ask for. Raises Misconfigured for a private key that cannot be read."""
    if settings.access_token is not None:
        return Bearer(settings.access_token)
    return OAuth(
        f"{settings.login_url}/services/oauth2/token",
        _grant(settings, clock),
        moves_to_instance=settings.instance_url is None,
        clock=clock,
    )


def _grant(settings: Settings, clock: Clock) -> Grant:
    client = settings.client_id or ""
    if settings.private_key is not None:
        audience = settings.audience or _audience(settings.login_url)
        return jwt_bearer(client, settings.username or "", audience, settings.private_key, clock=clock)
    if settings.refresh_token is not None:
        return refresh_token(client, settings.client_secret, settings.refresh_token)
    return client_credentials(client, settings.client_secret or SecretStr(""))


def _audience(login_url: str) -> str:
    """Assertions are addressed to the login server of production or of sandboxes, whatever My Domain is used.
    https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm"""
    host = urlsplit(login_url).hostname or ""
    sandbox = host == "test.salesforce.com" or ".sandbox." in host
    return "https://test.salesforce.com" if sandbox else "https://login.salesforce.com"
