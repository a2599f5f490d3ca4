"""The funnel's pages: every number has a list of that length, as the command says; nothing is counted within a request."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from alignment.funnel.counting import leads_behind, read_books
from alignment.periods import Period
from console.cli import main
from console.web.app import create_app
from console.web.funnel import VIEWS
from console.web.leads import line
from console.web.site import Site
from mapping.loader import load_project
from state.facts import Facts
from tests.console.web.conftest import Browser, seen
from tests.console.web.past import DAYS, counted, drawn, give_past, length, lists

PERIOD = Period(date(2026, 4, 1), date(2026, 6, 30))
LEADS = 4000


@pytest.fixture(scope="module")
def seed() -> int:
    chosen = random.randrange(10**6)
    print("seed", chosen)
    return chosen


@pytest.fixture(scope="module")
def past(synced_project: Path, tmp_path_factory: pytest.TempPathFactory, seed: int) -> Path:
    """Read only: whoever writes to it makes another."""
    folder = Path(shutil.copytree(synced_project, tmp_path_factory.mktemp("past") / "project"))
    give_past(folder, LEADS, seed)
    return folder


@pytest.fixture(scope="module")
def reader(past: Path) -> Iterator[Browser]:
    app = create_app(past)
    yield Browser(app, "viewer")
    app.state.site.close()


@pytest.fixture(scope="module")
def doer(reader: Browser) -> Browser:
    return Browser(reader.client.app, "operator")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def told(past: Path) -> dict[str, Any]:
    """What the command says of the same period."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert (
            main(
                [
                    "funnel",
                    "--from",
                    "2026-04-01",
                    "--to",
                    "2026-06-30",
                    "--by",
                    "source",
                    "--project",
                    str(past),
                    "--json",
                ]
            )
            == 0
        )
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("only", [{}, {"cut": "source", "value": "Webinar"}])
def test_every_number_has_a_list_of_that_length(reader: Browser, view: str, only: dict[str, str]) -> None:
    page = counted(reader, "/funnel", **DAYS, view=view, **only)
    numbers = lists(page)
    assert len(numbers) > (0 if only else 3 if view in ("deals", "passed") else 10)
    for url, number in numbers.items():
        assert length(reader.get(url)) == number, url
    for url in drawn(page):
        assert url in numbers or length(reader.get(url)) == 0, f"a chart leads where no number does: {url}"


def test_the_numbers_are_the_commands(reader: Browser, told: dict[str, Any]) -> None:
    for only, wanted in ({}, told["total"]), ({"cut": "source", "value": "Web"}, told["cuts"]["source"]["Web"]):
        found: dict[str, int] = {}
        for view in VIEWS:
            found |= lists(counted(reader, "/funnel", **DAYS, view=view, **only))
        by_figure = {_asked(url)["figure"]: n for url, n in found.items() if _plain(url, only)}
        for step in wanted["steps"]:
            for figure in ("entered", "inferred", "inflow", "outflow", "waiting", "stuck"):
                assert by_figure.get(f"{step['stage']}:{figure}", 0) == (step[figure] or 0), (step["stage"], figure)
            if step["next"]:
                assert by_figure.get(f"{step['stage']}:reached", 0) == step["reached"]["part"]
                assert by_figure.get(f"{step['stage']}:within", 0) == step["within"]["part"]
        passed, deals = wanted["passed"], wanted["deals"]
        assert by_figure["not_converted"] == passed["not_qualified"] + passed["lost"] > 0
        assert by_figure["accepted"] == passed["accepted"]["part"] > 0
        assert by_figure.get("deals:won", 0) == deals["won"]
        assert by_figure.get("deals:lost", 0) == deals["lost"]


def _asked(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _plain(url: str, only: dict[str, str]) -> bool:
    """Of all leads that are looked at, at all times, for any reason."""
    asked = _asked(url)
    return not {"unit", "reason"} & asked.keys() and {k: asked[k] for k in ("cut", "value") if k in asked} == only


def test_the_list_holds_those_whom_the_figure_counts(reader: Browser, doer: Browser, past: Path) -> None:
    """Against the engine's own list, which is made anew from the database."""
    counted(reader, "/funnel", **DAYS)
    site: Site = reader.client.app.state.site  # type: ignore[attr-defined]
    with Facts(site.engine) as facts:
        books = read_books(facts, load_project(past).config)
        for figure, stage, cut in (
            ("reached", "mql", ("source", "Web")), ("stuck", "sql", None), ("left", "recycled", ("persona", "boss")),
            ("not_qualified", None, ("country", "DE")), ("lost", None, None), ("entered", "lead", ("segment", "large")), ("inflow", "mql", ("period", "2026-05")),
        ):  # fmt: skip
            wanted = leads_behind(books, facts, PERIOD, figure, stage=stage, cut=cut)
            asked = {"first": "2026-04-01", "last": "2026-06-30", "figure": f"{stage}:{figure}" if stage else figure}
            asked |= (
                {"unit": cut[0], "time": cut[1]}
                if cut and cut[0] == "period"
                else {"cut": cut[0], "value": cut[1]}
                if cut
                else {}
            )
            file = doer.get("/funnel/leads.csv", params=asked)
            rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
            assert {row["lead"] for row in rows} == set(wanted), figure
            assert wanted or figure not in ("entered", "reached", "inflow"), (figure, cut)


def test_of_those_who_wait_it_says_since_when(reader: Browser, doer: Browser, past: Path) -> None:
    counted(reader, "/funnel", **DAYS)
    asked = {"first": "2026-04-01", "last": "2026-06-30", "figure": "sal:waiting"}
    assert "There since" in seen(reader.get("/funnel/leads", params=asked))
    rows = list(csv.DictReader(io.StringIO(doer.get("/funnel/leads.csv", params=asked).content.decode("utf-8-sig"))))
    site: Site = reader.client.app.state.site  # type: ignore[attr-defined]
    with site.history() as history:
        stages = history.stages([row["lead"] for row in rows])
    for row in rows:
        last = [one for one in stages[row["lead"]] if one.at < PERIOD.end][-1]
        assert last.new == "sal"
        assert abs(datetime.fromisoformat(row["at"]) - last.at) < timedelta(minutes=2)
    assert rows


def test_who_was_passed_and_did_not_convert_is_told_with_reason_and_owner(reader: Browser) -> None:
    counted(reader, "/funnel", **DAYS)
    page = reader.get("/funnel/leads", params={"first": "2026-04-01", "last": "2026-06-30", "figure": "not_converted"})
    text = seen(page)
    assert "Passed and not converted" in text
    assert "Not qualified" in text
    assert "Rep " in text
    assert any(
        reason in text for reason in ("bad_timing", "no_response", "wrong_fit", "no_need", "competitor", "bad_data")
    )
    assert "Page 1 of" in text or length(page) <= 50


def test_only_operators_take_a_list_away_and_it_is_noted(reader: Browser, doer: Browser, past: Path) -> None:
    counted(reader, "/funnel", **DAYS)
    asked = {"first": "2026-04-01", "last": "2026-06-30", "figure": "mql:entered"}
    assert "leads.csv" not in reader.get("/funnel/leads", params=asked).text
    assert reader.get("/funnel/leads.csv", params=asked).status_code == 403
    assert "leads.csv" in doer.get("/funnel/leads", params=asked).text
    assert doer.get("/funnel/leads.csv", params=asked).headers["content-type"].startswith("text/csv")
    site: Site = reader.client.app.state.site  # type: ignore[attr-defined]
    assert any(one.action == "list-downloaded" and one.subject == "mql:entered" for one in site.accounts.deeds())


def test_no_cell_is_a_formula() -> None:
    assert line(("=1+1", "@x", "-2", 3, None, "a,b")).strip() == "'=1+1,'@x,'-2,3,,\"a,b\""


def test_a_figure_that_there_is_not_is_told(reader: Browser) -> None:
    counted(reader, "/funnel", **DAYS)
    days = {"first": "2026-04-01", "last": "2026-06-30"}
    for asked in (
        {"figure": "mql:nothing"},
        {"figure": "mql:entered", "cut": "source", "value": "Moon"},
        {"figure": "x", "cut": "y"},
    ):
        assert reader.get("/funnel/leads", params={**days, **asked}).status_code == 404
    assert reader.get("/funnel/leads", params={"figure": "passed", "first": "soon"}).status_code == 404


def test_the_page_speaks_the_readers_language(past: Path, reader: Browser) -> None:
    counted(reader, "/funnel", **DAYS)
    other = Browser(reader.client.app, "admin")  # type: ignore[arg-type]
    other.post("/preferences", {"language": "es", "theme": "system"})
    text = seen(counted(other, "/funnel", **DAYS, view="passed"))
    assert "Pasados y no convertidos" in text
    assert "Quien decide" in seen(other.get("/funnel", params={**DAYS, "view": "groups", "by": "persona"}))
