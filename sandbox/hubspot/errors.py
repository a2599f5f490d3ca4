"""HubSpot's error answers, word for word as its clients have met them.

Sources: https://developers.hubspot.com/docs/api-reference/error-handling (shape, property errors, multi-status), and
bodies quoted in the issues of HubSpot/hubspot-api-python (#51: 409), airbytehq/airbyte (#74726: expired token) and
others. The wording of INVALID_LONG, READ_ONLY_VALUE and VALUE_TOO_LONG is from memory.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from sandbox.gate import Answer

Body = dict[str, Any]


class Refused(Exception):
    """A request, or one record of a batch, that the portal turns down."""

    def __init__(
        self, status: int, category: str, message: str, context: Mapping[str, list[str]] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.context = dict(context or {})
        self.more = more
        self.in_batch: dict[str, list[str]] = {}
        """Context that only a batch's answer gives."""

    def body(self) -> Body:
        """The whole answer's body."""
        body: Body = {"status": "error", "message": self.message, "correlationId": str(uuid.uuid4())}
        if self.context:
            body["context"] = self.context
        return body | self.more | {"category": self.category}

    def entry(self, context: Mapping[str, list[str]]) -> Body:
        """One element of `errors` in a 207."""
        return {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": {**context, **self.context, **self.in_batch},
        }

    def answer(self) -> Answer:
        return Answer(self.status, orjson.dumps(self.body()))


def invalid(message: str, **context: list[str]) -> Refused:
    return Refused(400, "VALIDATION_ERROR", message, context)


def invalid_values(problems: Iterable[Mapping[str, Any]]) -> Refused:
    """Property values that cannot be stored; the details are JSON inside the message, as at HubSpot."""
    return invalid(f"Property values were not valid: {orjson.dumps(list(problems)).decode()}")


def value_problem(name: str, code: str, message: str, **more: Any) -> Body:
    return {"isValid": False, "message": message, "error": code, "name": name, **more}


def conflict(existing: int) -> Refused:
    refused = Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {existing}")
    refused.in_batch = {"existingId": [str(existing)]}
    return refused


def not_found() -> Refused:
    return Refused(404, "OBJECT_NOT_FOUND", "resource not found")


def some_not_found(ids: list[str], one: str) -> Refused:
    message = f"Could not get some {one.upper()} objects, they may be deleted or not exist. Check that ids are valid."
    return Refused(404, "OBJECT_NOT_FOUND", message, {"ids": ids})


def unauthorized() -> Refused:
    message = (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
    )
    return Refused(401, "INVALID_AUTHENTICATION", message)


def expired(seconds: float, moment: str) -> Refused:
    message = f"The OAuth token used to make this call expired {int(seconds)} second(s) ago."
    return Refused(401, "EXPIRED_AUTHENTICATION", message, {"expire time": [moment]})


def missing_scope(scope: str) -> Refused:
    message = (
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
        "https://developers.hubspot.com/scopes."
    )
    need = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": [scope]},
    }
    return Refused(
        403, "MISSING_SCOPES", message, errors=[need], links={"scopes": "https://developers.hubspot.com/scopes"}
    )


def rate_limited(policy: str) -> Answer:
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": str(uuid.uuid4()),
        "policyName": policy,
        "requestId": str(uuid.uuid4()),
    }
    return Answer(429, orjson.dumps(body))


def out_of_order(status: int) -> Answer:
    """5xx. HubSpot's edge answers some of them with HTML, its services with JSON."""
    if status in (502, 504, 521, 522, 523, 524):
        page = f"<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>"
        return Answer(status, page.encode(), {"content-type": "text/html"})
    body = {"status": "error", "message": "internal error", "correlationId": str(uuid.uuid4())}
    return Answer(status, orjson.dumps(body))
