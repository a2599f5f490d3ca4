"""What two states of a project's files say differently, entry by entry, and how two people's changes come together.

An entry is what a person changes at once: one mapped field, one word of a stage, one setting. Pure. Invariant: of a merge nothing
is lost in silence: what both have changed differently is a clash until somebody chooses; what one of them has changed is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from mapping.editing import CannotEdit, data_of, drop_at, set_at
from mapping.folder import Files
from mapping.source import Loc, dotted

Choice = Literal["mine", "theirs"]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()
"""There is no such entry; None is a value."""


@dataclass(frozen=True, slots=True)
class Change:
    """`loc`: empty where a file is new, gone, or differs only in comments and layout (then both sides are ABSENT)."""

    file: str
    loc: Loc
    before: Any
    after: Any

    @property
    def key(self) -> str:
        return dotted(self.loc)


@dataclass(frozen=True, slots=True)
class Clash:
    """Both have changed the entry since `begun`, and not to the same."""

    file: str
    loc: Loc
    begun: Any
    theirs: Any
    mine: Any

    @property
    def key(self) -> str:
        return dotted(self.loc)


@dataclass(frozen=True, slots=True)
class Merge:
    """`files`: theirs with all of mine that does not clash, or was chosen. `clashes`: all of them, chosen or not."""

    files: dict[str, str]
    clashes: tuple[Clash, ...]
    open: tuple[Clash, ...]


def changes(before: Files, after: Files) -> list[Change]:
    """In the order of the files, and of the entries in them. Raises CannotEdit where a text is no YAML."""
    found: list[Change] = []
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if old is None or new is None:
            found.append(Change(name, (), ABSENT if old is None else old, ABSENT if new is None else new))
            continue
        entries = list(_entries(name, data_of(old), data_of(new)))
        found += entries or [Change(name, (), ABSENT, ABSENT)]
    return found


def merged(begun: Files, theirs: Files, mine: Files, chosen: Mapping[tuple[str, str], Choice] | None = None) -> Merge:
    """`chosen`: (file, key) of a clash -> whose of the two stays. Raises CannotEdit."""
    chosen = chosen or {}
    files, clashes = dict(theirs), []
    for name in dict.fromkeys([*begun, *theirs, *mine]):
        old, other, own = begun.get(name), theirs.get(name), mine.get(name)
        if own in (old, other):
            continue
        if other == old:
            text = own
        elif old is None or other is None or own is None:  # a whole file, made or taken away
            clash = Clash(name, (), *(ABSENT if one is None else one for one in (old, other, own)))
            clashes.append(clash)
            text = own if chosen.get((name, "")) == "mine" else other
        else:
            found = _clashes(name, data_of(old), data_of(other), data_of(own))
            clashes += found
            text = _brought_in(name, old, other, own, found, chosen)
        if text is None:
            files.pop(name, None)
        else:
            files[name] = text
    return Merge(files, tuple(clashes), tuple(one for one in clashes if (one.file, one.key) not in chosen))


def entry_at(text: str, loc: Loc) -> Any:
    """What stands there; ABSENT. Raises CannotEdit where the text is no YAML."""
    return _at(data_of(text), loc)


def _brought_in(
    name: str, old: str, other: str, own: str, clashes: list[Clash], chosen: Mapping[tuple[str, str], Choice]
) -> str:
    """My changes into their text: line by line where that gives the same, since it brings my comments along."""
    theirs_stay = {one.loc for one in clashes if chosen.get((name, one.key)) != "mine"}
    text = other
    for change in _entries(name, data_of(old), data_of(own)):
        inside = next((one for one in clashes if _overlap(one.loc, change.loc)), None)
        if inside is None:
            text = _applied(text, change.loc, change.after, own)
        elif inside.loc not in theirs_stay:
            text = _applied(text, inside.loc, inside.mine, own)
    by_lines = _lines_merged(old, other, own) if not clashes else None
    if by_lines is not None:
        try:
            if data_of(by_lines) == data_of(text):
                return by_lines
        except CannotEdit:
            pass
    return text


def _applied(text: str, loc: Loc, value: Any, own: str) -> str:
    if value is ABSENT:
        return drop_at(text, loc)
    around = entry_at(own, loc[:-1])
    return set_at(text, loc, value, order=list(map(str, around)) if isinstance(around, dict) else ())


def _clashes(name: str, begun: Any, theirs: Any, mine: Any) -> list[Clash]:
    their_locs = [one.loc for one in _entries(name, begun, theirs)]
    found: dict[Loc, Clash] = {}
    for change in _entries(name, begun, mine):
        for loc in their_locs:
            if _overlap(loc, change.loc):
                shorter = min(loc, change.loc, key=len)
                sides = [_at(data, shorter) for data in (begun, theirs, mine)]
                if not same(sides[1], sides[2]):
                    found[shorter] = Clash(name, shorter, *sides)
    return [
        one for one in found.values() if not any(_overlap(loc, one.loc) and len(loc) < len(one.loc) for loc in found)
    ]


def _overlap(one: Loc, other: Loc) -> bool:
    short = min(len(one), len(other))
    return one[:short] == other[:short]


def _entries(name: str, before: Any, after: Any, loc: Loc = ()) -> Iterator[Change]:
    if same(before, after):
        return
    whole = loc[-2:-1] == ("fields",)
    if whole or not isinstance(before, dict) or not isinstance(after, dict):
        yield Change(name, loc, before, after)
        return
    for key in dict.fromkeys([*before, *after]):
        yield from _entries(name, before.get(key, ABSENT), after.get(key, ABSENT), (*loc, key))


def same(one: Any, other: Any) -> bool:
    """Told apart as YAML does: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(inner, other[key]) for key, inner in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return data


def _lines_merged(old: str, other: str, own: str) -> str | None:
    """None where both touch the same lines, or lines side by side."""
    base = old.splitlines(keepends=True)
    stretches = []
    for text in (other, own):
        new = text.splitlines(keepends=True)
        codes = SequenceMatcher(None, base, new, autojunk=False).get_opcodes()
        stretches += [(i1, i2, new[j1:j2]) for tag, i1, i2, j1, j2 in codes if tag != "equal"]
    stretches.sort(key=lambda one: (one[0], one[1]))
    made: list[str] = []
    at = 0
    for first, last, lines in stretches:
        if first < at or (first == at and made):
            return None
        made += [*base[at:first], *lines]
        at = last
    return "".join([*made, *base[at:]])
