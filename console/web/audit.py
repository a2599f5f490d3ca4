"""The audit: who did what, and when; by person and by action. For admins, and only to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.words import Words
from console.web.page import RANKS, Admin, Number
from state.audit import Deed

router = APIRouter()
A_PAGE = 50


@dataclass(frozen=True)
class Line:
    """A deed in words. `details`: what more there is to it, as (what, value)."""

    at: datetime
    who: str
    name: str
    what: str
    about: str
    details: Sequence[tuple[str, str]]


@router.get("/audit")
def audit(page: Admin, who: str = "", action: str = "", before: Number | None = None) -> Response:
    accounts = page.site.accounts
    people = accounts.all()
    names = {one.email: one.name for one in people}
    deeds = list(accounts.deeds(A_PAGE + 1, before, who=who, action=action))
    older = ""
    if len(deeds) > A_PAGE:
        asked = {"who": who, "action": action, "before": deeds[A_PAGE - 1].id}
        older = f"/audit?{urlencode({name: value for name, value in asked.items() if value})}"
    actions = sorted(((one, what(page.words, one)) for one in accounts.actions()), key=lambda pair: pair[1].casefold())
    return page.show(
        "audit.html", lines=[line(page.words, deed, names) for deed in deeds[:A_PAGE]], older=older, newest=before is not None,
        who=who, action=action, people=people, actions=actions, known=who in names,
    )  # fmt: skip


def line(words: Words, deed: Deed, names: Mapping[str, str]) -> Line:
    details = [(_label(words, name), _value(words, name, value)) for name, value in deed.detail.items()]
    return Line(
        deed.at, deed.who, names.get(deed.who, ""), what(words, deed.action), deed.subject,
        [(label, value) for label, value in details if value],
    )  # fmt: skip


def what(words: Words, action: str) -> str:
    """An action in words; its own name where nobody has given it any."""
    key = f"audit.{action.replace('-', '_').replace('.', '_')}"
    return words(key) if key in words else action


def _label(words: Words, name: str) -> str:
    key = f"audit.of_{name}"
    return words(key) if key in words else name


def _value(words: Words, name: str, value: object) -> str:
    if isinstance(value, str) and value in RANKS:
        return words(f"shell.role_{value}")
    if name == "by" and f"audit.by_{value}" in words:
        return words(f"audit.by_{value}")
    if isinstance(value, bool):
        return words("common.yes") if value else words("common.no")
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {inner}" for key, inner in value.items())
    return "" if value is None else str(value)
