"""Which leads have been decided, how, and as of when each is looked at.

Won: a deal that the lead takes part in is won, or the lead became a customer. Not won: all else that ended: a lost deal,
or a step off the ladder (disqualified, recycled, lost). Who was won at any time is won. Invariant: a lead that was
already decided when it was first seen tells nothing, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from alignment.journeys import journeys
from alignment.scoring.features import Example, rolled_back
from mapping.conditions import leaves
from mapping.config import ProjectFile
from mapping.derived import GRADE, SCORE, lifecycle_of
from mapping.moves import earned_by
from state.facts import Facts, moment
from state.outcomes import Outcomes, Past

BATCH = 2000
WON, LOST, CUSTOMER, MARKETING_QUALIFIED = "won", "lost", "customer", "mql"


class Decided(NamedTuple):
    """`qualified`: when the lead became marketing-qualified, None where it never did."""

    hub_id: str
    won: bool
    at: datetime
    qualified: datetime | None


@dataclass(slots=True)
class Decisions:
    """`examples`: in the order of their cut-offs. `left_out`: why -> how many leads tell nothing."""

    examples: list[Example] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def won(self) -> int:
        return sum(example.won for example in self.examples)

    def leave_out(self, why: str) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1


def qualified_stage(config: ProjectFile) -> str:
    """The stage whose entry is the moment that a score is for: `mql`; in another vocabulary the lowest stage that points
    earn, else the sales-qualified one."""
    ladder = [stage.name for stage in config.vocabulary.ladder]
    if MARKETING_QUALIFIED in ladder:
        return MARKETING_QUALIFIED
    by_points = {s for s, c in earned_by(config).items() if {SCORE, GRADE} & {name for _, name, _ in leaves(c)}}
    return next((stage for stage in ladder if stage in by_points), config.vocabulary.sales_qualified)


def decisions(config: ProjectFile, facts: Facts, outcomes: Outcomes) -> Decisions:
    """Every decided lead as of its cut-off."""
    found = Decisions()
    decided = iter(_decided(config, facts, outcomes, found))
    while some := list(islice(decided, BATCH)):
        pasts = outcomes.pasts([one.hub_id for one in some])
        for one in some:
            past = pasts.get(one.hub_id)
            example = _example(one, past) if past else "no longer there"
            if isinstance(example, str):
                found.leave_out(example)
            else:
                found.examples.append(example)
    found.examples.sort(key=lambda example: (example.cutoff, example.hub_id))
    return found


def _decided(config: ProjectFile, facts: Facts, outcomes: Outcomes, found: Decisions) -> Iterator[Decided]:
    lifecycle = lifecycle_of(config)
    stage = qualified_stage(config)
    won: dict[str, list[datetime]] = {}
    lost: dict[str, list[datetime]] = {}
    for deal in outcomes.closed_deals((WON, LOST)) if config.deals else ():
        if deal.at is None:
            found.leave_out("a deal without a date of its end")
        else:
            (won if deal.stage == WON else lost).setdefault(deal.lead_id, []).append(deal.at)
    qualified: dict[str, datetime] = {}
    for journey in journeys(facts.stage_events(), lifecycle):
        if stage in journey.entered:
            qualified[journey.hub_id] = moment(journey.entered[stage])
        if CUSTOMER in journey.entered:
            won.setdefault(journey.hub_id, []).append(moment(journey.entered[CUSTOMER]))
        for move in journey.moves:
            if move.new in lifecycle.side:
                lost.setdefault(journey.hub_id, []).append(moment(move.at))
    for hub_id in sorted({*won, *lost}):
        ends = won.get(hub_id) or lost[hub_id]
        yield Decided(hub_id, hub_id in won, min(ends), qualified.get(hub_id))


def _example(one: Decided, past: Past) -> Example | str:
    """As of the cut-off; or why the lead tells nothing."""
    strict = one.qualified is None or one.qualified >= one.at
    cutoff = one.at if strict or one.qualified is None else one.qualified
    if past.created is None or (past.created >= cutoff if strict else past.created > cutoff) or past.created >= one.at:
        return "decided already when first seen"
    if any(change.kind in ("united", "split") and change.at > cutoff for change in past.changes):
        return "united with another lead since"
    fields = rolled_back(past.fields, past.changes, cutoff, strict=strict)
    did = tuple((type_, at) for type_, at in past.activities if (at < cutoff if strict else at <= cutoff))
    return Example(one.hub_id, cutoff, one.at, one.won, fields, did)
