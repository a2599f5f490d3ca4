"""People and tokens: who may come in, with which role; links that let somebody in; every token that there is.

For admins. Invariant: there is always somebody who is an admin; a link or a token is shown once, on the page that made it, and
never again.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.web.page import RANKS, Admin, Page, Refused, address
from console.web.signing_in import no_address
from state.accounts import Account, Role

router = APIRouter()
LASTS = timedelta(days=3)
"""For which a link can be used."""

RoleForm = Annotated[Literal["viewer", "operator", "admin"], Form()]


@router.get("/access")
def people(page: Admin) -> Response:
    return _page(page)


@router.post("/access/invite")
def invite(page: Admin, email: Annotated[str, Form()], role: RoleForm) -> Response:
    email = email.strip().lower()
    wrong = no_address(page, email)
    if not wrong and page.site.accounts.by_email(email) is not None:
        wrong = page.words("access.has_account", email=email)
    if wrong:
        return _page(page, 422, wrong=wrong, email=email, role=role)
    return _link(page, "invited", email, role)


@router.post("/access/people/{id}/password")
def new_password(page: Admin, id: str) -> Response:
    account = _account(page, id)
    if account.disabled_at is not None:
        return page.go("/access", page.words("access.is_disabled", name=account.name), "bad")
    return _link(page, "password-link", account.email, account.role)


@router.post("/access/people/{id}/role")
def change_role(page: Admin, id: str, role: RoleForm) -> Response:
    account = _account(page, id)
    if role == account.role:
        return page.go("/access")
    if not page.site.accounts.set_role(id, role):
        return page.go("/access", page.words("access.last_admin", name=account.name), "bad")
    page.note("role-changed", account.email, old=account.role, role=role)
    told = page.words("access.role_changed", name=account.name, role=page.words(f"shell.role_{role}"))
    return page.go("/access", told)


@router.post("/access/people/{id}/disable")
def disable(page: Admin, id: str) -> Response:
    account = _account(page, id)
    if account.disabled_at is None:
        if not page.site.accounts.disable(id, page.now):
            return page.go("/access", page.words("access.last_admin", name=account.name), "bad")
        page.note("account-disabled", account.email)
    return page.go("/access", page.words("access.disabled_now", name=account.name))


@router.post("/access/people/{id}/enable")
def enable(page: Admin, id: str) -> Response:
    account = _account(page, id)
    if account.disabled_at is not None:
        page.site.accounts.change(id, disabled_at=None)
        page.note("account-enabled", account.email)
    return page.go("/access", page.words("access.enabled_now", name=account.name))


@router.post("/access/links/{mark}/withdraw")
def withdraw(page: Admin, mark: str) -> Response:
    email = page.site.accounts.withdraw(mark)
    if email is None:
        raise Refused(404, "access.link_gone")
    page.note("link-withdrawn", email)
    return page.go("/access", page.words("access.withdrawn"))


def _account(page: Page, id_: str) -> Account:
    account = page.site.accounts.by_id(id_)
    if account is None:
        raise Refused(404, "access.nobody")
    return account


def _link(page: Page, action: str, email: str, role: Role) -> Response:
    """The page that shows a new link, once."""
    key, until = secrets.token_urlsafe(32), page.now + LASTS
    page.site.accounts.invite(key, role, email, page.now, page.by, until)
    page.note(action, email, **({"role": role} if action == "invited" else {}))
    link = f"{address(page)}/welcome/{key}"
    return page.show("shown_once.html", what=action, link=link, email=email, role=role, until=until)


def _page(page: Page, status: int = 200, *, wrong: str = "", email: str = "", role: Role = "viewer") -> Response:
    accounts, last_in = page.site.accounts, page.site.accounts.last_in()
    seen = accounts.last_seen()
    found = accounts.all()
    people = [
        (one, max(filter(None, (seen.get(one.id), last_in.get(one.email))), default=None)) for one in found
    ]  # fmt: skip
    names = {one.id: one for one in found}
    return page.show(
        "access.html", status, people=people, links=accounts.links(page.now), roles=list(RANKS), wrong=wrong, email=email,
        role=role, tokens=page.site.tokens.all(), owners=names, oidc=page.site.console.oidc,
    )  # fmt: skip
