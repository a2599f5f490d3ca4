"""Other people in the console: invited as the admin does it, and come in by their link."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import StorageState, expect

from tests.e2e.console.conftest import PASSWORD, Visit


def invited(visit: Callable[..., Visit], role: str, email: str, name: str) -> tuple[StorageState, str]:
    """Their cookies, and the link that they came by."""
    ana = visit()
    ana.go("/access")
    invite = ana.page.locator("#invite")
    invite.get_by_label("E-mail address").fill(email)
    invite.get_by_label("Role").select_option(role)
    invite.get_by_role("button", name="Make a link").click()
    link = ana.page.locator("#secret").inner_text().strip()
    other = visit(state=None)
    other.page.goto(link)
    expect(other.page.get_by_label("E-mail address")).to_have_value(email)
    other.page.get_by_label("Your name").fill(name)
    other.page.get_by_label("Choose a password").fill(PASSWORD)
    other.page.get_by_role("button", name="Begin").click()
    other.page.wait_for_url(f"{other.url}/")
    return other.context.storage_state(), link
