"""How certain a share is. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

Z = 1.959963984540054
"""Standard deviations on either side that hold 95 % of a normal distribution."""


class Interval(NamedTuple):
    """Shares, 0 to 1."""

    low: float
    high: float


def wilson(part: int, whole: int) -> Interval | None:
    """The interval in which the true share lies with 95 % confidence, also of few: Wilson's score interval
    (https://doi.org/10.1080/01621459.1927.10502953). None of none."""
    if not whole:
        return None
    share, z2 = part / whole, Z * Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z / (1 + z2 / whole) * math.sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
