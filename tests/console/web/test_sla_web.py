"""The agreement and the personas in the console: the clocks by due time, the numbers of the commands, the pact in words."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from alignment.periods import current, label_of
from console.web.app import create_app
from console.web.site import LANGUAGES
from state.clocks import AlertRow, ClockRow, Clocks
from state.database import open_database
from state.ids import new_id
from state.open_clocks import counted, open_clocks, place_of
from state.records import Hub
from state.store import Store
from tests.console.folder import make_project
from tests.console.web.conftest import Browser, seen
from tests.console.web.counting import count, forbid_counting, waited
from tests.console.web.scored_project import asked

SEED = 20260814
NOW = datetime.now(UTC)
ZONE = "Europe/Madrid"
HERE = current("month", NOW, ZONE)
LABEL = label_of("month", HERE.first)
AGREED = """
personas:
  - {name: boss, label: {en: Boss, es: Quien decide, pt: Quem decide}, means: Signs, when: {job_title: {contains: chief}}}
  - {name: shop, when: {company: {contains: shop}}}
sla:
  version: 3
  agreed_on: 2026-03-01
  agreed_by: [{name: Marta Ruiz, team: marketing}, {name: Tom Wolfe, team: sales}]
  re_evaluate_on: 2026-06-01
  calendars: {madrid: {zone: Europe/Madrid, hours: {monday: "09:00-18:00"}, holidays: {country: ES}}}
  marketing:
    volume: {revenue: 60000, average_deal: 5000, rates: {sal: 0.6, sql: 0.5, customer: measured}}
    quality: {at_least: 0.6}
    completeness: {fields: [email, phone], at_least: 0.9}
  sales:
    first_response: {segments: [{name: known, when: {company: {present: true}}, within: 1 h}, {name: others, within: 4 h}]}
    decision: {within: 16 h}
    attempts: {at_least: 3, apart_at_least: 2 h}
    follow_up: {days: 5}
  teams:
    east: {side: sales, members: [ana@sales.example]}
"""
CLAUSES = ("first_response", "decision", "attempts", "follow_up")


@pytest.fixture(scope="module")
def agreed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty leads, some hundred clocks of this month and the last, open and stopped, many due at the same moment."""
    print(f"seed {SEED}")
    dice = Random(SEED)
    folder = make_project(tmp_path_factory.mktemp("agreed") / "project")
    with (folder / "smarketing.yaml").open("a") as file:
        file.write(AGREED)
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    store = Store(engine)
    leads = [
        Hub(new_id(), {"first_name": f"Lead{n}", "email": f"l{n}@x.example", "job_title": dice.choice(["chief", ""]),
                       "phone": dice.choice(["1", None]), "stage": "mql"}, {"": "crm"})
        for n in range(40)
    ]  # fmt: skip
    store.insert_hubs(leads)
    row = {"run_id": "1", "old": None, "system": "crm", "reason": None, "evidence": ""}
    events = [{**row, "hub_id": hub.id, "new": "mql", "at": HERE.start} for hub in leads]
    events += [{**row, "hub_id": hub.id, "old": "mql", "new": "sal", "at": NOW} for hub in leads[:9]]
    store.log_stages(events)
    store.commit()
    store.close()
    made: dict[tuple[str, str, datetime], ClockRow] = {}
    for _ in range(600):
        clock = _clock(dice, dice.choice(leads).id)
        made[clock.hub_id, clock.clause, clock.started] = clock
    with Clocks(engine) as clocks:
        clocks.save_clocks(list(made.values()))
        clocks.intend([
            AlertRow(f"k{n}", "breach", leads[n].id, "decision", NOW, "ana@sales.example", "mail", NOW, state, 1, None, None,
                     None if state == "sent" else "refused")
            for n, state in enumerate(["sent", "sent", "failed", "dropped"])
        ])  # fmt: skip
        clocks.commit()
    engine.dispose()
    return folder


def _clock(dice: Random, hub_id: str) -> ClockRow:
    started = NOW - timedelta(minutes=dice.randrange(60 * 24 * 50))
    due = NOW + timedelta(hours=dice.choice([-50, -3, -1, 2, 10, 10, 100])) if dice.random() < 0.8 else None
    state = dice.choice(["running", "met", "breached", "breached", "cancelled", "paused"])
    stopped = NOW if state in ("met", "cancelled") or (state == "breached" and dice.random() < 0.5) else None
    clause, owner = dice.choice(CLAUSES), dice.choice(["ana@sales.example", "bo@sales.example", ""])
    length = dice.randrange(10**10)
    return ClockRow(
        hub_id, clause, started, 3, "1" if clause == "attempts" else "known", owner, "east" if owner else "", state,
        3_600_000_000, length, due, None, 0, None, stopped, "",
    )  # fmt: skip


@pytest.fixture
def app(agreed: Path) -> Iterator[FastAPI]:
    made = create_app(agreed)
    yield made
    made.state.site.close()


def test_every_open_clock_is_on_one_page_in_the_order_of_its_due_time(viewer: Browser, app: FastAPI) -> None:
    with Clocks(app.state.site.engine) as clocks:
        all_ = clocks.all_clocks(open_only=True)
    told = counted(app.state.site.engine, NOW, NOW + timedelta(days=1))
    late, soon = (sum(1 for one in all_ if one.due and low < one.due - NOW <= high) for low, high in (
        (timedelta(days=-99), timedelta()), (timedelta(), timedelta(days=1))
    ))  # fmt: skip
    assert (told.late, told.soon, told.open) == (late, soon, len(all_))
    for which, some in (
        ("late", [one for one in all_ if one.due and one.due <= NOW]), ("still", [one for one in all_ if not one.due]),
    ):  # fmt: skip
        url, found = f"/sla?which={which}", list[str]()
        pages = 0
        while url:
            page = viewer.get(url)
            assert page.status_code == 200
            found += re.findall(r'<th scope="row"><a href="/records/(\w{32})"', page.text)
            following = re.search(r'rel="next" href="([^"]+)"', page.text)
            url = html.unescape(following[1]) if following else ""
            pages += 1
        order = sorted(some, key=lambda one: (one.due or NOW, one.hub_id, one.clause, one.started))
        assert found == [one.hub_id for one in order]
        assert pages == -(-len(some) // 50)


def test_a_page_of_clocks_is_found_by_the_index(app: FastAPI) -> None:
    engine = app.state.site.engine
    for which in ("late", "soon", "later", "still"):
        asked_: list[tuple[str, Any]] = []
        sa.event.listen(engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: asked_.append((sql, p)))  # noqa: B023
        [first, *_], _ = open_clocks(engine, which, NOW, NOW + timedelta(days=1), limit=3)  # type: ignore[arg-type]
        open_clocks(engine, which, NOW, NOW + timedelta(days=1), after=place_of(first), clause="decision")  # type: ignore[arg-type]
        for sql, parameters in asked_[:2]:
            with engine.connect() as connection:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).all()
            assert "USING INDEX ix_sla_clock_open" in str(plan), plan
            assert "TEMP B-TREE FOR ORDER BY" not in str(plan), plan


def test_one_clause_among_many_is_found_a_stretch_at_a_time(app: FastAPI) -> None:
    engine, soon = app.state.site.engine, NOW + timedelta(days=1)
    everything, _ = open_clocks(engine, "late", NOW, soon, limit=1000)
    found, after, looks = [], None, 0
    while looks == 0 or after is not None:
        page = open_clocks(engine, "late", NOW, soon, clause="attempts", after=after, limit=5, most=7)
        found += page.rows
        after = page.after
        looks += 1
    assert found == [one for one in everything if one.clause == "attempts"]
    assert looks > len(found) // 5


def test_who_and_what_stops_it_is_said(viewer: Browser) -> None:
    page = seen(viewer.get("/sla?which=late&clause=decision"))
    assert re.search(r"Lead\d+ accept or reject", page)
    assert "sal or higher, or a rejection with its reason" in page
    assert "call, e-mail sent, or meeting by sales" not in page
    assert "was to be looked at again on Jun 1, 2026" in page
    for url in ("/sla?which=nonsense", "/sla?after=x", "/sla?clause=nonsense", "/sla/kept?period=2001-01"):
        assert viewer.get(url).status_code in (404, 422), url


def test_attainment_is_that_of_the_command_beside_the_period_before(
    viewer: Browser, agreed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = count(agreed, "sla", period=LABEL)
    status = asked(capsys, agreed, "sla", "status")
    assert [one for one in told["people"] if one["period"] == LABEL] == [
        one for one in status["attainment"] if one["period"] == LABEL
    ]
    assert told["alerts"] == status["alerts"] == {"sent": 2, "failed": 1, "dropped": 1}
    here = {key: value for key, value in told["marketing"][0].items() if key != "acceptance_interval"}
    assert here == {key: value for key, value in status["marketing"].items() if key != "acceptance_interval"}
    assert told["target"] == status["target"]
    before = label_of("month", HERE.before.first)
    page = viewer.get("/sla/kept")
    for clause in CLAUSES:
        groups = [
            [one for one in status_of(agreed) if one.clause == clause and label == label_of_(one)]
            for label in (LABEL, before)
        ]
        met, broken = (sum(one.state == state for one in groups[0]) for state in ("met", "breached"))
        then_met, then_broken = (sum(one.state == state for one in groups[1]) for state in ("met", "breached"))
        line = re.search(rf"{NAMES[clause]} (\d+)% \(\d+–\d+\) (\d+)% (\d+) (\d+)", seen(page))
        assert line, clause
        assert [int(number) for number in line.groups()] == [
            round(100 * met / (met + broken)), round(100 * then_met / (then_met + then_broken)), met, broken,
        ]  # fmt: skip
    assert "Handed over by marketing 40" in seen(page)
    assert "refused" in seen(page)


NAMES = {
    "first_response": "first response",
    "decision": "accept or reject",
    "attempts": "attempts",
    "follow_up": "follow-up",
}


def status_of(folder: Path) -> list[ClockRow]:
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    with Clocks(engine) as clocks:
        found = clocks.all_clocks()
    engine.dispose()
    return found


def label_of_(clock: ClockRow) -> str:
    from zoneinfo import ZoneInfo

    return f"{clock.started.astimezone(ZoneInfo(ZONE)):%Y-%m}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pact_is_in_words_of_the_visitors_language(viewer: Browser, agreed: Path, language: str) -> None:
    count(agreed, "sla", period=LABEL)
    viewer.post("/preferences", {"language": language, "theme": "light"})
    page = seen(viewer.get("/sla/pact"))
    for words in {
        "en": ("version 3", "Marta Ruiz", "known: within 1 h of business time, where has company", "Sales must bring in 60,000",
               "at least 3 attempts (call, e-mail sent, or meeting)", "public holidays of ES are free", "Monday 09:00-18:00"),
        "es": ("versión 3", "Marta Ruiz", "known: en 1 h de horario laboral", "Ventas tiene que ingresar 60.000", "lunes 09:00-18:00"),
        "pt": ("versão 3", "Marta Ruiz", "known: em 1 h de horário comercial", "Vendas tem de faturar 60.000", "segunda-feira"),
    }[language]:  # fmt: skip
        assert words in page, page
    viewer.post("/preferences", {"language": "en", "theme": "light"})


def test_personas_are_those_of_the_command(viewer: Browser, agreed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = count(agreed, "personas", start="", end="")
    said = asked(capsys, agreed, "personas")
    for one, other in zip(told["personas"], said["personas"], strict=True):  # but for ages, which grow meanwhile
        assert {**one, "counts": one["counts"]["passed"]} == {**other, "counts": other["counts"]["passed"]}
        assert [step["entered"] for step in one["counts"]["steps"]] == [
            step["entered"] for step in other["counts"]["steps"]
        ]
    page = seen(viewer.get("/personas"))
    for one, name in zip(said["personas"], ("Boss", "shop", "Fits none"), strict=True):
        passed = one["counts"]["passed"]
        assert f"{name} {one['leads']} {one['share']:.0%} {passed['passed']}" in page
    assert "Signs" in page
    assert "job title with “chief” in it" in page
    boss = seen(viewer.get("/personas/boss"))
    assert f"Leads {said['personas'][0]['leads']}" in boss
    assert viewer.get("/personas/nonsense").status_code == 404
    assert viewer.get("/personas/none").status_code == 200


def test_a_figure_is_counted_by_one_job_and_kept(viewer: Browser, app: FastAPI, agreed: Path) -> None:
    for file in (agreed / "figures").glob("sla-*"):
        file.unlink()
    viewer.get("/sla/kept")
    assert "whole history is being counted" in seen(viewer.get("/sla/kept"))
    site = app.state.site
    assert len(site.jobs.all()) == 1
    waited(site)
    assert "By person" in seen(viewer.get("/sla/kept"))
    assert len(site.jobs.all()) == 1
    [file] = (agreed / "figures").glob("sla-*")
    assert file.stat().st_mode & 0o077 == 0
    assert b"Lead1" not in file.read_bytes()


def test_no_page_reads_the_whole_past(viewer: Browser, agreed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count(agreed, "sla", period=LABEL)
    count(agreed, "personas", start="", end="")
    forbid_counting(monkeypatch)
    monkeypatch.setattr(Clocks, "all_clocks", None)
    for url in ("/sla", "/sla?which=later", "/sla/kept", "/sla/pact", "/personas", "/personas/boss"):
        assert viewer.get(url).status_code == 200, url


@pytest.mark.parametrize("url", ["/sla", "/sla/kept", "/sla/pact"])
def test_without_a_pact_it_says_how_to_begin(project: Path, url: str) -> None:
    made = create_app(project)
    assert "No agreement yet" in seen(Browser(made, "viewer").get(url))
    made.state.site.close()
