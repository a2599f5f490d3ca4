"""A project whose past is known: leads, stages and deals of two years (`bench.past`), in the folder that the pages are tested
with. Nothing but the past is made up: figures are counted by the real job, in a process of its own."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

from httpx import Response

from bench.past import write
from state.database import open_database
from tests.console.web.conftest import Browser, seen

AGREED = """
currency: EUR
rates: {USD: 0.9}
languages: [en, es]
deals:
  fields:
    name: {type: text}
    stage: {type: picklist, options: [open, won, lost]}
    amount: {type: number}
    currency: {type: text}
    close_date: {type: date}
    lost_reason: {type: text}
    contacts: {type: reference, to: lead, many: true}
owners:
  fields: {email: {type: email}, first_name: {type: name}, last_name: {type: name}, active: {type: boolean}}
personas:
  - {name: boss, label: {en: Boss, es: Quien decide}, when: {job_title: {contains: chief}}}
funnel:
  steps: [lead, mql, sal, sql, opportunity, customer]
  cuts: [source, campaign, persona, owner, country]
  segments: [{name: large, when: {employees: {at_least: 1000}}}]
  sourced: {source: [Web, Webinar]}
objectives:
  - {name: more_revenue, label: {en: Revenue, es: Ingresos}, metric: revenue, target: 900000, period: quarter}
  - {name: deals_won, metric: won_deals, derived_from: {from: more_revenue, divisor: 12500}}
  - {name: ready, label: Sales-ready leads, metric: sql, target: 40, period: month, team: marketing}
  - {name: taken, metric: acceptance_rate, target: 0.5, period: month, team: sales}
  - {name: read, metric: visits, target: 900, period: month}
"""
FIELDS = """  source: {type: text}
  campaign: {type: text}
  country: {type: country}
  owner: {type: reference, to: owner}
"""
DAYS = {"period": "days", "from": "2026-04-01", "to": "2026-06-30"}
LISTS = re.compile(r'<a\b[^>]*?\bhref="(/(?:funnel|objectives)/leads\?[^"]+)"[^>]*>(.*?)</a>', re.S)


def give_past(project: Path, leads: int, seed: int) -> None:
    """Instead of what the systems have told."""
    file = project / "smarketing.yaml"
    text = file.read_text("utf-8").replace(
        "  opted_out: {type: boolean}\n", f"  opted_out: {{type: boolean}}\n{FIELDS}", 1
    )
    file.write_text(text + AGREED, "utf-8")
    (project / "state.sqlite").unlink()
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    write(engine, leads, seed)
    engine.dispose()


def counted(browser: Browser, url: str, **params: str) -> Response:
    """The page once its figures are there."""
    for _ in range(300):
        answer = browser.get(url, params=params)
        assert answer.status_code == 200, seen(answer)
        if not re.search(r'id="state"[^>]*hx-get', answer.text):
            return answer
        time.sleep(0.1)
    raise AssertionError("nothing was counted")


def lists(answer: Response) -> dict[str, int]:
    """Address of every list that a page leads to -> the number that stands on the link; shares are no numbers of leads."""
    found: dict[str, int] = {}
    for url, inner in LISTS.findall(answer.text):
        if "<tspan" in inner or "<text" in inner or "<circle" in inner:
            continue
        text = re.sub(
            r"<[^>]+>", " ", re.sub(r'<span class="label">.*?</span>|<span class="note">.*?</span>', "", inner)
        )
        number = re.search(r"\d[\d,]*", text)
        if number:
            size = int(number[0].replace(",", ""))
            assert found.setdefault(unescape(url), size) == size, f"two numbers for {url}"
    return found


def drawn(answer: Response) -> set[str]:
    """The lists that the charts of a page lead to."""
    return {
        unescape(url)
        for url in re.findall(r'<a href="([^"]+)"', " ".join(re.findall(r"<svg.*?</svg>", answer.text, re.S)))
    }


def length(answer: Response) -> int:
    """Of a list, as its page says."""
    found = re.search(r'id="size">([\d,]+) ', answer.text)
    assert found, seen(answer)
    return int(found[1].replace(",", ""))
