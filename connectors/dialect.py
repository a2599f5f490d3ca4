"""How one vendor says no, later, and so much is left: what `connectors.http` needs to know of it, as a value.

Not here: what a connector does about it. Invariant: every refusal becomes an error of ours, and a status that the
table does not know is ProtocolChanged, never silence.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors.errors import (
    ConnectorError,
    Duplicate,
    Gone,
    Invalid,
    Misconfigured,
    ProtocolChanged,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from connectors.limits import Seen

Headers = Mapping[str, str]


class Refusal(NamedTuple):
    """A response of status 300 and above, for a dialect to make sense of. `text` is free of secrets."""

    status: int
    headers: Headers
    json: Any
    text: str
    what: str
    """Method and path, for the message."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one vendor says no, later, and so much is left.

    - classify: the error that a refusal means, or None to go by its status (`BY_STATUS`)
    - seen: what a response's headers say of our rate policies
    - allowance: (used, limit) of the day, where headers tell
    - retry_after: the header with the seconds (or the date) until which to wait
    """

    vendor: str
    classify: Callable[[Refusal], ConnectorError | None] = lambda refusal: None
    seen: Callable[[Headers], Mapping[str, Seen]] = lambda headers: {}
    allowance: Callable[[Headers], tuple[int, int] | None] = lambda headers: None
    retry_after: str = "retry-after"


BY_STATUS: Mapping[int, Callable[[str], ConnectorError]] = {
    400: Invalid,
    401: lambda m: Unauthorized(m, hint="The token was refused: renew it, or connect the account again."),
    402: lambda m: Misconfigured(m, hint="The vendor wants payment for this call: check the account's plan."),
    403: lambda m: Unauthorized(m, hint="The token lacks a permission (scope) for this call."),
    404: Gone,
    408: Unavailable,
    409: Duplicate,
    410: Gone,
    412: Invalid,
    413: Invalid,
    422: Invalid,
    423: lambda m: Unavailable(m, sent=False),
    425: lambda m: Unavailable(m, sent=False),
    429: RateLimited,
}


def by_status(status: int, message: str, headers: Headers) -> ConnectorError:
    """The error that a status means where the dialect does not know better."""
    if 300 <= status < 400:
        return Misconfigured(message, hint="The address has moved: check base_url.")
    if status >= 500:
        return Unavailable(message, sent=True)
    return BY_STATUS.get(status, ProtocolChanged)(message)


def words(parsed: Any, text: str) -> str:
    """The sentence meant for people in a refusal's body, at most 300 characters."""
    if isinstance(parsed, list) and parsed and isinstance(parsed[0], dict):
        parsed = parsed[0]
    if isinstance(parsed, dict):
        for name in ("message", "error_description", "detail", "error"):
            if isinstance(parsed.get(name), str):
                return str(parsed[name])[:300]
    return "" if "<" in text[:200] else " ".join(text.split())[:300]


def seconds_in(value: str | None) -> float | None:
    """Retry-After: seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
