"""Sending the alerts that are noted, each at most once.

Effects: moves each row to `sending`, commits, sends, and notes what became of it. A message that the channel refuses is
tried again, later each time. Invariant: no message goes out twice; where the process dies while it is being sent, the row
becomes `unknown` and is told to people, not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alignment.sla.messages import message
from alignment.sla.watch import MAIL, TEAM
from delivery.channels import Outcome, mail_to, send
from mapping.agreement.sla import Pact
from state.clocks import AlertRow, Clocks
from state.lock import Lease

FIRST_WAIT, LONGEST_WAIT, TRIES = timedelta(minutes=1), timedelta(hours=1), 8
"""Between two tries: twice as long each time. The last is some two hours after the first."""

Send = Callable[[Sequence[str], str, str], list[Outcome]]


@dataclass
class Sent:
    """`unknown`: of earlier processes that died."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    unknown: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """Kind of channel -> what it said last."""


def channels(pact: Pact) -> dict[str, str]:
    """The URLs of all channels as they are written: `mail`, and `<team>/<number>`."""
    urls = {MAIL: pact.alerts.mail} if pact.alerts.mail else {}
    for name, team in pact.teams.items():
        urls |= {f"{name}/{index}": url for index, url in enumerate(team.channels)}
    return urls


def deliver(
    clocks: Clocks, urls: Mapping[str, str], zone: ZoneInfo, clock: Callable[[], datetime], lease: Lease | None = None,
    sending: Send = send,
) -> Sent:  # fmt: skip
    """Send what is due. `urls`: as `channels` gives them, secrets filled in. Nobody else may be delivering."""
    result = Sent(unknown=clocks.abandoned())
    clocks.commit()
    for alert in clocks.to_send(clock()):
        if lease is not None:
            lease.renew()
        if not clocks.begin(alert):
            continue
        clocks.commit()
        url = _url(alert, urls)
        if url is None:
            clocks.settle(alert.id, "dropped", error="no-channel")
            result.dropped += 1
        else:
            title, text = _told(clocks, alert, zone)
            [outcome] = sending([url], title, text)
            _note(clocks, alert, outcome, clock(), result)
        clocks.commit()
    return result


def _note(clocks: Clocks, alert: AlertRow, outcome: Outcome, now: datetime, result: Sent) -> None:
    if outcome.ok:
        clocks.settle(alert.id, "sent", at=now)
        result.sent += 1
        return
    result.errors[outcome.channel] = outcome.error
    tries = alert.tries + 1
    if tries >= TRIES:
        clocks.settle(alert.id, "dropped", error=outcome.error)
        result.dropped += 1
    else:
        clocks.settle(alert.id, "failed", error=outcome.error, next_at=now + wait(tries))
        result.failed += 1


def wait(tries: int) -> timedelta:
    """After so many tries."""
    return min(FIRST_WAIT * (1 << (tries - 1)), LONGEST_WAIT)


def _url(alert: AlertRow, urls: Mapping[str, str]) -> str | None:
    if alert.channel == MAIL:
        return mail_to(urls[MAIL], alert.recipient) if MAIL in urls else None
    return urls.get(f"{alert.recipient}/{alert.channel.removeprefix(TEAM)}")


def _told(clocks: Clocks, alert: AlertRow, zone: ZoneInfo) -> tuple[str, str]:
    if alert.hub_id is None:
        return message(alert, None, None, zone)
    rows = clocks.clocks_of([alert.hub_id]).get(alert.hub_id, [])
    mine = next((row for row in rows if (row.clause, row.started) == (alert.clause, alert.started)), None)
    found = clocks.become([alert.hub_id])
    return message(alert, mine, next(iter(found.values()), None), zone)
