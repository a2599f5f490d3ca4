"""What is wrong with a configuration: every error at once, each with its place, what was expected, the nearest name.

Invariant: no error repeats a value out of `settings`; a secret that was typed there by mistake stays there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz, process


@dataclass(frozen=True, slots=True)
class ConfigError:
    """`file`: as a person would name it, relative to the project folder. `line`: from 1; 0 where there is none.
    `key`: the path to the entry, with points. `expected`, `nearest`: empty where they would say nothing."""

    file: str
    line: int
    key: str
    message: str
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        parts = [f"{where}: {self.key + ': ' if self.key else ''}{self.message}"]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.nearest:
            parts.append(f"did you mean {self.nearest!r}?")
        return "; ".join(parts)


class ConfigErrors(Exception):
    """Everything that is wrong, sorted by file and line."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = sorted(set(errors), key=lambda e: (e.file != "smarketing.yaml", e.file, e.line, e.key, e.message))
        super().__init__(str(self))

    def __str__(self) -> str:
        count = len(self.errors)
        head = "1 error in the configuration" if count == 1 else f"{count} errors in the configuration"
        return "\n".join([f"{head}:", *(f"  {error}" for error in self.errors)])


def nearest(word: object, known: Iterable[str]) -> str:
    """The known name that is most like the word; empty where none is like it."""
    if not isinstance(word, str) or not 0 < len(word) <= 100:
        return ""
    found = process.extractOne(word, list(known), scorer=fuzz.ratio, processor=str.casefold, score_cutoff=55)
    return found[0] if found else ""


def listed(words: Iterable[str], limit: int = 14) -> str:
    """ "one of: a, b, c" — short enough to read."""
    names = list(words)
    more = f" … ({len(names)} in all)" if len(names) > limit else ""
    return f"one of: {', '.join(names[:limit])}{more}" if names else ""
