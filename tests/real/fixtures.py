"""Fixtures for real systems. `tests/conftest.py` makes them known to every test.

- `tryton`: one server per test process, shared: use e-mail addresses of your own (`unique`), start from your own cursor
- `fresh_tryton`: a server with an empty CRM for this test alone (1.5 s)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.tryton import Tryton, started


@pytest.fixture(scope="session")
def tryton() -> Iterator[Tryton]:
    with started() as server:
        yield server


@pytest.fixture
def fresh_tryton() -> Iterator[Tryton]:
    with started() as server:
        yield server
