"""Whether a system counts a lead that has reached a stage, and if not, why. One answer, for people. Pure.

A system counts a lead if the record that it has of it says so: its stage, read through the mapping, is this one or a
higher step. Not here: how a lead stands with a system that does not have it (`sync.inclusion`), nor who belongs to the
cohort (`sync.compare`). Invariant: who is not counted has exactly one reason.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple

from mapping.fields import STAGE, Value
from mapping.rules import Rules
from state.records import Hub, Link
from sync.inclusion import Standing

Why = Literal[
    "counted", "absent", "conflict", "refused", "in_doubt", "off_ladder", "went_back", "no_stage", "cannot_say", "outside",
    "pending", "duplicate", "undated", "other_time", "overruled", "question",
]  # fmt: skip
"""The last five are of records that a system counts though the cohort has no such lead."""


class Verdict(NamedTuple):
    """`shows`: the stage that the record there is read as."""

    why: Why
    sentence: str
    shows: Value = None


def shown(link: Link) -> Value:
    """The stage that the system's record was last read as."""
    side = link.side
    return side.seen[STAGE] if STAGE in side.seen else side.base_remote.get(STAGE)


def counts(link: Link | None, stage: str, rules: Rules) -> bool:
    """Whether a system says of its record that it has reached the stage."""
    return link is not None and link.state == "live" and rules.lifecycle.at_least(shown(link), stage)


def missing(
    hub: Hub, system: str, stage: str, rules: Rules, standing: Standing, in_conflict: bool, doubtful: Collection[str]
) -> Verdict:
    """Of a lead that has reached the stage: whether the system counts it. `in_conflict`: a person is asked for its stage;
    `doubtful`: the systems that have not answered a write of it."""
    link, mapper = hub.links.get(system), rules.mappers[system]
    rank, now = rules.lifecycle.rank, hub.fields.get(STAGE)
    if link is None or link.state != "live":
        return Verdict("absent", f"not there: {standing.sentence}")
    shows = shown(link)
    if rules.lifecycle.at_least(shows, stage):
        return Verdict("counted", "", shows)
    there = shows if shows is not None else "no stage"
    if in_conflict:
        return Verdict("conflict", "a person is asked which stage it is in", shows)
    if rank(now) < 0:
        return Verdict("off_ladder", f"it has left the ladder since ({now}), and shows {there} there", shows)
    if rank(now) < rank(stage):
        return Verdict("went_back", f"it was taken up again as {now}, and shows {there} there", shows)
    if STAGE not in mapper.maps or (STAGE not in link.side.base_remote and STAGE not in link.side.seen):
        return Verdict("no_stage", "its record there has no stage", shows)
    if standing.code == "refused":
        return Verdict("refused", f"{there} there: {standing.sentence}", shows)
    if system in doubtful:
        return Verdict("in_doubt", f"{there} there; a write was under way when a run ended", shows)
    if STAGE not in mapper.pushed or rank(mapper.roundtrip(STAGE, now)) < rank(stage):
        return Verdict("cannot_say", f"{system} has no word of its own for {now}: it shows {there}", shows)
    if standing.code.startswith("left"):
        return Verdict("outside", f"{there} there: {standing.sentence}", shows)
    return Verdict("pending", f"{there} there; the next run tells it {now}", shows)


def beyond(hub: Hub, link: Link, undated: bool, reached: bool, in_conflict: bool) -> Verdict:
    """Of a record that a system counts, and that is of no lead of the cohort. `reached`: its lead has, at another time."""
    shows = shown(link)
    if hub.merged_into:
        return Verdict("duplicate", f"a second record of a lead that has one there already ({hub.merged_into})", shows)
    if undated:
        return Verdict("undated", "nothing is known of when it reached the stage", shows)
    if reached:
        return Verdict("other_time", "it reached the stage at another time", shows)
    if in_conflict:
        return Verdict("conflict", "a person is asked which stage it is in", shows)
    return Verdict("overruled", f"{shows} there; the hub has {hub.fields.get(STAGE) or 'no stage'}", shows)
