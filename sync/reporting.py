"""The whole report of a project: that of `alignment.reports`, and with it what each system's own records say; and its files.

Reads the database alone; asks no system. Writes files where it is asked to, for their owner alone: they name people. Not here: any figure of the report. Invariant: of the leads that were passed to
sales in the period, each system counts, or lacks with a reason, every one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from alignment.periods import Period
from alignment.reports import build
from alignment.reports.material import Reconciled
from alignment.reports.model import Report
from mapping.loader import Project, compile_rules
from state.history import Engine
from sync.compare import compare_cohort


def report(engine: Engine, project: Project, period: Period, now: datetime) -> Report:
    """As `alignment.reports.build.report`."""
    rules = compile_rules(project)

    def reconcile(stage: str, cohort: Mapping[str, int]) -> Mapping[str, Reconciled]:
        told = compare_cohort(engine, rules, stage, cohort)
        return {system: Reconciled(one.both, one.lacks) for system, one in told.systems.items()}

    return build.report(engine, project, period, now, reconcile)


FOLDER = "reports"
"""Of the project's, where reports are kept."""


def place_of(made: Report, folder: Path, language: str, ending: str) -> Path:
    """The project's first language is not named."""
    name = f"{made.kind}-{made.period.last}" + (f"-{language}" if language != made.language else "")
    return folder / FOLDER / f"{name}.{ending}"


def keep(file: Path, content: str | bytes) -> Path:
    """Makes the folder too, where it is not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content if isinstance(content, bytes) else content.encode())
    return file
