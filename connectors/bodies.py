"""JSON as vendors send it: quick where it is ordinary, and to the letter of the standard where it is not.

Invariant: a value that a program can hardly hold costs its record, never the page that it stands on.
"""

from __future__ import annotations

from json import loads
from math import isfinite
from typing import Any

import orjson


def parse(content: bytes) -> Any:
    """The body. What orjson refuses and RFC 8259 allows is kept for the mapping to judge: half a surrogate pair as it
    is, a number beyond every float as its text. Raises ValueError for what is not JSON."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            return loads(content, parse_int=_integer, parse_float=_real, parse_constant=_no_number)
        except RecursionError:
            raise ValueError("the body is nested too deeply") from None


def _integer(text: str) -> int | float | str:
    return int(text) if len(text) <= 18 else _real(text)


def _real(text: str) -> float | str:
    value = float(text)
    return value if isfinite(value) else text


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not JSON")
