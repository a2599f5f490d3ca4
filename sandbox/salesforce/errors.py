"""How Salesforce says no: the codes, words and HTTP statuses of its answers.

A `Refused` is what one record or one request gets; the REST API words it as `errorCode`, the collections API as
`statusCode`, the Bulk API as one line of text.
https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Problem(NamedTuple):
    """`fields` None: the answer has no such key (a fault of the request, not of a record)."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = {}

    def as_rest(self) -> dict[str, Any]:
        shown: dict[str, Any] = {**self.extra, "message": self.message, "errorCode": self.code}
        if self.fields is not None:
            shown["fields"] = list(self.fields)
        return shown

    def as_result(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}

    def as_line(self) -> str:
        return f"{self.code}:{self.message}:{' '.join(self.fields or ())} --"


STATUS = {
    "NOT_FOUND": 404,
    "ENTITY_IS_DELETED": 404,
    "INVALID_SESSION_ID": 401,
    "INVALID_AUTH_HEADER": 401,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "METHOD_NOT_ALLOWED": 405,
}


class Refused(Exception):
    """One record, or a whole request, is refused. `status` is what the REST API answers with."""

    def __init__(self, problems: Problem | Iterable[Problem], status: int | None = None) -> None:
        self.problems = [problems] if isinstance(problems, Problem) else list(problems)
        self.status = status or STATUS.get(self.problems[0].code, 400)
        super().__init__("; ".join(f"{p.code}: {p.message}" for p in self.problems))


def no_such_resource() -> Refused:
    return Refused(Problem("NOT_FOUND", "The requested resource does not exist"))


def entity_is_deleted() -> Refused:
    return Refused(Problem("ENTITY_IS_DELETED", "entity is deleted", ()))


def unreadable(wanted: str, value: object) -> Refused:
    """JSON of the wrong type: Salesforce gives up on the whole request, in whichever record it was."""
    match value:
        case bool():
            found = f"VALUE_{str(value).upper()} value {str(value).lower()}"
        case None:
            found = "VALUE_NULL value null"
        case str():
            found = f"VALUE_STRING value {value[:200]}"
        case int():
            found = f"VALUE_NUMBER_INT value {value}"
        case float():
            found = f"VALUE_NUMBER_FLOAT value {value}"
        case list():
            found = "START_ARRAY value ["
        case _:
            found = "START_OBJECT value {"
    return Refused(
        Problem(
            "JSON_PARSER_ERROR",
            f"Cannot deserialize instance of {wanted} from {found} or request may be missing a required field"
            " at [line:1, column:1]",
        )
    )


def no_such_column(name: str, sobject: str) -> Refused:
    return Refused(Problem("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject}"))
