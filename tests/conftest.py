"""Fixtures that every test may ask for."""

from tests.real.fixtures import fresh_tryton, tryton

__all__ = ["fresh_tryton", "tryton"]
