"""Looking for a record, and the page of one: what a person sees there, and what they may do."""

from __future__ import annotations

import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from connectors.base import utc_now
from console.web import finding
from console.web.jobs import Job
from console.web.site import Site
from state import tables as t
from state.clocks import ClockRow, Clocks
from state.lock import Lease
from state.records import Activity, Review
from state.search import Search
from state.store import Store
from tests.console.folder import edit
from tests.console.web.conftest import Browser, id_of, seen, sync

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ADA, ALAN = "ada@analytical.example", "alan@bletchley.example"


def found(answer: str) -> list[str]:
    """Names of the results, in their order."""
    return [html.unescape(name).strip() for name in re.findall(r"data-item>.*?<span>(.*?)</span>", answer, re.S)]


# --- searching -------------------------------------------------------------------------------------------------------


def test_who_is_looked_for_is_found(viewer: Browser, indexed: Site) -> None:
    for asked in (
        "lovelace",
        "ADA love",
        "ada@analytical",
        "analytical",
        ADA,
        "marketing:1",
        "crm:1",
        id_of(indexed, "crm", "1"),
    ):
        page = viewer.get("/records", params={"q": asked})
        assert found(page.text)[0] == "Ada Lovelace", asked
    assert "chief analyst" not in seen(viewer.get("/records?q=ada")).lower()
    assert sorted(found(viewer.get("/records").text)) == ["Ada Lovelace", "Alan Turing", "Grace Hopper"]
    assert "Nothing found" in seen(viewer.get("/records?q=nobody"))


def test_a_line_says_what_one_has_to_know(viewer: Browser, indexed: Site) -> None:
    line = seen(viewer.get("/records?q=ada"))
    for text in ("Ada Lovelace", f"{ADA} · Analytical", "lead 10 –", "crm", "marketing"):
        assert text in line


def test_filters_and_tabs(viewer: Browser, indexed: Site) -> None:
    assert found(viewer.get("/records?stage=sal").text) == ["Alan Turing"]
    assert "Grace Hopper" not in found(viewer.get("/records?system=crm").text)
    assert found(viewer.get("/records?system=marketing&q=gra").text) == ["Grace Hopper"]
    assert found(viewer.get("/records?q=turing&stage=mql").text) == []
    indexed.finder.turn()
    assert "Leads (3)" in seen(viewer.get("/records"))
    assert len(found(viewer.get("/records?kind=lead").text)) == 3


def test_what_is_not_indexed_yet_is_said(viewer: Browser, site: Site) -> None:
    page = viewer.get("/records", params={"q": "lovelace"})
    assert "The search index is at 0%" in seen(page)
    assert found(page.text) == []
    for asked in (ADA, "crm:1", "1"):
        assert "Ada Lovelace" in found(viewer.get("/records", params={"q": asked}).text), f"{asked} needs no index"
    assert finding.index(site.engine)
    page = viewer.get("/records?q=lovelace")
    assert "index" not in seen(page)
    assert found(page.text) == ["Ada Lovelace"]


def test_the_index_follows_what_a_run_does(viewer: Browser, indexed: Site, project: Path) -> None:
    edit(project, "crm", "1", Last="King")
    edit(project, "marketing", "9", email="kay@mcnulty.example", first="Kay", last="McNulty", stage="lead")
    sync(project)
    indexed.finder.turn()
    assert found(viewer.get("/records?q=king").text) == ["Ada King"]
    assert found(viewer.get("/records?q=lovelace").text) == []
    assert found(viewer.get("/records?q=mcnul&system=crm").text) == ["Kay McNulty"]
    assert found(viewer.get("/records").text)[0] in ("Kay McNulty", "Ada King")


def test_the_console_makes_the_index_by_itself(app: FastAPI, site: Site) -> None:
    def share() -> float:
        with Search(site.engine) as search:
            return search.progress().share

    assert share() == 0
    with TestClient(app):
        until = time.monotonic() + 100
        while share() < 1 and time.monotonic() < until:
            time.sleep(0.1)
        [job] = site.jobs.all()
    assert (job.kind, job.failure) == ("search", None)
    assert share() == 1


def test_an_index_that_cannot_be_made_is_told_and_not_tried_over_and_over(site: Site, viewer: Browser) -> None:
    failed = Job("1", "search", {}, "smarketing", utc_now(), ended=utc_now(), failure={"message": "The disk is full."})
    site.jobs._jobs["1"] = failed
    with pytest.raises(RuntimeError, match="disk is full"):
        site.finder.turn()
    site.finder.trouble = "The disk is full."
    assert "The disk is full." in seen(viewer.get("/records"))
    assert len(site.jobs.all()) == 1


def test_one_process_at_a_time_fills_the_index(site: Site, viewer: Browser) -> None:
    lease = Lease(site.engine, finding.LOCK, utc_now)
    assert not finding.index(site.engine)
    lease.release()
    assert finding.index(site.engine)


def test_it_gives_way_to_a_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr(finding, "EASY", 0.0)
    lease = Lease(site.engine, "sync", utc_now)
    finding.index(site.engine)
    assert slept
    assert all(slept)
    lease.release()


def test_pages_of_results(viewer: Browser, site: Site, store: Store) -> None:
    with site.engine.begin() as c:
        for n in range(60):
            row = {
                "id": f"{n:032x}",
                "kind": "lead",
                "fields": json.dumps({"last_name": f"Limes{n:02}"}),
                "origin": "{}",
            }
            c.execute(t.hub.insert().values(**row, touched=0, dirty=0))
    assert finding.index(site.engine)
    pages = [found(viewer.get(f"/records?q=lim&n={n}").text) for n in (1, 2, 3)]
    assert [len(one) for one in pages] == [25, 25, 10]
    assert len({name for one in pages for name in one}) == 60


def test_what_people_type_is_shown_as_text(viewer: Browser, site: Site) -> None:
    page = viewer.get("/records", params={"q": '<script>alert(1)</script>"'})
    assert "<script>alert" not in page.text


# --- a record --------------------------------------------------------------------------------------------------------


def test_every_value_in_the_hub_and_in_every_system(viewer: Browser, ada: str) -> None:
    page = viewer.get(f"/records/{ada}")
    text = seen(page)
    for part in ("Ada Lovelace", ADA, "lead", "Score 10", "Chief Analyst", "Analyst", "In line", "Not opted out"):
        assert part in text, part
    row = re.search(r"<th scope=\"row\">Job title</th>.*?</tr>", page.text, re.S)
    assert row
    assert "says otherwise" in row[0]
    assert '<a href="/reviews/' in page.text
    assert viewer.get(f"/records/{'0' * 32}").status_code == 404


def test_why_it_is_not_in_a_system(viewer: Browser, indexed: Site) -> None:
    grace = id_of(indexed, "marketing", "2")
    text = seen(viewer.get(f"/records/{grace}"))
    assert "Not created there. Its rule:" in text
    assert "not there" in text


def test_the_score_rule_by_rule(viewer: Browser, ada: str) -> None:
    text = seen(viewer.get(f"/records/{ada}"))
    assert "(+20) Decides" in text
    assert "+10 Company known" in text
    assert "(-30) Wants no e-mail" in text


def test_what_it_would_take_to_be_qualified(viewer: Browser, indexed: Site) -> None:
    alan = id_of(indexed, "crm", "2")
    assert "more points" in seen(viewer.get(f"/records/{alan}"))


def test_what_happened_newest_first_and_by_kind(viewer: Browser, ada: str, site: Site, store: Store) -> None:
    calls = [Activity(f"a{n}", "call", NOON + timedelta(days=n), None, (ada,), None, None, None, json.dumps({"subject": f"Call {n}"}))
             for n in range(90)]  # fmt: skip
    store.keep_activities("crm", calls, "run", utc_now())
    store.commit()
    breached = NOON + timedelta(hours=4)
    clock = ClockRow(
        ada,
        "first_response",
        NOON,
        1,
        "hot",
        "bob@crm.example",
        "east",
        "breached",
        1,
        2,
        breached,
        None,
        0,
        breached,
        None,
        "",
    )
    with Clocks(site.engine) as clocks:
        clocks.save_clocks([clock])
        clocks.commit()
    first, third = viewer.get(f"/records/{ada}?show=activity"), viewer.get(f"/records/{ada}?show=activity&n=3")
    assert [int(n) for n in re.findall(r"Call (\d+)<", first.text)] == list(range(89, 49, -1))
    assert [int(n) for n in re.findall(r"Call (\d+)<", third.text)] == list(range(9, -1, -1))
    assert "Older" not in seen(third)
    text = seen(viewer.get(f"/records/{ada}?show=clock"))
    assert "Overdue: first response" in text
    assert "bob@crm.example" in text
    assert "First seen in" in seen(viewer.get(f"/records/{ada}?show=change"))
    assert "Updated in" in seen(viewer.get(f"/records/{ada}?show=write"))
    times = re.findall(
        r'<li class="[^"]*"><p class="small quiet"><time datetime="([^"]+)"', viewer.get(f"/records/{ada}").text
    )
    assert times == sorted(times, reverse=True)
    assert len(times) == 40


def test_open_questions_lead_to_where_they_are_answered(viewer: Browser, ada: str, store: Store) -> None:
    store.open_reviews([Review("dead_letter", f"crm:{ada}", {"write": "update"}, ada, "crm")], "run", NOON)
    store.commit()
    assert "a write that was refused" in seen(viewer.get(f"/records/{ada}"))


def test_a_companys_page_names_its_people(viewer: Browser, ada: str, site: Site, store: Store, project: Path) -> None:
    company = "c" * 32
    with site.engine.begin() as c:
        row = {
            "id": company,
            "kind": "company",
            "fields": json.dumps({"name": "Analytical Ltd", "domain": "analytical.example"}),
        }
        c.execute(t.hub.insert().values(**row, origin='{"": "crm"}', touched=0, dirty=0))
    assert "not synced" in seen(viewer.get(f"/records/{company}"))
    for file, more in (
        ("smarketing.yaml", "companies: {fields: {name: {type: text}, domain: {type: text}}}\n"),
        (
            "mappings/crm.yaml",
            "companies: {match: [domain], fields: {name: {remote: Name}, domain: {remote: Domain}}}\n",
        ),
    ):
        (project / file).write_text((project / file).read_text("utf-8") + more, "utf-8")
    store.refer([], [(ada, "employer", company)])
    store.commit()
    page = viewer.get(f"/records/{company}")
    assert "Analytical Ltd" in seen(page)
    assert f'<a href="/records/{ada}">' in page.text
    assert "smarketing forget" not in page.text
    assert "Export all" not in seen(page)


def test_hostile_values_stay_text(viewer: Browser, ada: str, project: Path) -> None:
    edit(project, "crm", "1", First="<img src=x onerror=alert(1)>", Title="{{ 7 * 7 }}")
    sync(project)
    page = viewer.get(f"/records/{ada}")
    assert "<img src=x" not in page.text
    assert "{{ 7 * 7 }}" in html.unescape(page.text)


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_in_every_language(viewer: Browser, ada: str, language: str) -> None:
    viewer.post("/preferences", {"language": language, "theme": "light"})
    title = {"en": "What happened", "es": "Lo que ha pasado", "pt": "O que aconteceu"}[language]
    assert title in seen(viewer.get(f"/records/{ada}"))
    assert viewer.get("/records?q=ada").status_code == 200
