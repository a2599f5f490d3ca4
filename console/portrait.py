"""All that is known of one hub record, for a page: what `explain` tells, and beside it consent with its evidence, clocks, the
history of the score, unions, and everything that happened in one line.

Not here: how it is worded or drawn (`console.web`). Reading only. Invariant: nothing that the history holds of the record is
left out of the line but activities, of which there may be thousands: of these, as many as the page asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from console.consenting import Channel, channels_of
from console.explaining import Story, story
from console.names import name_of, names_in
from console.uniting import unions_of
from mapping.fields import ACTS, CONSENT, HIDDEN, place
from state.clocks import ClockRow, Clocks
from state.history import ChangeRow, History, ReviewRow, SentRow, StageRow
from state.records import Hub
from state.scores import ScoreRow
from state.store import Store
from sync.project import Opened

MomentKind = Literal["stage", "score", "activity", "clock", "change", "write", "review"]
KINDS: tuple[MomentKind, ...] = ("stage", "score", "activity", "clock", "change", "write", "review")
NAMED = 50
"""Of those who refer to a record, how many are named."""


@dataclass(frozen=True)
class Moment:
    """Something that happened. `row`: as the history has it; `what`: of a clock and a review, what became of it; `before`: of a
    score, the one before."""

    at: datetime
    kind: MomentKind
    row: Any
    what: str = ""
    before: Any = None


@dataclass(frozen=True)
class Consent:
    """A channel or a list, and what the answer stands on: who said so, when, by which rule; where a person recorded it, who, on
    which basis, and what they noted."""

    channel: Channel
    source: str
    rule: str
    at: datetime | None
    run: str
    by: str = ""
    basis: str = ""
    note: str = ""


@dataclass(frozen=True)
class Portrait:
    """`referring`: how many hub records refer to it, of which `story.around` names some; `names`: how the records are called that
    any value refers to; `parts`: what has become part of it, and can be taken apart again."""

    hub: Hub
    story: Story
    consent: list[Consent]
    basis: Mapping[str, Any]
    clocks: list[ClockRow]
    scores: list[ScoreRow]
    parts: list[tuple[dict[str, Any], Hub]]
    referring: int
    moments: list[Moment]
    names: Mapping[str, str]
    companies: Mapping[str, Hub]
    """The companies that it refers to, by id."""

    @property
    def opted_out(self) -> list[str]:
        return [one.channel.name for one in self.consent if one.channel.out]


def portrait(
    opened: Opened, store: Store, history: History, kept: Clocks, hub_id: str, kind: str = "", upto: int = 50
) -> Portrait:
    """`kind`: of the moments, if only those of one kind; `upto`: how many of the newest ones are wanted. Raises KeyError where
    there is no such hub record."""
    told = story(opened, history, store, hub_id, NAMED, activities=0)
    hub = store.hubs([hub_id])[hub_id]
    changes, stages = history.changes([hub_id]).get(hub_id, []), history.stages([hub_id]).get(hub_id, [])
    lead = hub.kind == "lead"
    clocks = sorted(kept.clocks_of([hub_id]).get(hub_id, []), key=lambda row: row.started, reverse=True)
    scores = store.scores_of(hub_id) if lead else []
    subjects = [f"{place(link.system, hub.kind)}:{link.remote_id}" for link in hub.links.values()]
    reviews = history.questions_about(hub_id, subjects)
    happened = history.activities(hub_id, upto + 1) if lead and kind in ("", "activity") else []
    line = [
        *_stages(stages), *_scores(scores), *(Moment(one.at, "activity", one) for one in happened), *_clocks(clocks),
        *(Moment(one.at, "change", one) for one in changes), *_writes(history.sent(hub_id)), *_reviews(reviews),
    ]  # fmt: skip
    some = sorted((one for one in line if kind in ("", one.kind)), key=lambda one: one.at, reverse=True)[: upto + 1]
    detail = [one.row.detail for one in some if isinstance(one.row, ChangeRow)]
    sent = [one.row.write.fields for one in some if isinstance(one.row, SentRow)]
    referred = store.hubs({i for value in hub.fields.values() for i in _ids(value)})
    return Portrait(
        hub,
        told,
        _consent(opened, hub, told, changes) if lead else [],
        {name: hub.fields[name] for name in CONSENT if hub.fields.get(name)} if lead else {},
        clocks,
        scores,
        unions_of(store, history, hub),
        len(store.referring(hub_id)),
        some,
        told.names | names_in(store, detail, sent) | {one.id: name_of(one) for one in referred.values()},
        {one.id: one for one in referred.values() if one.kind == "company"},
    )


def _ids(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and len(one) == 32]


def _stages(rows: Iterable[StageRow]) -> Iterator[Moment]:
    return (Moment(row.at, "stage", row) for row in rows)


def _scores(rows: Sequence[ScoreRow]) -> Iterator[Moment]:
    before: ScoreRow | None = None
    for row in rows:
        yield Moment(row.at, "score", row, before=before)
        before = row


def _clocks(rows: Iterable[ClockRow]) -> Iterator[Moment]:
    for row in rows:
        yield Moment(row.started, "clock", row, "started")
        if row.breached_at:
            yield Moment(row.breached_at, "clock", row, "breached")
        if row.stopped:
            yield Moment(row.stopped, "clock", row, "stopped")


def _writes(rows: Iterable[SentRow]) -> Iterator[Moment]:
    return (Moment(row.at, "write", row) for row in rows if row.at and row.write.state != "planned")


def _reviews(rows: Iterable[ReviewRow]) -> Iterator[Moment]:
    for row in rows:
        yield Moment(row.opened_at, "review", row, "opened")
        if row.resolved_at:
            yield Moment(row.resolved_at, "review", row, "answered")


def _consent(opened: Opened, hub: Hub, told: Story, changes: Sequence[ChangeRow]) -> list[Consent]:
    """Every channel and list with the last entry of the history that had a say in it."""
    fields = {field.name: field for field in told.fields}
    found = []
    for channel in channels_of(opened, hub):
        entries = [
            (change, entry)
            for change in changes
            if isinstance(entry := change.detail.get(channel.field), Mapping)
            and entry.get("list", channel.list) == channel.list
        ]
        field = fields.get(channel.field)
        if entries:
            change, entry = entries[-1]
            found.append(
                Consent(
                    channel, str(entry.get("from") or entry.get("winner") or ""), str(entry.get("rule", "")), change.at, change.run_id,
                    str(entry.get("by") or ""), _spelled(entry.get("basis")), str(entry.get("note") or ""),
                )
            )  # fmt: skip
        elif field is not None:
            found.append(Consent(channel, field.source, field.rule, field.at, field.run))
        else:
            found.append(Consent(channel, "", "", None, ""))
    return found


def _spelled(basis: Any) -> str:
    return ", ".join(map(str, basis)) if isinstance(basis, list) else str(basis or "")


def changed_fields(change: ChangeRow) -> list[tuple[str, Mapping[str, Any]]]:
    """The fields that a change is about, with what is noted of each; what the hub keeps for itself is left out."""
    return [
        (name, entry)
        for name, entry in change.detail.items()
        if isinstance(entry, Mapping) and name not in (*HIDDEN, ACTS, "union") and ("new" in entry or "claims" in entry)
    ]
