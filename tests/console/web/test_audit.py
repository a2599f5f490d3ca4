"""The audit as admins read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from console.web.audit import A_PAGE
from console.web.drawing import HERE
from console.web.site import LANGUAGES, Site
from state.audit import IN, OUT, REFUSED
from tests.console.web.conftest import Browser, seen

NOTED = re.compile(r'\.note\(\s*(?:[^"()]*(?:\([^()]*\))?[^"()]*,\s*)?"([a-z-]+)"')


def noted() -> set[str]:
    """Every action that the console's sources note."""
    found = {IN, OUT, REFUSED, "invited", "password-link"}
    for file in HERE.glob("*.py"):
        found |= set(NOTED.findall(file.read_text("utf-8")))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_has_words(site: Site, language: str) -> None:
    assert {"role-changed", "token-made", "account-made", "plan-asked"} <= noted()
    for action in noted():
        assert f"audit.{action.replace('-', '_')}" in site.words(language), action


def test_who_did_what(admin: Browser, operator: Browser, viewer: Browser, site: Site) -> None:
    assert operator.get("/audit").status_code == viewer.get("/audit").status_code == 403
    admin.post("/access/invite", {"email": "dan@example.com", "role": "operator"})
    page = seen(admin.get("/audit"))
    assert "Admin admin@example.com Invited somebody dan@example.com role: operator" in page
    assert f"{datetime.now().astimezone():%Y}" in page
    site.accounts.change(site.accounts.by_email("admin@example.com").id, language="es")  # type: ignore[union-attr]
    assert "Invitó a alguien dan@example.com rol: operador" in seen(admin.get("/audit"))


def test_an_action_that_nobody_gave_words(admin: Browser, site: Site) -> None:
    now = datetime.now(UTC)
    site.accounts.note(now, "x@example.com", "odd-thing", "<b>it</b>", flag=True, number=1234, some=["a", "b"])
    page = admin.get("/audit")
    assert "odd-thing <b>it</b> flag: yes · number: 1,234 · some: a, b" in seen(page)
    assert "<b>it" not in page.text


def test_by_person_and_action_page_by_page(admin: Browser, site: Site) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    for number in range(3 * A_PAGE):
        who = ("admin@example.com", "x@example.com")[number % 2]
        site.accounts.note(
            start + timedelta(minutes=number), who, ("plan-asked", IN)[number % 3 == 0], f"job {number}."
        )
    first = admin.get("/audit?who=x@example.com&action=plan-asked")
    wanted = [n for n in reversed(range(3 * A_PAGE)) if n % 2 == 1 and n % 3]
    assert numbers(seen(first)) == wanted[:A_PAGE]
    everything, url = list[int](), "/audit"
    while url:
        page = admin.get(url)
        everything += numbers(seen(page))
        older = re.search(r'href="(/audit\?[^"]*before=[^"]+)"', page.text)
        url = older[1].replace("&amp;", "&") if older else ""
    assert everything == list(reversed(range(3 * A_PAGE)))
    assert "Nothing was done" in seen(admin.get("/audit?who=nobody@example.com"))


def numbers(page: str) -> list[int]:
    return [int(n) for n in re.findall(r"job (\d+)\.", page)]
