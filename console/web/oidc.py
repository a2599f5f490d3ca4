"""Signing in by an identity provider: the way there, and back.

Who comes back is known by the provider's own name for them, at first by their verified e-mail address. Invariant: whoever is
disabled stays out; a log-in ends in the browser that began it; the groups decide the role at every log-in, where the
configuration says which, but never take the last admin away.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from connectors.errors import ConnectorError
from connectors.oidc import Provider
from console.screen import plain
from console.web.page import Anybody, Page, Refused, address, inside, secure
from console.web.signing_in import no_address, sign_in
from mapping.console import Oidc
from mapping.loader import resolve_secrets
from state.accounts import Account, made
from sync.project import environment

router = APIRouter()
BEGUN, LASTS, PATH = "smarketing_oidc", 600, "/sign-in/oidc"
"""The cookie of a log-in under way, its seconds, and where it is sent."""


@router.get("/sign-in/oidc")
def begin(page: Anybody, next: str = "/") -> Response:
    oidc = _oidc(page)
    try:
        begun = asyncio.run(_provider(page, oidc).begin(_back(page)))
    except ConnectorError as error:
        return _not_in(page, error.message)
    answer = RedirectResponse(begun.url, 303)
    kept = {"state": begun.state, "nonce": begun.nonce, "verifier": begun.verifier, "next": inside(next)}
    answer.set_cookie(
        BEGUN,
        quote(json.dumps(kept)),
        max_age=LASTS,
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=secure(page.request),
    )
    return answer


@router.get("/sign-in/oidc/back")
def back(
    page: Anybody, state: str = "", code: str = "", error: str = "", error_description: str = "", iss: str = ""
) -> Response:
    oidc, begun = _oidc(page), _begun(page)
    if begun is None or not secrets.compare_digest(state.encode(), begun["state"].encode()):
        raise Refused(403, "access.oidc_again")
    if iss and iss.rstrip("/") != oidc.issuer.rstrip("/"):  # RFC 9207
        raise Refused(403, "access.oidc_again")
    if error or not code:
        return _not_in(page, error_description or error or "–")
    try:
        claims = asyncio.run(
            _provider(page, oidc).finish(
                code, _back(page), begun["nonce"], begun["verifier"],
                also=("email", "email_verified", *([oidc.claim] if oidc.roles.any else [])),
            )
        )  # fmt: skip
    except ConnectorError as failed:
        return _not_in(page, failed.message)
    account = _account(page, oidc, claims)
    answer = sign_in(page, account, page.go(inside(begun["next"])), "oidc")
    answer.delete_cookie(BEGUN, path=PATH)
    return answer


def _oidc(page: Page) -> Oidc:
    oidc = page.site.console.oidc
    if oidc is None:
        raise Refused(404, "access.no_oidc")
    return oidc


def _provider(page: Page, oidc: Oidc) -> Provider:
    """Raises ConfigErrors where the secret is not set."""
    secret = None
    if oidc.client_secret is not None:
        settings = {"client_secret": oidc.client_secret}
        secret = resolve_secrets(settings, environment(page.site.folder), where="console.oidc")["client_secret"]
    return _made(oidc.issuer, oidc.client_id, secret, oidc.scopes)


@lru_cache(maxsize=4)
def _made(issuer: str, client_id: str, secret: str | None, scopes: tuple[str, ...]) -> Provider:
    """The same from one log-in to the next: it remembers the provider's addresses and keys."""
    return Provider(issuer, client_id, SecretStr(secret) if secret is not None else None, scopes)


def _back(page: Page) -> str:
    return f"{address(page)}{PATH}/back"


def _begun(page: Page) -> dict[str, str] | None:
    try:
        kept = json.loads(unquote(page.request.cookies.get(BEGUN, "")))
        return {name: str(kept[name]) for name in ("state", "nonce", "verifier", "next")}
    except (ValueError, KeyError, TypeError):
        return None


def _not_in(page: Page, why: str) -> Response:
    answer = page.go("/sign-in", page.words("access.oidc_refused", why=plain(why, 300)), "bad")
    answer.delete_cookie(BEGUN, path=PATH)
    return answer


def _account(page: Page, oidc: Oidc, claims: Mapping[str, Any]) -> Account:
    """Whose log-in it is: found, joined or made. Raises Refused."""
    accounts = page.site.accounts
    role = oidc.roles.role_of(_held(claims.get(oidc.claim))) or oidc.otherwise
    if oidc.roles.any and role is None:
        raise Refused(403, "access.stays_out")
    subject = hashlib.sha256(f"{claims['iss']} {claims['sub']}".encode()).hexdigest()
    account = accounts.by_subject(subject)
    if account is None:
        email = _verified(page, oidc, claims)
        account = accounts.by_email(email)
        if account is None:
            if role is None:
                raise Refused(403, "access.not_invited", email=email)
            name = str(claims.get("name") or "")[:128]
            account = made(email, name, role, page.now, language=page.words.language, subject=subject)
            if not accounts.add(account):
                raise Refused(403, "access.oidc_again")
            accounts.note(page.now, email, "account-made", email, role=role, by="oidc")
            return account
        _enabled(account)
        if account.subject is not None:
            raise Refused(403, "access.other_subject")
        accounts.change(account.id, subject=subject)
        accounts.note(page.now, email, "account-linked", email)
    _enabled(account)
    if oidc.roles.any and role is not None and role != account.role:
        changed = accounts.set_role(account.id, role)
        what = "role-changed" if changed else "role-kept"
        accounts.note(page.now, account.email, what, account.email, old=account.role, role=role, by="oidc")
    return account


def _enabled(account: Account) -> None:
    if account.disabled_at is not None:
        raise Refused(403, "access.is_out")


def _held(claim: Any) -> frozenset[str]:
    """The words of a claim: a text, or a list of texts."""
    return (
        frozenset(map(str, claim)) if isinstance(claim, list) else frozenset({claim} if isinstance(claim, str) else ())
    )


def _verified(page: Page, oidc: Oidc, claims: Mapping[str, Any]) -> str:
    email = str(claims.get("email") or "").strip().lower()
    verified = claims.get("email_verified") in (True, "true")
    if no_address(page, email) or not (verified or oidc.trust_addresses):
        raise Refused(403, "access.not_verified")
    return email
