"""One run at a time on one database: a lease in a row, renewed while the run lives.

A run that was killed leaves its lease behind. On the same machine the next run sees that the process is gone and
takes over at once; from another machine it waits until the lease has run out.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from state import tables as t
from state.ids import new_id

LEASE = timedelta(minutes=2)


class Busy(Exception):
    """Another run holds the lock. `holder` is its host and process id."""

    code = "busy"

    def __init__(self, holder: str) -> None:
        host, pid, _ = holder.rsplit(":", 2)
        super().__init__(f"Another run is under way (process {pid} on {host}). Wait for it, or stop it.")
        self.holder = holder


class Lease:
    """Raises Busy where somebody else holds the lock."""

    def __init__(self, engine: sa.Engine, name: str, clock: Callable[[], datetime]) -> None:
        self.engine, self.name, self.clock = engine, name, clock
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self._until = self._take()

    def renew(self) -> None:
        """Cheap to call often: writes only once half of the lease is gone. Raises Busy where it was taken over."""
        now = self.clock()
        if self._until - now < LEASE / 2:
            c = t.lock.c
            with self.engine.begin() as connection:
                row = t.lock.update().where(c.name == self.name, c.holder == self.holder).values(until=now + LEASE)
                held = connection.execute(row).rowcount == 1
            if not held:
                raise Busy(self._holder())
            self._until = now + LEASE

    def release(self) -> None:
        c = t.lock.c
        with self.engine.begin() as connection:
            connection.execute(t.lock.delete().where(c.name == self.name, c.holder == self.holder))

    def _take(self) -> datetime:
        now = self.clock()
        c = t.lock.c
        try:
            with self.engine.begin() as connection:
                row = connection.execute(sa.select(c.holder, c.until).where(c.name == self.name)).first()
                if row and row.until > now and _alive(row.holder):
                    raise Busy(row.holder)
                if row:  # gone: whoever deletes its row may follow it, and of two only one can insert theirs
                    connection.execute(t.lock.delete().where(c.name == self.name, c.holder == row.holder))
                connection.execute(t.lock.insert(), [{"name": self.name, "holder": self.holder, "until": now + LEASE}])
        except sa.exc.IntegrityError as error:
            raise Busy(self._holder()) from error
        return now + LEASE

    def _holder(self) -> str:
        """Who has the lock now."""
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(t.lock.c.holder).where(t.lock.c.name == self.name)).scalar()
        return str(found or "?:?:?")


def held(engine: sa.Engine, name: str, now: datetime) -> bool:
    """Whether somebody holds this lock."""
    with engine.connect() as connection:
        row = connection.execute(sa.select(t.lock.c.holder, t.lock.c.until).where(t.lock.c.name == name)).first()
    return row is not None and row.until > now and _alive(row.holder)


def _alive(holder: str) -> bool:
    """False only where the process is known to be gone."""
    host, pid, _ = holder.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def held_by(engine: sa.Engine, name: str, now: datetime) -> str | None:
    """Who holds the lock ("host:pid:token"); None where nobody does who lives."""
    c = t.lock.c
    with engine.connect() as connection:
        row = connection.execute(sa.select(c.holder, c.until).where(c.name == name)).first()
    return str(row.holder) if row and row.until > now and _alive(row.holder) else None
