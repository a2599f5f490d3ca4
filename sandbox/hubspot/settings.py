"""What one portal is like: its tokens, its limits, and the points on which HubSpot's documentation leaves room."""

from __future__ import annotations

from dataclasses import dataclass, replace

SCOPES = (
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.schemas.companies.read",
    "crm.schemas.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.schemas.deals.read",
    "crm.schemas.deals.write",
    "crm.objects.owners.read",
    "sales-email-read",
    "forms",
    "content",
    "communication_preferences.read_write",
    "oauth",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are the vendor's real ones for a Professional account with a private app.

    `burst` calls in any `burst_seconds`, `daily` calls in 24 hours
    (https://developers.hubspot.com/changelog/increasing-our-api-limits); `search` calls in any second, 200 records a
    page and 10,000 results a query (https://developers.hubspot.com/docs/api-reference/search/guide). `index_delay`:
    seconds until search shows a write. `token` is the private app's and never expires; OAuth access tokens live for
    `token_seconds`.

    `partial_email_upserts`: "Partial upserts are not supported when using email as the idProperty" (contacts guide):
    read here as all or nothing, even with trace ids. `touch_on_no_op`: whether writing the value that is already
    there moves lastmodifieddate; the documentation does not say.
    """

    token: str = "sandbox-token"  # noqa: S105 - opens nothing but this sandbox
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105
    refresh_token: str = "sandbox-refresh"  # noqa: S105
    token_seconds: float = 1800.0
    scopes: tuple[str, ...] = SCOPES
    portal_id: int = 62515
    burst: int = 190
    burst_seconds: float = 10.0
    daily: int = 625_000
    search: int = 5
    index_delay: float = 0.0
    partial_email_upserts: bool = False
    touch_on_no_op: bool = False


FAST = replace(Settings(), burst=1_000_000, daily=100_000_000, search=1_000_000)
"""No limit that anything on this machine could reach: for the demo and for tests of other things."""
