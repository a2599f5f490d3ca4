"""Whatever goes wrong, a person gets a sentence, a way out and a code; never a traceback, never a secret."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from console.cli import main
from console.failures import Exit, failure_of
from state.database import open_database
from state.trouble import trouble
from tests.console.conftest import Call
from tests.console.folder import TOKENS

EVERY = [
    ("check",), ("provision",), ("plan",), ("sync",), ("apply", "last"), ("backfill", "--from", "2026-01-01"),
    ("status",), ("explain", "ada@analytical.example"), ("review", "list"), ("review", "show", "1"),
    ("review", "resolve", "1", "--retry"),
]  # fmt: skip


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_where_there_is_no_project(call: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = call(*words, "--project", tmp_path, "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] in ("no-project", "no-plan")


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_wrong_configuration_is_told_with_file_line_and_key(
    smarketing: Call, project: Path, words: tuple[str, ...]
) -> None:
    main_file = project / "smarketing.yaml"
    main_file.write_text(main_file.read_text().replace("role: crm", "rôle: crm").replace("type: name", "type: nmae"))
    answer = smarketing(*words, "--json")
    assert answer.exit == 2
    if words[0] != "apply":
        details = answer.json["error"]["details"]
        assert {"smarketing.yaml"} == {d["file"] for d in details}
        assert all(d["line"] for d in details)
        assert len(details) >= 3


def test_for_people_the_errors_stand_in_a_panel(smarketing: Call, project: Path) -> None:
    mapping = project / "mappings/crm.yaml"
    mapping.write_text(mapping.read_text().replace("  phone:", "  phnoe:"))
    answer = smarketing("sync")
    assert answer.exit == 2
    assert "mappings/crm.yaml:" in answer.err
    assert "did you mean phone?" in answer.err
    assert "Traceback" not in answer.out + answer.err


@pytest.mark.parametrize(
    "words",
    [
        ("sync", "--sytem", "x"),
        ("snyc",),
        ("explain",),
        ("review", "show", "one"),
        ("status", "--runs", "-4"),
        ("plan", "x"),
    ],
    ids=" ".join,
)
def test_a_command_that_is_none_is_refused_in_json_too(call: Call, words: tuple[str, ...]) -> None:
    answer = call(*words, "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == "usage"


def test_a_file_that_is_no_database(smarketing: Call, project: Path) -> None:
    (project / "state.sqlite").write_text("These are not the rows you are looking for. " * 100)
    answer = smarketing("status", "--json")
    assert answer.exit == 6
    assert answer.json["error"]["code"] == "database-damaged"


def test_a_database_of_a_newer_smarketing(smarketing: Call, project: Path) -> None:
    smarketing("sync")
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert smarketing("status", "--json").json["error"]["code"] == "database-newer"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("sqlite:///no/such/folder/state.sqlite", "database-unreachable"),
        ("postgresql://nobody@127.0.0.1:1/none", "database-unreachable"),
        ("no address at all", "database-address"),
        ("oracle+nothing://x", "database-address"),
    ],
)
def test_a_database_that_cannot_be_reached(smarketing: Call, project: Path, url: str, code: str) -> None:
    main_file = project / "smarketing.yaml"
    main_file.write_text(main_file.read_text().replace("sqlite:///state.sqlite", url))
    answer = smarketing("sync", "--json")
    assert answer.exit == 6
    assert answer.json["error"]["code"] == code


def test_no_statement_and_no_value_is_told_of_a_database(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'x.sqlite'}")
    with pytest.raises(sa.exc.OperationalError) as raised, engine.connect() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere WHERE email = :e"), {"e": "ada@analytical.example"})
    assert "ada@" not in str(raised.value)
    told = trouble(raised.value)
    assert told is not None
    assert "nowhere" not in told.message + told.hint


def test_what_nobody_foresaw_goes_to_a_log_without_secrets(
    smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(f"the engine fell off, holding {TOKENS['CRM_TOKEN']} and Bearer abcdef123456789")

    monkeypatch.setattr("sync.project.load_project", breaks)
    answer = smarketing("sync")
    assert answer.exit == Exit.INTERNAL
    assert "fell off" not in answer.out + answer.err
    [log] = (project / "logs").iterdir()
    assert log.stat().st_mode & 0o077 == 0
    text = log.read_text()
    assert "the engine fell off" in text
    assert "Traceback" in text
    assert TOKENS["CRM_TOKEN"] not in text
    assert "abcdef123456789" not in text


def test_an_interruption_is_no_failure(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.syncing.run", interrupted)
    answer = smarketing("sync")
    assert answer.exit == 130
    assert "Nothing is lost" in answer.err
    assert not (project / "logs").exists()


def test_an_error_in_a_group_is_told_as_itself(tmp_path: Path) -> None:
    from connectors.errors import Unavailable

    group = ExceptionGroup("", [Unavailable("crm did not answer.")])
    assert failure_of(group, tmp_path).code == "unavailable"


def test_main_leaves_no_loop_behind(project: Path) -> None:
    main(["status", "--project", str(project)])
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
