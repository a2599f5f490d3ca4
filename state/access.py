"""The tables of who may open the console, and of who did what there.

No query lives here; `accounts.py` has the verbs. Passwords, session keys, links and tokens are kept as hashes alone: whoever
reads this database cannot sign in with what stands in it.
"""

from __future__ import annotations

import sqlalchemy as sa

from state.columns import Id, Serial, Utc, metadata

account = sa.Table(
    "account",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("email", sa.String(255), nullable=False, unique=True),  # in lower case
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(8), nullable=False),  # viewer, operator, admin
    sa.Column("password", sa.String(255)),  # argon2; none where somebody else vouches for them
    sa.Column("subject", sa.String(255), unique=True),  # issuer and subject of OpenID Connect
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    sa.Column("disabled_at", Utc),
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("account_id", Id, nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("started_at", Utc, nullable=False),
    sa.Column("seen_at", Utc, nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Column("agent", sa.String(255), nullable=False),
)

invitation = sa.Table(  # a link that works once: the first admin, whoever is invited, a password that was forgotten
    "invitation",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("email", sa.String(255), nullable=False),  # empty: whoever opens it says
    sa.Column("made_at", Utc, nullable=False),
    sa.Column("made_by", sa.String(255), nullable=False),
    sa.Column("until", Utc, nullable=False),
    sa.Column("used_at", Utc),
)

token = sa.Table(  # of programs
    "token",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("account_id", Id, nullable=False),
    sa.Column("made_at", Utc, nullable=False),
    sa.Column("until", Utc),
    sa.Column("used_at", Utc),
    sa.Column("revoked_at", Utc),
)

audit = sa.Table(  # append-only
    "audit",
    metadata,
    sa.Column("id", Serial, primary_key=True, autoincrement=True),
    sa.Column("at", Utc, nullable=False),
    sa.Column("who", sa.String(255), nullable=False),  # e-mail address; of a refused log-in, the one that was typed
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("ix_audit_action", "action", "at"),
)
