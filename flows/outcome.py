"""What a run has come to, in words: the name of its state, a sentence, a summary, a page for the artifact.

Pure, and without Prefect. Invariant: nothing in it names a person or holds a secret; numbers, systems, fields and
what to do, never a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from connectors.errors import ConnectorError, RateLimited, Retry, Unavailable
from connectors.scrub import scrub
from mapping.problems import ConfigErrors
from state.lock import Busy
from state.trouble import BUSY, UNREACHABLE, trouble
from sync.clocks import PactError
from sync.context import Report

PASSING = frozenset({Retry.code, RateLimited.code, Unavailable.code, Busy.code, BUSY.code, UNREACHABLE.code})
"""Codes of what goes away by itself, so that the same run may work a minute later."""


class Name(StrEnum):
    """Names of states as Prefect shows them. The last three are of type FAILED: somebody should look."""

    COMPLETED = "Completed"
    SKIPPED = "Skipped"
    """Another run was under way; the next scheduled one follows."""
    STOPPED = "Stopped"
    """The guard asks for a person; nothing more was written."""
    PARTIAL = "Partial"
    """A system was left out; the others went on."""
    FAILED = "Failed"

    @property
    def good(self) -> bool:
        return self in (Name.COMPLETED, Name.SKIPPED)


@dataclass(frozen=True)
class Outcome:
    """`again`: whether the same run, as a whole, may do better in a while. `trace`: where in the code an error that
    nobody foresaw came from, without its values."""

    name: Name
    message: str
    todo: tuple[str, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)
    again: bool = False
    trace: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The sentence beside the state: what happened, and what to do about it."""
        return " ".join([self.message, *self.todo])


def of_report(
    report: Report,
    folder: Path,
    *,
    secrets: Sequence[str] = (),
    reviews: Mapping[str, int] = {},
    guard: int | None = None,
) -> Outcome:
    """`reviews`: how many questions of each kind wait for a person; `guard`: the number of the guard's own."""
    errors = {
        system: {key: scrub(text, secrets) for key, text in error.items()} for system, error in report.errors.items()
    }
    summary = {
        "run_id": report.run_id,
        "kind": report.kind,
        "project": folder.name,
        "outcome": report.outcome,
        "started": report.started.isoformat(),
        "seconds": round(report.seconds, 3),
        "writes": report.writes,
        "systems": {system: asdict(counts) for system, counts in sorted(report.systems.items())},
        "stops": [dict(stop) for stop in report.stops],
        "errors": errors,
        "reviews": dict(reviews),
    }
    if report.stops:
        return _stopped(report, folder, summary, guard)
    if errors:
        return _partial(errors, summary)
    return _completed(report, folder, summary)


def of_error(error: BaseException, kind: str, folder: Path) -> Outcome:
    """For what ended a run before it could report."""
    if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        return of_error(error.exceptions[0], kind, folder)
    code, message, hint = _explained(error)
    summary = {"kind": kind, "project": folder.name, "outcome": code, "errors": {"": {"code": code}}}
    return Outcome(Name.FAILED, scrub(message), (scrub(hint),) if hint else (), summary, again=code in PASSING)


def skipped(outcome: Outcome) -> Outcome:
    """Where the next run is minutes away, another one under way is nothing to worry about."""
    return replace(outcome, name=Name.SKIPPED, todo=("The next scheduled run follows.",), again=False)


def _explained(error: BaseException) -> tuple[str, str, str]:
    """Code, message, hint."""
    match error:
        case ConfigErrors():
            return "config", str(error), "Mend it and run `smarketing check`."
        case ConnectorError() | PactError():
            return error.code, error.message, error.hint
        case Busy():
            return error.code, str(error), ""
    if found := trouble(error):
        return found.code, found.message, found.hint
    if isinstance(error, OSError) and error.filename:
        return "file", f"{error.filename}: {error.strerror}.", "Check that the path is right and that you may use it."
    return (
        "internal",
        f"Something went wrong inside smarketing ({type(error).__name__}). Nothing you did.",
        "Nothing is lost: the next run finds out what was under way. If it comes back, run `smarketing sync` at a "
        "terminal: it leaves a log file for us.",
    )


def _stopped(report: Report, folder: Path, summary: dict[str, Any], guard: int | None) -> Outcome:
    errors = (f"{system} was left out: {error['message']}" for system, error in sorted(summary["errors"].items()))
    found = " ".join([*(stop["message"] for stop in report.stops), *errors])
    where = f"--project {folder}"
    if any(stop["code"] == "guard-errors" for stop in report.stops):
        look = f"Look at what was refused: `smarketing review list --kind dead_letter {where}`."
        return Outcome(Name.STOPPED, f"Stopped while writing. {found}", (look,), summary)
    full = " --full" if report.kind == "rescan" else ""
    todo = [f"Look at it: `smarketing plan{full} {where}`."]
    if report.kind == "sync" and guard:
        answer = f"smarketing review resolve {guard} --confirm {where}"
        todo.append(f"If it is right: `{answer}`, and the next run carries it out; or run this once with confirm=true.")
    else:  # an answer would be taken up by the next sync, which does not see what this run saw
        todo.append("If it is right: run this deployment once more with confirm=true.")
    return Outcome(Name.STOPPED, f"Stopped before the first write. {found}", tuple(todo), summary)


def _partial(errors: Mapping[str, Mapping[str, str]], summary: dict[str, Any]) -> Outcome:
    told = [f"{system}: {error['message']}" for system, error in sorted(errors.items())]
    hints = dict.fromkeys(error["hint"] for error in errors.values() if error.get("hint"))
    again = any(error["code"] in PASSING for error in errors.values())
    message = f"{' '.join(told)} Whatever else there was to do is done."
    return Outcome(Name.PARTIAL, message, (*hints, "The next run catches up."), summary, again=again)


def _completed(report: Report, folder: Path, summary: dict[str, Any]) -> Outcome:
    counts = report.systems.values()
    read, refused = sum(c.read for c in counts), sum(c.rejected + c.unknown for c in counts)
    message = f"{read:,} records read, {report.writes:,} written in {report.seconds:.1f} s."
    todo = []
    if refused:
        todo.append(
            f"{refused:,} {'was' if refused == 1 else 'were'} refused: `smarketing review list --kind dead_letter --project {folder}`."
        )
    waiting = sum(number for kind, number in summary["reviews"].items() if kind not in ("guard", "dead_letter"))
    if waiting:
        asked = "1 question waits" if waiting == 1 else f"{waiting:,} questions wait"
        todo.append(f"{asked} for a person: `smarketing review list --project {folder}`.")
    return Outcome(Name.COMPLETED, message, tuple(todo), summary)


def page(outcome: Outcome) -> str:
    """The artifact: the same as Markdown, with a table of the systems."""
    summary = outcome.summary
    parts = [f"# {summary['project']}: {summary['kind']} {outcome.name.lower()}", outcome.message]
    if outcome.todo:
        parts.append("\n".join(f"- {line}" for line in outcome.todo))
    if summary.get("systems"):
        parts.append(_table(summary["systems"]))
    if summary.get("run_id"):
        parts.append(f"Run `{summary['run_id']}`")
    return "\n\n".join(parts) + "\n"


_COLUMNS = {
    "Read": ("read",),
    "Changed": ("fresh",),
    "New": ("new",),
    "Matched": ("matched",),
    "Vanished": ("vanished",),
    "Conflicts": ("conflicts",),
    "To create": ("planned_creates",),
    "To update": ("planned_updates",),
    "Created": ("created",),
    "Updated": ("updated",),
    "Refused": ("rejected", "unknown"),
    "Calls": ("calls",),
}


def _table(systems: Mapping[str, Mapping[str, int]]) -> str:
    rows = ["| System | " + " | ".join(_COLUMNS) + " |", "| --- |" + " ---: |" * len(_COLUMNS)]
    for system, counts in systems.items():
        numbers = (sum(counts[name] for name in names) for names in _COLUMNS.values())
        rows.append(f"| {system} | " + " | ".join(f"{number:,}" for number in numbers) + " |")
    return "\n".join(rows)
