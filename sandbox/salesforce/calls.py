"""One request as the handlers see it, and the answers they give. A handler is plain and synchronous: HTTP is not its
business, only what Salesforce would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.faults import Fault
from sandbox.gate import Answer
from sandbox.salesforce.errors import Problem, Refused

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce


@dataclass(frozen=True, slots=True)
class Call:
    """`base` is the server's address, `args` what the path's pattern caught, `fault` a page fault to carry out."""

    method: str
    base: str
    args: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    token: str = ""
    fault: Fault | None = None

    @property
    def root(self) -> str:
        """/services/data/vXX.0"""
        return f"/services/data/v{self.args['version']}"

    @property
    def allow_duplicates(self) -> bool:
        return "allowsave=true" in self.headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "")

    def json(self) -> Any:
        """Raises Refused (JSON_PARSER_ERROR)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            words = f"{error.msg} at [line:{error.lineno}, column:{error.colno}]"
            raise Refused(Problem("JSON_PARSER_ERROR", words)) from None

    def record(self) -> dict[str, Any]:
        """A body that is one JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise Refused(Problem("JSON_PARSER_ERROR", "The HTTP entity body is required to be one JSON object"))
        return found


Handler = Callable[["Salesforce", Call], Answer]


def shown(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(payload), {"content-type": "application/json;charset=UTF-8", **(headers or {})})


def nothing() -> Answer:
    return Answer(204, b"")


def refused(error: Refused) -> Answer:
    return shown([problem.as_rest() for problem in error.problems], error.status)
