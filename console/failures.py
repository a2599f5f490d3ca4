"""From an exception to what a person can do about it: what happened, to what, the way out, a code, an exit code.

Invariant: nobody is shown a traceback or a secret. What we did not foresee goes to a log file in the project folder,
scrubbed, and the message says where. The codes are explained in docs/errors.md.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.screen import Screen


class Exit(IntEnum):
    """What the exit status of every command means."""

    DONE = 0
    FINDINGS = 1
    """It ran to its end, and something needs a person."""
    USAGE = 2
    """The command or the configuration is wrong; nothing was begun."""
    STOPPED = 3
    """The guard stopped the plan: look at it, and confirm."""
    SYSTEM = 4
    """A system could not be read or written; the others went on."""
    BUSY = 5
    """Another run is under way."""
    DATABASE = 6
    INTERNAL = 70
    INTERRUPTED = 130


class Refusal(Exception):
    """A command says no: what, why, and what to do instead."""

    def __init__(self, code: str, message: str, hint: str = "", exit_code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.exit_code = code, message, hint, exit_code


@dataclass(frozen=True)
class Failure:
    code: str
    message: str
    hint: str
    exit_code: Exit
    details: tuple[dict[str, Any], ...] = ()
    log: str = ""

    def document(self) -> dict[str, Any]:
        """The answer of a `--json` call that failed."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        if self.details:
            error["details"] = list(self.details)
        if self.log:
            error["log"] = self.log
        return {"ok": False, "error": error, "exit": int(self.exit_code)}


def failure_of(error: BaseException, folder: Path) -> Failure:
    """What to tell of an exception that reached the door."""
    from connectors.errors import ConnectorError, Misconfigured
    from mapping.problems import ConfigErrors
    from state.lock import Busy
    from state.trouble import trouble

    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return failure_of(error.exceptions[0], folder)
    match error:
        case Refusal():
            return Failure(error.code, error.message, error.hint, error.exit_code)
        case ConfigErrors():
            return _configuration(error, folder)
        case Misconfigured():
            return Failure(error.code, _clean(error.message, folder), _clean(error.hint, folder), Exit.USAGE)
        case ConnectorError():
            return Failure(error.code, _clean(error.message, folder), _clean(error.hint, folder), Exit.SYSTEM)
        case Busy():
            return Failure("busy", str(error), "`smarketing status` shows how far it is.", Exit.BUSY)
        case KeyboardInterrupt():
            hint = "Nothing is lost: the next run finds out what was under way and goes on from there."
            return Failure("interrupted", "Interrupted.", hint, Exit.INTERRUPTED)
    found = trouble(error)
    if found:
        log = write_log(error, folder) if found.code == "database" else ""
        return Failure(found.code, found.message, found.hint, Exit.DATABASE, log=log)
    if isinstance(error, OSError) and error.filename:
        message = f"{error.filename}: {error.strerror or type(error).__name__}."
        return Failure("file", message, "Check that the path is right and that you may use it.", Exit.USAGE)
    log = write_log(error, folder)
    return Failure(
        "internal",
        "Something went wrong inside smarketing. Nothing you did.",
        "Run the command again: whatever was under way is found out first. If it comes back, send us the log file.",
        Exit.INTERNAL,
        log=log,
    )


def _configuration(errors: Any, folder: Path) -> Failure:
    details = tuple(
        {
            "file": e.file,
            "line": e.line,
            "key": e.key,
            "message": e.message,
            "expected": e.expected,
            "nearest": e.nearest,
        }
        for e in errors.errors
    )
    if not (folder / "smarketing.yaml").exists():
        hint = "Go to a project folder, name one with --project, or make one: smarketing init FOLDER"
        return Failure("no-project", f"There is no smarketing.yaml in {folder.resolve()}.", hint, Exit.USAGE)
    number = len(details)
    message = f"The configuration has {'an error' if number == 1 else f'{number} errors'}."
    return Failure("config", message, "Mend them and run `smarketing check`.", Exit.USAGE, details)


def show(failure: Failure, screen: Screen) -> None:
    """In a panel on stderr; with --json as the document on stdout."""
    from rich.text import Text

    from console.screen import plain

    if screen.as_json:
        screen.emit(failure.document())
        return
    body = [Text(plain(failure.message, 2000))]
    for detail in failure.details:
        where = f"{detail['file']}:{detail['line']}" if detail["line"] else detail["file"]
        line = Text.assemble("\n", (where, "accent"), f"  {plain(detail['key'])}" if detail["key"] else "")
        line.append(f"\n  {plain(detail['message'], 500)}")
        if detail["expected"]:
            line.append(f"\n  expected {plain(detail['expected'], 500)}", style="quiet")
        if detail["nearest"]:
            line.append(f"\n  did you mean {plain(detail['nearest'])}?", style="warn")
        body.append(line)
    if failure.hint:
        body.append(Text(("\n" if failure.details else "") + plain(failure.hint, 2000), style="quiet"))
    if failure.log:
        body.append(Text(f"Log: {failure.log}", style="quiet"))
    style = "warn" if failure.exit_code in (Exit.BUSY, Exit.INTERRUPTED, Exit.STOPPED) else "bad"
    screen.panel(failure.code, *body, style=style, to_errors=True)


def write_log(error: BaseException, folder: Path) -> str:
    """The traceback, without secrets, in a file that only its owner reads; where it is. Empty where it cannot be."""
    at = datetime.now(UTC)
    text = "".join(traceback.format_exception(error))
    base = folder if (folder / "smarketing.yaml").exists() else Path.cwd()
    with suppress(OSError):
        logs = base / "logs"
        logs.mkdir(exist_ok=True)
        path = logs / f"{at:%Y%m%dT%H%M%S}-{os.getpid()}.log"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{at.isoformat()}\n{_clean(text, folder)}")
        return str(path)
    return ""


def _clean(text: str, folder: Path) -> str:
    from connectors.scrub import scrub

    secrets: set[str] = set()
    with suppress(Exception):  # a broken project must not keep its own error from being told
        from mapping.loader import load_project
        from sync.project import environment, secrets_of

        env = environment(folder)
        secrets |= {value for name, value in env.items() if name not in os.environ}
        secrets |= set(secrets_of(load_project(folder), env))
    return scrub(text, secrets)
