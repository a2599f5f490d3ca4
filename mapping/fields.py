"""The kinds of hub records, the values they may hold, and the policies by which a conflict over one is decided.

Hub values are JSON: text, numbers, booleans, lists of text (sorted, without repeats), dates and times as ISO 8601
text. None is blank. A key that is absent from `Fields` was not read and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Value = str | int | float | bool | list[str] | None
Fields = dict[str, Value]

Kind = Literal["owner", "company", "lead", "deal"]
"""The kinds of hub records. (Activities are none: nothing in them is ever merged or written.)"""

RecordKind = Kind | Literal["activity"]
"""All that is read from systems."""

KINDS: tuple[Kind, ...] = ("owner", "company", "lead", "deal")
"""In the order in which they are read and written: what a record may refer to comes before it."""

STAGE = "stage"
REASON = "stage_reason"
OPTED_OUT = "opted_out"
EVIDENCE = "stage_evidence"
"""What of a lead's neighbours was known when it last had a reason to leave the ladder: the same is no reason twice."""

ENGAGED = "engagement_parts"
"""What each scoring rule over activities counted when the lead was last looked at. Of the hub alone."""

TALLY = "activity_tally"
"""How many activities of each type a lead has, where the learned score is pushed. Of the hub alone."""

HIDDEN = (EVIDENCE, ENGAGED, TALLY)
"""What the hub keeps for itself, and shows to people in other words."""

ACTS = "consent_acts"
"""By what a person has recorded, somebody is opted in again: names of channels, `channel:list` for a list. Of the hub
alone; no system is told."""

CONSENT_BASIS, CONSENT_AT, CONSENT_SOURCE = "consent_basis", "consent_at", "consent_source"
CONSENT = (CONSENT_AT, CONSENT_BASIS, CONSENT_SOURCE)
"""On which legal basis somebody is written to, since when, and by whose word."""

PolicyKind = Literal[
    "prefer", "owner", "furthest", "union", "fill_blank", "opt_out_wins", "newest", "review", "consent"
]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who wins when two systems changed a field since they last agreed.

    - prefer: the first of `systems` that has an opinion (a total order: the compiler appends the systems left out)
    - owner: `systems[0]` is master; what any other system says is put back
    - furthest: the stage furthest along the ladder
    - union: every member that any system added, less what one removed
    - fill_blank: the hub's value stands; a claim only fills a blank
    - opt_out_wins: true beats false, every member of a list stays, and nothing but an act that a person has recorded
      turns true into false again, or takes a member out
    - newest: the claim with the latest change time, where all claims have one; else as prefer
    - review: a person decides; until then nothing moves
    - consent: all fields of this policy as one, from whoever tells the newest `consent_at`
    """

    kind: PolicyKind = "prefer"
    systems: tuple[str, ...] = ()

    def rank(self, system: str) -> int:
        """0 is the most preferred."""
        return self.systems.index(system) if system in self.systems else len(self.systems)


PLURALS: Mapping[Kind, str] = {"owner": "owners", "company": "companies", "lead": "leads", "deal": "deals"}
"""How an admin's files call the kinds. Leads have no section of their own: they are what the files are about."""


def is_opt_out(name: str) -> bool:
    """Whether a field says by its name that somebody has opted out of something: `opted_out`, `sms_opted_out`."""
    return name == OPTED_OUT or name.endswith(f"_{OPTED_OUT}")


def place(system: str, kind: RecordKind) -> str:
    """How the records of one kind in one system are called: "hubspot" for its leads, "hubspot/deal" for its deals."""
    return system if kind == "lead" else f"{system}/{kind}"


def blank(value: object) -> bool:
    return value is None or value == "" or value == []
