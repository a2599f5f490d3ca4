"""Signing in and out, by password and by a link that works once.

Passwords are hashed by argon2id (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html). Invariant:
there is no default password; whether an address has an account cannot be told from the answer, nor from its time.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from console.web.page import SESSION, Anybody, Page, Refused, Viewer, inside, secure
from state.accounts import Account, Accounts, made

router = APIRouter()
LASTS = timedelta(days=14)
SHORTEST = 12
"""Characters of a password: https://pages.nist.gov/800-63-4/sp800-63b.html asks for length, and for nothing else."""

FIRST_LASTS = timedelta(hours=24)
hasher = PasswordHasher()


def first_link(accounts: Accounts, url: str) -> str:
    """The link that makes the first admin. Empty where there is one."""
    if any(account.role == "admin" and account.disabled_at is None for account in accounts.all()):
        return ""
    key, now = secrets.token_urlsafe(32), datetime.now(UTC)
    accounts.invite(key, "admin", "", now, "smarketing serve", now + FIRST_LASTS)
    return f"{url}/welcome/{key}"


def sign_in(page: Page, account: Account, answer: Response) -> Response:
    key, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), page.now
    page.site.accounts.begin(account.id, key, csrf, now, now + LASTS, page.request.headers.get("user-agent", ""))
    page.site.accounts.note(now, account.email, "sign-in")
    answer.set_cookie(
        SESSION, key, max_age=int(LASTS.total_seconds()), httponly=True, samesite="lax", secure=secure(page.request)
    )
    return answer


@router.get("/sign-in")
def form(page: Anybody, next: str = "/") -> Response:
    return page.show("sign_in.html", next=inside(next), wrong=False, email="")


@router.post("/sign-in")
def try_in(
    page: Anybody, email: Annotated[str, Form()], password: Annotated[str, Form()], next: Annotated[str, Form()] = "/"
) -> Response:
    account = page.site.accounts.by_email(email)
    if not _right(account, password) or account is None:
        page.site.accounts.note(page.now, email.strip().lower(), "sign-in-refused")
        return page.show("sign_in.html", 401, next=inside(next), wrong=True, email=email)
    return sign_in(page, account, page.go(inside(next)))


@router.post("/sign-out")
def sign_out(page: Viewer) -> Response:
    page.site.accounts.end(page.request.cookies.get(SESSION, ""))
    answer = page.go("/sign-in", page.words("access.signed_out"))
    answer.delete_cookie(SESSION)
    return answer


@router.get("/welcome/{key}")
def welcome(page: Anybody, key: str) -> Response:
    invitation = page.site.accounts.invitation(key, page.now)
    if invitation is None:
        raise Refused(404, "access.link_used")
    return page.show("welcome.html", invitation=invitation, key=key, wrong="", name="", email=invitation.email)


@router.post("/welcome/{key}")
def accept(
    page: Anybody, request: Request, key: str, name: Annotated[str, Form()], email: Annotated[str, Form()],
    password: Annotated[str, Form()],
) -> Response:  # fmt: skip
    accounts = page.site.accounts
    invitation = accounts.invitation(key, page.now)
    if invitation is None:
        raise Refused(404, "access.link_used")
    email = invitation.email or email
    wrong = _wrong(page, email, password)
    account = made(email, name, invitation.role, page.now, language=page.words.language, password=hasher.hash(password))
    if not wrong and not accounts.use(key, page.now):
        raise Refused(404, "access.link_used")
    if not wrong and not accounts.add(account):
        wrong = page.words("access.known_email")
    if wrong:
        return page.show("welcome.html", 422, invitation=invitation, key=key, wrong=wrong, name=name, email=email)
    accounts.note(
        page.now, account.email, "account-made", account.email, role=account.role, invited_by=invitation.made_by
    )
    return sign_in(page, account, page.go("/"))


def _wrong(page: Page, email: str, password: str) -> str:
    if "@" not in email:
        return page.words("access.no_email")
    if len(password) < SHORTEST:
        return page.words("access.short_password", count=SHORTEST)
    return ""


def _right(account: Account | None, password: str) -> bool:
    """Takes as long for an address that has no account."""
    usable = account is not None and account.password is not None and account.disabled_at is None
    stored = account.password if usable and account is not None and account.password else _nobody()
    try:
        hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
    return usable


@lru_cache
def _nobody() -> str:
    return hasher.hash(secrets.token_urlsafe(16))
