"""How the pages about the configuration call its entries, and show what stands in them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from alignment.criteria import called
from alignment.words import Words
from console.web.mapping_rows import transform_in
from mapping.compared import ABSENT
from mapping.derived import BUILT_IN
from mapping.fields import PLURALS, Kind
from mapping.folder import MAIN, Files
from mapping.shared import HubField
from mapping.source import Loc, dotted
from mapping.spelling import flow

KINDS: Mapping[str, Kind] = {plural: kind for kind, plural in PLURALS.items()}


def field_title(name: str, field: Mapping[str, Any], words: Words) -> str:
    """As people call it, with a capital."""
    label = str(field.get("label") or "")
    known = {name: HubField(label=label)} if label else {name: BUILT_IN[name]} if name in BUILT_IN else {}
    text = called(name, known, words)
    return text[:1].upper() + text[1:]


def place_title(file: str, words: Words) -> str:
    """A file by what it is about."""
    return words("mapping.agreed") if file == MAIN else file.rpartition("/")[2].rpartition(".")[0]


def entry_title(loc: Loc, words: Words) -> str:
    """An entry as a person would name it; its path where we have no words for it."""
    kind = KINDS.get(str(loc[0]), None) if loc else None
    rest = loc[1:] if kind else loc
    of = f" ({words(f'mapping.kind_{kind}')})" if kind else ""
    if len(rest) == 2 and rest[0] == "fields":
        return field_title(str(rest[1]), {}, words) + of
    if rest[:2] == ("stage", "values") and len(rest) == 3:
        return words("mapping.word_for", stage=rest[2])
    if rest[:2] == ("stage", "reads") and len(rest) == 3:
        return words("mapping.meaning_of", word=rest[2])
    return dotted(loc) or words("mapping.whole_file")


def shown(value: Any) -> str:
    """What stands in an entry, as the file would say it; empty where there is none."""
    if value is ABSENT:
        return ""
    if isinstance(value, str) and "\n" in value:
        return value if len(value) < 400 else f"{value[:400]}…"
    return flow(value)


PARTS = {"remote": "part_remote", "direction": "direction", "transform": "transform", "on_conflict": "conflict", "clears": "clears",
         "once": "once", "default": "default", "type": "type", "label": "new_label"}  # fmt: skip


def parts(before: Any, after: Any, words: Words) -> list[tuple[str, str, str]]:
    """(what, before, after) of each part of an entry that is another; one of them with no name where it is not a group."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in dict.fromkeys([*before, *after]) if before.get(key, ABSENT) != after.get(key, ABSENT)]
        names = [words(f"mapping.{PARTS[key]}") if key in PARTS else str(key) for key in keys]
        return [
            (name, shown(before.get(key, ABSENT)), shown(after.get(key, ABSENT)))
            for name, key in zip(names, keys, strict=True)
        ]
    return [("", shown(before), shown(after))]


def transform_title(said: Any, usual: str, words: Words) -> tuple[str, str]:
    """Its name, and its options in short."""
    name, options = transform_in(said)
    text = f"mapping.transform_{name or usual}"
    told = ", ".join(_option(key, value) for key, value in options.items())
    return words(text) if text in words else name or usual, told


def _option(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{one} → {'–' if word is None else word}" for one, word in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{key}: {flow(value)}"


def lines_of(before: Files, after: Files) -> list[tuple[str, list[tuple[str, str]]]]:
    """(file, its changed lines with a few around them): each ("same" | "old" | "new" | "gap", text)."""
    found = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, "").splitlines(), after.get(name, "").splitlines()
        lines = list(_lines(difflib.unified_diff(old, new, n=2, lineterm="")))
        if lines:
            found.append((name, lines))
    return found


def _lines(diff: Iterator[str]) -> Iterator[tuple[str, str]]:
    kinds = {" ": "same", "-": "old", "+": "new"}
    for number, line in enumerate(diff):
        if number < 2:
            continue
        if line.startswith("@@"):
            if number > 2:
                yield "gap", "…"
        else:
            yield kinds[line[:1]], line[1:]
