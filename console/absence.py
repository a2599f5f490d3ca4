"""Why a hub record is not in a system, or is there and left alone: for `explain`, in words.

Invariant: one reason a system, the first that holds, in the order in which a run goes through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from console.names import WORDS
from console.screen import plain
from mapping.conditions import evidence
from mapping.fields import Fields, Kind
from mapping.mapped import KindMapping
from state.history import ReviewRow, SentRow
from state.records import Hub, Link
from state.store import Store
from sync.plan import may_create
from sync.project import Opened


def absent(
    opened: Opened, store: Store, lead: Hub, reviews: Sequence[ReviewRow], sent: Sequence[SentRow]
) -> dict[str, str]:
    parked = store.parked([lead.id])
    held = {
        (review.system or "", review.id)
        for review in store.reviews("match", "duplicate")
        for candidate in review.detail.get("candidates", ())
        if candidate["hub"] == lead.id
    }
    told = {}
    for system, mapper in opened.rules.of(lead.kind).mappers.items():
        link = lead.links.get(system)
        if link and link.state == "live":
            if not mapper.sync_when(lead.fields):
                told[system] = "it is there, and left alone: " + _condition(
                    "sync_when", _mapped(opened, system, lead.kind), lead.fields
                )
            continue
        waiting = [id_ for where, id_ in held if where == system]
        doubtful = any(row.write.system == system and row.write.state in ("sent", "unknown") for row in sent)
        told[system] = (
            _gone(link) if link
            else f"merged into another {WORDS[lead.kind][0]}" if lead.merged_into
            else f"{system} refused it: see review {_review_of(reviews, system)}" if (lead.id, system) in parked
            else f"it may be a record there already: answer review {waiting[0]} first" if waiting
            else "it was being created when a run ended; the next run finds out" if doubtful
            else "the next run creates it" if may_create(mapper, lead.fields)
            else _why_not(opened, system, lead)
        )  # fmt: skip
    return told


def _mapped(opened: Opened, system: str, kind: Kind) -> KindMapping:
    found = opened.project.mappings[system].of(kind)
    assert found is not None, "a system without a mapping for the kind has no mapper either"
    return found


def _gone(link: Link) -> str:
    words = {"deleted": "was deleted there", "merged": "was merged into another there", "ignored": "was set aside"}
    return f"its record {plain(link.remote_id)} {words.get(link.state, link.state)}; it is not created again"


def _review_of(reviews: Sequence[ReviewRow], system: str) -> str:
    return next((str(r.id) for r in reviews if r.system == system and r.kind in ("dead_letter", "duplicate")), "list")


def _why_not(opened: Opened, system: str, hub: Hub) -> str:
    mapper, mapping, fields = opened.rules.of(hub.kind).mappers[system], _mapped(opened, system, hub.kind), hub.fields
    if not mapper.pushed:
        return "nothing is ever written there"
    if not mapper.create_when(fields):
        return _condition("create_when", mapping, fields)
    if not mapper.sync_when(fields):
        return _condition("sync_when", mapping, fields)
    keys = " or ".join("+".join(entry) for entry in mapper.match)
    return f"it has no {keys}, so that it could not be found again there"


def _condition(name: str, mapping: KindMapping, fields: Fields) -> str:
    condition = mapping.create_when if name == "create_when" else mapping.sync_when
    if condition is None:
        return name
    asked = condition.model_dump(by_alias=True, exclude_none=True)
    return f"{name} asks for {_words(asked)}; here {plain(evidence(condition, fields), 200)}"


_TESTS = {
    "at_least": "at least",
    "at_most": "at most",
    "equals": "",
    "in": "",
    "contains": "with",
    "present": "present:",
}


def _words(asked: Any) -> str:
    """A condition in a line: "stage at least lead"."""
    if isinstance(asked, Mapping):
        parts = [f"{_TESTS.get(name, name)} {_words(test)}".strip() for name, test in asked.items()]
        return " and ".join(parts)
    if isinstance(asked, list | tuple):
        return " or ".join(_words(part) for part in asked)
    return "yes" if asked is True else "no" if asked is False else plain(asked, 60)
