"""Reading one kind of an org: a scan of every record, or what changed since a cursor, deletions and mergers included.

Each object is read in the order (SystemModstamp, Id), so that any row is a checkpoint. Deleted rows come
with the living (queryAll), which tells what they were merged into; rows that left the recycle bin come from the delete
log. What is older than Salesforce's memory of deletions becomes a full scan by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from connectors.base import Clock, Cursor, Page, Record
from connectors.errors import Misconfigured
from connectors.paging import Position
from connectors.salesforce import roles
from connectors.salesforce.activities import Happenings, readable
from connectors.salesforce.bulk import Bulk, JobFailed
from connectors.salesforce.cursor import Checkpoint, Mark, Memo, dumped, load, next_mark, starting
from connectors.salesforce.kinds import ACTIVITY, ROLES, Entity, Shape
from connectors.salesforce.objects import Column, Columns
from connectors.salesforce.org import FieldMissing, LocatorLost, Org, Row, classified, error_code
from connectors.salesforce.settings import DELETES_KEPT, Settings
from connectors.salesforce.soql import (
    LOWEST_ID,
    Place,
    after,
    both,
    chunks_of_fields,
    count,
    moment,
    select,
    stamp_time,
)
from connectors.salesforce.streams import Stream, age, place_of

log = logging.getLogger(__name__)

_FORGOTTEN = frozenset({"INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"})


class Forgotten(Exception):
    """Salesforce no longer knows every deletion since our cursor: only a full scan tells."""


class Turn(NamedTuple):
    """Records, and the checkpoint after them. `last`: there are no more."""

    records: list[Record]
    checkpoint: Checkpoint
    last: bool = False


class Reader:
    """One read, from a cursor to its end."""

    def __init__(
        self, org: Org, bulk: Bulk, shape: Shape, settings: Settings, fields: Sequence[str], clock: Clock
    ) -> None:
        self.org = org
        self.shape = shape
        self.entities = shape.entities
        self.roles = shape.roles and ROLES in fields
        self.bulk = bulk
        self.settings = settings
        self.fields = fields
        self.overlap = timedelta(seconds=settings.overlap)
        self.clock = clock

    async def pages(self, cursor: Cursor | None) -> AsyncIterator[Page]:
        """See `Connector.read`."""
        now = self.clock()
        if self.shape.partly:
            self.entities = await readable(self.org)
        begun = self._begin(cursor, now)
        deletions: list[Record] = []
        if begun is not None and begun[0].phase == "changes" and self.shape.deletions:
            position, memo, checkpoint = begun
            try:
                deletions, memo = await self._deletions(memo, position.began or now)
                begun = position, memo, checkpoint
            except Forgotten as why:
                log.warning("Salesforce is read in full: %s", why)
                begun = None
        position, memo, checkpoint = begun or await self._fresh(now)
        complete = position.phase == "scan" and checkpoint == Checkpoint() and not self.shape.partly
        again: list[str] = []
        if self.roles and position.phase == "changes":
            again, last_role = await roles.changed(self.org, starting(memo.marks.get(roles.ROLE), self.overlap))
            checkpoint = checkpoint.seen(roles.ROLE, last_role)

        turns = self._scan(checkpoint) if position.phase == "scan" else self._changes(memo, checkpoint)
        gone: set[str] = set()
        async for records, reached, last in turns:
            gone.update(record.id for record in records if record.deleted or record.became)
            if last:
                rest = [record for record in deletions if record.id not in gone]
                read = {record.id for record in records}
                rest += await self._by_id([id_ for id_ in again if id_ not in read])
                yield Page([*records, *rest], self._end(position, memo, reached), complete=complete)
            else:
                yield Page(records, position.step(dumped(reached)).save())

    async def _fresh(self, now: datetime) -> tuple[Position, Memo, Checkpoint]:
        """A scan from the start. What changes in roles meanwhile is read by the next run: from here on."""
        memo = Memo(ran=now)
        if not self.roles:
            return Position(phase="scan", began=now), memo, Checkpoint()
        newest = await roles.newest(self.org)
        if newest is not None:
            memo = Memo(ran=now, marks={roles.ROLE: Mark(place=newest, seen=now)})
        return Position(phase="scan", began=now, memo=dumped(memo)), memo, Checkpoint()

    def _begin(self, cursor: Cursor | None, now: datetime) -> tuple[Position, Memo, Checkpoint] | None:
        """Where to go on; None: with a scan from the start."""
        loaded = load(cursor, self.entities)
        if loaded is None or (loaded[0].phase == "changes" and not self.shape.incremental):
            return None
        position, memo, checkpoint = loaded
        remembered = memo.ran if memo else position.began
        if remembered is None or (self.shape.deletions and now - remembered > DELETES_KEPT):
            log.warning("Salesforce is read in full: the last run is too long ago to know every deletion since.")
            return None
        if checkpoint is None:
            position = Position(phase="changes", since=position.since, began=now, memo=position.memo)
        return position, memo or Memo(ran=position.began or now), checkpoint or Checkpoint()

    def _end(self, position: Position, memo: Memo, checkpoint: Checkpoint) -> Cursor:
        began = position.began or self.clock()
        marks = memo.marks | {
            entity: mark
            for entity in self._marked
            if (mark := next_mark(memo.marks.get(entity), checkpoint.newest.get(entity), began, self.overlap))
        }
        deleted = dict.fromkeys(self._marked, began) if position.phase == "scan" else memo.deleted
        newest = max((stamp_time(place.stamp) for place in checkpoint.newest.values()), default=None)
        return position.finish(newest, dumped(Memo(ran=began, marks=marks, deleted=deleted))).save()

    async def _changes(self, memo: Memo, checkpoint: Checkpoint) -> AsyncIterator[Turn]:
        """What changed in all objects, oldest first."""
        streams = {
            entity: Stream(
                self._queries(entity, starting(memo.marks.get(entity), self.overlap), checkpoint.after.get(entity))
            )
            for entity in self.entities
        }
        last = False
        while not last:
            await asyncio.gather(*(stream.fill() for stream in streams.values()))
            ends = [stream.waiting[-1] for stream in streams.values() if not stream.ended]
            last = not ends
            horizon = min(map(age, ends), default=None)
            taken = {entity: stream.take(horizon) for entity, stream in streams.items()}
            for entity, records in taken.items():
                checkpoint = checkpoint.past(entity, place_of(records))
            yield Turn(sorted((r for records in taken.values() for r in records), key=age), checkpoint, last)

    async def _scan(self, checkpoint: Checkpoint) -> AsyncIterator[Turn]:
        """Everything, one object after the other."""
        entities = self.entities
        for entity in entities[entities.index(checkpoint.entity or entities[0]) :]:
            async for records, reached, last in self._scan_of(entity, checkpoint):
                checkpoint = reached
                if last and entity != entities[-1]:
                    following = entities[entities.index(entity) + 1]
                    checkpoint = Checkpoint(entity=following, newest=reached.newest)
                yield Turn(records, checkpoint, last and entity == entities[-1])

    async def _scan_of(self, entity: Entity, checkpoint: Checkpoint) -> AsyncIterator[Turn]:
        """The rest of one object, from the checkpoint on."""
        if checkpoint.job is None and entity not in checkpoint.after:
            checkpoint = await self._start_job(entity, checkpoint)
        if checkpoint.job is not None:
            try:
                async for turn in self._job(entity, checkpoint):
                    yield turn
                return
            except JobFailed as error:
                log.warning("%s %s is read page by page instead.", error, entity)
                checkpoint = Checkpoint(entity=entity, newest=checkpoint.newest)
        async for records, last in self._queries(entity, "", checkpoint.after.get(entity)):
            checkpoint = checkpoint.past(entity, place_of(records))
            yield Turn(records, checkpoint, last)

    async def _start_job(self, entity: Entity, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with a Bulk job, where there is enough to read for one."""
        expected = await self.org.count(count(entity, self.shape.only))
        if expected <= self.settings.bulk_above:
            return checkpoint
        columns = await self._described_columns(entity)
        job = await self.bulk.start_query(select(columns.selected, entity, self.shape.only))
        log.info("Salesforce has %d %ss: they are read by Bulk job %s.", expected, entity, job.id)
        return Checkpoint(entity=entity, job=job.id, created=job.created, newest=checkpoint.newest)

    async def _job(self, entity: Entity, checkpoint: Checkpoint) -> AsyncIterator[Turn]:
        job = checkpoint.job or ""
        columns = await self._described_columns(entity)
        if checkpoint.locator is None:
            yield Turn([], checkpoint)
        async for rows, locator in self.bulk.query_pages(job, checkpoint.locator, await self.org.describe(entity)):
            records = await self._made(columns, rows)
            newest = place_of(sorted(records, key=age))
            # The job may see a late row and miss an earlier change of another: what it saw counts up to its start.
            if newest and checkpoint.created and stamp_time(newest.stamp) > checkpoint.created:
                newest = Place(moment(checkpoint.created), LOWEST_ID)
            checkpoint = checkpoint.past(entity, newest).model_copy(update={"entity": entity, "locator": locator})
            yield Turn(records, checkpoint, last=locator is None)

    async def _queries(
        self, entity: Entity, where: str, place: Place | None
    ) -> AsyncIterator[tuple[list[Record], bool]]:
        """Pages of one object's records in the keyset's order, from `place` on where there is one, and whether each
        is the last."""
        columns = self._columns(entity, self.org.known(entity))
        described = False
        while True:
            try:
                async for rows, last in self._query(columns, after(place) if place else where):
                    records = await self._made(columns, rows)
                    place = place_of(records) or place
                    yield records, last
                return
            except LocatorLost:
                log.info("Salesforce forgot a query's pages; the next one begins after %s.", place)
            except FieldMissing:
                if described:
                    raise
                columns, described = await self._described_columns(entity, fresh=True), True

    async def _query(self, columns: Columns | Happenings, where: str) -> AsyncIterator[tuple[list[Row], bool]]:
        """Pages of rows, and whether each is the last. Fields that do not fit into one address are asked for by further queries."""
        entity = columns.entity
        first, *others = chunks_of_fields(columns.selected)
        statement = select(first, entity, both(self.shape.only, where), order=True)
        page: Row | None = await self.org.query(statement, deleted=True)
        while page is not None:
            rows: list[Row] = page["records"]
            await self.org.widen(entity, rows, others, deleted=True)
            yield rows, not page.get("nextRecordsUrl")
            page = await self.org.more(page)

    async def _described_columns(self, entity: Entity, *, fresh: bool = False) -> Columns | Happenings:
        """Columns of which the object is known to have every one. Raises Misconfigured for a field of no object."""
        either = {each: await self.org.describe(each, fresh=fresh) for each in self.entities}
        missing = [
            field
            for field in self.fields
            if self.shape is not ACTIVITY
            and field not in self.shape.optional
            and not (field == ROLES and self.shape.roles)
            and not any(
                field in (ours for ours, _ in Columns(each, [field], either[each]).pairs) for each in self.entities
            )
        ]
        if missing:
            raise Misconfigured(
                f"No {self.shape.said} has {', '.join(missing)} (or the integration user may not see it).",
                hint="Run `smarketing provision`, correct the mapping, or check the field-level security.",
            )
        return self._columns(entity, either[entity])

    def _columns(self, entity: Entity, known: Mapping[str, Column] | None) -> Columns | Happenings:
        made = Happenings if self.shape is ACTIVITY else Columns
        return made(entity, self.fields, known)

    @property
    def _marked(self) -> tuple[Entity, ...]:
        """The objects whose changes and deletions are followed."""
        return self.shape.followed if self.roles else self.entities

    async def _made(self, columns: Columns | Happenings, rows: Sequence[Row]) -> list[Record]:
        records = [record for row in rows for record in columns.records(row)]
        return (await roles.with_roles(self.org, [records]))[0] if self.roles else records

    async def _by_id(self, ids: Sequence[str]) -> list[Record]:
        """These records, which changed without a trace on them."""
        if not ids:
            return []
        (entity,) = self.entities
        columns = await self._described_columns(entity)
        first, *others = chunks_of_fields(columns.selected)
        rows = await self.org.rows_with(entity, first, "Id", ids, deleted=True)
        await self.org.widen(entity, rows, others, deleted=True)
        return await self._made(columns, rows)

    async def _check_roles(self, ids: Sequence[str]) -> None:
        """Roles that went with their Opportunity or Contact are rows of the recycle bin, and were read. Raises
        Forgotten for the others: of which Opportunity they were can no longer be known."""
        kept = await self.org.rows_with(roles.ROLE, ["Id"], "Id", ids, deleted=True) if ids else []
        if len(kept) < len(ids):
            raise Forgotten(f"{len(ids) - len(kept)} people were taken out of deals, and it does not tell which.")

    async def _deletions(self, memo: Memo, began: datetime) -> tuple[list[Record], Memo]:
        """What the delete log tells of records that left the recycle bin, once every `deletes_every` seconds.

        Raises Forgotten. https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.md
        """
        found: list[Record] = []
        covered = dict(memo.deleted)
        for entity in self._marked:
            since = memo.deleted.get(entity, memo.ran)
            if (began - since).total_seconds() <= self.settings.deletes_every:
                continue
            records, covered[entity] = await self._delete_log(entity, since, began)
            found += records
        return found, memo.model_copy(update={"deleted": covered})

    async def _delete_log(self, entity: Entity, since: datetime, until: datetime) -> tuple[list[Record], datetime]:
        window = {"start": _seconds(since), "end": _seconds(until)}
        answer = await self.org.call("GET", f"/sobjects/{entity}/deleted/", params=window, accept=(400,))
        if answer.status == 400:
            if error_code(answer.json) in _FORGOTTEN:
                raise Forgotten(f"its delete log of {entity} does not reach back to {since}.")
            raise classified(answer, f"GET /sobjects/{entity}/deleted/")
        times = {entry["id"]: stamp_time(entry["deletedDate"]) for entry in answer.json.get("deletedRecords") or ()}
        earliest = stamp_time(answer.json.get("earliestDateAvailable") or _seconds(since))
        # "The timestamp of the last physically deleted object": up to it the log was purged. A time that the log
        # itself still lists is only its first entry.
        if earliest > since and earliest not in times.values():
            raise Forgotten(f"its delete log of {entity} was purged up to {earliest}, after {since}.")
        if entity == roles.ROLE:
            await self._check_roles(list(times))
            return [], stamp_time(answer.json["latestDateCovered"])
        # What is still in the recycle bin tells whether it was merged, and into what; what was restored is alive.
        columns = Columns(entity, ())
        kept = await self.org.rows_with(entity, columns.selected, "Id", list(times), deleted=True) if times else []
        records = {row["Id"]: columns.record(row) for row in kept}
        gone = [records.get(id_) or Record(id_, {}, at, deleted=True) for id_, at in times.items()]
        return [record for record in gone if record.deleted], stamp_time(answer.json["latestDateCovered"])


def _seconds(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
