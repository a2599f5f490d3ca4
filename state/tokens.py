"""Tokens by which programs ask the console: of an account, with a role that is at most the account's own.

A token comes in clear once, when it is made, and is looked up by its hash. Not here: what a role may do. Invariant: a token
opens nothing once it is revoked or over, or its account is disabled; it is revoked, never deleted, so that the audit can name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.accounts import SEEN_EVERY, Account, Role, hashed
from state.history import Engine
from state.ids import new_id


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    name: str
    role: Role
    account_id: str
    made_at: datetime
    until: datetime | None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def ended(self, now: datetime) -> bool:
        return self.revoked_at is not None or (self.until is not None and self.until <= now)


class Tokens:
    """Every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, key: str, name: str, role: Role, account_id: str, at: datetime, until: datetime | None) -> Token:
        token = Token(new_id(), name, role, account_id, at, until)
        row = {field: getattr(token, field) for field in Token.__slots__}
        with self._engine.begin() as connection:
            connection.execute(t.token.insert(), {**row, "hash": hashed(key)})
        return token

    def holder(self, key: str, now: datetime) -> tuple[Token, Account] | None:
        """Whose it is; None where it opens nothing, or not any more."""
        c, a = t.token.c, t.account.c
        fields = [c[name].label(f"token_{name}") for name in Token.__slots__]
        query = (
            sa.select(t.account, *fields)
            .join(t.account, a.id == c.account_id)
            .where(c.hash == hashed(key), c.revoked_at.is_(None), a.disabled_at.is_(None))
            .where(sa.or_(c.until.is_(None), c.until > now))
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        token = _token({name: row[f"token_{name}"] for name in Token.__slots__})
        if token.used_at is None or now - token.used_at > SEEN_EVERY:
            with self._engine.begin() as connection:
                connection.execute(t.token.update().where(c.id == token.id), {"used_at": now})
        return token, Account(**{name: row[name] for name in Account.__slots__})

    def all(self) -> list[Token]:
        """Newest first, those that are over too."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(t.token).order_by(t.token.c.id.desc())).mappings()
            return [_token(row) for row in rows]

    def of(self, account_id: str) -> list[Token]:
        return [token for token in self.all() if token.account_id == account_id]

    def by_id(self, id_: str) -> Token | None:
        return next((token for token in self.all() if token.id == id_), None)

    def revoke(self, id_: str, at: datetime) -> bool:
        """False where there is none, or it was revoked before."""
        c = t.token.c
        change = t.token.update().where(c.id == id_, c.revoked_at.is_(None))
        with self._engine.begin() as connection:
            return connection.execute(change, {"revoked_at": at}).rowcount == 1


def _token(row: Mapping[str, Any] | sa.RowMapping) -> Token:
    return Token(**{name: row[name] for name in Token.__slots__})
