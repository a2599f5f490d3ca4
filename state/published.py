"""The tables of the configuration's life: drafts of it, and what was published.

No query lives here; `drafts.py` has the verbs. What runs are the files in the project folder; a publication is what they were
at a point in time, kept whole. Secrets stand in neither: the files hold ${NAME} alone.
"""

from __future__ import annotations

import sqlalchemy as sa

from state.columns import Id, Utc, metadata

draft = sa.Table(  # one for each account
    "draft",
    metadata,
    sa.Column("account_id", Id, primary_key=True),
    sa.Column(
        "version", sa.Integer, nullable=False
    ),  # goes up with every change: whoever saves says which one they saw
    sa.Column("files", sa.Text, nullable=False),  # name -> text
    sa.Column("begun", sa.Text, nullable=False),  # the same, as the folder was when the draft was begun
    sa.Column("changed_at", Utc, nullable=False),
)

publication = sa.Table(  # append-only
    "publication",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),  # as people call it: 1, 2, 3
    sa.Column("at", Utc, nullable=False),
    sa.Column("by", sa.String(255), nullable=False),  # e-mail address; empty where the files were edited by hand
    sa.Column("how", sa.String(8), nullable=False),  # draft, hand, rollback
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("files", sa.Text, nullable=False),  # name -> text, all of them
    sa.Column("rules_hash", sa.String(64), nullable=False),  # empty where the files of a hand had errors
    sa.Column("rolls_back", sa.Integer),  # number of the publication whose files were put back
    sa.Column("begun_from", sa.Integer),  # number of the publication that it changes
)
