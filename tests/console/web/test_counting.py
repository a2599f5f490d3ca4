"""When the past is counted, by whom, and what is kept of it: for every figure that a job counts."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alignment.periods import Period
from console.cli import main
from console.web import counting, counts, kept
from console.web.kept import Question, funnel_of
from console.web.site import Site
from state.facts import Facts
from state.watermark import watermark
from tests.console.web.conftest import Browser, seen
from tests.console.web.past import DAYS, counted, give_past, lists

PERIOD = Period(date(2026, 4, 1), date(2026, 6, 30))
QUESTION = funnel_of(PERIOD.first, PERIOD.last)


@pytest.fixture
def small(project: Path) -> Path:
    give_past(project, 60, 1)
    return project


def count(folder: Path, question: Question = QUESTION) -> dict[str, Any]:
    """What the job does, in this process."""
    return asyncio.run(counts.count(folder, lambda *_: None, {"question": question.document()}))


def test_a_request_counts_nothing_and_says_that_it_is_being_counted(
    small: Path, viewer: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the process that answers, nobody asks for the whole past; the answer before it is counted is a waiting page."""
    monkeypatch.setattr(Facts, "__init__", _never)
    statements: list[str] = []
    sa.event.listen(site.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    first = viewer.get("/funnel", params=DAYS)
    assert "whole history is being counted" in seen(first)
    assert 'id="state"' in first.text
    assert lists(first) == {}
    page = counted(viewer, "/funnel", **DAYS)
    statements.clear()
    again = viewer.get("/funnel", params=DAYS)
    assert lists(again) == lists(page)
    assert len(statements) < 12
    assert not [one for one in statements if "FROM stage_event" in one and "max(" not in one]
    assert not [one for one in statements if "json_group_array" in one]
    polled = viewer.get("/funnel", params=DAYS, headers={"HX-Request": "true", "HX-Target": "state"})
    assert polled.headers["HX-Trigger"] == "counted"  # by which the page takes the figures
    assert 'hx-trigger="counted from:body"' in first.text
    assert "HX-Trigger" not in again.headers


def _never(*_: object) -> None:
    raise AssertionError("the past was read within a request")


def test_what_is_kept_is_private_and_names_nobody(small: Path) -> None:
    count(small)
    path = kept.place_of(small, QUESTION)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (path.parent / ".gitignore").read_text("utf-8") == "*\n"
    body = path.read_bytes()
    for told in (b"person1@", b"@company", b"Almeida", b"rep1@"):
        assert told not in body


def test_counted_anew_once_it_is_old_and_something_has_changed(
    small: Path, viewer: Browser, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(small)
    was = kept.find(small, QUESTION)
    assert was is not None
    monkeypatch.setitem(counting.AGES, "funnel", counting.Age(young=timedelta(0)))
    assert "counted anew" not in seen(viewer.get("/funnel", params=DAYS))  # nothing has changed
    with site.writing() as store:
        store.log_stages([_event("mql")])
        store.commit()
    page = viewer.get("/funnel", params=DAYS)
    assert "counted anew" in seen(page)
    assert lists(page)  # the old ones, until then
    counted(viewer, "/funnel", **DAYS)
    now = kept.find(small, QUESTION)
    assert now is not None
    assert now.head.as_of > was.head.as_of
    assert now.head.sizes["mql:inflow"] == was.head.sizes["mql:inflow"] + 1


def _event(new: str) -> dict[str, Any]:
    return {"hub_id": f"0190{0:028x}", "run_id": "r", "system": "crm", "evidence": "", "old": "lead", "new": new, "reason": None,
            "at": datetime(2026, 5, 1, tzinfo=UTC)}  # fmt: skip


def test_another_configuration_is_counted_at_once(small: Path, viewer: Browser) -> None:
    count(small)
    file = small / "smarketing.yaml"
    file.write_text(
        file.read_text("utf-8").replace("sql, opportunity, customer]\n  cuts", "opportunity, customer]\n  cuts"),
        "utf-8",
    )
    assert "counted anew" in seen(viewer.get("/funnel", params=DAYS))
    count(small)
    assert not [url for url in lists(viewer.get("/funnel", params=DAYS)) if "sql%3A" in url]


def test_only_one_is_counted_at_a_time(small: Path, site: Site, visit: Callable[..., Browser]) -> None:
    browsers = [visit("viewer") for _ in range(6)]
    days = [{**DAYS, "from": f"2026-04-{n + 1:02}"} for n in range(2)] * 3
    threads = [
        threading.Thread(target=b.get, args=("/funnel",), kwargs={"params": d})
        for b, d in zip(browsers, days, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([job for job in site.jobs.all() if job.kind == "count"]) == 1
    for one in days[:2]:
        counted(browsers[0], "/funnel", **one)
    assert len([job for job in site.jobs.all() if job.kind == "count"]) == 2


def test_what_cannot_be_counted_says_so_and_is_not_tried_all_the_time(small: Path, viewer: Browser, site: Site) -> None:
    with site.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE stage_event RENAME COLUMN reason TO why")
    viewer.get("/funnel", params=DAYS)
    page = counted(viewer, "/funnel", **DAYS)
    assert "could not be counted" in seen(page)
    viewer.get("/funnel", params=DAYS)
    assert len(site.jobs.all()) == 1


def test_nobody_who_was_forgotten_is_in_what_is_kept(small: Path) -> None:
    count(small)
    who = f"0190{5:028x}"
    path = kept.place_of(small, QUESTION)
    assert bytes.fromhex(who) in path.read_bytes()
    assert main(["forget", "person5@company5.example", "--confirm", "--project", str(small), "--json"]) in (0, 1)
    assert not path.exists()
    count(small)
    assert bytes.fromhex(who) not in path.read_bytes()


def test_what_was_counted_before_somebody_was_forgotten_is_never_shown(small: Path, viewer: Browser) -> None:
    """A job that began before, and ends after."""
    count(small)
    path = kept.place_of(small, QUESTION)
    old = path.read_bytes()
    assert main(["forget", "person5@company5.example", "--confirm", "--project", str(small), "--json"]) in (0, 1)
    path.write_bytes(old)
    page = viewer.get("/funnel", params=DAYS)
    assert lists(page) == {}
    assert not path.exists() or path.read_bytes() != old


def test_the_job_itself_keeps_nothing_where_somebody_was_forgotten_meanwhile(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def moved(engine: Any) -> Any:
        asked.append(1)
        return watermark(engine)._replace(erasures=len(asked))

    monkeypatch.setattr("console.web.counts.watermark", moved)
    assert count(small) == {"kept": False}
    assert kept.find(small, QUESTION) is None


@pytest.mark.parametrize("limit", ["MOST", "SPACE"])
def test_the_oldest_goes_where_there_are_too_many(small: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    first, *rest = (funnel_of(date(2026, 4, 1), date(2026, 4, last)) for last in (10, 20, 30))
    count(small, first)
    size = kept.place_of(small, first).stat().st_size
    monkeypatch.setattr(kept, limit, 2 if limit == "MOST" else int(2.5 * size))
    for question in rest:
        count(small, question)
    assert len(list((small / kept.FOLDER).glob("*.npz"))) == 2
    assert kept.find(small, first) is None


def test_whatever_is_counted_is_counted_by_one_rule(small: Path, viewer: Browser, site: Site) -> None:
    """Figures with lists and those without: one folder, one job at a time, all gone with whoever is forgotten."""
    assert "whole history is being counted" in seen(viewer.get("/glossary/compare?stage=mql"))
    assert "this comes next" in seen(viewer.get("/funnel", params=DAYS))
    counted(viewer, "/glossary/compare?stage=mql")
    counted(viewer, "/funnel", **DAYS)
    assert [job.kind for job in site.jobs.all()] == ["count", "count"]
    names = sorted(file.name.partition("-")[0] for file in (small / kept.FOLDER).glob("*.npz"))
    assert names == ["compare", "funnel"]
    viewer.get("/glossary/compare?stage=mql")
    assert len(site.jobs.all()) == 2
    with site.writing() as store:
        store.log_stages([_event("mql")])
        store.commit()
    assert main(["forget", "person5@company5.example", "--confirm", "--project", str(small), "--json"]) in (0, 1)
    assert list((small / kept.FOLDER).glob("*.npz")) == []
