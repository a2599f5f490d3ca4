"""What a hub record can be found by, and what somebody who searches means: words, in one spelling. Pure.

Invariant: a record is found by the beginning of any of its words, however it is spelled: capitals, accents, apostrophes and
letters that some keyboards do not have make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

LONGEST, MOST = 64, 8
"""Characters of a word that count; words of a question that do."""

BREAK = "\n"
"""Stands between the words of a record; no word has one."""

NAMES = ("first_name", "last_name", "full_name", "name", "company")
_PLACES = ("domain", "website")
_LETTERS = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n",
    "'": None, "’": None, "`": None, "´": None, "ʼ": None,
})  # fmt: skip
"""What has no parts to take apart, and what is left out within a word."""

_WORD = re.compile(r"[^\W_]+(?:[.@+_&-]+[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_SCHEME = re.compile(r"^(?:[a-z]+://)?(?:www\.)?")


def folded(text: str) -> str:
    if text.isascii():
        return text.lower().replace("'", "").replace("`", "")
    text = text.casefold().translate(_LETTERS)
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()


def words_of(fields: Mapping[str, Any]) -> set[str]:
    """By what a record with these fields is found: the words of its names, and what they are put together of; its address,
    and the parts of what stands before the @; its domain."""
    found: set[str] = set()
    for name in NAMES:
        if value := fields.get(name):
            found.update(_named(str(value)))
    if value := fields.get("email"):
        address = "".join(folded(str(value)).split())
        found.add(address[:LONGEST])
        own, _, domain = address.rpartition("@")
        found.update(part[:LONGEST] for part in _PART.findall(own)[1:])
        if domain:
            found.add(domain[:LONGEST])
    for name in _PLACES:
        if value := fields.get(name):
            place = _SCHEME.sub("", folded(str(value))).partition("/")[0]
            found.update(word[:LONGEST] for word in _WORD.findall(place))
    found.discard("")
    return found


@lru_cache(maxsize=100_000)
def _named(name: str) -> frozenset[str]:
    """Of one name. Most names are those of many."""
    found: set[str] = set()
    for word in _WORD.findall(folded(name)):
        found.add(word[:LONGEST])
        parts = _PART.findall(word)
        if len(parts) > 1:
            found.update(part[:LONGEST] for part in parts[1:])
    return frozenset(found)


def asked(question: str) -> tuple[str, ...]:
    """The beginnings that somebody asks for: all of them must be found. The longest first, none that another begins with."""
    told = {word[:LONGEST] for chunk in folded(question).split() for word in _meant(chunk)}
    some = sorted(told, key=lambda word: (-len(word), word))
    kept: list[str] = []
    for word in some:
        if not any(longer.startswith(word) for longer in kept):
            kept.append(word)
    return tuple(kept[:MOST])


def _meant(chunk: str) -> list[str]:
    """An address is one word, whatever else stands in it."""
    chunk = chunk.strip('<>()[],;:"@')
    return [chunk] if "@" in chunk else _WORD.findall(chunk)


def facets_of(kind: str, fields: Mapping[str, Any], systems: Iterable[str]) -> set[str]:
    """What records are sorted out by, as words that nobody can type."""
    found = {facet("system", system) for system in systems}
    if kind != "lead":
        found.add(facet("kind", kind))
    for name in ("stage", "owner"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            found.add(facet(name, value))
    return found


def facet(name: str, value: str) -> str:
    """`name`: kind, stage, system, owner."""
    return f"={name[:2]}:{value}"[: 2 * LONGEST]


def lines(words: set[str]) -> str:
    """All words as one text."""
    return f"{BREAK}{BREAK.join(sorted(words))}{BREAK}"


def words_in(text: str) -> set[str]:
    """And back."""
    return set(text.strip(BREAK).split(BREAK)) - {""}
