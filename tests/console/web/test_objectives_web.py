"""The objectives' page: how each stands, who stands behind it, and what a team accepts, freezes and restates."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from alignment.periods import label_of, local_day
from bench.past import NOW as END
from console.cli import main
from console.web import counts
from console.web.kept import objectives_of
from console.web.periods import lately
from console.web.site import Site
from state.attainments import acceptances, attainments
from state.database import open_database
from state.facts import Facts
from tests.console.web.conftest import Browser, seen
from tests.console.web.past import counted, drawn, give_past, length, lists

NOW = datetime.now(UTC)
TODAY = local_day(NOW, "UTC")
MONTH, QUARTER = (lately(unit, TODAY, 2)[1] for unit in ("month", "quarter"))
"""The last ones that are over."""


def spread(project: Path) -> None:
    """A past that reaches until today: the one of `bench.past`, shifted by whole days, so that objectives of today's periods
    have something to count."""
    days = (NOW - END).days
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE stage_event SET at = at + {days * 86_400_000_000}")
        connection.exec_driver_sql(
            "UPDATE hub SET fields = json_set(fields, '$.close_date', date(json_extract(fields, '$.close_date'), "
            f"'+{days} days')) WHERE kind = 'deal'"
        )
    engine.dispose()


@pytest.fixture(scope="module")
def base(synced_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(shutil.copytree(synced_project, tmp_path_factory.mktemp("aims") / "project"))
    give_past(folder, 3000, 5)
    spread(folder)
    return folder


@pytest.fixture
def project(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "project"))


def command(project: Path, *words: str) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main([*words, "--project", str(project), "--json"])
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def count(project: Path, *labels: str) -> None:
    """What the job does, in this process."""
    asked = {"question": objectives_of(labels).document()}
    assert asyncio.run(counts.count(project, lambda *_: None, asked)) == {"kept": True}


def done(browser: Browser, answer: Response) -> Response:
    """The page once its job has ended."""
    for _ in range(300):
        if 'id="job"' in answer.text and "hx-get" not in answer.text.split('id="job"')[1].split(">")[0]:
            return answer
        time.sleep(0.1)
        answer = browser.get(str(answer.url))
    raise AssertionError("the job did not end")


def running() -> tuple[str, ...]:
    return label_of("month", TODAY), label_of("quarter", TODAY)


# -- to look at ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [(MONTH,), (QUARTER,)])
def test_every_number_has_a_list_of_that_length(viewer: Browser, project: Path, labels: tuple[str, ...]) -> None:
    count(project, *labels)
    page = viewer.get("/objectives", params={"period": ",".join(labels)})
    numbers = lists(page)
    assert len(numbers) == {MONTH: 3, QUARTER: 2}[labels[0]]
    for url, number in numbers.items():
        assert length(viewer.get(url)) == number > 0, url
    assert drawn(page) <= numbers.keys()
    assert drawn(page)


def test_the_values_are_the_commands(operator: Browser, project: Path) -> None:
    for label in (MONTH, QUARTER):
        count(project, label)
        wanted = command(project, "objectives", "show", "--period", label)["objectives"]
        file = operator.get("/objectives.csv", params={"period": label})
        rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
        told = [(r["objective"], r["target"], r["value"], r["attainment"]) for r in rows]
        assert told == [
            (w["objective"], *("" if w[k] is None else str(w[k]) for k in ("target", "value", "attainment")))
            for w in wanted
        ]
        assert any(row["value"] for row in rows)


def test_of_a_running_period_there_is_a_forecast(
    viewer: Browser, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Facts, "__init__", _never)
    page = counted(viewer, "/objectives")
    text = seen(page)
    assert "run rate:" in text
    assert "Sales-ready leads" in text
    assert "serves Revenue" in text
    assert "reached" in page.text.split("<desc")[1]


def _never(*_: object) -> None:
    raise AssertionError("the past was read within a request")


def test_without_objectives_it_says_what_to_do(viewer: Browser, project: Path) -> None:
    file = project / "smarketing.yaml"
    text = file.read_text("utf-8")
    file.write_text(text[: text.index("objectives:")], "utf-8")
    assert "There are no objectives yet" in seen(viewer.get("/objectives"))


def test_a_period_that_is_none_is_told(viewer: Browser, project: Path) -> None:
    assert viewer.get("/objectives", params={"period": "2026-13"}).status_code == 404
    asked = {"labels": "soon", "figure": "ready/soon/counted"}
    assert viewer.get("/objectives/leads", params=asked).status_code == 404


# -- to do --------------------------------------------------------------------------------------------------------------


def test_a_team_accepts_as_whoever_is_signed_in(viewer: Browser, operator: Browser, site: Site, project: Path) -> None:
    count(project, *running())
    said = {"name": "ready", "label": running()[0], "team": "marketing"}
    assert viewer.post("/objectives/accept", said).status_code == 403
    assert "Accept for" not in viewer.get("/objectives").text
    page = operator.post("/objectives/accept", said)
    assert "is accepted for Marketing" in seen(page)
    assert "Marketing: Operator" in seen(page)
    [kept] = acceptances(site.engine)
    assert (kept.objective, kept.team, kept.target, kept.accepted_by, kept.attainment_id) == (
        "ready",
        "marketing",
        40,
        "Operator",
        None,
    )
    assert operator.post("/objectives/accept", {**said, "team": "hr"}).status_code == 409
    assert operator.post("/objectives/accept", {**said, "name": "redy"}).status_code == 404
    assert len(acceptances(site.engine)) == 1
    assert any(deed.action == "objective-accepted" for deed in site.accounts.deeds())


def test_what_is_over_is_frozen_once_and_restated_with_a_reason(
    viewer: Browser, operator: Browser, site: Site, project: Path
) -> None:
    count(project, MONTH)
    before = command(project, "objectives", "show", "--period", MONTH)["objectives"]
    assert "over and not frozen yet" in seen(operator.get("/objectives", params={"period": MONTH}))
    assert viewer.post("/objectives/freeze").status_code == 403
    page = done(operator, operator.post("/objectives/freeze", {"period": MONTH}))
    assert "objectives frozen" in seen(page)
    assert "over and not frozen yet" not in seen(page)
    rows = {(row.objective, row.period): row for row in attainments(site.engine)}
    assert {row.frozen_by for row in rows.values()} == {"Operator"}
    for one in before:
        if one["value"] is not None:
            assert rows[one["objective"], MONTH].value == one["value"]
    assert ("more_revenue", QUARTER) in rows
    was = rows["ready", MONTH]
    with site.writing() as store:
        some = command(project, "funnel", "--leads", "lead:not_reached", "--from", "2020-01-01")["leads"][0]["lead"]
        at = datetime(*map(int, f"{MONTH}-03".split("-")), tzinfo=UTC)  # type: ignore[arg-type,misc]
        store.log_stages([{"hub_id": some, "run_id": "r", "system": "crm", "evidence": "", "old": "lead", "new": "sql",
                           "reason": None, "at": at}])  # fmt: skip
        store.commit()
    said = {"name": "ready", "label": MONTH, "period": MONTH}
    assert operator.post("/objectives/restate", {**said, "reason": " "}).status_code == 409
    assert viewer.post("/objectives/restate", {**said, "reason": "late import"}).status_code == 403
    page = done(operator, operator.post("/objectives/restate", {**said, "reason": "late import"}))
    assert "The old value stays on record" in seen(page)
    mine = [row for row in attainments(site.engine) if row.objective == "ready"]
    assert [(row.value, row.reason, row.restated_from) for row in mine] == [
        (was.value, None, None), (was.value + 1, "late import", was.id),
    ]  # fmt: skip
    assert "late import" in seen(operator.get("/objectives", params={"period": MONTH}))
    assert {"objectives-freeze", "objectives-restate"} <= {deed.action for deed in site.accounts.deeds()}


def test_only_operators_take_the_figures_away(viewer: Browser, operator: Browser, project: Path) -> None:
    count(project, MONTH)
    assert viewer.get("/objectives.csv", params={"period": MONTH}).status_code == 403
    assert "objectives.csv" not in viewer.get("/objectives", params={"period": MONTH}).text
    assert operator.get("/objectives.csv", params={"period": MONTH}).status_code == 200


def test_the_page_speaks_the_readers_language(admin: Browser, project: Path) -> None:
    count(project, QUARTER)
    admin.post("/preferences", {"language": "pt", "theme": "system"})
    text = seen(admin.get("/objectives", params={"period": QUARTER}))
    assert "Objetivos" in text
    assert "Aceitar por Vendas" in text


def test_an_older_period_is_frozen_where_it_is_looked_at(operator: Browser, site: Site, project: Path) -> None:
    older = lately("quarter", TODAY, 3)[2]
    count(project, older)
    page = operator.get("/objectives", params={"period": older})
    assert f"2 objectives are over and not frozen yet: more_revenue {older}, deals_won {older}" in seen(page)
    done(operator, operator.post("/objectives/freeze", {"period": older, "label": older}))
    assert {(row.objective, row.period) for row in attainments(site.engine)} == {
        ("more_revenue", older),
        ("deals_won", older),
    }
