"""The whole report of a project: that of `alignment.reports`, and with it what each system's own records say.

Reads the database alone; asks no system. Not here: any figure of the report. Invariant: of the leads that were passed to
sales in the period, each system counts, or lacks with a reason, every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

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
