"""The clocks of the pact between marketing and sales, every five minutes: `smarketing sla tick` without the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from delivery.clocks import tick_project
from flows.attempts import Wanted
from flows.outcome import Name, of_error
from state.lock import Busy
from sync.clocks import PactError
from sync.run import Options


@flow(name="clocks", persist_result=False)
async def clocks(project: Path) -> State[dict[str, Any]]:
    """Look at the clocks of a project, and send the alerts that are due.

    Args:
        project: The project folder, on the machine that runs this.
    """
    log = get_run_logger()
    folder = Wanted(project, Options()).folder
    try:
        done = await tick_project(folder)
    except PactError as error:
        if error.code == "no-pact":
            return Completed(name=Name.SKIPPED, message=error.message)
        return Failed(name=Name.FAILED, message=f"{error.message} {error.hint}")
    except Busy as error:
        return Completed(name=Name.SKIPPED, message=str(error))
    except Exception as error:
        outcome = of_error(error, "clocks", folder)
        log.error("%s: %s", outcome.name, outcome.told)
        return Failed(name=outcome.name, message=outcome.told)
    ticked, sent = done.ticked, done.sent
    summary = {"leads": ticked.leads, "clocks": ticked.clocks, "alerts": ticked.alerts, "sent": sent.sent,
               "failed": sent.failed, "dropped": sent.dropped, "unknown": sent.unknown}  # fmt: skip
    told = f"{ticked.leads:,} leads looked at, {ticked.clocks:,} clocks changed, {sent.sent:,} alerts sent."
    log.info(told)
    if sent.failed or sent.dropped or sent.unknown:
        errors = "; ".join(f"{channel}: {error}" for channel, error in sent.errors.items())
        return Failed(name=Name.PARTIAL, message=f"{told} Some could not be: {errors or 'see smarketing sla status'}.")
    return Completed(name=Name.COMPLETED, message=told, data=summary)
