"""Planted secrets must not turn up in anything that we write: outputs, database, plans, logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.console.conftest import Call
from tests.console.folder import TOKENS, edit

PASSWORD = "pw-Zq81-hunter2"


def files_of(project: Path) -> dict[Path, bytes]:
    """All but those that hold the secrets by right: .env, and the vendors' own files."""
    own = {".env", "crm.json", "marketing.json"}
    return {p: p.read_bytes() for p in project.rglob("*") if p.is_file() and p.name not in own}


def assert_clean(project: Path, *texts: str) -> None:
    for secret in (*TOKENS.values(), PASSWORD):
        for text in texts:
            assert secret not in text
        for path, content in files_of(project).items():
            assert secret.encode() not in content, path


def test_a_whole_life_leaves_no_secret_anywhere(smarketing: Call, project: Path) -> None:
    said = []
    for words in (
        ("check",), ("provision",), ("plan",), ("sync",), ("sync", "--confirm"), ("status",), ("explain", "crm:1"),
        ("review", "list"), ("review", "show", "1"), ("review", "resolve", "1", "--take", "crm"), ("sync",),
        ("backfill", "--from", "2025-01-01"), ("apply", "last"),
    ):  # fmt: skip
        for more in ((), ("--json",)):
            answer = smarketing(*words, *more)
            said += [answer.out, answer.err]
    edit(project, "crm", "1", First="Augusta")
    said += [smarketing("plan", "--json").out]
    assert (project / "state.sqlite").exists()
    assert_clean(project, *said)


def test_a_token_that_is_refused_is_not_told(smarketing: Call, project: Path) -> None:
    body = json.loads((project / "crm.json").read_text())
    (project / "crm.json").write_text(json.dumps({**body, "token": "changed"}))
    answers = [smarketing(*words) for words in (("check",), ("sync", "--confirm"), ("sync", "--json"), ("status",))]
    assert_clean(project, *(text for a in answers for text in (a.out, a.err)))


def test_the_database_password_is_not_told(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    main = project / "smarketing.yaml"
    url = "postgresql+psycopg://me:${DB_PASSWORD}@127.0.0.1:1/none"
    main.write_text(main.read_text().replace("sqlite:///state.sqlite", url))
    answers = [smarketing("sync"), smarketing("status", "--json")]
    assert answers[0].exit == 6
    assert_clean(project, *(text for a in answers for text in (a.out, a.err)))


def test_a_log_of_the_unforeseen_holds_none(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError(" ".join(TOKENS.values()))

    monkeypatch.setattr("sync.project.sync", breaks)
    answer = smarketing("sync")
    assert answer.exit == 70
    assert list((project / "logs").iterdir())
    assert_clean(project, answer.out, answer.err)


def test_a_secret_typed_into_the_configuration_is_not_repeated(smarketing: Call, project: Path) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace('"${CRM_TOKEN}"', PASSWORD))
    answer = smarketing("check")
    assert answer.exit == 2
    assert PASSWORD not in answer.out + answer.err
