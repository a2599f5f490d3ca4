"""The command line, called as a person calls it, on a project whose systems are files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from console.cli import main
from tests.console.folder import TOKENS, make_project


class Answer(NamedTuple):
    exit: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one document on stdout. Fails where there is anything else."""
        document: dict[str, Any] = json.loads(self.out)
        assert self.err == ""
        assert document["exit"] == self.exit
        assert document["ok"] == (self.exit == 0)
        return document


Call = Callable[..., Answer]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for every developer: 100 columns, nobody watching, no variables of ours."""
    monkeypatch.setenv("COLUMNS", "100")
    for name in (*TOKENS, "SMARKETING_PROJECT", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def one(*words: object) -> Answer:
        capsys.readouterr()
        status = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Answer(status, out, err)

    return one


@pytest.fixture
def smarketing(call: Call, project: Path) -> Call:
    """A command in the project."""
    return lambda *words: call(*words, "--project", project)
