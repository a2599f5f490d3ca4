"""Read what happened in each system and keep it, each thing once, by the lead that it happened to.

Effects: reads from one system, and one commit for a few batches that holds the cursor of just what was read. Pull only:
nothing of an activity is ever merged, planned or written. Whom an activity names and nobody knows yet is waited for, by
remote id or by address, and found in batches once it is known. Invariant: what is kept does not depend on the order, the
repetition or the interruption of the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, get_args

from connectors.base import ACTIVITY_FIELDS, ActivityType, Connector, Cursor, Record
from mapping.fields import Kind, RecordKind
from mapping.mapper import Problem, shown
from mapping.rules import Rules
from state.records import Activity, Review, Wait
from state.rows import dumps
from sync.context import Context
from sync.forgotten import Forgotten
from sync.match import match_keys
from sync.pull import Window, ahead, gathered
from sync.rollup import span

TYPES = frozenset(get_args(ActivityType))
REST = ("subject", "direction", "campaign", "status", "url", "value")
"""What is kept as it was told."""

FIRST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=3660)
"""What happened before the one, or is planned for later than the other from now, is a slip of somebody's keyboard."""

PATIENCE = timedelta(days=90)
"""How long an activity waits for those it names."""

LONGEST = 128
"""Characters of a remote id."""

TOGETHER = 5
"""Batches of leads that an activity batch is as large as: it is a tenth of their work, and the more there are of a month
the fewer of its pages are written twice."""

BATCHES = 4
"""In one commit, where they come one upon the other: in a full month every batch writes to most of its pages, and so
they are written once for all of them. Nobody else can write meanwhile, so a slow system's batches are not waited for."""

EMAIL = ("email",)
STREAM: RecordKind = "activity"
DAY = "activity-day"
"""The stream under which it is noted for which day the counts of activities hold."""


@dataclass(frozen=True, slots=True)
class Aims:
    """Whom the activities of a system can be traced to: kinds of hub records by the system's ids, and leads by their
    address."""

    kinds: tuple[Kind, ...]
    by_email: bool

    @property
    def mark(self) -> str:
        """Another one where something can be told now that could not before, or the other way round."""
        return " ".join((*self.kinds, *(EMAIL if self.by_email else ())))


def aims_of(ctx: Context, system: str) -> Aims:
    kinds = tuple(kind for kind in ctx.rules.kinds if system in ctx.rules.of(kind).mappers)
    return Aims(kinds, EMAIL in ctx.entries)


async def pull_activities(ctx: Context, system: str, *, full: bool, window: Window | None = None) -> None:
    """Keep everything that has happened in a system since it was last read; all there is, where `full` or where it can
    be traced to others than before. Raises ConnectorError."""
    connector: Connector = ctx.connectors[system].of("activity")
    aims = aims_of(ctx, system)
    place_waiting(ctx, system)
    stream = window.stream(STREAM) if window else STREAM
    saved = ctx.store.cursor(system, stream)
    since: Cursor | None = connector.cursor_at(window.since) if window else None
    anew = bool(saved and (saved.get("anew") or saved["mapping"] != aims.mark))
    if saved and not full and saved["mapping"] == aims.mark:
        since = saved["cursor"]
    place: dict[str, Any] = {"mapping": aims.mark}
    page = None
    read = kept = 0
    batches = gathered(connector.read(ACTIVITY_FIELDS, since), TOGETHER * ctx.batch)
    async for page in ahead(batches, waiting=ctx.commit):
        if window and connector.can.oldest_first and window.over(page.records):
            break
        at = ctx.clock()
        keep(ctx, system, page.records, aims, at, anew=anew)
        ctx.store.save_cursor(system, stream, {"cursor": page.cursor, **place, **({"anew": True} if anew else {})}, at)
        kept += 1
        if kept % BATCHES == 0:
            ctx.commit()
        read += len(page.records)
        ctx.progress("read", ctx.place(system), read)
    ctx.counts(system).read += read
    if window:
        ctx.store.drop_cursor(system, stream)
    elif anew and page is not None:
        ctx.store.save_cursor(system, stream, {"cursor": page.cursor, **place}, ctx.clock())
    ctx.store.close_reviews(_answered(ctx, system), ctx.clock())
    ctx.commit()


def keep(ctx: Context, system: str, records: Sequence[Record], aims: Aims, at: datetime, *, anew: bool = False) -> None:
    """Store what a batch tells. Commits nothing."""
    oldest, latest = _oldest(ctx.rules, at), at + AHEAD
    if ctx.forgotten:
        kept = (without_forgotten(ctx.forgotten, system, record) for record in records)
        records = [record for record in kept if record is not None]
    readable: list[tuple[Record, datetime]] = []
    faults: list[Review] = []
    settled: list[tuple[str, str]] = []
    gone: set[str] = set()
    for record in records:
        if record.became:
            continue
        if record.deleted:
            gone.add(record.id)
            continue
        gone.discard(record.id)  # restored
        told = _fault(record, latest)
        if isinstance(told, Problem):
            faults.append(_review(ctx, system, record, told))
            continue
        if ctx.open_questions and ("bad_value", subject := ctx.subject(system, record.id)) in ctx.open_questions:
            settled.append(("bad_value", subject))
        if told >= oldest:
            readable.append((record, told))
    trace = Trace(ctx, system, aims, [record.fields for record, _ in readable])
    fresh = ctx.store.keep_activities(system, trace.activities(readable), ctx.run_id, at, anew=anew)
    left = ctx.store.remove_activities(system, gone)
    if ctx.rules.counts_activities:
        ctx.store.touch(left.union(*(one.leads for one in fresh)))
    counts = ctx.counts(system)
    counts.fresh += len(fresh)
    counts.reviews += len(faults)
    ctx.store.open_reviews(faults, ctx.run_id, at)
    ctx.store.close_reviews(settled, at)


def without_forgotten(forgotten: Forgotten, system: str, record: Record) -> Record | None:
    """What happened to somebody who asked to be forgotten alone, is not kept; what happened to others as well is kept as
    theirs, without its words."""
    fields = record.fields
    named = fields.get("leads") or ()
    left = [one for one in named if forgotten.of_record(system, one) not in forgotten.hashes]
    addressed = forgotten.of_value("email", fields.get("email")) in forgotten.hashes
    if (named and not left) or (addressed and not named):
        return None
    if addressed or len(left) < len(named):
        return record._replace(fields={**fields, "leads": left, "email": None, "subject": None, "url": None})
    return record


class Trace:
    """Whom the activities of a batch are about, from one query a kind and one for addresses."""

    def __init__(self, ctx: Context, system: str, aims: Aims, told: Sequence[Mapping[str, Any]]) -> None:
        self._known: dict[str, Mapping[str, str]] = {}
        for kind in aims.kinds:
            if kind == "lead":
                ids = {i for fields in told for i in fields.get("leads") or ()}
            else:
                ids = {i for fields in told if (i := fields.get(kind))}
            found = ctx.store.of(kind).known(system, ids) if ids else {}
            self._known[kind] = {remote: known.hub_id for remote, known in found.items()}
        self._keys: dict[str, int] = {}
        self._holders: Mapping[int, Iterable[str]] = {}
        if aims.by_email:
            addresses = {e for fields in told if (e := fields.get("email")) and not fields.get("leads")}
            self._keys = {e: key for e in addresses for _, key in match_keys({"email": e}, (EMAIL,))}
            self._holders = ctx.store.candidates(self._keys.values()) if addresses else {}

    def activities(self, told: Iterable[tuple[Record, datetime]]) -> list[Activity]:
        known, keys = self._known.get("lead"), self._keys
        singles = [(n, kind, found) for n, kind in enumerate(_SINGLE) if (found := self._known.get(kind)) is not None]
        made: list[Activity] = []
        for record, when in told:
            fields = record.fields
            get = fields.get
            leads: list[str] = []
            waits: list[Wait] = []
            named = get("leads")
            if named and known is not None:
                for remote in named:
                    if (hub := known.get(remote)) is None:
                        waits.append(Wait("lead", remote))
                    elif hub not in leads:
                        leads.append(hub)
            elif keys and not named and (key := keys.get(get("email") or "")) is not None:
                holders = list(self._holders.get(key, ()))
                if len(holders) == 1:
                    leads = holders
                else:
                    waits.append(Wait("email", f"{key}", key))
            about: list[str | None] = [None, None, None]
            for n, kind, found in singles:
                if remote := get(kind):
                    about[n] = found.get(remote)
                    if about[n] is None:
                        waits.append(Wait(kind, remote))
            rest = {name: value for name in REST if (value := get(name)) is not None}
            waiting = tuple({wait: None for wait in waits if len(wait.ref) <= LONGEST}) if waits else ()
            values = (record.id, fields["type"], when, record.changed_at, tuple(leads), *about, dumps(rest), waiting)
            made.append(_activity(values))
        return made


_SINGLE: tuple[Kind, ...] = ("company", "deal", "owner")
_activity: Callable[[tuple[Any, ...]], Activity] = partial(tuple.__new__, Activity)
"""`Activity(*values)`, in one step."""


def place_waiting(ctx: Context, system: str) -> None:
    """Give the activities that wait to those whom they wait for, where these have been found meanwhile."""
    while ripe := ctx.store.ripe_activities(system, ctx.batch):
        ctx.store.place_activities(system, ripe)
        if ctx.rules.counts_activities:
            ctx.store.touch({one.hub_id for one in ripe if one.target in ("lead", "email")})
        ctx.commit()


def turn_the_day(ctx: Context) -> None:
    """Once a day (UTC): leads of which something no longer counts, or counts from today on, are summed up anew;
    activities past their time are dropped, and the wait for those whom nobody has found ends."""
    at, saved = ctx.clock(), ctx.store.cursor("", DAY)
    today = _midnight(at)
    if saved:
        last = datetime.fromisoformat(saved["day"])
        if last >= today:
            return
        for days in {one.days for one in ctx.rules.rollups if one.kind == "activity"}:
            (start, end), (old_start, old_end) = span(days, at), span(days, last)
            ctx.store.touch_leads_between(old_start, start)
            ctx.store.touch_leads_between(old_end, end)
    ctx.store.stop_waiting(at - PATIENCE)
    if ctx.rules.keep_activities is not None:
        ctx.store.drop_activities(_oldest(ctx.rules, at))
    ctx.store.save_cursor("", DAY, {"day": today.isoformat()}, at)
    ctx.commit()


def _oldest(rules: Rules, at: datetime) -> datetime:
    """What happened before is not kept."""
    return FIRST if rules.keep_activities is None else _midnight(at) - timedelta(days=rules.keep_activities)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time.min, UTC)


def _fault(record: Record, latest: datetime) -> datetime | Problem:
    """When it happened; or why that activity cannot be kept."""
    if record.problem:
        return Problem("", "", "", record.problem)
    fields = record.fields
    type_, at = fields.get("type"), fields.get("at")
    if type_ not in TYPES:
        return Problem("type", "type", shown(type_), "is no type of activity")
    try:
        when = datetime.fromisoformat(at or "")
    except (TypeError, ValueError):
        return Problem("at", "at", shown(at), "is no time")
    if when.tzinfo is None:
        return Problem("at", "at", shown(at), "has no time zone")
    if not FIRST <= when <= latest:
        return Problem("at", "at", shown(at), "cannot be right")
    if len(record.id) > LONGEST:
        return Problem("id", "id", shown(record.id), f"has more than {LONGEST} characters")
    return when if when.tzinfo is UTC else when.astimezone(UTC)


def _review(ctx: Context, system: str, record: Record, told: Problem) -> Review:
    id_ = record.id[:LONGEST]
    detail = {"problems": [told._asdict()]}
    return Review("bad_value", ctx.subject(system, id_), detail, None, system, id_, record_kind="activity")


def _answered(ctx: Context, system: str) -> list[tuple[str, str]]:
    """Whatever the answer, it is read again when the system tells of it again, and at the next complete reading."""
    answered = ctx.store.reviews("bad_value", resolved=True)
    return [(r.kind, r.subject) for r in answered if r.system == system and r.record_kind == "activity"]
