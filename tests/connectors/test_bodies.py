"""Bodies that are JSON and yet too much for a quick parser, and such as are none."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.bodies import parse


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "b": [true, null]}', {"a": 1, "b": [True, None]}),
        (rb'"half \ud83d a pair"', "half \ud83d a pair"),
        (rb'["\ud800", 7, 1.5]', ["\ud800", 7, 1.5]),
        (b'[1e999, "x"]', ["1e999", "x"]),
        (b"[-1e999, " + b"9" * 5000 + b"]", ["-1e999", "9" * 5000]),
    ],
)
def test_what_the_standard_allows_is_read(body: bytes, value: Any) -> None:
    assert parse(body) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a": 1', b"NaN", b'["\xff"]', rb'["\ud800", NaN]', b"[" * 100_000, b'{"a": 1} trailing'],
)
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse(body)
