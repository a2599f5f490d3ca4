"""Where a run meets Prefect: its logger, an artifact with the report, and the state that people see.

Every flow is one engine run, or a chore beside them, and ends here. Nothing about the sync is kept in Prefect: lose its database and no lead
is any the worse. Tasks and retries of Prefect's own are not used: an engine run is one piece, and trying it again is
decided by what went wrong (`attempts`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.attempts import Wanted, attempt
from flows.outcome import Name, Outcome, of_error, page
from state.lock import Busy
from sync.run import Options


async def carry_out(wanted: Wanted) -> State[dict[str, Any]]:
    """Run, report, and say how it went. A state of type COMPLETED has the summary as its result; one of type FAILED
    (Stopped, Partial, Failed) has a message that says what to do."""
    log = get_run_logger()
    log.info("%s of %s", wanted.options.kind, wanted.folder)
    outcome = await attempt(wanted, log.info)
    for place in outcome.trace:
        log.error("  %s", place)
    (log.info if outcome.name.good else log.error)("%s: %s", outcome.name, outcome.told)
    await acreate_markdown_artifact(page(outcome), key=artifact_key(wanted), description=outcome.told)
    return state_of(outcome)


Told = tuple[str, dict[str, Any], str]
"""What a chore did, in words and as a result; and what of it failed, in words, empty where nothing did."""


async def look_after(
    chore: str, project: Path, work: Callable[[Path], Awaitable[Told]], *, skips: tuple[type[Exception], ...] = (Busy,)
) -> State[dict[str, Any]]:
    """Do what is no run of the engine, and say how it went. `work` raises one of `skips` where there is nothing to do."""
    log = get_run_logger()
    folder = Wanted(project, Options()).folder
    try:
        told, data, failed = await work(folder)
    except skips as error:
        return Completed(name=Name.SKIPPED, message=str(error))
    except Exception as error:
        outcome = of_error(error, chore, folder)
        log.error("%s: %s", outcome.name, outcome.told)
        return Failed(name=outcome.name, message=outcome.told)
    log.info(told)
    if failed:
        return Failed(name=Name.PARTIAL, message=f"{told} {failed}")
    return Completed(name=Name.COMPLETED, message=told, data=data)


def state_of(outcome: Outcome) -> State[dict[str, Any]]:
    if outcome.name.good:
        return Completed(name=outcome.name, message=outcome.told, data=outcome.summary)
    return Failed(name=outcome.name, message=outcome.told)


def artifact_key(wanted: Wanted) -> str:
    """One series of reports for each kind of run and project. Prefect takes a-z, 0-9 and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"smarketing-{wanted.options.kind}-{wanted.folder.name}".casefold()).strip("-")
