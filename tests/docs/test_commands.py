"""Every command that a page shows is one that there is, with options that it takes."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import pytest
import typer
import typer.main

from console.cli import app
from tests.docs.pages import ROOT, Line, commands

PLACEHOLDERS = {"ID": "1"}
"""What a sentence writes for a number."""


def understood(words: tuple[str, ...], typed: bool) -> None:
    """Raises typer's error for what the command line would refuse. A sentence may name a command without its
    arguments, and break off at an ellipsis."""
    command: Any = typer.main.get_command(app)
    rest = [PLACEHOLDERS.get(word, word) for word in words]
    if not typed:
        rest = rest[: next((i for i, word in enumerate(rest) if "…" in word), len(rest))]
    while rest and hasattr(command, "commands"):
        name = rest.pop(0)
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    try:
        command.make_context("smarketing", rest)
    except typer.TyperException as error:
        if typed or type(error).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
            raise


SHOWN = list(commands("smarketing"))


@pytest.mark.parametrize("line", SHOWN, ids=str)
def test_a_command_that_is_shown_is_understood(line: Line) -> None:
    understood(line.words, line.typed)


def test_the_readme_shows_every_command() -> None:
    group: Any = typer.main.get_command(app)
    shown = {line.words[0] for line in SHOWN if line.page == "README.md"}
    assert set(group.commands) - shown == set()


@pytest.mark.parametrize("words", [("sink",), ("sync", "--sytem", "hubspot"), ("review", "resolve", "seven")])
def test_a_command_that_is_none_is_noticed(words: tuple[str, ...]) -> None:
    with pytest.raises((AssertionError, typer.TyperException)):
        understood(words, True)


def test_every_make_target_that_is_shown_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([a-z./]+):", makefile, re.MULTILINE))
    shown = [(line.page, word) for line in commands("make") for word in line.words if "=" not in word]
    assert [one for one in shown if one[1] not in targets] == []
    assert {"demo", "test", "check"} <= {word for _, word in shown}


def test_every_module_that_is_run_is_there() -> None:
    modules = {
        line.words[line.words.index("-m") + 1]
        for program in ("python", ".venv/bin/python")
        for line in commands(program)
        if "-m" in line.words
    }
    assert {"console.reference", "console.configuration"} <= modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
