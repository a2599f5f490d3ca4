"""The documents of the project, and what is looked for in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")


class Line(NamedTuple):
    """One command as a page shows it. `typed`: it stands in a block to be copied, not in a sentence."""

    page: str
    words: tuple[str, ...]
    typed: bool

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *kinds: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text("utf-8")) if kind in kinds]


def prose(page: Path) -> str:
    """Without the blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def commands(program: str) -> Iterator[Line]:
    """Every call of a program in any page."""
    for page in PAGES:
        for line in _typed(page):
            if line[:1] == (program,):
                yield Line(named(page), line[1:], typed=True)
        for text in INLINE.findall(prose(page)):
            words = _words(text)
            if words[0] == program and len(words) > 1:
                yield Line(named(page), tuple(words[1:]), typed=False)


def _typed(page: Path) -> Iterator[tuple[str, ...]]:
    for body in blocks(page, "console"):
        prompted = re.sub(r"\\\n\s*", " ", body).splitlines()
        yield from (words for line in prompted if line.startswith("$ ") for words in _each(line[2:]))
    for body in blocks(page, "sh"):
        yield from (words for line in re.sub(r"\\\n\s*", " ", body).splitlines() for words in _each(line))


def _each(line: str) -> Iterator[tuple[str, ...]]:
    """The simple commands of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|"):
            if words:
                yield tuple(words)
            words = []
        else:
            words.append(word)


def _words(text: str) -> list[str]:
    """As a shell would take them; prose with a lone quotation mark as it stands."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
