"""What every page is made with: who asks, in which language, and how the answer is drawn.

A route takes a `Viewer`, an `Operator` or an `Admin`; by that it is decided, before anything else happens, who may. Of the API
it takes a `ViewerProgram` or an `OperatorProgram`, which say who they are by a token. Invariant: a route that changes something
is never a GET, and is refused without the session's own CSRF token (in the form as `csrf`, or in the header X-CSRF-Token, where
htmx puts it); a program changes nothing by a cookie, which a browser sends along whoever asks.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, cast
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from alignment.words import Words
from console.web.drawing import draw
from console.web.site import LANGUAGES, Site
from state.accounts import Account, Role, Session
from state.tokens import Token

SESSION, TOLD, LANGUAGE, THEME = "smarketing_session", "smarketing_told", "smarketing_language", "smarketing_theme"
RANKS: dict[Role, int] = {"viewer": 0, "operator": 1, "admin": 2}
"""Whoever may do more may do all that those below may."""

ROLES: dict[Callable[..., Any], Role] = {}
"""What admits to a route -> the role that it takes, at least."""

SAFE = ("GET", "HEAD", "OPTIONS")
Number = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
"""Of a row, as an address or a form says it: whatever is larger, a database takes for an error of ours."""

Tone = Literal["good", "warn", "bad"]


class NotSignedIn(Exception):
    """Sent to the page that signs people in, and back afterwards."""


class NoToken(NotSignedIn):
    """A program is told so."""


class Refused(Exception):
    """A page says no. `status`: of HTTP; `key`: of the text that says why."""

    def __init__(self, status: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.status, self.key, self.values = status, key, values


@dataclass(frozen=True)
class Visitor:
    """`csrf`: what a form of theirs must bring; empty where no cookie says who they are but a token of theirs."""

    account: Account
    csrf: str = ""
    token: Token | None = None

    @property
    def name(self) -> str:
        return self.account.name

    @property
    def email(self) -> str:
        """Who is said to have done a thing."""
        return self.account.email

    @property
    def role(self) -> Role:
        """Of a token no more than its owner has by now."""
        roles = [self.account.role, *([self.token.role] if self.token else [])]
        return min(roles, key=RANKS.__getitem__)

    def may(self, role: Role) -> bool:
        return RANKS[self.role] >= RANKS[role]


@dataclass(frozen=True)
class Page:
    """One request of somebody who is signed in (or, on the pages before that, of nobody)."""

    request: Request
    site: Site
    words: Words
    visitor: Visitor | None = None

    @property
    def by(self) -> str:
        assert self.visitor is not None
        return self.visitor.email

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def show(self, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """A whole page. htmx takes the part that it asked for out of it (`hx-select`)."""
        told = _told(self.request)
        answer = HTMLResponse(draw(template, self, told=told, **values), status)
        if told:
            answer.delete_cookie(TOLD)
        return answer

    def go(self, url: str, told: str = "", tone: Tone = "good") -> Response:
        """To another page after something was done, which then says so. By htmx too."""
        answer: Response = RedirectResponse(url, 303)
        if "HX-Request" in self.request.headers:  # the address as it was spelled there, which fits into a header
            answer = Response(headers={"HX-Redirect": answer.headers["location"]})
        if told:
            value = quote(json.dumps({"text": told[:1500], "tone": tone}))
            answer.set_cookie(TOLD, value, max_age=60, httponly=True, samesite="lax", secure=secure(self.request))
        return answer

    def note(self, action: str, subject: str = "", **detail: Any) -> None:
        """Into the audit: who did what."""
        if self.visitor is not None and self.visitor.token is not None:
            detail["token"] = self.visitor.token.name
        self.site.accounts.note(self.now, self.by, action, subject, **detail)


def secure(request: Request) -> bool:
    """Whether the browser came by https; cookies then never travel otherwise. What stands before us may have taken that away:
    then the address by which we are configured to be reached says so."""
    said = urlsplit(site_of(request).console.url or "")
    return request.url.scheme == "https" or (said.scheme == "https" and said.netloc == request.url.netloc)


def address(page: Page) -> str:
    """Where people open the console, for links that are sent to them."""
    return page.site.console.url or str(page.request.base_url).rstrip("/")


def inside(url: str) -> str:
    """A page of ours, whatever a link says."""
    return url if url.startswith("/") and not url.startswith(("//", "/\\")) else "/"


def site_of(request: Request) -> Site:
    return cast(Site, request.app.state.site)


def words_of(request: Request, account: Account | None = None) -> Words:
    """The account's language; else that chosen before signing in; else the first that the browser asks for and we have."""
    chosen = account.language if account else request.cookies.get(LANGUAGE, "")
    if chosen not in LANGUAGES:
        asked = (
            part.partition(";")[0].strip()[:2].lower() for part in request.headers.get("accept-language", "").split(",")
        )
        chosen = next((one for one in asked if one in LANGUAGES), LANGUAGES[0])
    return site_of(request).words(chosen)


def _told(request: Request) -> Mapping[str, str] | None:
    try:
        told = json.loads(unquote(request.cookies.get(TOLD, "")))
        return {"text": str(told["text"]), "tone": str(told["tone"])}
    except (ValueError, KeyError, TypeError):
        return None


async def anybody(request: Request) -> Page:
    """For the few pages that are there before signing in."""
    return Page(request, site_of(request), words_of(request))


async def visitor_of(request: Request) -> Visitor:
    """Who the session's cookie says it is. Raises NotSignedIn."""
    key = request.cookies.get(SESSION)
    if not key:
        raise NotSignedIn
    session = await run_in_threadpool(_session, site_of(request), key)
    if session is None:
        raise NotSignedIn
    return Visitor(session.account, session.csrf)


def _session(site: Site, key: str) -> Session | None:
    return site.accounts.session(key, datetime.now(UTC), timedelta(hours=site.console.idle_hours))


async def program_of(request: Request) -> Visitor:
    """Whose token it is (`Authorization: Bearer …`, https://www.rfc-editor.org/rfc/rfc6750). Without one, a session may look, so
    that a person can follow a link; but not change anything. Raises NoToken, Refused."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = await run_in_threadpool(site_of(request).tokens.holder, key.strip(), datetime.now(UTC))
        if found is None:
            raise NoToken
        token, account = found
        return Visitor(account, token=token)
    try:
        visitor = await visitor_of(request)
    except NotSignedIn:
        raise NoToken from None
    if request.method not in SAFE:
        raise Refused(403, "access.token_needed")
    return visitor


def by_role(role: Role, *, program: bool = False) -> Callable[[Request], Awaitable[Page]]:
    """`program`: of the API, where a token says who asks."""

    async def admitted(request: Request) -> Page:
        visitor = await (program_of(request) if program else visitor_of(request))
        page = Page(request, site_of(request), words_of(request, visitor.account), visitor)
        if not visitor.may(role):
            raise Refused(403, "shell.not_allowed", role=page.words(f"shell.role_{role}"))
        if request.method not in SAFE and visitor.csrf:
            await _check_csrf(request, visitor.csrf)
        return page

    ROLES[admitted] = role
    return admitted


async def _check_csrf(request: Request, expected: str) -> None:
    given: str | UploadFile | None = request.headers.get("X-CSRF-Token")
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        given = (await request.form()).get("csrf")
    if not isinstance(given, str) or not secrets.compare_digest(given.encode(), expected.encode()):
        raise Refused(403, "shell.csrf")


Anybody = Annotated[Page, Depends(anybody)]
Viewer = Annotated[Page, Depends(by_role("viewer"))]
Operator = Annotated[Page, Depends(by_role("operator"))]
Admin = Annotated[Page, Depends(by_role("admin"))]
ViewerProgram = Annotated[Page, Depends(by_role("viewer", program=True))]
OperatorProgram = Annotated[Page, Depends(by_role("operator", program=True))]
