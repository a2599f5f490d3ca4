"""Carrying out a plan that somebody has approved, in whole or in part, and telling what was left out since it changed.

Not here: how it is shown (`planning`, `web.plans`), what may be held back of a write (`sync.approval`). Invariant: nothing is
written but what the plan shows, and never by another configuration than that which made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from console import plans
from console.failures import Refusal
from console.names import in_words, names_in
from console.plans import PlanFile, PlannedWrite
from console.screen import ago, spelled
from state.history import History
from state.records import Hub, Review
from sync.approval import Approval
from sync.context import Progress, Report
from sync.plan import plan_hub
from sync.project import Opened, run_opened
from sync.run import Options


def everything(made: PlanFile) -> Approval:
    return Approval({row.fingerprint: () for row in made.writes})


async def applied(
    opened: Opened, made: PlanFile, approval: Approval, confirmed_by: str | None, progress: Progress
) -> tuple[Report, list[dict[str, str]]]:
    """The run, and what was approved and not written, since it is not what a run would write any more. `confirmed_by`: who
    has looked at the stops of the plan and lets it run in spite of them. Raises Refusal, and what a run raises."""
    if opened.rules.hash != made.rules:
        raise Refusal(
            "plan-outdated",
            f"The configuration has changed since plan {made.id} was made, {ago(plans.age(made))}.",
            "What it shows may be something else now. Make a new one: smarketing plan",
        )
    if confirmed_by is not None and made.stops:
        _confirm(opened, made, confirmed_by)
    kind = "revert" if made.reverts else "apply"
    options = Options(kind=kind, full=made.full, only=approval, revert=made.reverts)
    report = await run_opened(opened, options, progress=progress)
    return report, [] if report.outcome == "stopped" else _left(opened, made, approval, report.run_id)


def _confirm(opened: Opened, made: PlanFile, who: str) -> None:
    """Note that somebody has looked at just these stops and waved them through: the run finds it as it finds any
    answer to a review. Others that turn up meanwhile still stop it."""
    at = datetime.now(UTC)
    with opened.store() as store:
        store.open_reviews([Review("guard", "sync", {"stops": made.stops, "plan": made.id})], made.id, at)
        [review] = store.reviews("guard")
        store.resolve_review(review.id, {"confirm": True}, who, at)
        store.commit()


def _left(opened: Opened, made: PlanFile, approval: Approval, run_id: str) -> list[dict[str, str]]:
    missing = [row for row in made.writes if row.fingerprint in approval.writes and row.fingerprint not in approval.met]
    if not missing:
        return []
    with History(opened.engine) as history:
        holder = {
            (system, remote_id): hub_id
            for system in made.systems
            for remote_id, hub_id in history.linked(system, (r.records.get(system, "") for r in missing)).items()
        }
    holders = [next((holder[key] for key in row.records.items() if key in holder), "") for row in missing]
    with opened.store(dry=True) as store:
        leads = store.hubs([hub_id for hub_id in holders if hub_id])
        names = names_in(store, *(hub.fields for hub in leads.values()))
    return [
        _why(opened, made, row, leads.get(hub_id), run_id, names) for row, hub_id in zip(missing, holders, strict=True)
    ]


def _why(
    opened: Opened, made: PlanFile, row: PlannedWrite, lead: Hub | None, run_id: str, names: Mapping[str, str]
) -> dict[str, str]:
    now = plan_hub(lead, [row.system], opened.rules.of(lead.kind), run_id) if lead else []
    reason = (
        "its records are gone" if lead is None
        else "it is not as it was when the plan was made" if made.reverts
        else f"would now be: {_briefly(now[0].sent(), names)}" if now
        else "is no longer needed"
    )  # fmt: skip
    return {"system": row.system, "operation": row.operation, "who": row.who, "why": reason}


def _briefly(fields: Mapping[str, Any], names: Mapping[str, str]) -> str:
    told: Sequence[str] = [f"{name} {spelled(in_words(value, names), 30)}" for name, value in list(fields.items())[:3]]
    return ", ".join(told) + (f" and {len(fields) - 3} more" if len(fields) > 3 else "")
