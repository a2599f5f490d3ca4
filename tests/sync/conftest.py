"""`--hypothesis-profile=many` looks at twenty times as many situations as an ordinary run of the tests."""

from hypothesis import settings

settings.register_profile("many", max_examples=2000, deadline=None)
