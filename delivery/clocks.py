"""One tick of a project: its clocks are looked at, and what is due is said. For the command line and the schedules.

Effects: opens the project's database, sends messages. Invariant: whatever is sent was noted before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.base import Clock, utc_now
from delivery.alerts import Sent, channels, deliver
from delivery.channels import send
from mapping.agreement.sla import Pact
from mapping.loader import resolve_secrets
from state.clocks import Clocks
from state.lock import Lease
from sync.clocks import LOCK, Ticked, pact_of, tick
from sync.project import environment, open_project


@dataclass(frozen=True)
class Done:
    ticked: Ticked
    sent: Sent


async def tick_project(folder: Path | str, *, clock: Clock = utc_now) -> Done:
    """Raises PactError, ConfigErrors (a variable that a channel asks for is not set), and `state.lock.Busy` where another
    tick is under way."""
    async with open_project(folder, systems=()) as opened:
        pact = pact_of(opened.project.config)
        urls = channels_of(pact, environment(opened.project.folder))
        ticked = tick(opened.engine, opened.project.config, clock())
        lease = Lease(opened.engine, LOCK, clock)
        try:
            with Clocks(opened.engine) as clocks:
                zone = ZoneInfo(pact.zone)
                sending = partial(send, secrets=opened.secrets)
                return Done(ticked, deliver(clocks, urls, zone, clock, lease, sending))
        finally:
            lease.release()


def channels_of(pact: Pact, env: Mapping[str, str]) -> dict[str, str]:
    """The channels of a pact by their names. Raises ConfigErrors naming the variables that are not set."""
    return {name: str(url) for name, url in resolve_secrets(channels(pact), env, where="sla").items()}
