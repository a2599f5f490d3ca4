"""Fixtures that every test may ask for, and what makes thousands of tests in one process cheap.

Nothing here changes what a test sees: certificates are read once instead of for every client, and what collecting the
tests has left in memory is not searched for garbage again and again.
"""

from __future__ import annotations

import functools
import gc
import ssl

import pytest
from hypothesis import settings

from tests.real.fixtures import fresh_tryton, tryton

__all__ = ["fresh_tryton", "tryton"]

settings.register_profile("ours", deadline=None, print_blob=True)  # a busy machine is not a wrong answer
settings.load_profile("ours")
YOUNG = 20_000
"""Objects that come to be between two looks for garbage; Python's own 700 are for programs with little memory."""


def pytest_configure() -> None:
    """Every HTTP client of ours asks for the same certificates, and reading them takes longer than most tests."""
    ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
