"""`smarketing glossary`, as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.cli import main
from console.folders import SYSTEMS, make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make(tmp_path / "p", {"hubspot": SYSTEMS["hubspot"], "tryton": SYSTEMS["tryton"]})
    return tmp_path / "p"


def test_it_is_shown_in_the_language_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["glossary", "--project", str(folder), "--language", "es"]) == 0
    shown = capsys.readouterr().out
    assert "puntuación de 50 o más" in shown
    assert "marketingqualifiedlead" in shown
    assert main(["glossary", "--project", str(folder)]) == 0
    assert "score of 50 or more" in capsys.readouterr().out


def test_as_one_document_and_as_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["glossary", "--project", str(folder), "--json", "--language", "pt"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["language"] == "pt"
    assert [entry["stage"] for entry in told["entries"]][:2] == ["subscriber", "lead"]
    assert main(["glossary", "--project", str(folder), "--markdown"]) == 0
    assert capsys.readouterr().out.startswith("# Glossary\n\n## Stages\n\n### subscriber\n")


def test_a_language_that_there_is_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["glossary", "--project", str(folder), "--language", "fr"]) == 2
    assert "It is one of: en, es, pt." in capsys.readouterr().err
