"""What the documentation says of commands and codes is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

import connectors.errors
from console import answering, failures, reference, reviews
from console.cli import app
from console.web.app import CODES
from state import trouble

ROOT = Path(__file__).parents[2]
ERRORS = (ROOT / "docs/errors.md").read_text("utf-8")
COMMANDS = (ROOT / "docs/commands.md").read_text("utf-8")


def explained() -> set[str]:
    return set(re.findall(r"^\| `([a-z_-]+)` \|", ERRORS, re.MULTILINE))


def given() -> set[str]:
    """Every code that the sources can give."""
    errors = (e for e in vars(connectors.errors).values() if isinstance(e, type))
    codes = {e.code for e in errors if issubclass(e, connectors.errors.ConnectorError)}
    codes |= {t.code for t in vars(trouble).values() if isinstance(t, trouble.Trouble)}
    patterns = {
        "console/*.py": r'(?:Refusal|Failure)\(\s*"([a-z-]+)"',
        "console/web/*.py": r'(?:Refusal|Failure)\(\s*"([a-z-]+)"',
        "console/web/jobs.py": r'"code": "([a-z-]+)"',
        "console/*ch*.py": r'(?:"error"|"warning"),\s*"([a-z]+-[a-z-]+)"',
        "console/fitting.py": r'(?:"error"|"warning"),\s*"([a-z]+-[a-z-]+)"',
        "sync/*.py": r'"(guard-[a-z]+|no-pact|pact-version)"',
        "alignment/sla/watch.py": r'NO_CHANNEL = "([a-z-]+)"',
        "state/lock.py": r'code = "([a-z-]+)"',
    }
    for glob, pattern in patterns.items():
        for path in ROOT.glob(glob):
            codes |= set(re.findall(pattern, path.read_text("utf-8")))
    return codes | {*CODES.values()}


def test_every_code_is_explained_and_nothing_else() -> None:
    kinds = set(reviews.KINDS)
    assert len(given()) > 40
    assert given() - explained() == set()
    assert explained() - given() - kinds == set()


def test_every_kind_of_review_is_explained_with_its_answers() -> None:
    assert set(reviews.KINDS) == set(answering.ANSWERS)
    for kind, answers in answering.ANSWERS.items():
        row = next(line for line in ERRORS.splitlines() if line.startswith(f"| `{kind}` |"))
        assert all(f"--{answer}" in row for answer in answers)


def test_commands_are_documented_as_they_are() -> None:
    assert reference.document() == COMMANDS, "run: python -m console.reference > docs/commands.md"


def test_every_exit_code_is_documented() -> None:
    table = set(map(int, re.findall(r"^\| (\d+) \|", COMMANDS, re.MULTILINE)))
    assert table == {int(code) for code in failures.Exit}


def every_command() -> list[tuple[str, ...]]:
    group = typer.main.get_command(app)
    names: list[tuple[str, ...]] = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if not hasattr(command, "commands") or command.invoke_without_command:
            names.append((name,))
        names += [(name, inner) for inner in getattr(command, "commands", ())]
    return names


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_json_and_help_with_an_example(words: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    options = {option for param in command.params for option in param.opts}
    assert "--json" in options
    assert "--project" in options or words in (("init",), ("version",), ("demo",))
    assert command.epilog is not None
    assert f"smarketing {' '.join(words)}" in command.epilog
    assert all(getattr(param, "help", None) for param in command.params)


def test_documentation_names_no_command_that_is_none() -> None:
    commands = every_command()
    known = {tuple(words) for words in commands}
    groups = {words[0] for words in known if len(words) > 1 and (words[0],) not in known}
    for text in (ERRORS, COMMANDS):
        for first, second in re.findall(r"`smarketing ([a-z]+)(?: ([a-z]+))?", text):
            assert (first, second) in known if first in groups else (first,) in known, f"{first} {second}"


def test_it_is_installed_as_smarketing() -> None:
    assert 'smarketing = "console.cli:main"' in (ROOT / "pyproject.toml").read_text("utf-8")
