"""How well the promises were kept: per clause, person, team and period, from the clocks. Pure.

A clock belongs to the period in which it started. Open clocks that are not over their time, and cancelled ones, are
neither kept nor broken. Invariant: met + breached + open + excluded is the number of clocks; nothing is counted as zero
that could not be measured.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from alignment.periods import label_of, local_day
from alignment.proportions import Interval, wilson
from mapping.agreement.objectives import Unit
from state.clocks import ClockRow


class Group(NamedTuple):
    """`owner`, `team`: empty where nobody is known, or where all are meant. `period`: 2026-01 or 2026-Q1."""

    period: str
    clause: str
    team: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Attained:
    """`share`: of those met or breached; None where there are none. `median`, `p90`: microseconds of business time that the
    clocks which were stopped had run; None where there are none."""

    met: int
    breached: int
    open: int
    excluded: int
    share: float | None
    interval: Interval | None
    median: int | None
    p90: int | None

    def document(self) -> dict[str, Any]:
        told = asdict(self)
        told["interval"] = list(self.interval) if self.interval else None
        for name in ("median", "p90"):
            length = told.pop(name)
            told[f"{name}_minutes"] = None if length is None else round(length / 60_000_000, 1)
        return told


def nearest_rank(values: Sequence[int], share: float) -> int | None:
    """The smallest value that is not below this share of them; one that really occurred."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def attainment(
    clocks: Iterable[ClockRow],
    zone: str,
    per: Unit = "month",
    by: Callable[[Group], Group] = lambda group: group,
) -> dict[Group, Attained]:
    """`by`: what of a group counts; by default a person's each."""
    groups: dict[Group, list[ClockRow]] = defaultdict(list)
    for clock in clocks:
        group = Group(label_of(per, local_day(clock.started, zone)), clock.clause, clock.team, clock.owner)
        groups[by(group)].append(clock)
    return {group: attained(rows) for group, rows in sorted(groups.items())}


def of_team(group: Group) -> Group:
    return group._replace(owner="")


def of_all(group: Group) -> Group:
    return group._replace(owner="", team="")


def attained(clocks: Sequence[ClockRow]) -> Attained:
    met = sum(clock.state == "met" for clock in clocks)
    breached = sum(clock.state == "breached" for clock in clocks)
    excluded = sum(clock.state == "cancelled" for clock in clocks)
    ran = [clock.elapsed for clock in clocks if clock.stopped is not None and clock.state in ("met", "breached")]
    decided = met + breached
    return Attained(
        met, breached, len(clocks) - decided - excluded, excluded, met / decided if decided else None,
        wilson(met, decided), nearest_rank(ran, 0.5), nearest_rank(ran, 0.9),
    )  # fmt: skip
