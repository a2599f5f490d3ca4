"""Signing in and out, by password and by a link that works once.

Passwords are hashed by argon2id (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). Invariant:
there is no default password; whether an address has an account cannot be told from the answer, nor from its time; a session's
key is new at every log-in, and the one before it ends.
"""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from console.web.page import SESSION, Anybody, Page, Refused, Viewer, inside, secure
from console.web.throttle import client_of, wait
from state.accounts import Account, Accounts, Invitation, made
from state.audit import IN, OUT, REFUSED

router = APIRouter()
SHORTEST = 12
"""Characters of a password: https://pages.nist.gov/800-63-4/sp800-63b.html asks for length, and for nothing else."""

NO_ADDRESS = "–"
"""For what was typed and is no address, in the audit: it may be a password."""

FIRST_LASTS = timedelta(hours=24)
_hasher = PasswordHasher()

_lanes = [threading.Lock() for _ in range(4)]
"""Passwords are looked at by so many at once, and those for one address one after the other: each look takes 64 MB, and a
hundred at once would all be over before the first of them had been counted."""


def first_link(accounts: Accounts, url: str) -> str:
    """The link that makes the first admin. Empty where there is one."""
    if _has_admin(accounts):
        return ""
    key, now = secrets.token_urlsafe(32), datetime.now(UTC)
    accounts.invite(key, "admin", "", now, "smarketing serve", now + FIRST_LASTS)
    return f"{url}/welcome/{key}"


def _has_admin(accounts: Accounts) -> bool:
    return any(account.role == "admin" and account.disabled_at is None for account in accounts.all())


def sign_in(page: Page, account: Account, answer: Response, by: str = "password") -> Response:
    """A new session. `by`: what they came in by."""
    accounts, lasts = page.site.accounts, timedelta(days=page.site.console.session_days)
    accounts.end(page.request.cookies.get(SESSION, ""))
    key, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), page.now
    accounts.begin(account.id, key, csrf, now, now + lasts, page.request.headers.get("user-agent", ""))
    accounts.note(now, account.email, IN, client_of(page.request), by=by)
    answer.set_cookie(
        SESSION, key, max_age=int(lasts.total_seconds()), httponly=True, samesite="lax", secure=secure(page.request)
    )
    return answer


def right(page: Page, email: str, account: Account | None, password: str) -> timedelta | None:
    """Whether that is the account's password: None where it is, else how long to wait before the next try. Takes as long, and
    counts as much, for an address that has no account."""
    accounts, client = page.site.accounts, client_of(page.request)
    email = NO_ADDRESS if no_address(page, email) else email.strip().lower()
    with _lanes[hash(email) % len(_lanes)]:
        left = wait(accounts, email, client, page.now)
        if left:
            return left
        if _verified(account, password):
            return None
        accounts.note(page.now, email, REFUSED, client)
    return timedelta()


@router.get("/sign-in")
def form(page: Anybody, next: str = "/") -> Response:
    return _form(page, next)


@router.post("/sign-in")
def try_in(
    page: Anybody, email: Annotated[str, Form()], password: Annotated[str, Form()], next: Annotated[str, Form()] = "/"
) -> Response:
    _from_here(page)
    account = page.site.accounts.by_email(email)
    left = right(page, email, account, password)
    if left is None and account is not None:
        return sign_in(page, account, page.go(inside(next)))
    return _form(page, next, 429 if left else 401, email, left or None)


@router.post("/sign-out")
def sign_out(page: Viewer) -> Response:
    page.site.accounts.end(page.request.cookies.get(SESSION, ""))
    page.note(OUT, client_of(page.request))
    answer = page.go("/sign-in", page.words("access.signed_out"))
    answer.delete_cookie(SESSION)
    return answer


@router.get("/welcome/{key}")
def welcome(page: Anybody, key: str) -> Response:
    invitation, known = _invited(page, key)
    return page.show(
        "welcome.html", invitation=invitation, known=known, key=key, wrong="", name="", email=invitation.email
    )


@router.post("/welcome/{key}")
def accept(
    page: Anybody, request: Request, key: str, password: Annotated[str, Form()],
    name: Annotated[str, Form()] = "", email: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    _from_here(page)
    accounts = page.site.accounts
    invitation, known = _invited(page, key)
    email = invitation.email or email.strip()
    wrong = too_short(page, password)
    if known is None and not wrong:
        wrong = no_address(page, email) or (page.words("access.known_email") if accounts.by_email(email) else "")
    if wrong:
        return page.show(
            "welcome.html", 422, invitation=invitation, known=known, key=key, wrong=wrong, name=name, email=email
        )
    if not accounts.use(key, page.now):
        raise Refused(404, "access.link_used")
    hashed = hash_of(password)
    if known is not None:
        accounts.change(known.id, password=hashed)
        accounts.note(page.now, known.email, "password-chosen", known.email, link_by=invitation.made_by)
        return sign_in(page, known, page.go("/"), "link")
    account = made(email, name[:128], invitation.role, page.now, language=page.words.language, password=hashed)
    if not accounts.add(account):
        raise Refused(404, "access.link_used")
    accounts.note(
        page.now, account.email, "account-made", account.email, role=account.role, invited_by=invitation.made_by
    )
    return sign_in(page, account, page.go("/"), "link")


def hash_of(password: str) -> str:
    return _hasher.hash(password)


def too_short(page: Page, password: str) -> str:
    """What is wrong with a new password, in words; empty where nothing is."""
    return page.words("access.short_password", count=SHORTEST) if len(password) < SHORTEST else ""


def no_address(page: Page, email: str) -> str:
    name, _, host = email.strip().partition("@")
    good = name and host and len(email) <= 255 and not any(c.isspace() for c in email.strip())
    return "" if good else page.words("access.no_email")


def _form(page: Page, next: str, status: int = 200, email: str = "", left: timedelta | None = None) -> Response:
    answer = page.show(
        "sign_in.html", status, next=inside(next), wrong=status == 401, email=email, oidc=page.site.console.oidc,
        again=again(page, left) if left else "",
    )  # fmt: skip
    if left:
        answer.headers["Retry-After"] = str(int(left.total_seconds()) + 1)
    return answer


def again(page: Page, left: timedelta) -> str:
    """When to try again, in words."""
    at = page.words.moment(page.now + left, "HH:mm:ss", datetime.now().astimezone().tzinfo or UTC)
    return page.words("access.too_many", span=page.words.duration(left), at=at)


def _invited(page: Page, key: str) -> tuple[Invitation, Account | None]:
    """What a link is for, and whose new password it lets choose: of an account that was there before the link was made.
    Raises Refused."""
    accounts = page.site.accounts
    invitation = accounts.invitation(key, page.now)
    if invitation is None:
        raise Refused(404, "access.link_used")
    known = accounts.by_email(invitation.email) if invitation.email else None
    if not invitation.email and _has_admin(accounts):  # a first link, printed by an earlier start
        raise Refused(404, "access.link_used")
    if known is not None and (known.made_at > invitation.made_at or known.disabled_at is not None):
        raise Refused(404, "access.link_used")
    return invitation, known


def _from_here(page: Page) -> None:
    """Nobody is signed in by a form that stands on another site. https://web.dev/articles/fetch-metadata"""
    if page.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "shell.csrf")


def _verified(account: Account | None, password: str) -> bool:
    usable = account is not None and account.password is not None and account.disabled_at is None
    stored = account.password if usable and account is not None and account.password else _nobody()
    try:
        _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
    return usable


@lru_cache
def _nobody() -> str:
    return hash_of(secrets.token_urlsafe(16))
