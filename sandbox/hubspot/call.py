"""One request to the portal, read: its path's parts, its query, its body; and how an answer is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from sandbox.faults import page_start
from sandbox.gate import PAGE, Answer, Scope
from sandbox.hubspot.errors import invalid

if TYPE_CHECKING:
    from sandbox.hubspot.properties import Properties
    from sandbox.hubspot.records import Records
    from sandbox.hubspot.search import Index
    from sandbox.hubspot.server import HubSpot


class Call:
    """One request: `path` holds the named parts of the path."""

    __slots__ = ("body", "path", "portal", "query", "scope", "size")

    def __init__(self, portal: HubSpot, scope: Scope, path: Mapping[str, str], raw: bytes) -> None:
        self.portal = portal
        self.scope = scope
        self.path = path
        self.size = len(raw)
        self.query = parse_qs(scope["query_string"].decode())
        self.body: Any = self._parse(raw)

    @property
    def records(self) -> Records:
        """Those of the type that the path names."""
        return self.portal.objects[self.path["type"]]

    @property
    def index(self) -> Index:
        return self.portal.indexes[self.path["type"]]

    @property
    def properties(self) -> Properties:
        return self.records.properties

    def one(self, name: str) -> str | None:
        return self.query[name][-1] if name in self.query else None

    def many(self, name: str) -> list[str]:
        """Comma-separated, or the parameter repeated; hubspot-sdk adds [] to its name."""
        given = self.query.get(name, []) + self.query.get(f"{name}[]", [])
        return [part for item in given for part in item.split(",") if part]

    def flag(self, name: str) -> bool:
        return (self.one(name) or "").lower() == "true"

    def shift(self, start: int, limit: int) -> int:
        return page_start(self.scope.get(PAGE), start, limit)

    def _parse(self, raw: bytes) -> Any:
        kind = header(self.scope, b"content-type")
        if "x-www-form-urlencoded" in kind:
            return {name: given[-1] for name, given in parse_qs(raw.decode()).items()}
        if not raw:
            return {}
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise invalid(f"Invalid input JSON on line {error.lineno}, column {error.colno}: {error.msg}") from None
        if not isinstance(body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: expected an object")
        return body


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps(body))


def header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def whole(text: str | None, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal():
        raise invalid(f"Unable to parse value for query parameter: {text}")
    return int(text)


def an_object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if not isinstance(value, dict):
        raise invalid(f"Invalid input JSON: some required fields were not set: [{name}]")
    return value
