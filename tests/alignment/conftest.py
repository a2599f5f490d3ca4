"""Databases as in tests/state: whoever asks for `engine` is run on SQLite and on PostgreSQL."""

from __future__ import annotations

from tests.state.conftest import engine, postgres, sqlite_template, store

__all__ = ["engine", "postgres", "sqlite_template", "store"]
