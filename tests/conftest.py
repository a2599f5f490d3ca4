"""Fixtures that every test may ask for, and what makes thousands of tests in one process cheap.

Nothing here changes what a test sees: certificates are read once instead of for every client, new SQLite databases are
copies of one that the migrations made, and what collecting the tests has left in memory is not searched for garbage
again and again.
"""

from __future__ import annotations

import functools
import gc
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from state import database
from tests.databases import Upgrade, copying
from tests.real.fixtures import fresh_tryton, tryton

__all__ = ["fresh_tryton", "tryton"]

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # begun in the background: what tests start has to hear an interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ours", deadline=None, print_blob=True)  # a busy machine is not a wrong answer
settings.load_profile("ours")
MIGRATIONS = Path(__file__).parent / "state"
"""Here every new database is made by the migrations themselves."""
YOUNG = 20_000
"""Objects that come to be between two looks for garbage; Python's own 700 are for programs with little memory."""


def pytest_configure() -> None:
    """Every HTTP client of ours asks for the same certificates, and reading them takes longer than most tests."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)


@pytest.fixture(scope="session")
def copied_upgrade() -> Iterator[Upgrade]:
    with copying() as upgrade:
        yield upgrade


@pytest.fixture(autouse=True, scope="module")
def new_databases_are_copies(request: pytest.FixtureRequest, copied_upgrade: Upgrade) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not request.path.is_relative_to(MIGRATIONS):
            patch.setattr(database, "upgrade", copied_upgrade)
        yield
