"""Why a hub record is not in a system, or is not told there: one answer, for people. Pure.

Not here: the decision itself. That is `plan.judge`, by which every run plans, so that the decision and its explanation
cannot differ; here it is put into words, with the part of the rule that fails and the value that makes it fail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mapping.conditions import Clause, asked, unmet
from mapping.mapper import Mapper
from mapping.rules import Rules
from state.records import Hub, Link
from sync import plan

Code = plan.Code | Literal["references", "in_doubt", "no_kind"]
"""Those of the plan; and `references`: in line but for what its record refers to, which the system has not got;
`in_doubt`: a run ended before the system had answered; `no_kind`: the system does not have this kind."""


class Standing(NamedTuple):
    """`clauses`: the parts of the rule that fail, where it is a rule. `review`: the question that it waits for."""

    code: Code
    sentence: str
    clauses: tuple[Clause, ...] = ()
    review: int | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """What else there is to know of a hub record. `questions`: system -> the open review of identity that names it;
    `letters`: system -> the open review of a write that was refused; `doubtful`: systems that have not answered a write
    of it; `away`: by system, the owners who have left it; the
    others as for `plan.judge`."""

    questions: Mapping[str, int] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)
    doubtful: Collection[str] = ()
    parked: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    there: Mapping[str, Collection[str]] = field(default_factory=dict)
    needed: Mapping[str, Collection[str]] = field(default_factory=dict)
    away: Mapping[str, Collection[str]] = field(default_factory=dict)


def standing(hub: Hub, system: str, rules: Rules, waits: Waits = Waits()) -> Standing:
    """How the hub record stands with the system."""
    if system not in rules.mappers:
        return Standing("no_kind", f"{system} has no records of kind {hub.kind}, or none are synced with it")
    mapper, link = rules.mappers[system], hub.links.get(system)
    held = {(hub.id, of) for of in waits.questions}
    code: Code = plan.judge(hub, system, rules, "", held, waits.parked, waits.there, waits.needed)[0]
    if code in ("create", "archive") and system in waits.doubtful:
        code = "in_doubt"
    if code == "in_line":
        told = plan.told(mapper, hub.fields, waits.there)
        names = ", ".join(
            name
            for name in sorted(mapper.references)
            if hub.fields.get(name) != told.get(name)
            and not (link and link.side.base_hub.get(name) == hub.fields.get(name))
        )
        if names and any(hub.fields.get(name) in waits.away.get(system, ()) for name in mapper.references):
            return Standing(
                "references", f"it is there; its {names} will follow once they are active in {system} again"
            )
        if names:
            return Standing("references", f"it is there; its {names} will follow once {system} has that record")
    if code in ("create_when", "sync_when", "archived") or code.startswith("left"):
        return _outside(code, hub, mapper, rules)
    review = (
        waits.questions.get(system) if code == "question" else waits.letters.get(system) if code == "refused" else None
    )
    return Standing(code, _SENTENCES[code].format(system=system, **_slots(hub, mapper, link, review)), (), review)


def _outside(code: Code, hub: Hub, mapper: Mapper, rules: Rules) -> Standing:
    """A rule does not hold: which part of it, and what else there is to say."""
    name = "create_when" if code == "create_when" else "sync_when"
    condition = mapper.asks.get(name)
    clauses = tuple(unmet(condition, hub.fields, rules.lifecycle)) if condition else ()
    rule = name
    if clauses:
        here = ", ".join(dict.fromkeys(clause.found for clause in clauses))
        rule = f"{name} asks that {' and '.join(clause.asked for clause in clauses)}; here {here}"
    elif condition:
        rule = f"{name} asks that {asked(condition)}"
    return Standing(code, _BEFORE_THE_RULE.get(code, "") + rule, clauses)


def _slots(hub: Hub, mapper: Mapper, link: Link | None, review: int | None) -> dict[str, str]:
    return {
        "record": link.remote_id if link else "",
        "keys": " or ".join("+".join(entry) for entry in mapper.match) or "id of ours there",
        "review": f"review {review}" if review else "the open reviews",
        "other": hub.merged_into or "",
    }


_BEFORE_THE_RULE: Mapping[str, str] = {
    "archived": "it was archived there, and is created anew once the rule holds again: ",
    "left": "it is there, and left alone: ",
    "left_never": "it is there, and left alone, since it never was inside the rule as it stands: ",
    "left_undecided": "it is there, and would be archived, but something that the rule looks at is not decided yet: ",
    "left_last": "it is there, and would be archived, but it is the last record of it that there is: ",
    "left_needed": "it is there, and would be archived, but other records there refer to it: ",
}
_SENTENCES: Mapping[str, str] = {
    "in_line": "it is there, and in line",
    "create": "the next run creates it",
    "update": "the next run tells it what is new",
    "archive": "the next run archives it: it has left sync_when",
    "in_doubt": "it was being written when a run ended; the next run finds out",
    "refused": "{system} refused it: see {review}",
    "question": "it may be a record there already: answer {review} first",
    "silent": "nothing is ever written there",
    "unfindable": "it has no {keys}, so that it could not be found again there",
    "merged_into": "merged into another lead",
    "nowhere": "its records are gone from every system, so it is created in none",
    "deleted": "its record {record} was deleted there; it is not created again",
    "merged": "its record {record} was merged into another there; it is not created again",
    "ignored": "its record {record} was set aside; it is not created again",
}
