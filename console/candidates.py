"""A record beside those that it may be, field by field, as matching sees them.

Not here: the answer, which is a person's. Invariant: what counts as equal, alike or told apart is what `sync.match` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from console.names import named
from mapping.derived import shared_fields
from mapping.fields import Fields, Kind, Value
from state.history import ReviewRow, shown_fields
from state.records import Hub
from state.store import Store
from sync.match import NEAR, WEIGHTS, alike, folded, match_keys
from sync.project import Opened

Likeness = Literal["equal", "near", "different", "missing", "extra"]
"""Of a candidate's value, beside the record's. `missing`: the candidate has none; `extra`: the record has none."""


SHOWN = 5
"""Candidates side by side."""


@dataclass(frozen=True)
class Compared:
    """`alike`: percent, where it can be said. `weighs`: whether the field counts for the likeness as a whole."""

    value: Value
    how: Likeness
    alike: float | None
    weighs: bool


@dataclass(frozen=True)
class Candidate:
    """`score`: percent; `agrees`: the rules of the mapping by which the two are found to be one; `told_apart`: those by which
    they are not."""

    hub_id: str
    name: str
    score: int
    links: Mapping[str, str]
    fields: Mapping[str, Compared]
    agrees: tuple[str, ...]
    told_apart: tuple[str, ...]
    stage: str = ""


@dataclass(frozen=True)
class Likely:
    """A record beside those that it may be. `names`: the fields to compare, those that weigh most first."""

    why: str
    by: str
    names: tuple[str, ...]
    record: Fields
    candidates: tuple[Candidate, ...]
    more: int


def likely(opened: Opened, store: Store, review: ReviewRow) -> Likely:
    detail = review.detail
    kind = review.of
    rules = opened.rules.of(kind)
    told: Sequence[Mapping[str, Any]] = detail.get("candidates", ())
    record: Fields = dict(detail.get("record", {}))
    if not told and (other := detail.get("hub")):
        hubs = store.hubs({str(other), review.hub_id or ""})
        told = [_as_candidate(hubs[str(other)])] if str(other) in hubs else []
        mine = hubs.get(review.hub_id or "")
        record = record or (dict(shown_fields(mine)) if mine and mine.id != other else {})
    mapper = rules.mappers.get(review.system or "")
    entries = (*mapper.match, *mapper.propose) if mapper else ()
    candidates = [_candidate(record, one, entries, kind) for one in told[:SHOWN]]
    names = {n for n, v in record.items() if v is not None} | {
        n for one in candidates if not record or detail.get("why") == "merged" for n in one.fields
    }
    names &= shared_fields(opened.project.config, kind).keys()
    order = list(shared_fields(opened.project.config, kind))
    by_weight = sorted(names, key=lambda n: (-WEIGHTS.get(n, 0), order.index(n)))
    return Likely(
        str(detail.get("why", "")), str(detail.get("by", "")), tuple(by_weight), record, tuple(candidates),
        max(len(told) - SHOWN, 0),
    )  # fmt: skip


def _as_candidate(hub: Hub) -> dict[str, Any]:
    links = {system: link.remote_id for system, link in hub.links.items()}
    return {"hub": hub.id, "fields": dict(shown_fields(hub)), "links": links}


def _candidate(record: Fields, told: Mapping[str, Any], entries: Sequence[tuple[str, ...]], kind: Kind) -> Candidate:
    theirs: Fields = told["fields"]
    compared = {name: compare(record.get(name), theirs.get(name), name) for name in {*record, *theirs}}
    weights = {n: w for n, w in WEIGHTS.items() if n in compared and compared[n].alike is not None}
    total = sum(weights.values())
    score = sum(weight * (compared[name].alike or 0.0) for name, weight in weights.items())
    ours_by, theirs_by = dict(match_keys(record, entries, kind)), dict(match_keys(theirs, entries, kind))
    both = [rule for rule in ours_by if rule in theirs_by]
    return Candidate(
        hub_id=str(told["hub"]),
        name=named(theirs, str(told["hub"]), kind),
        score=int(told.get("score", round(score / total) if total else 0)),
        links=told["links"],
        fields=compared,
        agrees=tuple(rule for rule in both if ours_by[rule] == theirs_by[rule]),
        told_apart=tuple(rule for rule in both if ours_by[rule] != theirs_by[rule]),
        stage=str(theirs.get("stage") or ""),
    )


def compare(ours: Value, theirs: Value, name: str) -> Compared:
    """Two values of a field as matching sees them: case, accents and spaces do not count."""
    near = alike(ours, theirs)
    how: Likeness
    if near is None:
        how = "extra" if ours in (None, "") else "missing"
    else:
        how = "equal" if folded(ours) == folded(theirs) else "near" if near >= NEAR else "different"
    return Compared(theirs, how, near, name in WEIGHTS)
