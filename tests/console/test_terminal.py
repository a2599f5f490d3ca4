"""What reaches a terminal: no byte of data that it obeys, no letter that it cannot show, nothing late."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from console.screen import Screen, plain, table
from tests.console.conftest import Call
from tests.console.folder import edit

EVIL = "Ada\x1b[2J\x1b]0;owned\x07\r\nsmarketing\u202eevil\x9b31m [bold red]x[/] \x00end"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def run(project: Path, *words: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING")}
    command = [sys.executable, "-m", "console.cli", *words, "--project", str(project)]
    return subprocess.run(command, capture_output=True, env={**clean, "COLUMNS": "100", **env}, timeout=60)


def test_data_is_spelled_out_never_obeyed(smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    evil = EVIL.replace("\x00", "")
    for system, name in (("crm", "Company"), ("marketing", "company")):
        edit(project, system, "1", **{name: evil + system})
    outputs = [smarketing(*words) for words in (
        ("plan",), ("sync", "--confirm"), ("explain", "crm:1"), ("review", "list"), ("review", "show", "1"), ("status",),
    )]  # fmt: skip
    for answer in outputs:
        assert not OBEYED.search(answer.out + answer.err), answer
    assert "[bold red]" in outputs[2].out  # as text


def test_json_is_ascii_and_holds_the_value_as_it_is(smarketing: Call, project: Path) -> None:
    edit(project, "marketing", "2", first="Gréçe\u202e\x9b")
    smarketing("sync", "--confirm")
    answer = smarketing("explain", "grace@navy.example", "--json")
    assert answer.out.isascii()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", answer.out)
    assert any(f["value"] == "Gréçe\u202e\x9b" for f in answer.json["fields"])


@pytest.mark.parametrize("text", [EVIL, "\ud800", "\x1b" * 500, "Ünïcödé"])
def test_plain_leaves_nothing_that_is_not_printed(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text, 50)) <= 50 * 10


def test_a_terminal_without_unicode_gets_ascii(project: Path) -> None:
    edit(project, "crm", "2", First="Łukasz")
    done = run(project, "plan", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 3
    assert done.stdout.isascii()
    assert b"?ukasz" in done.stdout
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "coloured"), [({"FORCE_COLOR": "1"}, True), ({}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_colours_only_where_they_are_wanted(project: Path, env: dict[str, str], coloured: bool) -> None:
    out = run(project, "status", **env).stdout.decode()
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", out)) is coloured


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_no_line_is_wider_than_the_terminal(
    smarketing: Call, project: Path, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    smarketing("sync", "--confirm")
    for words in (("plan", "--full"), ("status",), ("explain", "crm:1"), ("check",)):
        assert max(len(line) for line in smarketing(*words).out.splitlines()) <= int(columns)


def test_a_narrow_table_loses_its_least_telling_columns_and_no_digit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    what = table("!System", ">Read", "~>Changed", "~>Calls")
    what.add_row("salesforce", "1,234,567", "7,654,321", "42")
    Screen().say(what)
    out = capsys.readouterr().out
    assert "1,234,567" in out
    assert "Calls" not in out
    assert "7,654,321" not in out


SLOW = ("sqlalchemy", "alembic", "httpx", "phonenumbers", "pycountry", "prefect", "authlib", "fastapi")


@pytest.mark.parametrize("words", [["--help"], ["sync", "--help"], ["version"]])
def test_nothing_slow_is_imported_for_help(words: list[str]) -> None:
    code = f"import sys; from console.cli import main; main({words!r}); print(sorted(m for m in sys.modules if m in {SLOW!r}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["sync", "plan", "apply", "backfill"])
def test_the_first_line_is_out_before_anything_slow_is_imported(command: str, tmp_path: Path) -> None:
    words = {"apply": ["apply", "x"], "backfill": ["backfill", "--from", "2026-01-01"]}.get(command, [command])
    code = (
        "import sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name in {SLOW!r}: print('IMPORT', name, flush=True)\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"from console.cli import main; main({[*words, '--project', str(tmp_path)]!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[0].endswith("…")
    assert "IMPORT sqlalchemy" in done.stdout


def test_a_run_that_is_watched_by_nobody_says_little(smarketing: Call) -> None:
    lines = smarketing("sync", "--confirm").out.splitlines()
    assert lines[0].startswith("Syncing")
    assert sum("records" in line and line.startswith("  ") for line in lines) == 4


def test_json_is_one_document(smarketing: Call) -> None:
    for words in (("check",), ("plan",), ("sync", "--confirm"), ("status",), ("explain", "crm:1"), ("review", "list"),
                  ("review", "show", "1"), ("review", "resolve", "1", "--take", "crm"), ("provision",)):  # fmt: skip
        assert isinstance(json.loads(smarketing(*words, "--json").out), dict)
