"""Reports to whoever gets them, each at most once for a period: mail with the PDF attached, a few lines to a chat.

Effects: writes the PDF under `reports/`; notes each message before it goes out, as alerts are. Invariant: nobody gets the
report of a period twice; where the process dies while a message is being sent, it is told as unknown and not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from alignment.periods import local_day, midnight, month_on
from alignment.reports import render
from alignment.reports.model import Report
from alignment.reports.periods import period_of
from alignment.reports.shown import Shown
from connectors.base import Clock, utc_now
from delivery.channels import Outcome, mail_to, send
from mapping.agreement.calendar import WEEKDAYS
from mapping.agreement.reports import Recipients, Reports
from mapping.loader import resolve_secrets
from state.clocks import REPORT, AlertRow, Clocks
from state.lock import Lease
from sync.clocks import LOCK
from sync.project import Opened, environment
from sync.reporting import keep, place_of, report

Every = Literal["weekly", "monthly"]
OF: Mapping[Every, Literal["week", "month"]] = {"weekly": "week", "monthly": "month"}
LATE = timedelta(hours=24)
"""So long after its hour a report still goes out by itself."""


NO_MENTION = str.maketrans({"<": "‹", ">": "›", "@": "＠"})
"""Chats take <!channel> and @everybody for calls, whoever wrote them into a form."""

Message = tuple[str, str, str | None, Sequence[Path]]
Prepared = Callable[["Addressed"], Message]
Sending = Callable[[Sequence[str], str, str, str | None, Sequence[Path]], list[Outcome]]


class NoReports(Exception):
    """Nobody is said to get this report."""


@dataclass(frozen=True, slots=True)
class Addressed:
    """`key`: of the intent. `url`: where it goes, secrets filled in. `name`: how the recipient is told of: an address, or
    the kind of a channel with a mark of its URL as it is written."""

    key: str
    name: str
    url: str
    language: str
    mail: bool


@dataclass
class Delivered:
    """`before`: who had got it already. `unknown`: nobody knows whether it arrived, and it is not sent again."""

    sent: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Recipient -> what the channel said."""


# -- when ---------------------------------------------------------------------------------------------------------------


def last_hour(said: Reports, every: Every, now: datetime, zone: str) -> datetime | None:
    """When it was to go out last; None where nobody gets it."""
    asked = said.weekly if every == "weekly" else said.monthly
    if asked is None:
        return None
    today = local_day(now, zone)
    if said.weekly is not None and every == "weekly":
        days = [today - timedelta(days=n) for n in range(8)]
        some = [day for day in days if WEEKDAYS[day.weekday()] == said.weekly.day]
    else:
        assert said.monthly is not None
        some = [month_on(today, -n).replace(day=said.monthly.day) for n in range(2)]
    hours = [midnight(day, zone).replace(hour=asked.hour) for day in some]
    return max(at for at in hours if at <= now)


def due(said: Reports | None, now: datetime, zone: str) -> list[Every]:
    """Those whose hour has come in the last day."""
    found: list[Every] = []
    for every in OF:
        at = last_hour(said, every, now, zone) if said is not None else None
        if at is not None and now - at < LATE:
            found.append(every)
    return found


# -- to whom ------------------------------------------------------------------------------------------------------------


def addressed(opened: Opened, every: Every, about: str) -> list[Addressed]:
    """Everybody who gets the report about something, a period. Raises NoReports, and ConfigErrors naming the variables that are not set."""
    config = opened.project.config
    said = config.reports
    asked = (said.weekly if every == "weekly" else said.monthly) if said else None
    if said is None or asked is None:
        raise NoReports(f"Nobody is said to get the {every} report.")
    server = said.mail or (config.sla.alerts.mail if config.sla else None)
    urls = {f"{n}/{m}": url for n, group in enumerate(asked.to) for m, url in enumerate(group.channels)}
    env = environment(opened.project.folder)
    filled = resolve_secrets({**urls, **({"mail": server} if server else {})}, env, where="reports")
    found: dict[str, Addressed] = {}
    for number, group in enumerate(asked.to):
        for one in _of_group(number, group, filled):
            key = f"{REPORT}/{about}/{one.name}"
            found.setdefault(key, Addressed(key, one.name, one.url, group.language or config.languages[0], one.mail))
    return list(found.values())


def _of_group(number: int, group: Recipients, urls: Mapping[str, str]) -> Iterator[Addressed]:
    for person in group.people:
        yield Addressed("", person, mail_to(urls["mail"], person), "", mail=True)
    for place, written in enumerate(group.channels):
        mark = blake2b(written.encode(), digest_size=4).hexdigest()
        yield Addressed("", f"{written.partition('://')[0]}:{mark}", urls[f"{number}/{place}"], "", mail=False)


# -- sending ------------------------------------------------------------------------------------------------------------


def send_report(opened: Opened, every: Every, *, clock: Clock = utc_now, until: datetime | None = None) -> Delivered:
    """The report of the last week or month that was over at `until` (now), to everybody who has not got it. Raises
    NoReports, ConfigErrors, and `state.lock.Busy` where messages are being sent already."""
    now = clock()
    config = opened.project.config
    period = period_of(OF[every], until or now, config.funnel.time_zone)
    wanted = addressed(opened, every, f"{every}/{period.last}")

    def prepare() -> Prepared:
        made = report(opened.engine, opened.project, period, clock())
        return lambda one: _message(made, opened.project.folder, one)

    return send_once(opened, wanted, prepare, clock)


def send_once(opened: Opened, wanted: Sequence[Addressed], prepare: Callable[[], Prepared], clock: Clock) -> Delivered:
    """To each of those who have not got it. `prepare`: asked where there is anybody. Raises `state.lock.Busy`."""
    lease = Lease(opened.engine, LOCK, clock)
    try:
        with Clocks(opened.engine) as clocks:
            clocks.abandoned()
            clocks.intend([_intent(one, clock()) for one in wanted])
            clocks.commit()
            return _deliver(clocks, lease, wanted, prepare, clock, partial(send, secrets=opened.secrets))
    finally:
        lease.release()


def _intent(one: Addressed, now: datetime) -> AlertRow:
    """`next_at` is not said: the ticks of the clocks leave it alone."""
    return AlertRow(one.key, REPORT, None, None, None, one.name, "mail" if one.mail else "channel", now)


def _deliver(
    clocks: Clocks, lease: Lease, wanted: Sequence[Addressed], prepare: Callable[[], Prepared], clock: Clock,
    sending: Sending,
) -> Delivered:  # fmt: skip
    result = Delivered()
    rows = {row.key: row for row in clocks.keyed(one.key for one in wanted)}
    result.before = [one.name for one in wanted if rows[one.key].state == "sent"]
    result.unknown = [one.name for one in wanted if rows[one.key].state == "unknown"]
    left = [one for one in wanted if rows[one.key].state in ("due", "failed")]
    if not left:
        return result
    message_to = prepare()
    for one in left:
        lease.renew()
        message = message_to(one)  # before the intent: what fails here was not sent
        if not clocks.begin(rows[one.key]):
            continue
        clocks.commit()
        [outcome] = sending([one.url], *message)
        if not outcome.ok:
            clocks.settle(rows[one.key].id, "failed", error=outcome.error)
            result.failed[one.name] = outcome.error
        else:
            clocks.settle(rows[one.key].id, "sent", at=clock())
            result.sent.append(one.name)
        clocks.commit()
    return result


def _message(made: Report, folder: Path, one: Addressed) -> Message:
    """Title, text, HTML, attachments."""
    shown = Shown(one.language)
    title = f"{shown.heading(made)}, {shown.period(made.period.first, made.period.last)}"
    text = summary(made, shown)
    if not one.mail:
        return title, text, None, ()
    paper = keep(place_of(made, folder, one.language, "pdf"), render.pdf(made, one.language))
    return title, text, render.html(made, one.language), (paper,)


def summary(made: Report, shown: Shown) -> str:
    """What matters most, as Markdown: the sentences of every section. No name in it is taken for a mention or a link."""
    lines = [f"**{shown.text('empty')}**"] if made.empty else []
    for section in made.sections:
        if section.points:
            lines += [f"**{shown.text(f'section_{section.key}')}**"]
            lines += [f"- {render.escaped(shown.inline(one)).translate(NO_MENTION)}" for one in section.points]
    return "\n".join(lines)
