"""What is wrong with a database, in words for a person.

A driver's own message holds statements and values, and so people's data: of it only the first line of what the server
itself said is looked at, and never shown.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc


class Trouble(NamedTuple):
    """`code` is documented in docs/errors.md."""

    code: str
    message: str
    hint: str


BUSY = Trouble(
    "database-busy",
    "Another process is writing to the database, and did not finish in time.",
    "Wait for the run that is under way (smarketing status shows it), then try again.",
)
DAMAGED = Trouble(
    "database-damaged",
    "The database file is damaged, or is no database.",
    "Restore it from a backup; or move it away and run `smarketing sync`: every hub is read and matched again.",
)
FULL = Trouble(
    "database-full", "The disk that holds the database is full.", "Make room; then run again: nothing is lost."
)
READ_ONLY = Trouble(
    "database-refused", "The database may not be written to.", "Check the rights on its file and folder."
)
UNREACHABLE = Trouble(
    "database-unreachable", "The database cannot be reached.", "Check `database` in smarketing.yaml, and that it is up."
)
REFUSED = Trouble(
    "database-refused", "The database refused the user or the password.", "Check the variables that `database` names."
)
NEWER = Trouble(
    "database-newer",
    "The database was made by a newer smarketing than this one.",
    "Install that version, or point `database` elsewhere.",
)
ADDRESS = Trouble(
    "database-address",
    "`database` in smarketing.yaml is no address of a database.",
    "Write sqlite:///state.sqlite, or postgresql+psycopg://user:${PASSWORD}@host/name.",
)
OTHER = Trouble("database", "The database could not do what was asked.", "The log file says which statement failed.")

_TOLD = (
    (("is locked", "lock timeout", "deadlock"), BUSY),
    (("malformed", "not a database", "disk image"), DAMAGED),
    (("disk is full", "no space left"), FULL),
    (("readonly", "read-only", "permission denied for"), READ_ONLY),
    (("password authentication", "no password supplied", "role "), REFUSED),
    (("unable to open", "could not connect", "connection refused", "connection failed", "could not translate",
      "server closed", "does not exist"), UNREACHABLE),
)  # fmt: skip


def trouble(error: BaseException) -> Trouble | None:
    """None where the error is none of a database."""
    if type(error).__module__.startswith("alembic"):
        return NEWER if "locate revision" in str(error) else OTHER
    if isinstance(error, exc.ArgumentError | exc.NoSuchModuleError):
        return ADDRESS
    if not isinstance(error, sa.exc.SQLAlchemyError | sqlite3.Error):
        return None
    said = str(error.orig if isinstance(error, exc.DBAPIError) else error).casefold()
    return next((found for words, found in _TOLD if any(word in said for word in words)), OTHER)
