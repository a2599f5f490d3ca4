"""One's own account: name, language, password, where one is signed in, and one's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.web.page import RANKS, SESSION, Page, Viewer
from console.web.signing_in import again, hash_of, right, sign_in, too_short
from console.web.site import LANGUAGES

router = APIRouter()
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "Chrome": "Chrome", "CriOS": "Chrome", "Safari": "Safari"}  # fmt: skip
PLACES = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS X": "macOS", "CrOS": "ChromeOS", "Linux": "Linux"}  # fmt: skip
"""What stands in a browser's header (https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/User-Agent) -> its name; the
first that is found counts, for most of them name others too."""

NO_TOKEN: Mapping[str, str] = {"wrong": "", "name": "", "role": "viewer", "until": ""}


@router.get("/account")
def account(page: Viewer) -> Response:
    return draw_account(page)


@router.post("/account")
def change(page: Viewer, name: Annotated[str, Form()], language: Annotated[str, Form()]) -> Response:
    assert page.visitor is not None
    mine, name = page.visitor.account, name.strip()[:128]
    if not name:
        return draw_account(page, 422, no_name=page.words("account.no_name"))
    page.site.accounts.change(mine.id, name=name, language=language if language in LANGUAGES else mine.language)
    if name != mine.name:
        page.note("name-changed", name)
    return page.go("/account", page.site.words(language)("account.saved"))


@router.post("/account/password")
def change_password(page: Viewer, old: Annotated[str, Form()], new: Annotated[str, Form()]) -> Response:
    """Signs out everywhere else."""
    assert page.visitor is not None
    mine = page.visitor.account
    wrong = too_short(page, new)
    if not wrong and (left := right(page, mine.email, mine, old)) is not None:
        told = again(page, left) if left else page.words("account.wrong_old")
        return draw_account(page, 429 if left else 401, wrong_old=told)
    if wrong:
        return draw_account(page, 422, wrong_new=wrong)
    page.site.accounts.change(mine.id, password=hash_of(new))
    page.note("password-changed")
    return sign_in(page, mine, page.go("/account", page.words("account.password_changed")), "password")


@router.post("/account/sessions/end")
def end_others(page: Viewer) -> Response:
    assert page.visitor is not None
    ended = page.site.accounts.end_others(page.visitor.account.id, page.request.cookies.get(SESSION, ""))
    page.note("sessions-ended", count=ended)
    return page.go("/account", page.words("account.ended", count=ended))


def browser_of(agent: str) -> str:
    """In people's words: "Chrome · Linux"; what the header says where it says nothing known."""
    found = [next((name for part, name in names.items() if part in agent), "") for names in (BROWSERS, PLACES)]
    return " · ".join(filter(None, found)) or agent


def draw_account(
    page: Page, status: int = 200, *, no_name: str = "", wrong_old: str = "", wrong_new: str = "",
    token: Mapping[str, Any] = NO_TOKEN,
) -> Response:  # fmt: skip
    assert page.visitor is not None
    mine = page.visitor.account
    return page.show(
        "account.html", status, account=mine, no_name=no_name, wrong_old=wrong_old, wrong_new=wrong_new, token=token, browser=browser_of,
        sessions=page.site.accounts.sessions(mine.id, page.request.cookies.get(SESSION, ""), page.now),
        tokens=page.site.tokens.of(mine.id), roles=[role for role in RANKS if page.visitor.may(role)],
    )  # fmt: skip
