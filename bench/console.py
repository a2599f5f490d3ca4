"""Every page of the console over a million leads: how long the server takes for it, and what a first visit carries.

    python -m bench.console FOLDER [LEADS]     prints one line of JSON; FOLDER is made by `bench.runs` where it is empty

The real application behind its real server on this machine, asked by one browser that keeps its connection: each page once to
warm up, then several times, from the request to the last byte. Where a page needs something that a person chose (a record, a
run, a plan, a question), it gets one. What pages have done by jobs, and not in the request, is done before.
"""

from __future__ import annotations

import re
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson
import sqlalchemy as sa
import uvicorn

from bench import runs
from console.web.app import create_app
from console.web.page import SESSION
from console.web.site import Site
from state import tables as t
from state.accounts import made

TIMES, ROUNDS, PATIENCE = 7, 8, 600.0
"""How often each page is asked for; how often all of them before that, at most; seconds to wait for what is done in the
background."""

ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
APART = frozenset({
    "/live", "/sign-in/oidc", "/sign-in/oidc/back", "/welcome/{key}", "/jobs/{id}", "/api/v1/jobs/{id}", "/mapping/merge",
    "/mapping/history/{number}", "/reports/{name}", "/reports/files/{file}",
})  # fmt: skip
"""Routes that are not measured: a stream, other people's servers, and what is of something that has nothing to do with leads."""


def pages(folder: Path, leads: int) -> dict[str, list[str]]:
    """Route -> addresses."""
    with runs.engine_of(folder, migrate=False).connect() as connection:
        review = t.review.c

        def question(kind: str) -> int:
            query = sa.select(sa.func.max(review.id)).where(review.kind == kind, review.closed_at.is_(None))
            return int(connection.execute(query).scalar_one())

        questions = [question(kind) for kind in sorted(set(runs.ASKED))]
    lead, run, plan = runs.lead_id(leads // 2), runs.last_run(), sorted((folder / runs.FOLDER).glob("*.json"))[-1].stem
    return {
        "/": ["/"],
        "/access": ["/access"],
        "/account": ["/account"],
        "/api": ["/api"],
        "/api/v1/openapi.json": ["/api/v1/openapi.json"],
        "/api/v1/plans": ["/api/v1/plans"],
        "/api/v1/plans/{which}": [f"/api/v1/plans/{plan}", f"/api/v1/plans/{plan}?after={leads // 20}"],
        "/api/v1/records": [
            "/api/v1/records", f"/api/v1/records?after={lead}", "/api/v1/records?q=ana", "/api/v1/records?q=Almeida",
            "/api/v1/records?q=nobody%20at%20all", f"/api/v1/records?q={lead}", "/api/v1/records?q=person77@company77.example",
            "/api/v1/records?q=nobody@nowhere.example", "/api/v1/records?q=Company%2077",
        ],
        "/api/v1/records/{which}": [f"/api/v1/records/{lead}", "/api/v1/records/person77@company77.example"],
        "/api/v1/reviews": ["/api/v1/reviews", "/api/v1/reviews?kind=match", f"/api/v1/reviews?after={leads // 20}"],
        "/api/v1/reviews/{id}": [f"/api/v1/reviews/{questions[0]}"],
        "/api/v1/runs": ["/api/v1/runs"],
        "/api/v1/runs/{which}": [f"/api/v1/runs/{run}"],
        "/api/v1/status": ["/api/v1/status"],
        "/audit": ["/audit"],
        "/errors": ["/errors"],
        "/funnel": ["/funnel", "/funnel?from=2026-04-01&to=2026-06-30"],
        "/funnel/leads": [],
        "/funnel/leads.csv": [],
        "/glossary": ["/glossary"],
        "/glossary/compare": ["/glossary/compare"],
        "/health": ["/health"],
        "/mapping": ["/mapping"],
        "/mapping/history": ["/mapping/history"],
        "/mapping/preview": ["/mapping/preview"],
        "/mapping/publish": ["/mapping/publish"],
        "/mapping/stages": ["/mapping/stages"],
        "/mapping/yaml/{file:path}": ["/mapping/yaml/smarketing.yaml", "/mapping/yaml/mappings/hubspot.yaml"],
        "/mapping/{system}": ["/mapping/hubspot", "/mapping/salesforce"],
        "/mapping/{system}/fields": ["/mapping/hubspot/fields"],
        "/mapping/{system}/sample": ["/mapping/hubspot/sample", "/mapping/salesforce/sample"],
        "/metrics": ["/metrics"],
        "/objectives": ["/objectives"],
        "/objectives.csv": [],
        "/objectives/leads": [],
        "/personas": ["/personas"],
        "/personas/{name}": [],
        "/plans/{id}": [
            f"/plans/{plan}", f"/plans/{plan}?after={leads // 20}", f"/plans/{plan}?text=nobody",
            f"/plans/{plan}?text=almeida&system=salesforce&field=city",
        ],
        "/records": [
            "/records", "/records?q=ana", "/records?q=al+an", "/records?q=person77", "/records?stage=mql&system=salesforce",
            "/records?kind=deal", "/records?q=company&stage=sql",
        ],
        "/records/{hub_id}": [f"/records/{lead}", f"/records/{lead}?show=change"],
        "/records/{hub_id}/export": [f"/records/{lead}/export"],
        "/reports": ["/reports"],
        "/reports/decisions": ["/reports/decisions"],
        "/reviews": [
            "/reviews", "/reviews?kind=conflict", "/reviews?kind=conflict&field=city", "/reviews?system=salesforce",
            "/reviews?record_kind=lead&days=30", f"/reviews?after={leads // 20}",
        ],
        "/reviews/answered": ["/reviews/answered", "/reviews/answered?show=decided"],
        "/reviews/many": ["/reviews/many?kind=conflict&field=city&answer=take:hubspot&all=1"],
        "/reviews/rules": ["/reviews/rules"],
        "/reviews/rules/{kind}/{field}": ["/reviews/rules/lead/city"],
        "/reviews/{number:int}": [f"/reviews/{number}" for number in questions],
        "/runs": ["/runs", "/runs?outcome=failed"],
        "/runs/{id}": [
            f"/runs/{run}", f"/runs/{run}?state=rejected", f"/runs/{run}?state=unknown", f"/runs/{run}?field=city",
            f"/runs/{runs.run_id(3)}",
        ],
        "/scoring": ["/scoring"],
        "/scoring/edit": ["/scoring/edit"],
        "/scoring/effect": ["/scoring/effect"],
        "/scoring/leads": ["/scoring/leads?grade=C4", "/scoring/leads?band=3"],
        "/scoring/outcomes": ["/scoring/outcomes"],
        "/sign-in": ["/sign-in"],
        "/sla": ["/sla", "/sla?which=late", "/sla?clause=first_response"],
        "/sla/kept": ["/sla/kept"],
        "/sla/pact": ["/sla/pact"],
    }  # fmt: skip


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Site, httpx.Client]]:
    """The console, and a browser of an administrator that is signed in."""
    app = create_app(folder)
    site: Site = app.state.site
    site.schemas.keep_fresh = lambda *_: None  # nobody answers for the two systems
    config = uvicorn.Config(app, port=0, log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    sockets = [config.bind_socket()]
    thread = threading.Thread(target=server.run, args=(sockets,), daemon=True)
    thread.start()
    _until(lambda: server.started)
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    with httpx.Client(base_url=url, cookies={SESSION: _signed_in(site)}, timeout=60) as browser:
        yield site, browser
    server.should_exit = True
    thread.join()


def _signed_in(site: Site) -> str:
    now, key = datetime.now(UTC), secrets.token_urlsafe()
    site.accounts.add(made("bench@example.com", "Bench", "admin", now))
    account = site.accounts.by_email("bench@example.com")
    assert account is not None
    site.accounts.begin(account.id, key, secrets.token_urlsafe(), now, now + timedelta(days=1), "bench")
    return key


def _until(done: Any) -> float:
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError("what is done in the background takes too long")
        time.sleep(0.02)
    return time.monotonic() - began


def _warm(site: Site, browser: httpx.Client, asked: list[str]) -> None:
    """Until no page begins a job any more, but for those that a system would have to answer."""
    for _ in range(ROUNDS):
        last = site.jobs.all()[:1]
        for url in asked:
            browser.get(url)
        if site.jobs.all()[:1] == last:
            return
        _until(lambda: not site.jobs.running())


def first_load(browser: httpx.Client, url: str) -> int:
    """Bytes of a page and of all that belongs to it, as they travel."""
    with browser.stream("GET", url) as answer:
        raw = b"".join(answer.iter_raw())
        size = len(raw)
    text = browser.get(url).text
    assets = set(ASSET.findall(text))
    for asset in sorted(assets):
        with browser.stream("GET", asset) as answer:
            size += len(b"".join(answer.iter_raw()))
    return size


def measure(browser: httpx.Client, url: str, times: int = TIMES) -> dict[str, float]:
    """`median`, `worst`: milliseconds until the last byte; `cpu`: of the processor, in the middle; `first`: the first time."""
    took, cpu = [], []
    for _ in range(times + 1):
        processor, began = time.process_time(), time.perf_counter()
        answer = browser.get(url)
        took.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - processor) * 1000)
        if answer.status_code >= 400:
            raise RuntimeError(f"{url}: {answer.status_code} {answer.text[:2000]}")
    return {"first": took[0], "median": median(took[1:]), "worst": max(took[1:]), "cpu": median(cpu[1:])}


def main(folder: str, leads: str = "1000000") -> dict[str, Any]:
    where, count = Path(folder), int(leads)
    runs.write(where, count)
    began = time.perf_counter()
    with serving(where) as (site, browser):
        started = time.perf_counter() - began
        runs.plan(where, site.opened.rules, count)
        asked = [url for urls in pages(where, count).values() for url in urls]
        asking = time.perf_counter()
        browser.get("/")
        at_once = (time.perf_counter() - asking) * 1000
        _until(lambda: bool(site.finder.counts()))
        _warm(site, browser, asked)
        found: Mapping[str, dict[str, float]] = {url: measure(browser, url) for url in asked}
        sizes = {
            url: first_load(browser, url) for url in asked if not url.startswith(("/api/v1", "/metrics", "/health"))
        }
    slowest = max(found, key=lambda url: found[url]["median"])
    heaviest = max(sizes, key=sizes.__getitem__)
    return {
        "started": started, "at_once": at_once, "slowest": found[slowest]["median"], "slowest_url": slowest,
        "cpu": max(one["cpu"] for one in found.values()), "worst": max(one["worst"] for one in found.values()),
        "heaviest": sizes[heaviest] / 1000, "heaviest_url": heaviest, "pages": found, "sizes": sizes,
    }  # fmt: skip


if __name__ == "__main__":
    print(orjson.dumps(main(*sys.argv[1:3])).decode())
