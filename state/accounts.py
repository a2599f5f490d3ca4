"""Who may open the console: accounts, their sessions, links that work once, and the audit of what was done.

Not here: what a role may do, how a password is hashed, what a cookie is called. Keys of sessions and links come in clear and
are looked up by their hash. Invariant: an account is disabled, never deleted, so that the audit can always name who it was;
the audit is only ever added to; a link lets one person in, once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from state import tables as t
from state.history import Engine
from state.ids import new_id
from state.rows import dumps, loads

Role = Literal["viewer", "operator", "admin"]
SEEN_EVERY = timedelta(minutes=5)
"""How exactly it is known when a session was last used: it costs a commit each time."""


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    email: str
    name: str
    role: Role
    language: str
    made_at: datetime
    disabled_at: datetime | None = None
    password: str | None = None
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    account: Account
    csrf: str
    started_at: datetime
    seen_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    role: Role
    email: str
    made_by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Deed:
    """A row of the audit."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]


def hashed(key: str) -> str:
    """Of a random key of 128 bits and more, one round is enough: there is nothing to guess from."""
    return hashlib.sha256(key.encode()).hexdigest()


class Accounts:
    """Every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # --- accounts -------------------------------------------------------------------------------------------------

    def all(self) -> list[Account]:
        """By name."""
        return self._found(sa.select(t.account).order_by(t.account.c.name, t.account.c.id))

    def by_id(self, id_: str) -> Account | None:
        return self._one(t.account.c.id == id_)

    def by_email(self, email: str) -> Account | None:
        return self._one(t.account.c.email == email.strip().lower())

    def by_subject(self, subject: str) -> Account | None:
        return self._one(t.account.c.subject == subject)

    def add(self, account: Account) -> bool:
        """False where the e-mail address has an account already."""
        row = {name: getattr(account, name) for name in Account.__slots__}
        try:
            with self._engine.begin() as connection:
                connection.execute(t.account.insert(), row)
        except sa.exc.IntegrityError:
            return False
        return True

    def change(self, id_: str, **values: Any) -> None:
        """`values`: columns of the account. Whoever is disabled, or gets another password, is signed out everywhere."""
        with self._engine.begin() as connection:
            connection.execute(t.account.update().where(t.account.c.id == id_), values)
            if values.get("disabled_at") or "password" in values:
                connection.execute(t.session.delete().where(t.session.c.account_id == id_))

    # --- sessions -------------------------------------------------------------------------------------------------

    def begin(self, account_id: str, key: str, csrf: str, at: datetime, until: datetime, agent: str) -> None:
        row = {
            "hash": hashed(key), "account_id": account_id, "csrf": csrf, "started_at": at, "seen_at": at, "until": until,
            "agent": agent[:255],
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(t.session.delete().where(t.session.c.until < at))
            connection.execute(t.session.insert(), row)

    def session(self, key: str, now: datetime) -> Session | None:
        """None where the key opens nothing, or not any more, or its account is disabled."""
        s, a = t.session.c, t.account.c
        query = (
            sa.select(t.account, s.csrf, s.started_at, s.seen_at, s.until)
            .join(t.account, a.id == s.account_id)
            .where(s.hash == hashed(key), s.until > now, a.disabled_at.is_(None))
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        if now - row["seen_at"] > SEEN_EVERY:
            with self._engine.begin() as connection:
                connection.execute(t.session.update().where(s.hash == hashed(key)), {"seen_at": now})
        return Session(_account(row), row["csrf"], row["started_at"], row["seen_at"], row["until"])

    def end(self, key: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(t.session.delete().where(t.session.c.hash == hashed(key)))

    # --- links that work once -------------------------------------------------------------------------------------

    def invite(self, key: str, role: Role, email: str, at: datetime, by: str, until: datetime) -> None:
        row = {
            "hash": hashed(key), "role": role, "email": email.strip().lower(), "made_at": at, "made_by": by, "until": until,
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(t.invitation.insert(), row)

    def invitation(self, key: str, now: datetime) -> Invitation | None:
        """None where the link is none, was used, or is too old."""
        c = t.invitation.c
        query = sa.select(c.role, c.email, c.made_by, c.until).where(
            c.hash == hashed(key), c.used_at.is_(None), c.until > now
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Invitation(**row)

    def use(self, key: str, now: datetime) -> bool:
        """False where somebody else was faster."""
        c = t.invitation.c
        mine = t.invitation.update().where(c.hash == hashed(key), c.used_at.is_(None), c.until > now)
        with self._engine.begin() as connection:
            return connection.execute(mine, {"used_at": now}).rowcount == 1

    # --- the audit ------------------------------------------------------------------------------------------------

    def note(self, at: datetime, who: str, action: str, subject: str = "", **detail: Any) -> None:
        row = {"at": at, "who": who[:255], "action": action, "subject": subject[:255], "detail": dumps(detail)}
        with self._engine.begin() as connection:
            connection.execute(t.audit.insert(), row)

    def counted(self, action: str, since: datetime, who: str | None = None) -> int:
        """How often it was done since then."""
        c = t.audit.c
        query = sa.select(sa.func.count()).where(c.action == action, c.at >= since)
        if who is not None:
            query = query.where(c.who == who[:255])
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def who_did(self, action: str, subjects: Sequence[str]) -> dict[str, str]:
        """Subject -> who did it last, of those that anybody did."""
        c = t.audit.c
        query = sa.select(c.subject, c.who).where(c.action == action, c.subject.in_(subjects)).order_by(c.id)
        with self._engine.connect() as connection:
            return {row.subject: row.who for row in connection.execute(query)}

    def deeds(self, limit: int = 100, before: int | None = None) -> Sequence[Deed]:
        """Newest first; `before`: the id of a row."""
        query = sa.select(t.audit).order_by(t.audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(t.audit.c.id < before)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Deed(**{**row, "detail": loads(row["detail"])}) for row in rows]

    def _one(self, where: sa.ColumnElement[bool]) -> Account | None:
        found = self._found(sa.select(t.account).where(where))
        return found[0] if found else None

    def _found(self, query: sa.Select[Any]) -> list[Account]:
        with self._engine.connect() as connection:
            return [_account(row) for row in connection.execute(query).mappings()]


def _account(row: Mapping[str, Any] | sa.RowMapping) -> Account:
    return Account(**{name: row[name] for name in Account.__slots__})


def made(email: str, name: str, role: Role, at: datetime, *, language: str = "en", **more: Any) -> Account:
    """A new account, not stored yet."""
    email = email.strip().lower()
    return Account(new_id(), email, name.strip() or email, role, language, at, **more)
