"""Text, names of people, and picklists: one value out of a table, or several.

A picklist's table may say the same remote word for several hub values; which of them the word is read as is then for
the admin to say. Invariant: what was written is read as something that writes the same again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rapidfuzz import fuzz, process

from mapping.fields import Value
from mapping.transforms.pair import Pair, Placeholders, as_text, checked, reader, remembered, wrong_type


def text(placeholders: Placeholders) -> Pair:
    return Pair(reader(placeholders), plain)


def plain(value: Value) -> Any:
    """Hub text as it stands. Raises ValueError for a value that is no text."""
    if type(value) is not str:
        raise wrong_type("text", value)
    return value


# -- names ------------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^\W_]+")
_PARTICLES = frozenset(
    (
        "af",
        "al",
        "bin",
        "da",
        "de",
        "del",
        "della",
        "den",
        "der",
        "di",
        "dos",
        "du",
        "el",
        "la",
        "le",
        "ten",
        "ter",
        "van",
        "von",
        "y",
        "zu",
        "zum",
    )
)


def name(placeholders: Placeholders) -> Pair:
    """Spaces repaired; case only where nobody can have meant it: all capitals or all small letters."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        found = read(value)
        if found is None:
            return None
        if "  " in found or (not found.isprintable()):
            found = " ".join(found.split())
        if len(found) > 2 and (found.isupper() or found.islower()):
            found = checked(_capitalised(found))
        return found

    return Pair(remembered(decode), plain)


def _capitalised(found: str) -> str:
    keep_particles = found.islower() and " " in found

    def word(match: re.Match[str]) -> str:
        if keep_particles and match[0] in _PARTICLES:
            return match[0]
        after_apostrophe = match.start() > 0 and found[match.start() - 1] in "'’" and len(match[0]) == 1
        return match[0].lower() if after_apostrophe else match[0][0].upper() + match[0][1:].lower()

    return _WORD.sub(word, found)


# -- picklists --------------------------------------------------------------------------------------------------------


def picklist(
    placeholders: Placeholders, values: Mapping[str, str], reads: Mapping[str, str | None] | None = None
) -> Pair:
    """`values`: hub value -> the word we write. `reads`: remote word -> how it is read, None where it says nothing;
    for every word that several hub values share, and for words that are only ever read."""
    exact, folded_words, written = _tables(values, reads)

    def decode(value: Any) -> Value:
        if type(value) is str and value in exact:
            return exact[value]
        found = None if value is None else checked(as_text(value).strip())
        if not found:
            return None
        if found in exact:
            return exact[found]
        word = found.casefold()
        if word in folded_words:
            return folded_words[word]
        if word in placeholders:
            return None
        raise ValueError(f"the value is not in this system's table{did_you_mean(found, exact)}")

    def encode(value: Value) -> Any:
        if type(value) is str and value in written:
            return written[value]
        if type(value) is not str:
            raise wrong_type("one of the values in the table", value)
        raise ValueError(f"this system has no word for it{did_you_mean(value, written)}")

    return Pair(decode, encode)


def multipicklist(
    placeholders: Placeholders,
    values: Mapping[str, str] | None = None,
    reads: Mapping[str, str | None] | None = None,
    separator: str = ";",
    as_list: bool = False,
) -> Pair:
    """A set of words, written as one text with a separator, or as a list. In the hub: sorted, without repeats."""
    one = picklist(placeholders, values, reads) if values else text(placeholders)

    def decode(value: Any) -> Value:
        if value is None:
            return None
        if isinstance(value, list):
            words = [as_text(word) for word in value if word is not None]
        else:
            words = checked(as_text(value)).split(separator)
        found = {word for word in map(one.decode, words) if isinstance(word, str)}
        if any(separator in word for word in found) and not as_list:
            raise ValueError(f"a value has the separator {separator!r} in it")
        return sorted(found) or None

    def encode(value: Value) -> Any:
        if not isinstance(value, list):
            raise wrong_type("a list of values", value)
        words = list(dict.fromkeys(str(one.encode(word)) for word in value))
        if as_list:
            return words
        if any(separator in word for word in words):
            raise ValueError(f"a value has the separator {separator!r} in it")
        return separator.join(words)

    return Pair(decode, encode)


def _tables(
    values: Mapping[str, str], reads: Mapping[str, str | None] | None
) -> tuple[dict[str, str | None], dict[str, str | None], dict[str, str]]:
    exact: dict[str, str | None] = {}
    for hub, word in values.items():
        exact.setdefault(word, hub)
    exact.update(reads or {})
    folded_words: dict[str, str | None] = {}
    for word, meaning in exact.items():
        folded_words.setdefault(word.casefold(), meaning)
    return exact, folded_words, dict(values)


def did_you_mean(found: str, known: Mapping[str, object] | Callable[[], list[str]]) -> str:
    """A half sentence with the nearest known word, empty where none is near. Long values are not compared."""
    words = known() if callable(known) else list(known)
    near = process.extractOne(found, words, scorer=fuzz.WRatio, score_cutoff=60) if len(found) <= 100 else None
    return f"; the nearest is {near[0]!r}" if near else ""
