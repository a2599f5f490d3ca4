"""The tables of what the two teams agree on and look at: scores, clocks and alerts, objectives, decisions.

No query lives here; each has its verbs in the file of its name. The engine gets along without them.
"""

from __future__ import annotations

import sqlalchemy as sa

from state.columns import Id, Serial, Utc, Word, metadata

score = sa.Table(  # what a lead's score was, from when on: a row where any part of it changed
    "score",
    metadata,
    sa.Column("hub_id", Id, primary_key=True),
    sa.Column("at", Utc, primary_key=True),
    sa.Column("fit", sa.SmallInteger),
    sa.Column("engagement", sa.SmallInteger),
    sa.Column("total", sa.SmallInteger, nullable=False),
    sa.Column("grade", sa.String(2)),
    sqlite_with_rowid=False,
)

score_due = sa.Table(  # when points decay: the next day on which a lead's score is another one by itself
    "score_due",
    metadata,
    sa.Column("hub_id", Id, primary_key=True),
    sa.Column("day", sa.Integer, nullable=False, index=True),  # since 1970, UTC
    sqlite_with_rowid=False,
)

model = sa.Table(  # what was learned from the outcomes of leads, never changed afterwards
    "model",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("trained_at", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),  # the latest outcome that it knows
    sa.Column("features", sa.Text, nullable=False),
    sa.Column("coefficients", sa.Text, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),
)

attainment = sa.Table(  # what came of an objective in a period that is over; a restated one is a new row
    "attainment",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("objective", Word, nullable=False),
    sa.Column("period", sa.String(8), nullable=False),  # 2026-03, 2026-Q1, 2026-H1, 2026
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("target", sa.Float, nullable=False),
    sa.Column("frozen_at", Utc, nullable=False),
    sa.Column("frozen_by", sa.String(128), nullable=False),
    sa.Column("basis", sa.Text, nullable=False),  # what the value was counted from, as JSON
    sa.Column("restated_from", Serial),  # the row that it takes the place of
    sa.Column("reason", sa.Text),
    sa.Index(
        "uq_attainment_first", "objective", "period", unique=True,
        sqlite_where=sa.text("restated_from IS NULL"), postgresql_where=sa.text("restated_from IS NULL"),
    ),
    sa.UniqueConstraint("restated_from"),
)  # fmt: skip

acceptance = sa.Table(  # a team stands by an objective, or by what came of it
    "acceptance",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("objective", Word, nullable=False),
    sa.Column("period", sa.String(8), nullable=False),
    sa.Column("team", sa.String(16), nullable=False),
    sa.Column("target", sa.Float, nullable=False),
    sa.Column("accepted_at", Utc, nullable=False),
    sa.Column("accepted_by", sa.String(128), nullable=False),
    sa.Column("attainment_id", Serial),  # none: the target alone
)

decision = sa.Table(  # of a meeting of both teams
    "decision",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("met", sa.Date, nullable=False),  # the day of the meeting
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("who", sa.String(255), nullable=False),  # carries it out; empty where nobody is named
    sa.Column("due", sa.Date),
    sa.Column("state", sa.String(8), nullable=False),  # open, done, dropped
    sa.Column("noted_at", Utc, nullable=False),
    sa.Column("noted_by", sa.String(128), nullable=False),
    sa.Column("closed_at", Utc),
    sa.Column("closed_by", sa.String(128)),
)

sla_version = sa.Table(  # a pact as it was signed: clocks go by the version of their start
    "sla_version",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("seen_at", Utc, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)

sla_clock = sa.Table(
    "sla_clock",
    metadata,
    sa.Column("hub_id", Id, primary_key=True),
    sa.Column("clause", sa.String(16), primary_key=True),
    sa.Column("started", Utc, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("segment", Word, nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),  # e-mail address; empty where nobody is known
    sa.Column("team", Word, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),  # running, paused, met, breached, cancelled
    sa.Column("allowed", sa.BigInteger),  # microseconds of business time
    sa.Column("elapsed", sa.BigInteger, nullable=False),  # the same, when it was last read
    sa.Column("due", Utc),
    sa.Column("look", Utc),  # when there will be something to say, if nothing happens before
    sa.Column("reminded", sa.SmallInteger, nullable=False),
    sa.Column("breached_at", Utc),
    sa.Column("stopped", Utc),
    sa.Column("note", sa.String(64), nullable=False),
    sa.Index(
        "ix_sla_clock_look", "look",
        sqlite_where=sa.text("look IS NOT NULL"), postgresql_where=sa.text("look IS NOT NULL"),
    ),
    sa.Index(
        "ix_sla_clock_open", "due",
        sqlite_where=sa.text("stopped IS NULL"), postgresql_where=sa.text("stopped IS NULL"),
    ),
    sa.Index(  # to be counted
        "ix_sla_clock_state", "state", "due", "stopped",
        sqlite_where=sa.text("stopped IS NULL"), postgresql_where=sa.text("stopped IS NULL"),
    ),
    sqlite_with_rowid=False,
)  # fmt: skip

alert = sa.Table(  # a message to somebody: the row is the intent, and what became of it
    "alert",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.String(255), nullable=False, unique=True),  # what is said of what: never twice
    sa.Column("kind", sa.String(16), nullable=False),  # reminder, breach, manager
    sa.Column("hub_id", Id, index=True),
    sa.Column("clause", sa.String(16)),
    sa.Column("started", Utc),
    sa.Column("recipient", sa.String(255), nullable=False),  # an e-mail address, or the name of a team
    sa.Column("channel", Word, nullable=False),  # mail, team; empty where there is none
    sa.Column("state", sa.String(8), nullable=False),  # due, sending, sent, failed, dropped, unknown
    sa.Column("tries", sa.SmallInteger, nullable=False),
    sa.Column("at", Utc, nullable=False),
    sa.Column("next_at", Utc),
    sa.Column("sent_at", Utc),
    sa.Column("error", sa.Text),
    sa.Index(
        "ix_alert_next_at", "next_at",
        sqlite_where=sa.text("next_at IS NOT NULL"), postgresql_where=sa.text("next_at IS NOT NULL"),
    ),
)  # fmt: skip
