"""`smarketing report`: from the sync of two systems to the files, the screen, and what was decided over them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alignment.reports.periods import period_of
from console.cli import main
from mapping.loader import compile_rules, load_project
from state.database import open_database
from sync.compare import compare
from sync.reporting import report
from tests.console.folder import make_project

FILLED = date(2026, 1, 3)
"""Two days after all that the two systems hold."""

TODAY = f"{datetime.now(UTC).date()}"
YESTERDAY = f"{datetime.now(UTC).date() - timedelta(days=1)}"


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    made = make_project(tmp_path / "acme")
    assert main(["sync", "--confirm", "--json", "--project", str(made)]) in (0, 1)
    capsys.readouterr()
    return made


def ask(capsys: pytest.CaptureFixture[str], folder: Path, *command: str, exits: int = 0) -> Any:
    capsys.readouterr()
    assert main([*command, "--json", "--project", str(folder)]) == exits
    return json.loads(capsys.readouterr().out)


def test_the_week_is_on_the_screen_and_in_two_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "weekly", "--until", TODAY, "--project", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "Weekly report of marketing and sales" in shown
    assert "Agenda" in shown
    assert (folder / f"reports/week-{TODAY}.html").read_text("utf-8").startswith("<!doctype html>")
    assert (folder / f"reports/week-{TODAY}.pdf").read_bytes().startswith(b"%PDF-")
    assert main(["report", "monthly", "--language", "es", "--until", TODAY, "--project", str(folder)]) == 0
    assert "Informe mensual" in capsys.readouterr().out
    assert "Orden del día" in (folder / f"reports/month-{TODAY}-es.html").read_text("utf-8")


def test_each_form_on_stdout_or_in_a_file(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    week = ["report", "weekly", "--until", TODAY, "--project", str(folder)]
    assert main([*week, "--format", "markdown", "--language", "pt"]) == 0
    assert capsys.readouterr().out.startswith("# Relatório semanal")
    told = ask(capsys, folder, "report", "weekly", "--until", f"{FILLED}")
    assert main([*week, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["sections"].keys() == told["sections"].keys()
    steps = {row["stage"]["stage"]: row["entered"]["value"] for row in told["sections"]["changed"]["tables"]["steps"]}
    assert steps["lead"] == 2  # Ada and Alan; Grace is a subscriber
    assert not (folder / "reports").exists()
    for name in ("a.pdf", "b.html", "c.md", "d.json"):
        assert main([*week, "--out", str(tmp_path / "new" / name)]) == 0
    assert (tmp_path / "new/a.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "new/c.md").read_text("utf-8").startswith("# Weekly report")
    tomorrow = f"{datetime.now(UTC).date() + timedelta(days=2)}"
    for wrong in (
        ["--format", "doc"],
        ["--until", "soon"],
        ["--until", tomorrow],
        ["--language", "fr"],
        ["--out", "x"],
    ):
        assert ask(capsys, folder, "report", "weekly", *wrong, exits=2)["error"]["code"] == "usage"


def test_a_decision_is_asked_for_until_it_is_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ask(capsys, folder, "report", "decide", "Call the fair  first", "--who", "Ana", "--due", YESTERDAY)
    second = ask(capsys, folder, "report", "decide", "Drop the cold list")
    assert first["text"] == "Call the fair first"
    agenda = ask(capsys, folder, "report", "weekly")["sections"]["agenda"]
    rows = [(row["decision"], row["state"]["key"]) for row in agenda["tables"]["decisions"]]
    assert rows == [("Call the fair first", "decision_late"), ("Drop the cold list", "decision_open")]
    assert agenda["points"][0]["key"] == "agenda_late"
    ask(capsys, folder, "report", "done", str(first["id"]), "--by", "Ana")
    ask(capsys, folder, "report", "done", str(second["id"]), "--dropped")
    agenda = ask(capsys, folder, "report", "weekly")["sections"]["agenda"]
    states = {row["id"]: row["state"]["key"] for row in agenda["tables"]["decisions"]}
    assert states == {str(first["id"]): "decision_done", str(second["id"]): "decision_dropped"}
    assert ask(capsys, folder, "report", "done", "1", exits=2)["error"]["code"] == "no-decision"
    assert ask(capsys, folder, "report", "decide", " ", exits=2)["error"]["code"] == "usage"


def test_the_systems_are_reconciled_as_compare_does(folder: Path) -> None:
    project = load_project(folder)
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    now = datetime.now(UTC)
    period = period_of("week", now, until=FILLED)
    stage = "sal"
    project = type(project)(
        project.folder,
        project.config.model_copy(update={"funnel": project.config.funnel.model_copy(update={"passed": stage})}),
        project.mappings,
    )
    made = report(engine, project, period, now)
    told = compare(engine, compile_rules(project), stage, period.start, period.end)
    table = made.section("systems").tables[0]
    assert told.cohort == 1  # Alan, who is worked on in the CRM
    for name, cohort, both, lacks in table.rows:
        one = told.systems[name.text]  # type: ignore[union-attr]
        assert [figure.value for figure in (cohort, both, lacks)] == [told.cohort, one.both, one.lacks.total()]  # type: ignore[union-attr]
    engine.dispose()
