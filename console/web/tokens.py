"""Tokens of programs: made for oneself, with a role that is at most one's own; revoked by their owner or by an admin.

Invariant: a token is shown once, on the page that made it; the database has its hash alone.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.web.account import draw_account
from console.web.page import Page, Refused, Viewer, address, inside

router = APIRouter()
PREFIX = "smk_"
"""So that programs which look for leaked secrets, and our own scrubbing, know one by its shape."""


@router.post("/account/tokens")
def make(
    page: Viewer, name: Annotated[str, Form()], role: Annotated[Literal["viewer", "operator", "admin"], Form()],
    until: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """`until`: the last day on which it works (ISO 8601), or nothing."""
    assert page.visitor is not None
    name, ends = name.strip()[:128], _end_of(until)
    wrong = ""
    if not name:
        wrong = page.words("tokens.no_name")
    elif not page.visitor.may(role):
        wrong = page.words("tokens.above", role=page.words(f"shell.role_{page.visitor.role}"))
    elif until and (ends is None or ends <= page.now):
        wrong = page.words("tokens.no_day")
    if wrong:
        return draw_account(page, 422, token={"wrong": wrong, "name": name, "role": role, "until": until})
    key = PREFIX + secrets.token_urlsafe(32)
    token = page.site.tokens.add(key, name, role, page.visitor.account.id, page.now, ends)
    page.note("token-made", token.name, role=role, **({"until": until} if until else {}))
    return page.show("token_once.html", key=key, token=token, url=address(page))


@router.post("/tokens/{id}/revoke")
def revoke(page: Viewer, id: str, back: Annotated[str, Form()] = "/account") -> Response:
    assert page.visitor is not None
    token = page.site.tokens.by_id(id)
    if token is None or not (token.account_id == page.visitor.account.id or page.visitor.may("admin")):
        raise Refused(404, "tokens.gone")
    if page.site.tokens.revoke(id, page.now):
        page.note("token-revoked", token.name, **_owner(page, token.account_id))
    return page.go(inside(back), page.words("tokens.revoked", name=token.name))


def _owner(page: Page, account_id: str) -> dict[str, str]:
    """Whose it was, where it was somebody else's."""
    owner = page.site.accounts.by_id(account_id)
    return {"owner": owner.email} if owner is not None and owner.email != page.by else {}


def _end_of(day: str) -> datetime | None:
    """The last moment of a day, by the server's clock."""
    try:
        return datetime.combine(date.fromisoformat(day), time.max).astimezone(UTC)
    except ValueError:
        return None
