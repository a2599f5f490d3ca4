"""Fixtures that every test may ask for."""

from hypothesis import settings

from tests.real.fixtures import fresh_tryton, tryton

__all__ = ["fresh_tryton", "tryton"]

settings.register_profile("ours", deadline=None, print_blob=True)  # a busy machine is not a wrong answer
settings.load_profile("ours")
