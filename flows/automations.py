"""What Prefect must do by itself: mark runs as Crashed whose process is gone, so that they do not block the next one.

A worker notices when a run's process dies. Nobody notices when worker and run die together (a reboot, the kernel
short of memory): the run would stay Running for ever, and hold its place in the concurrency limit. Prefect has no
reaper of its own: https://docs.prefect.io/v3/advanced/detect-zombie-flows
Invariant: installing twice leaves one automation, as it is here.
"""

from __future__ import annotations

from datetime import timedelta

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.outcome import Name

TAG = "smarketing"
"""Every deployment of ours has it; runs of others on the same server are none of our business."""

HEARTBEAT = timedelta(seconds=30)
"""How often a run says that it lives: PREFECT_FLOWS_HEARTBEAT_FREQUENCY in prefect.yaml. Less is not possible."""

SILENCE = 3 * HEARTBEAT
"""How long it may be silent."""

NAME = "smarketing: runs without a heartbeat"

ENDS = frozenset({*Name, "Cancelled", "Crashed", "TimedOut"})
"""Every name that the last state of a run may have: the event is called after the name, not after the type."""


def zombies() -> Automation:
    """The automation as it should be."""
    return Automation(
        name=NAME,
        description="A run that has not been heard of for a while has died with its worker: mark it as Crashed.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{name}" for name in sorted(ENDS))},
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification(
                {"prefect.resource.id": [f"prefect.tag.{TAG}"], "prefect.resource.role": ["tag"]}
            ),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                name=None,
                state=StateType.CRASHED,
                force=False,
                message="Its heartbeat has stopped: the process is gone. The next run goes on where it was.",
            )
        ],
    )


async def install() -> str:
    """Make, mend or leave alone; says which. Several of the same name (somebody's by hand) become one."""
    wanted = zombies()
    async with get_client() as client:
        found = await client.read_automations_by_name(NAME)
        for spare in found[1:]:
            await client.delete_automation(spare.id)
    if not found:
        await wanted.acreate()
        return "made"
    wanted.id = found[0].id
    await wanted.aupdate()
    return "up to date"
