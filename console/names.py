"""Hub records by the names that people know them by: a lead, a company, a deal, an owner; and values that refer to one.

Not here: how a name is drawn. Invariant: whatever a command shows goes through one query, however many records it names;
documents keep the ids and add a table of names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from console.screen import plain
from mapping.fields import RecordKind
from state.history import shown_fields
from state.records import Hub
from state.store import Store

_ID = re.compile(r"[0-9a-f]{32}")
ORDER: tuple[RecordKind, ...] = ("owner", "company", "lead", "deal", "activity")
"""As a run goes through them: what is referred to comes first."""

WORDS: Mapping[RecordKind, tuple[str, str]] = {
    "owner": ("owner", "owners"),
    "company": ("company", "companies"),
    "lead": ("lead", "leads"),
    "deal": ("deal", "deals"),
    "activity": ("activity", "activities"),
}
"""One, and several."""


def named(fields: Mapping[str, Any], otherwise: str = "", kind: RecordKind = "lead") -> str:
    """Who or what a record is, as people would say it."""
    if kind == "company":
        return plain(fields.get("name") or fields.get("domain") or otherwise or "some company", 80)
    if kind == "deal":
        return plain(fields.get("name") or otherwise or "some deal", 80)
    name = " ".join(str(fields[n]) for n in ("first_name", "last_name") if fields.get(n)) or fields.get("full_name")
    email, company = fields.get("email"), fields.get("company")
    if name and email and kind == "lead":
        return plain(f"{name} <{email}>", 80)
    return plain(name or email or company or otherwise or "somebody unknown", 80)


def name_of(hub: Hub) -> str:
    return named(shown_fields(hub), hub.id, hub.kind)


def names_in(store: Store, *data: Any) -> dict[str, str]:
    """Id -> name of every hub record that a value anywhere in the data refers to."""
    ids = {found for one in data for found in _ids(one)}
    return {hub.id: name_of(hub) for hub in store.hubs(ids).values()} if ids else {}


def _ids(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        if _ID.fullmatch(data):
            yield data
    elif isinstance(data, Mapping):
        yield from _among(data.values())
    elif isinstance(data, list | tuple | set | frozenset):
        yield from _among(data)


def _among(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        yield from _ids(value)


def in_words(value: Any, names: Mapping[str, str]) -> Any:
    """The value with the names of the records that it refers to in place of their ids."""
    if isinstance(value, list):
        return sorted(str(in_words(one, names)) for one in value) if any(one in names for one in value) else value
    return names.get(value, value) if isinstance(value, str) else value


def split_place(place: str) -> tuple[str, RecordKind]:
    """A system and a kind out of "hubspot/company", as reports write it; leads go without their kind."""
    system, _, kind = place.partition("/")
    return system, kind or "lead"  # type: ignore[return-value]  # what is no kind is found nowhere


def in_order(place: str) -> tuple[int, str]:
    """Sorts places by kind, then by system."""
    system, kind = split_place(place)
    return ORDER.index(kind) if kind in ORDER else len(ORDER), system


def place_in_words(place: str) -> str:
    """ "companies in hubspot" """
    system, kind = split_place(place)
    return f"{WORDS[kind][1]} in {system}" if kind in WORDS else place
