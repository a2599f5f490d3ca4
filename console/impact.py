"""What a changed configuration would do: a preview of it, held against one of the configuration as it stands.

Both go the way of a run and keep nothing (`sync.run.preview`), on a copy of a SQLite database, so that nobody has to wait. A write, a change of a shared record or a question is due to
the draft where it would not come anyway. Not here: how it is shown. Invariant: no list of all writes is ever made, so that a
million leads take no more memory than what the run itself takes, and eight bytes for each value that is pending anyway.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from console.names import name_of, names_in
from console.plans import written_out
from console.tallies import Counts, Met, digest
from mapping.fields import HIDDEN, Kind, RecordKind, place
from mapping.loader import Project, compile_rules, load_project, resolve_database
from mapping.problems import ConfigErrors
from mapping.rules import Rules
from state.database import aside
from state.history import ChangeRow, History, ReviewRow
from state.records import WriteRow
from state.store import Store
from state.traces import Traces
from sync.context import Progress, Report
from sync.plan import Tally
from sync.project import Opened, connected_as_published, environment, run_preview

BATCH = 900
WRITES, CHANGES, QUESTIONS = 6, 4, 3
"""Examples kept of each kind."""

MOST_KINDS = 300
"""Kinds of questions told apart; what comes after them counts as one."""

T = TypeVar("T")
Of = Counts[tuple[str, str], T]
"""By place, and operation or field."""

Question = tuple[str, str, RecordKind, str, str]
"""Kind of review, system, kind of record, field, and what is the matter."""


@dataclass
class Pending:
    """What comes anyway, whatever is published."""

    seen: Met = field(default_factory=Met)
    writes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By place and operation."""
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    stops: set[tuple[str, ...]] = field(default_factory=set)


class Said(NamedTuple):
    """One field of a planned write. Whose it is, as everybody knows them: the hub ids of a preview are gone after it."""

    place: str
    operation: str
    whose: str
    name: str
    value: Any


async def impact(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`arguments`: `files`, the draft, name -> text. Raises ConfigErrors where it is broken, and what `run_preview` raises."""
    files: dict[str, str] = arguments["files"]
    draft = load_project(folder, files)
    try:
        published: Project | None = load_project(folder)
    except ConfigErrors:
        published = None
    if published is not None and published.hash == draft.hash:
        return {"same": True}
    pending = Pending()
    look = partial(_told, pending, _read_anew(published, draft))
    with aside(resolve_database(connected_as_published(draft, ()), environment(folder))) as database:
        if published is not None:
            read = partial(_pending, pending)
            await run_preview(folder, read, database=database, progress=_as_one(progress))
        return await run_preview(folder, look, files=files, database=database, progress=progress)


def _as_one(progress: Progress) -> Progress:
    """The first preview is told as one step: what it reads in each place, the second reads too."""
    read: dict[str, int] = {}

    def told(phase: str, where: str, count: int) -> None:
        if phase == "read":
            read[where] = count
        progress("published", "", sum(read.values()))

    return told


def _read_anew(published: Project | None, draft: Project) -> list[str]:
    """The places of which every record is read, since their mapping has changed."""
    old, new = (_hashes(compile_rules(one)) if one else {} for one in (published, draft))
    return sorted(where for where in new if new[where] != old.get(where))


def _hashes(rules: Rules) -> dict[str, bytes]:
    return {place(s, kind): m.hash for kind in rules.kinds for s, m in rules.of(kind).mappers.items()}


# -- what comes anyway ------------------------------------------------------------------------------------------------


def _pending(pending: Pending, opened: Opened, store: Store, report: Report, rows: Iterable[WriteRow]) -> None:
    pending.stops.update(map(_stop, report.stops))
    for row, said in _said(store, rows):
        pending.writes[place(row.system, row.kind), row.operation] += 1
        pending.seen.add("write", *said[0][:3])
        for one in said:
            pending.seen.add("said", *one)
            if row.operation == "update":
                pending.seen.add("field", one.place, one.whose, one.name)
                pending.fields[one.place, one.name] += 1
    for kind, names, change in _changes(store, report.run_id):
        for what in _news(kind, names, change):
            pending.seen.add(*what.mark)
    for names, review in _questions(store, report.run_id):
        pending.seen.add("question", *_subject(names, review))


def _said(store: Store, rows: Iterable[WriteRow]) -> Iterator[tuple[WriteRow, list[Said]]]:
    for part in _parts(rows, BATCH):
        names = store.known_by({row.hub_id for row in part} | {i for row in part for i in _ids(row)})
        for row in part:
            where, whose = place(row.system, row.kind), row.remote_id or names.get(row.hub_id, row.hub_id)
            fields: Mapping[str, Any] = row.sent() or {"": None}
            yield row, [Said(where, row.operation, whose, n, _by_name(v, names)) for n, v in sorted(fields.items())]


def _ids(row: WriteRow) -> Iterator[str]:
    for value in row.sent().values():
        yield from (i for i in (value if isinstance(value, list) else [value]) if isinstance(i, str) and len(i) == 32)


def _by_name(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return sorted(names.get(one, one) for one in value)
    return names.get(value, value) if isinstance(value, str) else value


class News(NamedTuple):
    """What a run does to one field of a shared record ("" for a record that is new), or a conflict that it decides."""

    key: tuple[str, ...]
    mark: tuple[Any, ...]
    hub_id: str
    told: Mapping[str, Any]


def _changes(store: Store, run_id: str) -> Iterator[tuple[Kind, Mapping[str, str], ChangeRow]]:
    for part in _parts(Traces(store).changes(run_id), BATCH):
        names = store.known_by({change.hub_id for _, change in part})
        yield from ((kind, names, change) for kind, change in part)


def _news(kind: Kind, names: Mapping[str, str], change: ChangeRow) -> Iterator[News]:
    whose = names.get(change.hub_id, change.hub_id)
    if change.kind == "created":
        yield News(("new", kind), ("new", whose), change.hub_id, {})
    for name, entry in change.detail.items():
        if not isinstance(entry, dict) or name in HIDDEN:
            continue
        if entry.get("winner"):
            told = {key: entry[key] for key in ("claims", "winner")}
            mark: tuple[Any, ...] = ("conflict", whose, name, entry["rule"], entry["winner"])
            yield News(("conflict", kind, name, str(entry["rule"])), mark, change.hub_id, told)
        if "new" in entry:
            mark = ("shared", whose, name, repr(entry["new"]))
            yield News(("shared", kind, name), mark, change.hub_id, entry)


def _questions(store: Store, run_id: str) -> Iterator[tuple[Mapping[str, str], ReviewRow]]:
    asked = (one for one in Traces(store).questions(run_id) if one.kind != "guard")
    for part in _parts(asked, BATCH):
        names = store.known_by({one.hub_id for one in part if one.hub_id})
        yield from ((names, one) for one in part)


def _subject(names: Mapping[str, str], review: ReviewRow) -> tuple[str, str]:
    """What tells it from others, also where the hub record is one that this preview has made."""
    hub = review.hub_id or ""
    return review.kind, review.subject.replace(hub, names.get(hub, hub)) if hub else review.subject


# -- what the draft does ----------------------------------------------------------------------------------------------


def _told(
    pending: Pending, anew: list[str], opened: Opened, store: Store, report: Report, rows: Iterable[WriteRow]
) -> dict[str, Any]:
    tallies = {
        place(system, kind): Tally(linked=store.of(kind).count_links(system))
        for kind in opened.rules.kinds
        for system in opened.connectors
        if system in opened.rules.of(kind).mappers
    }
    records: Of[WriteRow] = Counts(WRITES)
    fields: Of[WriteRow] = Counts(WRITES)
    stay, kept = Counter(pending.writes), Counter(pending.fields)
    for row, said in _said(store, rows):
        where = place(row.system, row.kind)
        tallies[where].add(row)
        mark, due = digest(*said[0][:3]), False
        if pending.seen.has("write", *said[0][:3]):
            stay[where, row.operation] -= 1
        for one in said:
            new = not pending.seen.has("said", *one)
            due = due or new
            if row.operation == "update":
                fields.add((where, one.name), row, mark, new)
                kept[where, one.name] -= pending.seen.has("field", where, one.whose, one.name)
        records.add((where, row.operation), row, mark, due)
    news = _tally_news(pending, store, report)
    examples = _examples(opened, store, pending, records, fields)
    return {
        "same": False,
        "seconds": report.seconds,
        "read_anew": anew,
        "places": [
            {
                "place": where,
                "linked": tally.linked,
                "read": report.systems[where].read if where in report.systems else 0,
                "operations": _counted(records, where),
                "fields": {
                    name: {**one, "blanks": tally.blanks.get(name, 0)} for name, one in _counted(fields, where).items()
                },
                "no_more": {op: n for (at, op), n in stay.items() if at == where and n > 0},
                "fields_no_more": {name: n for (at, name), n in kept.items() if at == where and n > 0},
            }
            for where, tally in tallies.items()
        ],
        "examples": examples,
        **news,
        **_questioned(pending, store, report),
        "stops": [{**stop, "due": _stop(stop) not in pending.stops} for stop in report.stops],
        "errors": report.errors,
        "names": names_in(store, examples, news),
    }


def _stop(stop: Mapping[str, str]) -> tuple[str, ...]:
    """What a stop is about, whatever its numbers are: two fields of a system may each be stopped for."""
    return stop["code"], stop["system"], re.sub(r"[\d,.]+", "", stop["message"])


def _counted(counts: Of[T], where: str) -> dict[str, dict[str, int]]:
    found = {key[1]: count for key, count in counts.items() if key[0] == where}
    return {str(name): {"all": count.all, "due": count.due} for name, count in sorted(found.items())}


def _examples(opened: Opened, store: Store, pending: Pending, *kept: Of[WriteRow]) -> list[dict[str, Any]]:
    """The writes that were kept, written out. `due`: the fields of each that would not be written anyway."""
    rows = {row.id: row for counts in kept for count in counts.values() for row in count.examples}
    due = [[one.name for one in said if not pending.seen.has("said", *one)] for _, said in _said(store, rows.values())]
    written = written_out(History(store), store, list(rows.values()), opened.rules)
    return [
        {
            "place": place(one.system, one.kind), "operation": one.operation, "remote_id": one.remote_id, "who": one.who,
            "fields": one.fields, "due": names,
        }
        for names, one in zip(due, written, strict=True)
    ]  # fmt: skip


def _tally_news(pending: Pending, store: Store, report: Report) -> dict[str, Any]:
    counts: Counts[tuple[str, ...], News] = Counts(CHANGES)
    for kind, names, change in _changes(store, report.run_id):
        for what in _news(kind, names, change):
            counts.add(what.key, what, digest(*what.mark), not pending.seen.has(*what.mark))
    ids = {what.hub_id for count in counts.values() for what in count.examples}
    who = {hub.id: name_of(hub) for hub in store.hubs(ids).values()}
    told: dict[str, list[dict[str, Any]]] = {"new": [], "shared": [], "conflict": []}
    for (group, of, *more), count in counts.items():
        told[group].append(
            {
                "kind": of, **dict(zip(("field", "rule"), more, strict=False)), "all": count.all, "due": count.due,
                "examples": [{"who": who.get(one.hub_id, ""), **one.told} for one in count.examples],
            }
        )  # fmt: skip
    for rows in told.values():
        rows.sort(key=lambda row: (-row["due"], -row["all"]))
    return {"new": told["new"], "shared": told["shared"], "conflicts": told["conflict"]}


def _questioned(pending: Pending, store: Store, report: Report) -> dict[str, Any]:
    counts: Counts[Question, tuple[ReviewRow, Mapping[str, Any]]] = Counts(QUESTIONS)
    total = due = 0
    for names, review in _questions(store, report.run_id):
        subject = _subject(names, review)
        new = not pending.seen.has("question", *subject)
        total, due = total + 1, due + new
        for key, told in _about(review):
            if key not in counts and len(counts) >= MOST_KINDS:
                key = (review.kind, "", review.record_kind, "", "")
            counts.add(key, (review, told), digest(*subject), new)
    ids = {review.hub_id for count in counts.values() for review, _ in count.examples if review.hub_id}
    who = {hub.id: name_of(hub) for hub in store.hubs(ids).values()}
    rows: list[dict[str, Any]] = []
    for key, count in counts.items():
        rows.append(
            {
                **dict(zip(("question", "system", "kind", "field", "why"), key, strict=True)),
                "all": count.all, "due": count.due,
                "examples": [
                    {"who": who.get(review.hub_id or "", review.remote_id or review.subject), **told}
                    for review, told in count.examples
                ],
            }
        )  # fmt: skip
    rows.sort(key=lambda row: (-row["due"], -row["all"]))
    return {"questions": rows, "questions_in_all": {"all": total, "due": due}}


def _about(review: ReviewRow) -> Iterator[tuple[Question, Mapping[str, Any]]]:
    """A question under each of its reasons: a record may have several values that cannot be read."""
    system = review.system or ""
    if review.kind == "bad_value":
        for problem in review.detail.get("problems", ()):
            key: Question = (review.kind, system, review.record_kind, problem["field"], problem["message"])
            yield key, {"value": problem["value"], "remote": problem["remote"]}
    elif review.kind == "conflict":
        detail = review.detail
        yield (review.kind, "", review.record_kind, detail["field"], detail["rule"]), {"claims": detail["claims"]}
    else:
        yield (review.kind, system, review.record_kind, "", ""), {}


def _parts(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
