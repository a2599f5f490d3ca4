"""Which hub record is this remote record? Pure.

In order: our own id on the record, then the match fields of the mapping, strongest first. (The link, the strongest
of all, is known before a record comes here.) Two candidates are a question for a person, never "the first": a wrong
match mixes two people. A second record of the same system for one hub is a duplicate, and also a question.
What is only likely (`propose`) is asked as well, where nothing better is known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Literal, NamedTuple

from rapidfuzz import fuzz

from mapping.fields import Fields, Kind, Value, place
from mapping.mapper import Mapper
from sync.legal_forms import without_legal_form

OUR_ID = "our id"
NAME = "name"

Answer = Literal["found", "new", "ambiguous", "duplicate", "unmatchable"]


class Match(NamedTuple):
    """`candidates` are hub ids: the one found, or those to choose from. `by` says by which rule."""

    answer: Answer
    candidates: tuple[str, ...] = ()
    by: str = ""


def match_keys(hub: Fields, entries: Sequence[tuple[str, ...]], kind: Kind = "lead") -> list[tuple[str, int]]:
    """The (rule, hash) pairs by which a hub record with these fields is found. An entry with a blank field gives none.
    An owner's address does not find the lead who has the same."""
    keys = []
    for entry in entries:
        if len(entry) == 1 and type(value := hub.get(entry[0])) is str:
            key = _key_of_text(entry[0], kind, value)
            if key:
                keys.append(key)
            continue
        values = tuple([_plain(kind, name, hub.get(name)) for name in entry])
        if all(values):
            rule = "+".join(entry)
            keys.append((rule, _hash(place(rule, kind), values)))
    return keys


@lru_cache(maxsize=4096)  # asked twice for every new lead: when it is looked for, and when it is stored
def _key_of_text(rule: str, kind: Kind, text: str) -> tuple[str, int] | None:
    plain = _plain(kind, rule, text)
    return (rule, _hash(place(rule, kind), (plain,))) if plain else None


def _plain(kind: Kind, name: str, value: Value) -> str:
    """`folded`; of a company's name also without its legal form: Acme Inc. is Acme."""
    text = folded(value)
    return without_legal_form(text) if text and kind == "company" and name == NAME else text


def match(
    own_id: str | None,
    keys: Sequence[tuple[str, int]],
    known: Callable[[str], bool],
    candidates: Mapping[int, Collection[str]],
    taken: Callable[[str], bool],
) -> Match:
    """`known`: is this one of our ids; `candidates`: key hash -> hub ids that have it; `taken`: whether a hub record
    already has a record in this system."""
    if own_id and known(own_id):
        return Match("duplicate" if taken(own_id) else "found", (own_id,), OUR_ID)
    for rule, key in keys:
        holders = candidates.get(key)
        if not holders:
            continue
        found = sorted(holders)
        if len(found) > 1:
            return Match("ambiguous", tuple(found), rule)
        return Match("duplicate" if taken(found[0]) else "found", (found[0],), rule)
    return Match("new" if keys else "unmatchable")


def contradicts(ours: Sequence[tuple[str, int]], theirs: Sequence[tuple[str, int]]) -> bool:
    """Whether the strongest rule by which both can be known tells them apart, however alike they are by a weaker one:
    colleagues share a telephone, not an address."""
    rules = {rule for rule, _ in theirs}
    for rule, key in ours:
        if rule in rules:
            return (rule, key) not in theirs
    return False


WEIGHTS: Mapping[str, int] = {
    "email": 4,
    "phone": 3,
    "last_name": 2,
    "first_name": 1,
    "company": 2,
    "city": 1,
    "domain": 4,
    "tax_id": 4,
    "name": 2,
}
"""Field -> how much it speaks for two records being one."""
NEAR = 85
"""Percent from which on two values are called alike."""


def alike(left: Value, right: Value) -> float | None:
    """How alike two values are, 0 to 100, whatever their case, accents and spaces; None where either is blank."""
    a, b = folded(left), folded(right)
    return (100.0 if a == b else fuzz.WRatio(a, b)) if a and b else None


def likeness(left: Fields, right: Fields) -> tuple[int, list[str]]:
    """How alike two hub records are, 0 to 100, and what speaks for it: helps a person choose, never decides by itself."""
    total = score = 0.0
    reasons = []
    for name, weight in WEIGHTS.items():
        near = alike(left.get(name), right.get(name))
        if near is not None:
            total += weight
            score += weight * near
            if near >= NEAR:
                equal = folded(left.get(name)) == folded(right.get(name))
                reasons.append(f"{name} {'equal' if equal else 'alike'}")
    return (round(score / total) if total else 0), reasons


def entries(mappers: Mapping[str, Mapper]) -> tuple[tuple[str, ...], ...]:
    """Every entry that any system matches or proposes by, so that a hub record is found by whichever one asks."""
    return tuple(dict.fromkeys(entry for m in mappers.values() for entry in (*m.match, *m.propose)))


def folded(value: Value) -> str:
    """The value without what people type differently: case, accents, spaces."""
    if value is None:
        return ""
    text = str(value)
    if text.isascii():
        return " ".join(text.lower().split())
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())


def _hash(name: str, values: tuple[str, ...]) -> int:
    text = "\x1f".join((name, *values))
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)
