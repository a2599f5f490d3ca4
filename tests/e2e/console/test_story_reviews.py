"""Questions are answered without a mouse: one, taken back, and many with one answer; and a record is found by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.console.conftest import Served, Visit
from tests.e2e.console.looks import look_over

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("console")]


def test_a_question_is_answered_and_taken_back_by_keyboard(visit: Callable[..., Visit]) -> None:
    ana = visit()
    page, keys = ana.page, ana.page.keyboard
    ana.go("/reviews?kind=match")
    first, second = (page.locator("[data-open]").nth(n).inner_text() for n in (0, 1))
    keys.press("j")
    keys.press("j")
    expect(page.locator("[data-open]").nth(1)).to_be_focused()
    keys.press("k")
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    answered = page.url
    keys.press("n")
    expect(page.get_by_text("The answer is noted. The next run carries it out.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(second)
    keys.press("u")
    expect(page.get_by_text("The question is open again.")).to_be_visible()
    page.goto(answered)
    expect(page.get_by_role("button", name="A record of its own")).to_be_visible()


def test_many_questions_get_one_answer_and_it_is_taken_back(
    visit: Callable[..., Visit], served: Served, shots: Path
) -> None:
    ana = visit()
    page, keys = ana.page, ana.page.keyboard
    ana.go("/reviews?kind=match")
    waiting = page.locator(".foot", has_text="open").inner_text()
    names = [page.locator("[data-open]").nth(n).inner_text() for n in (0, 1, 2)]
    for key in "jxjxjx":
        keys.press(key)
    expect(page.locator("[data-selected]")).to_have_text("3 selected")
    keys.press("n")
    expect(page.get_by_role("heading", name="3 questions get this answer")).to_be_visible()
    for name in names:
        expect(page.get_by_role("main")).to_contain_text(name)
    asked = page.url
    assert look_over(ana, asked.removeprefix(served.url), shots, "reviews many") == []
    page.get_by_role("button", name="Answer all 3").focus()
    keys.press("Enter")
    expect(page.get_by_text("3 answers are noted.")).to_be_visible()
    for name in names:
        expect(page.locator("[data-open]", has_text=name)).to_have_count(0)
    keys.press("u")
    expect(page.get_by_text("3 answers are taken back.")).to_be_visible()
    ana.go("/reviews?kind=match")
    assert page.locator(".foot", has_text="open").inner_text() == waiting


def test_a_record_is_found_by_keyboard(visit: Callable[..., Visit]) -> None:
    ana = visit()
    page, keys = ana.page, ana.page.keyboard
    ana.go("/glossary")
    keys.press("/")
    page.wait_for_url("**/records")
    expect(page.locator("#q")).to_be_focused()
    keys.type("johnson")
    expect(page.locator("#found")).to_contain_text("Johnson")
    page.wait_for_url("**/records?*q=johnson*")
    keys.press("ArrowDown")
    expect(page.locator("[data-item]").nth(0)).to_be_focused()
    keys.press("ArrowDown")
    expect(page.locator("[data-item]").nth(1)).to_be_focused()
    name = page.locator("[data-item]").nth(1).inner_text().strip()
    assert "Johnson" in name
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
