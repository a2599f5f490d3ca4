"""Marketing counts 412, sales 280: the same leads counted in every system, and each that is counted in one and not in another
named, with the reason.

The cohort are the leads that reached a stage in a period, as the hub's history tells; what a system counts is what its
own records say, as last read or told (a record that keeps no stage, such as a Salesforce Contact, is taken to say what it
was told). Reads the database alone; asks no system. Invariant, for every system: the cohort is what
it counts and what it lacks; and what its records say is what it counts of the cohort and what it counts beyond it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from alignment.journeys import journeys
from alignment.regressions import regressions
from mapping.fields import STAGE
from mapping.rules import Rules
from state.facts import Facts, microseconds, moment
from state.history import Engine
from state.records import Hub
from state.store import Store
from sync import references
from sync.context import BATCH
from sync.differing import Verdict, beyond, counts, missing
from sync.inclusion import Waits, standing
from sync.owners import away


@dataclass(frozen=True, slots=True)
class Difference:
    """One lead, or record, on which a system and the cohort differ. `entered`: when the lead reached the stage; None where
    it is of no lead of the cohort. `hub` is "" for a record that is linked to nobody yet."""

    system: str
    hub: str
    who: str
    record: str | None
    entered: datetime | None
    stage: str | None
    shows: str | None
    why: str
    sentence: str


@dataclass(slots=True)
class Counted:
    """One system. `says`: all its records that say so, as it would count them; `both`: those of the cohort; `lacks`: the
    cohort's others, by reason; `beyond`: its others, by reason."""

    says: int = 0
    both: int = 0
    lacks: Counter[str] = field(default_factory=Counter)
    beyond: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Comparison:
    """`undated`: leads that are in the stage now, or above it, of which no event tells since when; they are in no cohort.
    `without_reason`: how often leads of the cohort went off the ladder, and nobody said why."""

    stage: str
    start: datetime | None
    end: datetime | None
    cohort: int = 0
    systems: dict[str, Counted] = field(default_factory=dict)
    undated: int = 0
    without_reason: int = 0
    differences: list[Difference] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        systems = {
            system: {"says": one.says, "both": one.both, "lacks": dict(one.lacks), "beyond": dict(one.beyond)}
            for system, one in self.systems.items()
        }
        return {
            "stage": self.stage, "start": self.start, "end": self.end, "cohort": self.cohort, "systems": systems,
            "undated": self.undated, "without_reason": self.without_reason,
            "differences": [asdict(one) for one in self.differences],
        }  # fmt: skip


def compare(
    engine: Engine, rules: Rules, stage: str, start: datetime | None = None, end: datetime | None = None
) -> Comparison:
    """`start`: counted from then on; `end`: before then. Raises ValueError for what is no step of the ladder."""
    if stage not in rules.lifecycle.ladder:
        raise ValueError(f"there is no step {stage!r} of the ladder")
    told = Comparison(stage, start, end, systems={system: Counted() for system in rules.mappers})
    low, high = (microseconds(at) if at else None for at in (start, end))
    reached: dict[str, int] = {}
    with Facts(engine) as facts:
        cohort = []
        for journey in journeys(facts.stage_events(), rules.lifecycle):
            if stage in journey.entered:
                at = reached[journey.hub_id] = journey.entered[stage]
                if (low is None or low <= at) and (high is None or at < high):
                    cohort.append(journey)
        told.cohort = len(cohort)
        told.without_reason = regressions(cohort, rules.lifecycle).without_reason
        members = {journey.hub_id for journey in cohort}
        del cohort
        store = Store(engine, dry=True)
        try:
            look = _Look(store, rules, told, reached, members)
            ids = facts.ids("lead")
            while part := list(islice(ids, BATCH)):
                look.at(list(store.hubs(part).values()))
            look.at_questions()
        finally:
            store.close()
    told.differences.sort(key=lambda one: (one.system, one.why, one.who.casefold(), one.hub, one.record or ""))
    return told


def compare_cohort(engine: Engine, rules: Rules, stage: str, cohort: Mapping[str, int]) -> Comparison:
    """Of these leads alone (lead -> when it entered the stage, microseconds since 1970): what each system counts of them,
    and what it lacks. What it counts beyond them is not looked at, so `says` is `both`."""
    told = Comparison(stage, None, None, cohort=len(cohort), systems={system: Counted() for system in rules.mappers})
    store = Store(engine, dry=True)
    try:
        look = _Look(store, rules, told, dict(cohort), set(cohort))
        ids = iter(sorted(cohort))
        while part := list(islice(ids, BATCH)):
            look.at(list(store.hubs(part).values()))
    finally:
        store.close()
    return told


class _Look:
    """At every lead once, in every system."""

    def __init__(
        self, store: Store, rules: Rules, told: Comparison, reached: dict[str, int], members: set[str]
    ) -> None:
        self.store, self.rules, self.told = store, rules, told
        self.reached, self.members = reached, members
        self.away = away(store) if "owner" in rules.kinds else {}
        self.identity = store.reviews("match", "duplicate")
        self.questions: dict[str, dict[str, int]] = {}
        self.letters: dict[str, dict[str, int]] = {}
        for review in self.identity:
            for candidate in review.detail.get("candidates", ()):
                self.questions.setdefault(candidate["hub"], {})[review.system or ""] = review.id
        for review in store.reviews("dead_letter", "duplicate"):
            if review.hub_id:
                self.letters.setdefault(review.hub_id, {})[review.system or ""] = review.id
        self.disputed = {review.hub_id for review in store.reviews("conflict") if review.detail.get("field") == STAGE}
        self.doubtful: dict[str, set[str]] = {}
        for system in rules.mappers:
            for write in store.intents(system):
                self.doubtful.setdefault(write.hub_id, set()).add(system)

    def at(self, hubs: Sequence[Hub]) -> None:
        mine = [hub for hub in hubs if hub.id in self.members]
        parked = self.store.parked([hub.id for hub in mine])
        there = references.there(self.store, self.rules, mine, {}, self.away)
        needed = references.needed_there(self.store, self.rules, mine)
        for hub in hubs:
            undated = self._is_undated(hub)
            self.told.undated += undated
            for system, count in self.told.systems.items():
                link = hub.links.get(system)
                said = counts(link, self.told.stage, self.rules)
                count.says += said
                if hub.id in self.members:
                    if said:
                        count.both += 1
                        continue
                    doubtful = self.doubtful.get(hub.id, ())
                    waits = Waits(
                        questions=self.questions.get(hub.id, {}),
                        letters=self.letters.get(hub.id, {}),
                        doubtful=doubtful,
                        parked=parked,
                        there=there,
                        away=self.away,
                        needed=needed,
                    )
                    stands = standing(hub, system, self.rules, waits)
                    disputed = hub.id in self.disputed
                    verdict = missing(hub, system, self.told.stage, self.rules, stands, disputed, doubtful)
                    count.lacks[verdict.why] += 1
                    self._note(system, hub, verdict)
                elif said:
                    assert link is not None
                    verdict = beyond(hub, link, undated, hub.id in self.reached, hub.id in self.disputed)
                    count.beyond[verdict.why] += 1
                    self._note(system, hub, verdict)

    def at_questions(self) -> None:
        """Records that are linked to nobody before a person has answered; what they say of the stage is told there."""
        for review in self.identity:
            system, record = review.system or "", review.detail.get("record") or {}
            shows = record.get(STAGE)
            if (
                review.record_kind != "lead" or review.hub_id is not None or system not in self.told.systems
                or not self.rules.lifecycle.at_least(shows, self.told.stage)
            ):  # fmt: skip
                continue
            count = self.told.systems[system]
            count.says += 1
            count.beyond["question"] += 1
            sentence = f"nobody's yet: answer review {review.id}"
            who = str(record.get("email") or review.remote_id)
            self.told.differences.append(
                Difference(system, "", who, review.remote_id, None, None, shows, "question", sentence)
            )

    def _is_undated(self, hub: Hub) -> bool:
        known = hub.id in self.reached or hub.merged_into is not None
        return not known and self.rules.lifecycle.at_least(hub.fields.get(STAGE), self.told.stage)

    def _note(self, system: str, hub: Hub, verdict: Verdict) -> None:
        link, at = hub.links.get(system), self.reached.get(hub.id)
        entered = moment(at) if at is not None and hub.id in self.members else None
        stage, shows = hub.fields.get(STAGE), verdict.shows
        self.told.differences.append(
            Difference(
                system, hub.id, _who(hub), link.remote_id if link else None, entered,
                str(stage) if stage else None, str(shows) if shows else None, verdict.why, verdict.sentence,
            )
        )  # fmt: skip


def _who(hub: Hub) -> str:
    """Their address, else whatever there is of a name."""
    parts = (hub.fields.get(name) for name in ("first_name", "last_name"))
    return str(hub.fields.get("email") or " ".join(str(part) for part in parts if part) or hub.id)


def rows(told: Comparison) -> Iterator[tuple[str, ...]]:
    """The differences as lines of a table, its heading first."""
    yield ("system", "lead", "who", "record", "reached", "stage", "shows there", "why", "in words")
    for one in told.differences:
        yield (
            one.system, one.hub, one.who, one.record or "", one.entered.isoformat() if one.entered else "",
            one.stage or "", one.shows or "", one.why, one.sentence,
        )  # fmt: skip
