"""Who may open the console: accounts, their sessions, and links that work once; the audit comes with them (`audit`).

Not here: what a role may do, how a password is hashed, what a cookie is called, tokens of programs (`tokens`). Keys of sessions
and links come in clear and are looked up by their hash. Invariant: an account is disabled, never deleted, so that the audit can
always name who it was; somebody who is an admin is always left, whatever two admins do at once; a link lets one person in, once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from state import tables as t
from state.audit import Audit, Deed, Failures
from state.ids import new_id

__all__ = [
    "Account",
    "Accounts",
    "Audit",
    "Deed",
    "Failures",
    "Invitation",
    "OpenLink",
    "OpenSession",
    "Role",
    "Session",
]

Role = Literal["viewer", "operator", "admin"]
SEEN_EVERY = timedelta(minutes=5)
"""How exactly it is known when a session was last used: it costs a commit each time."""

MARK = 16
"""Digits of a link's hash that name it."""


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
    made_at: datetime
    made_by: str
    until: datetime


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session as its owner sees it. `mine`: the one that asks."""

    started_at: datetime
    seen_at: datetime
    until: datetime
    agent: str
    mine: bool


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A link that nobody has used yet. `mark`: by which it is withdrawn; nothing can be opened with it."""

    mark: str
    role: Role
    email: str
    made_at: datetime
    made_by: str
    until: datetime


def hashed(key: str) -> str:
    """Of a random key of 128 bits and more, one round is enough: there is nothing to guess from."""
    return hashlib.sha256(key.encode()).hexdigest()


class Accounts(Audit):
    """Every call is a transaction of its own."""

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

    def set_role(self, id_: str, role: Role) -> bool:
        """False where nobody else is an admin, and this one would be none any more. Nothing is changed then."""
        return self._keeping_an_admin(id_, role != "admin", role=role)

    def disable(self, id_: str, at: datetime) -> bool:
        """Signed out everywhere, and out of use with them: their open links, and those that they made. False as above."""
        account = self.by_id(id_)
        if account is None or not self._keeping_an_admin(id_, True, disabled_at=at):
            return False
        c = t.invitation.c
        mine = sa.or_(c.email == account.email, c.made_by == account.email)
        with self._engine.begin() as connection:
            connection.execute(t.session.delete().where(t.session.c.account_id == id_))
            connection.execute(t.invitation.delete().where(mine, c.used_at.is_(None)))
        return True

    def _keeping_an_admin(self, id_: str, ends: bool, **values: Any) -> bool:
        other = t.account.alias("other")
        o = other.c
        admins = sa.select(o.id).where(o.role == "admin", o.disabled_at.is_(None))
        a = t.account.c
        change = t.account.update().where(a.id == id_)
        if ends:
            change = change.where(
                sa.or_(a.role != "admin", a.disabled_at.is_not(None), admins.where(o.id != id_).exists())
            )
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":  # SQLite has one writer at a time
                connection.execute(admins.order_by(o.id).with_for_update())
            return connection.execute(change, values).rowcount == 1

    # --- sessions -------------------------------------------------------------------------------------------------

    def begin(self, account_id: str, key: str, csrf: str, at: datetime, until: datetime, agent: str) -> None:
        row = {
            "hash": hashed(key), "account_id": account_id, "csrf": csrf, "started_at": at, "seen_at": at, "until": until,
            "agent": agent[:255],
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(t.session.delete().where(t.session.c.until < at))
            connection.execute(t.session.insert(), row)

    def session(self, key: str, now: datetime, idle: timedelta | None = None) -> Session | None:
        """None where the key opens nothing, or not any more, or has not for `idle`, or its account is disabled."""
        s, a = t.session.c, t.account.c
        query = (
            sa.select(t.account, s.csrf, s.started_at, s.seen_at, s.until)
            .join(t.account, a.id == s.account_id)
            .where(s.hash == hashed(key), s.until > now, a.disabled_at.is_(None))
        )
        if idle is not None:
            query = query.where(s.seen_at > now - idle)
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

    def end_others(self, account_id: str, key: str) -> int:
        """Every session of the account but this one; how many they were."""
        c = t.session.c
        with self._engine.begin() as connection:
            return connection.execute(
                t.session.delete().where(c.account_id == account_id, c.hash != hashed(key))
            ).rowcount

    def sessions(self, account_id: str, key: str, now: datetime) -> list[OpenSession]:
        """Of the account, the one that was seen last first."""
        c = t.session.c
        query = (
            sa.select(c.started_at, c.seen_at, c.until, c.agent, (c.hash == hashed(key)).label("mine"))
            .where(c.account_id == account_id, c.until > now)
            .order_by(c.seen_at.desc(), c.hash)
        )
        with self._engine.connect() as connection:
            return [OpenSession(**{**row, "mine": bool(row["mine"])}) for row in connection.execute(query).mappings()]

    def last_seen(self) -> dict[str, datetime]:
        """Account -> when one of its sessions was last used."""
        c = t.session.c
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(c.account_id, sa.func.max(c.seen_at)).group_by(c.account_id))
            return {row[0]: row[1] for row in rows}

    # --- links that work once -------------------------------------------------------------------------------------

    def invite(self, key: str, role: Role, email: str, at: datetime, by: str, until: datetime) -> None:
        """An older link for the same address opens nothing any more."""
        row = {
            "hash": hashed(key), "role": role, "email": email.strip().lower(), "made_at": at, "made_by": by, "until": until,
        }  # fmt: skip
        c = t.invitation.c
        with self._engine.begin() as connection:
            if row["email"]:
                connection.execute(t.invitation.delete().where(c.email == row["email"], c.used_at.is_(None)))
            connection.execute(t.invitation.insert(), row)

    def invitation(self, key: str, now: datetime) -> Invitation | None:
        """None where the link is none, was used, or is too old."""
        c = t.invitation.c
        query = sa.select(c.role, c.email, c.made_at, c.made_by, c.until).where(
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

    def links(self, now: datetime) -> list[OpenLink]:
        """Those that would let somebody in, newest first."""
        c = t.invitation.c
        query = (
            sa.select(sa.func.substr(c.hash, 1, MARK).label("mark"), c.role, c.email, c.made_at, c.made_by, c.until)
            .where(c.used_at.is_(None), c.until > now)
            .order_by(c.made_at.desc(), c.hash)
        )
        with self._engine.connect() as connection:
            return [OpenLink(**row) for row in connection.execute(query).mappings()]

    def withdraw(self, mark: str) -> str | None:
        """The address that the link was for; None where there is no such link, or it was used."""
        c = t.invitation.c
        named = sa.and_(sa.func.substr(c.hash, 1, MARK) == mark, c.used_at.is_(None))
        with self._engine.begin() as connection:
            email: str | None = connection.execute(sa.select(c.email).where(named)).scalar()
            connection.execute(t.invitation.delete().where(named))
        return email

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
