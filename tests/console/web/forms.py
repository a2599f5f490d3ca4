"""Forms of a page as a browser would send them."""

from __future__ import annotations

import html
import re

from httpx import Response

from tests.console.web.conftest import Browser, seen


def places(answer: Response, action: str) -> dict[str, str]:
    """What the form that posts to `action` would send as it is."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', answer.text, re.S)
    assert found, f"no form to {action} in: {seen(answer)[:500]}"
    text = found[0]
    said: dict[str, str] = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        name = re.search(r' name="([^"]*)"', tag)
        if not name or (('type="checkbox"' in tag or 'type="radio"' in tag) and " checked" not in tag):
            continue
        value = re.search(r' value="([^"]*)"', tag)
        said[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
    for name_, body in re.findall(r'<select\b[^>]*? name="([^"]*)"[^>]*>(.*?)</select>', text, re.S):
        options = re.findall(r'<option value="([^"]*)"([^>]*)>', body)
        chosen = next((value for value, more in options if "selected" in more), options[0][0] if options else "")
        said[html.unescape(name_)] = html.unescape(chosen)
    for name_, body in re.findall(r'<textarea\b[^>]*? name="([^"]*)"[^>]*>\n?(.*?)</textarea>', text, re.S):
        said[name_] = html.unescape(body)
    said.pop("csrf", None)
    return said


def row(browser: Browser, system: str, field: str, kind: str = "lead") -> dict[str, str]:
    return places(browser.get(f"/mapping/{system}?kind={kind}&edit={field}"), f"/mapping/{system}/field")


def version(browser: Browser) -> dict[str, str]:
    return places(browser.get("/mapping/publish"), "/mapping/publish")
