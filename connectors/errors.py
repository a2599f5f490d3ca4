"""Connector errors, sorted by what the caller does about them.

    ConnectorError
      x Retry            try the same call again later
        - RateLimited        the vendor said so; `retry_after` seconds
        - Unavailable        5xx, time-out, connection lost, a body cut off
      x Reject           one record is at fault: returned in its WriteResult, the rest goes on
        - Invalid            the vendor refuses a value
        - Gone               the record is not there any more
        - Duplicate          the vendor already has such a record; `existing` is its id where known
        - Stale              the record changed since we read it
      x Stop             the run ends for this system; a person must act
        - Unauthorized       credentials refused, or not allowed to do this
        - Misconfigured      a field, object or setting that we count on is not there
        - ProtocolChanged    the answer is not what the vendor's API describes

Every error carries a `code` (documented in docs/errors.md), what happened, and what to do. Messages never hold a
secret: `connectors.http` builds them from status and vendor text, never from request headers.
"""

from __future__ import annotations


class ConnectorError(Exception):
    """What happened, in words for a person. `hint` says what to do about it."""

    code = "connector"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Retry(ConnectorError):
    code = "retry"


class RateLimited(Retry):
    """`retry_after`: seconds that the vendor asks us to wait; None where it does not say."""

    code = "rate-limited"

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Unavailable(Retry):
    """`sent`: whether the request may have reached the vendor, so that a write may have happened."""

    code = "unavailable"

    def __init__(self, message: str, *, sent: bool = True, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class Reject(ConnectorError):
    """`field`: the remote field at fault, where the vendor names one."""

    code = "rejected"

    def __init__(self, message: str, *, field: str | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class Invalid(Reject):
    code = "invalid-value"


class Gone(Reject):
    code = "record-gone"


class Duplicate(Reject):
    code = "duplicate-record"

    def __init__(self, message: str, *, existing: str | None = None, field: str | None = None, hint: str = "") -> None:
        super().__init__(message, field=field, hint=hint)
        self.existing = existing


class Stale(Reject):
    code = "record-changed"


class Stop(ConnectorError):
    code = "stop"


class Unauthorized(Stop):
    code = "unauthorized"


class Misconfigured(Stop):
    code = "misconfigured"


class ProtocolChanged(Stop):
    code = "protocol-changed"
