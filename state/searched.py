"""The tables by which hub records are found: one row a record, one a word of it.

No query lives here: `search.py` asks, `indexing.py` fills them, behind the engine, for those who have a console. Nothing of the
engine reads them. What the words of a record are stands in `words.py`.
"""

from __future__ import annotations

import sqlalchemy as sa

from state.columns import Id, Serial, metadata

Text = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""In the order of its characters' numbers, as SQLite keeps it anyway: so that words which begin alike lie side by side."""

search_record = sa.Table(
    "search_record",
    metadata,
    sa.Column("n", Serial, primary_key=True, autoincrement=False),  # the newest first: it falls from record to record
    sa.Column("hub_id", Id, nullable=False, unique=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),  # id of its last change; 0 where there is none
    sa.Column("words", sa.Text, nullable=False),  # all of them, in order, with a line break before and after each
    sa.Index("ix_search_record_changed", "changed"),
    sa.Index("ix_search_record_kind", "kind", "changed"),
)

search_word = sa.Table(
    "search_word",
    metadata,
    sa.Column("word", Text, primary_key=True),
    sa.Column("n", Serial, primary_key=True, autoincrement=False),  # of search_record
    sqlite_with_rowid=False,
)
