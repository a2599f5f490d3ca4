"""How a write to a system is told on a page: each field with what it was, what it becomes, and why.

Used by the page of a plan and by that of a run. Invariant: a rule that we have no words for is shown as it was noted, never left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from alignment.criteria import called
from alignment.words import Words
from mapping.config import ProjectFile
from mapping.fields import Kind

KNOWN = {
    "first value": "first", "only change": "only", "all agree": "agree", "computed": "computed", "derived": "computed",
    "as before": "before", "the run created it": "created", "does not hold any more": "left", "united": "united",
    "split": "split", "opt_out_wins": "opt_out", "union": "union", "furthest": "furthest",
    "fuller spelling": "fuller", "a person decided": "person", "newest": "newest",
    "fill_blank": "fill", "review": "asked",
    "merge: two records of one, for good": "merge",
}  # fmt: skip
"""Rules as the engine notes them -> the key of their text."""


IDENTITY = ("name", "domain", "first_name", "last_name", "full_name", "email", "company", "job_title", "stage", "score")
"""By what people know a record: told first."""


@dataclass(frozen=True)
class Line:
    """One field of a write. `held`: left out by somebody."""

    name: str
    label: str
    old: Any
    new: Any
    source: str
    rule: str
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    held: bool = False
    asked: bool = False
    """Held by itself, not because it goes together with another"""


def line(name: str, entry: Mapping[str, Any], kind: str, config: ProjectFile, words: Words, **more: Any) -> Line:
    """`entry`: {old, new, from, rule}, as a plan has them."""
    old, new = entry["old"], entry["new"]
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    if isinstance(old, list) and isinstance(new, list):
        joins = tuple(str(one) for one in new if one not in old)
        leaves = tuple(str(one) for one in old if one not in new)
    return Line(
        name, field_called(name, kind, config, words), old, new, source(entry["from"], words),
        rule(str(entry["rule"]), words), joins, leaves, **more,
    )  # fmt: skip


def in_order(fields: Mapping[str, Any]) -> list[str]:
    """The fields of a write: who it is, then what changes something that was there, then the rest by name. `fields`: with
    what each was, under "old" or as the first of two."""

    def weight(name: str) -> tuple[int, bool, str]:
        entry = fields[name]
        old = entry["old"] if isinstance(entry, Mapping) else entry[0]
        return IDENTITY.index(name) if name in IDENTITY else len(IDENTITY), old is None, name

    return sorted(fields, key=weight)


def field_called(name: str, kind: str, config: ProjectFile, words: Words) -> str:
    return called(name, config.fields_of(cast(Kind, kind)) or {}, words) if name else words("runs.record")


def source(name: str, words: Words) -> str:
    key = f"runs.from_{name}"
    return words(key) if key in words else name


def rule(text: str, words: Words) -> str:
    if text in KNOWN:
        return words(f"runs.rule_{KNOWN[text]}")
    head, _, rest = text.partition(" ")
    if head in ("prefer:", "owner:", "review"):
        return words(f"runs.rule_{head.rstrip(':')}", about=rest)
    return text
