"""The configuration that an admin is at work on, as files: name relative to the project folder -> text.

Not here: where a draft is kept and how it is published. Invariant: what has been read of some files is read once, since
pages ask for it again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from alignment.criteria import called
from console.web.drafting import work_of
from console.web.page import Page
from mapping.derived import shared_fields
from mapping.fields import KINDS
from mapping.folder import read_files
from mapping.loader import Parsed, compile_rules, load_project, parsed
from mapping.rules import Rules

Files = Mapping[str, str]


def draft_of(page: Page) -> dict[str, str]:
    """The draft of whoever looks; what is published, where they have none."""
    return work_of(page).files


def published(folder: Path) -> dict[str, str]:
    """The files that stand in the project folder."""
    return read_files(folder)


def mark_of(files: Files) -> str:
    """Tells one draft from another."""
    return sha256(repr(sorted(files.items())).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def understood(files: Files) -> Parsed:
    """What the files say, as far as they can be read."""
    return _understood(tuple(sorted(files.items())))


@lru_cache(maxsize=8)
def _understood(files: Iterable[tuple[str, str]]) -> Parsed:
    return parsed(".", dict(files))


def rules_of(files: Files) -> Rules:
    """What a run would go by. Raises ConfigErrors."""
    return _rules_of(tuple(sorted(files.items())))


@lru_cache(maxsize=8)
def _rules_of(files: Iterable[tuple[str, str]]) -> Rules:
    return compile_rules(load_project(".", dict(files)))


def field_in_words(page: Page, files: Files, kind: str, name: str) -> str:
    """How a shared field is called, as at the beginning of a line."""
    config = understood(files).config
    known = next((shared_fields(config, of) for of in KINDS if of == kind), {}) if config is not None else {}
    text = called(name, known, page.words) if name else ""
    return text[:1].upper() + text[1:]
