"""How Tryton is called and how it refuses: settings, JSON-RPC, and the errors that come inside a 200.

https://docs.tryton.org/8.0/server/topics/rpc.html. Each call is one transaction: it happens as a whole or not at all,
which is what makes a bulk call that failed safe to repeat in halves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors.auth import Credentials
from connectors.errors import ConnectorError, Invalid, Misconfigured, ProtocolChanged, Stale, Unauthorized, Unavailable
from connectors.http import Dialect, Http, Refusal
from connectors.scrub import scrub
from connectors.tryton.session import LOCKED, LOCKED_HINT, Basic, Session, not_there, rpc_url

LEAD = "sale.opportunity"
PARTY = "party.party"
MECHANISM = "party.contact_mechanism"
ADDRESS = "party.address"
CATEGORY = "party.category"
RELATION = "party.relation.all"
EMPLOYEE = "company.employee"

BY_ID = [["id", "ASC"]]

PASSING = ("database is locked", "deadlock detected", "could not serialize access", "too many clients")
"""What SQLite and PostgreSQL say of trouble that passes; Tryton hands it on as text. The transaction was undone."""


class Settings(BaseModel):
    """How to reach one Tryton database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Where the server is, without the database: https://tryton.example.com")
    database: str = Field(description="Name of the database")
    user: str = Field(description="Login of a user made for the sync")
    password: SecretStr = Field(description="That user's password")
    auth: Literal["session", "basic"] = Field("session", description="Sign in once, or send the password each time")
    overlap_seconds: float = Field(
        60.0, ge=0, description="How long a transaction may last: Tryton dates a change by its beginning"
    )
    company_category: str = Field(
        "", description="Party category that marks organisations; without it there is no kind company"
    )
    company_relation: str = Field(
        "", description='Relation type from a person to the organisation, "Employee of" (module party_relationship)'
    )
    page_size: int = Field(250, ge=1, le=2000, description="Leads read in one call")
    timeout_seconds: float = Field(60.0, gt=0, description="For one answer")

    @model_validator(mode="after")
    def _relations_lead_to_organisations(self) -> Self:
        if self.company_relation and not self.company_category:
            raise ValueError("company_relation needs company_category: to what does the relation lead?")
        return self

    def credentials(self) -> Credentials:
        if self.auth == "basic":
            return Basic(self.user, self.password)
        return Session(self.base_url, self.database, self.user, self.password)

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_seconds)


def dialect(database: str) -> Dialect:
    def classify(refusal: Refusal) -> ConnectorError | None:
        if refusal.status == 429:  # Tryton limits nothing but sign-ins
            return Unauthorized(LOCKED, hint=LOCKED_HINT)
        if refusal.status == 401:
            return Unauthorized(
                f"Tryton refuses the user (database {database!r}).", hint="Put user and password right."
            )
        if refusal.status == 403:
            return Misconfigured(
                "Tryton does not offer a method that the sync needs.",
                hint="Is it Tryton 8.0, with the module sale_opportunity activated?",
            )
        return not_there(refusal.status, database) if refusal.status in (404, 405) else None

    return Dialect("Tryton", classify=classify)


class Rpc:
    """JSON-RPC calls of one user in one database.

    `read` is for calls that change nothing: they may be repeated, and a refusal is Misconfigured or Unauthorized.
    `change` is for the others: never repeated by itself, and a refusal is Invalid or Stale, for the caller to pin on
    a record.
    """

    def __init__(self, http: Http, settings: Settings) -> None:
        self.database = settings.database
        self.http = http
        self._url = rpc_url(settings.base_url, settings.database)
        self._root = f"{settings.base_url.rstrip('/')}/rpc/"
        self._context: dict[str, Any] | None = None
        self._asking = asyncio.Lock()
        self.told: datetime | None = None
        """Tryton's own clock, as its last answer told it (whole seconds)."""

    async def read(self, method: str, *params: Any, **context: Any) -> Any:
        answer = await self._call(f"model.{method}", [*params, {**await self.context(), **context}], change=False)
        if "error" in answer:
            raise self._unreadable(method, answer["error"])
        return answer["result"]

    async def change(self, method: str, *params: Any, unless: Mapping[str, str] | None = None) -> Any:
        """`unless`: refuse with Stale if any of these records ("model,id") is not as of this `_timestamp` any more."""
        context = {**await self.context(), **({"_timestamp": dict(unless)} if unless else {})}
        answer = await self._call(f"model.{method}", [*params, context], change=True)
        if "error" in answer:
            raise self._refused(answer["error"])
        return answer["result"]

    async def wizard(self, name: str, step: str, *params: Any) -> Any:
        """A step of one of Tryton's wizards: "create" opens a session, "execute" goes through a state of it. Refuses as
        `change` does."""
        answer = await self._call(f"wizard.{name}.{step}", [*params, await self.context()], change=True)
        if "error" in answer:
            raise self._refused(answer["error"])
        return answer["result"]

    async def search_read(
        self,
        model: str,
        domain: list[Any],
        fields: list[str],
        order: list[list[str]],
        limit: int | None = None,
        **context: Any,
    ) -> list[dict[str, Any]]:
        """Rows with an id and the fields asked for; what "party.name" asks for comes as {"party.": {"name": …}}."""
        rows = await self.read(f"{model}.search_read", domain, 0, limit, order, fields, **context)
        wanted = {"id", *(f"{field.split('.')[0]}." if "." in field else field for field in fields)}
        if not isinstance(rows, list) or not all(isinstance(row, dict) and wanted <= row.keys() for row in rows):
            raise ProtocolChanged(f"Tryton answered {model}.search_read with something else than was asked for.")
        return rows

    async def context(self) -> dict[str, Any]:
        """Company, employee and language of the user, which Tryton wants with every call."""
        async with self._asking:
            if self._context is None:
                answer = await self._call("model.res.user.get_preferences", [True, {}], change=False)
                if not isinstance(answer.get("result"), dict):
                    raise self._unreadable("res.user.get_preferences", answer.get("error"))
                self._context = answer["result"]
        return self._context

    async def series(self) -> str:
        """The server's version, "8.0"."""
        body = {"id": 1, "method": "common.server.version", "params": []}
        answer = await self.http.request("POST", self._root, json=body, idempotent=True, expect=("result",))
        return str(answer.json["result"])

    async def _call(self, method: str, params: list[Any], *, change: bool) -> dict[str, Any]:
        answer = await self.http.request(
            "POST",
            self._url,
            json={"id": 1, "method": method, "params": params},
            idempotent=not change,
            expect=dict,
            rejects=change,
        )
        if date := answer.headers.get("date"):
            self.told = parsedate_to_datetime(date).astimezone(UTC)
        parsed: dict[str, Any] = answer.json
        if "error" not in parsed and "result" not in parsed:
            raise ProtocolChanged(f"Tryton answered {method} with neither a result nor an error.")
        return parsed

    def _unreadable(self, method: str, error: Any) -> ConnectorError:
        kind, text, _ = said(error)
        text = self._scrub(text)
        if kind == "UserError":
            return Unauthorized(
                f"Tryton does not let the user read ({method}): {text}",
                hint="Give the user the access groups Sales and Sale Opportunity.",
            )
        if passing(text):
            return Unavailable(f"Tryton's database is busy: {text}", sent=False)
        return ProtocolChanged(f"Tryton failed on {method}: {text}", hint="Look into the server's log.")

    def _refused(self, error: Any) -> ConnectorError:
        kind, text, field = said(error)
        text = self._scrub(text)
        match kind:
            case "ConcurrencyException":
                return Stale("Somebody changed the record in Tryton at the same moment.")
            case "UserError":
                return Invalid(text, field=field)
            case "UserWarning":
                return Invalid(
                    text,
                    hint="Tryton wants a person to confirm this: make the change there, or switch the warning off.",
                )
            case "LoginException":
                return Unauthorized(text)
        if passing(text):
            return Unavailable(f"Tryton's database is busy: {text}", sent=False)
        return Invalid(f"Tryton failed on a value: {text}", hint="The server's log has the details.")

    def _scrub(self, text: str) -> str:
        auth = self.http.client.auth
        return scrub(text, auth.secrets() if isinstance(auth, Credentials) else ())


def said(error: Any) -> tuple[str, str, str | None]:
    """Kind, words and field of an error. Tryton's own come as [kind, details]; a crash as [text, traceback], of
    which only the text is for people."""
    match error:
        case ["UserError", [str(text), description, *rest]]:
            return "UserError", join(text, description), blamed(rest)
        case ["UserWarning", [_, str(text), *rest]]:
            return "UserWarning", join(text, rest[0] if rest else ""), None
        case ["LoginException", [_, str(text), *_]]:
            return "LoginException", text, None
        case ["ConcurrencyException", *_]:
            return "ConcurrencyException", "", None
        case [str(text), *_]:
            return "", text[:300], None
    return "", "an error without words", None


def blamed(rest: list[Any]) -> str | None:
    """The field of a value that is outside its domain: UserError carries (domain, {field: definition})."""
    match rest:
        case [[_, {**fields}], *_] if len(fields) == 1:
            return str(next(iter(fields)))
    return None


def join(text: str, description: Any) -> str:
    return f"{text} {description}".strip()[:500] if isinstance(description, str) else text[:500]


def passing(text: str) -> bool:
    return any(words in text for words in PASSING)
