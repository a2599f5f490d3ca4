"""The tables. No query lives here; `store.py` has them all.

Hub values, bases and reviews are JSON in text columns: written and read whole, by their key, never searched. The
ids of hubs and runs are UUIDv7 in hexadecimal, made in rising order, so that every index over them grows at its
end. Times are UTC. The tables of what the two teams agree on are in `agreed.py`, those of who may
look at it in `access.py`, those of drafts and publications in `published.py`, those by which it is searched in
`searched.py`.
"""

from __future__ import annotations

import re

import sqlalchemy as sa

from state.access import account, audit, invitation, session, token
from state.agreed import acceptance, alert, attainment, decision, model, score, score_due, sla_clock, sla_version
from state.columns import EPOCH, MICROSECOND, Id, Serial, Utc, Word, metadata, read_time, stored_time
from state.published import draft, publication
from state.searched import search_record, search_word

__all__ = [
    "EPOCH",
    "MICROSECOND",
    "Id",
    "Serial",
    "Utc",
    "Word",
    "acceptance",
    "account",
    "alert",
    "attainment",
    "audit",
    "decision",
    "draft",
    "invitation",
    "metadata",
    "model",
    "publication",
    "read_time",
    "score",
    "score_due",
    "search_record",
    "search_word",
    "session",
    "sla_clock",
    "sla_version",
    "stored_time",
    "token",
]

REVISION = "0014"
"""The newest migration; `database.py` brings older databases up to it."""

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),  # sync, backfill, rescan, apply, revert
    sa.Column("started", Utc, nullable=False),
    sa.Column("ended", Utc),
    sa.Column("outcome", sa.String(16)),  # done, partial, stopped, failed; none while it runs or after a crash
    sa.Column("rules_hash", sa.String(64), nullable=False, default=""),
    sa.Column("report", sa.Text),  # counts per system, and what went wrong
)

Of = sa.String(8)  # a kind of record: owner, company, lead, deal; activity where no hub record is meant

hub = sa.Table(
    "hub",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", Of, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),  # field -> system; "" is the system most fields came from
    sa.Column("stage", Word),
    sa.Column("touched", sa.SmallInteger, nullable=False),  # a link holds a value that merge has not seen
    sa.Column("dirty", sa.SmallInteger, nullable=False),  # some system may be behind
    sa.Column("merged_into", Id),
    sa.Index(
        "ix_hub_touched", "kind", "id", sqlite_where=sa.text("touched = 1"), postgresql_where=sa.text("touched = 1")
    ),
    sa.Index("ix_hub_dirty", "kind", "id", sqlite_where=sa.text("dirty = 1"), postgresql_where=sa.text("dirty = 1")),
    sa.Index(
        "ix_hub_merged_into",
        "merged_into",
        sqlite_where=sa.text("merged_into IS NOT NULL"),
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    ),
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("n", Serial, primary_key=True, autoincrement=True),
    sa.Column("hub_id", Id, nullable=False),
    sa.Column("system", Word, nullable=False),
    sa.Column("kind", Of, nullable=False),  # the hub's, here too: in some systems a company and a lead share an id
    sa.Column("remote_id", sa.String(128), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),  # live, deleted, merged, ignored, archived
    sa.Column("mapping", sa.Integer, nullable=False),  # mapping_version by which the bases were read
    sa.Column("digest", sa.LargeBinary(8)),  # of the remote values last read: equal means nothing to do
    sa.Column("base_remote", sa.Text, nullable=False),
    sa.Column("base_hub", sa.Text, nullable=False),  # only where it differs from base_remote
    sa.Column("seen", sa.Text),  # read, and not yet merged: only where it differs from base_remote
    sa.Column("seen_at", Utc),  # when the remote says that it changed
    sa.Column("entered", sa.Text),  # {stage: when it was entered, in the vendor's words}: read, and not yet merged
    sa.Column("within", sa.LargeBinary(8)),  # mark of the `sync_when` that has held of it, where leaving archives
    sa.UniqueConstraint("system", "kind", "remote_id"),
    sa.UniqueConstraint("hub_id", "system"),
    sa.Index(  # a sweep after a scan, without a look at the bases
        "ix_link_live", "system", "kind", "n",
        sqlite_where=sa.text("state = 'live'"), postgresql_where=sa.text("state = 'live'"),
    ),
)  # fmt: skip

reference = sa.Table(  # what the fields of hub records say of other hub records, to be asked from the other end
    "reference",
    metadata,
    sa.Column("hub_id", Id, primary_key=True),
    sa.Column("field", Word, primary_key=True),
    sa.Column("target_id", Id, primary_key=True, index=True),
    sqlite_with_rowid=False,
)

waiting = sa.Table(  # records that refer to a record which has no hub record yet
    "waiting",
    metadata,
    sa.Column("system", Word, primary_key=True),
    sa.Column("kind", Of, primary_key=True),
    sa.Column("remote_id", sa.String(128), primary_key=True),
    sa.Column("target_kind", Of, primary_key=True),
    sa.Column("target_remote_id", sa.String(128), primary_key=True),
    sqlite_with_rowid=False,
)

What = sa.String(20)  # a type of activity

PARTITION = re.compile(r"activity(_lead)?_\d{6}")
"""How PostgreSQL's tables of a month are called."""

MOVABLE = ("meeting", "call", "task", "note", "sale", "other")
"""Types of activities that people enter by hand, and may give another time, in another month, later on."""

TOUCHES = ("call", "email_sent", "meeting", "task", "note")
"""Types of activities by which somebody in sales sees to a lead."""

activity = sa.Table(  # what happened; rows in the order of their coming, found by a key that begins with the month
    "activity",
    metadata,
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),  # of `at`: 202601
    sa.Column("system", Word, primary_key=True),
    sa.Column("remote_id", sa.String(128), primary_key=True),
    sa.Column("type", What, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("changed", Utc),  # when the system says that it changed last; none where that is `at`
    sa.Column("leads", sa.Text, nullable=False),  # ids of hub records, a space between them
    sa.Column("company_id", Id),
    sa.Column("deal_id", Id),
    sa.Column("owner_id", Id),
    sa.Column("rest", sa.Text, nullable=False),  # subject, direction, campaign, status, url, value: those it has
    sa.Column("run_id", Id, nullable=False),
    sa.Index(  # in which month it lies, where that may have changed
        "ix_activity_movable", "system", "remote_id",
        sqlite_where=sa.text(f"type IN {MOVABLE}"), postgresql_where=sa.text(f"type IN {MOVABLE}"),
    ),
    sa.Index(  # which leads were seen to since a run
        "ix_activity_touches", "run_id",
        sqlite_where=sa.text(f"type IN {TOUCHES}"), postgresql_where=sa.text(f"type IN {TOUCHES}"),
    ),
    postgresql_partition_by="RANGE (month)",
)  # fmt: skip

activity_lead = sa.Table(  # the activities of each lead, and all that it takes to count them
    "activity_lead",
    metadata,
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hub_id", Id, primary_key=True),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("system", Word, primary_key=True),
    sa.Column("remote_id", sa.String(128), primary_key=True),
    sa.Column("type", What, nullable=False),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (month)",
)

activity_month = sa.Table(  # which months there are, and how many activities each system has in them
    "activity_month",
    metadata,
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("system", Word, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

activity_waiting = sa.Table(  # activities that name a record which has no hub record yet
    "activity_waiting",
    metadata,
    sa.Column("system", Word, primary_key=True),
    sa.Column("remote_id", sa.String(128), primary_key=True),
    sa.Column("target", Of, primary_key=True),  # a kind of record, or email
    sa.Column("ref", sa.String(128), primary_key=True),  # the record's remote id; of an address, its hash
    sa.Column("hash", sa.BigInteger),  # of an address, as in match_key
    sa.Column("month", sa.Integer, nullable=False),
    sa.Column("since", Utc, nullable=False),
    sqlite_with_rowid=False,
)

match_key = sa.Table(
    "match_key",
    metadata,
    sa.Column("hash", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hub_id", Id, primary_key=True),
    sqlite_with_rowid=False,
)

change = sa.Table(
    "change",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("hub_id", Id, nullable=False, index=True),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("kind", sa.String(12), nullable=False),  # created, merged, linked, unlinked, resolved, reverted
    sa.Column("system", Word, nullable=False),  # where it came from
    sa.Column("detail", sa.Text),  # {field: {old, new, from, rule, lost}}; none on "created": every value is the first
)

stage_event = sa.Table(
    "stage_event",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("hub_id", Id, nullable=False, index=True),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("at", Utc, nullable=False),  # when it happened, as best known
    sa.Column("old", Word),
    sa.Column("new", Word, nullable=False),
    sa.Column("system", Word, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("noted", Utc),  # when we wrote it; none where that is `at`
    sa.Column("dated", sa.String(8), nullable=False, server_default="run"),  # how `at` is known: vendor, changed, run
)

write = sa.Table(
    "write",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("run_id", Id, nullable=False, index=True),
    sa.Column("hub_id", Id, nullable=False, index=True),
    sa.Column("system", Word, nullable=False),
    sa.Column("kind", Of, nullable=False, server_default="lead"),  # the hub record's
    sa.Column("operation", sa.String(8), nullable=False),  # create, update, restore, archive, merge
    sa.Column("remote_id", sa.String(128)),
    sa.Column("fields", sa.Text, nullable=False),  # {field: [what the hub was when they last agreed, what is sent]}
    sa.Column("state", sa.String(8), nullable=False),  # planned, sent (the intent), done, rejected, unknown, dropped
    sa.Column("error", sa.Text),
    sa.Column("at", Utc),
    sa.Column(
        "rank", sa.SmallInteger, nullable=False, server_default="1"
    ),  # 0 goes first, in every system: consent; 2 last: merges
    sa.Index(
        "ix_write_open",
        "system",
        sqlite_where=sa.text("state IN ('sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    ),
)

cursor = sa.Table(
    "cursor",
    metadata,
    sa.Column("system", Word, primary_key=True),
    sa.Column("stream", sa.String(64), primary_key=True),  # the kind; kind/<from>-<to> for a backfill
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("saved_at", Utc, nullable=False),
)

review = sa.Table(
    "review",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column(
        "kind", sa.String(12), nullable=False
    ),  # conflict, match, duplicate, bad_value, dead_letter, owner, guard
    sa.Column("subject", sa.String(255), nullable=False),  # what it is about: one open review a subject
    sa.Column("hub_id", Id, index=True),
    sa.Column("system", Word),
    sa.Column("record_kind", Of, nullable=False, server_default="lead"),  # what kind of record it is about
    sa.Column("remote_id", sa.String(128)),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("opened_at", Utc, nullable=False),
    sa.Column("resolution", sa.Text),
    sa.Column("resolved_by", sa.String(128)),
    sa.Column("resolved_at", Utc),
    sa.Column("closed_at", Utc),  # carried out, or no longer so
    sa.Index(
        "uq_review_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
    sa.Index("ix_review_run_id", "run_id", "kind", "id"),
    sa.Index(  # answers that wait for the next run
        "ix_review_answered", "kind", "id",
        sqlite_where=sa.text("closed_at IS NULL AND resolution IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND resolution IS NOT NULL"),
    ),
    sa.Index(  # what waits for a person, and what was told, by what it is about: counted without a look at the rows, for
        # which SQLite needs the columns of the WHERE too
        "ix_review_waiting", "kind", "record_kind", "subject", "closed_at", "resolution",
        sqlite_where=sa.text("closed_at IS NULL AND resolution IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL AND resolution IS NULL"),
    ),
    sa.Index(
        "ix_review_told", "kind", "record_kind", "subject", "resolved_at",
        sqlite_where=sa.text("resolved_at IS NOT NULL"), postgresql_where=sa.text("resolved_at IS NOT NULL"),
    ),
)  # fmt: skip

mapping_version = sa.Table(
    "mapping_version",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("published_at", Utc, nullable=False),
    sa.Column("specs", sa.Text, nullable=False),  # {place: {field: hash of its entry}}
    sa.Column("document", sa.Text, nullable=False),
)

erasure = sa.Table(  # of a person who asked for it: ids of records, and not a word about the person
    "erasure",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("state", sa.String(8), nullable=False),  # begun (the intent), done
    sa.Column("asked_at", Utc, nullable=False),
    sa.Column("ended_at", Utc),
    sa.Column("asked_by", sa.String(128), nullable=False),  # who typed the command
    sa.Column("hubs", sa.Text, nullable=False),  # ids of the hub records that were this person
    sa.Column("records", sa.Text, nullable=False),  # [{system, kind, id, outcome, at, note}]
    sa.Column("gone", sa.Text, nullable=False),  # what went of our own: {table: rows}; empty before that
)

forgotten = sa.Table(  # keyed hashes by which the person is known when they come again
    "forgotten",
    metadata,
    sa.Column("erasure_id", Id, primary_key=True),
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("lifted_at", Utc),
    sa.Column("lifted_by", sa.String(128)),
    sa.Column("reason", sa.Text),
)

lock = sa.Table(
    "lock",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(128), nullable=False),  # host:pid:token
    sa.Column("until", Utc, nullable=False),
)
