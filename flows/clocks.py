"""The clocks of the pact between marketing and sales, every five minutes: `smarketing sla tick` without the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from delivery.clocks import tick_project
from flows.runs import Told, look_after
from state.lock import Busy
from sync.clocks import NoPact


@flow(name="clocks", persist_result=False)
async def clocks(project: Path) -> State[dict[str, Any]]:
    """Look at the clocks of a project, and send the alerts that are due.

    Args:
        project: The project folder, on the machine that runs this.
    """
    return await look_after("clocks", project, _tick, skips=(Busy, NoPact))


async def _tick(folder: Path) -> Told:
    done = await tick_project(folder)
    ticked, sent = done.ticked, done.sent
    summary = {"leads": ticked.leads, "clocks": ticked.clocks, "alerts": ticked.alerts, "sent": sent.sent,
               "failed": sent.failed, "dropped": sent.dropped, "unknown": sent.unknown}  # fmt: skip
    told = f"{ticked.leads:,} leads looked at, {ticked.clocks:,} clocks changed, {sent.sent:,} alerts sent."
    if not (sent.failed or sent.dropped or sent.unknown):
        return told, summary, ""
    errors = "; ".join(f"{channel}: {error}" for channel, error in sent.errors.items())
    return told, summary, f"Some could not be: {errors or 'see smarketing sla status'}."
