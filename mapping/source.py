"""A YAML file as plain data that remembers the line of every key.

Not here: what the keys mean. Invariant: everything wrong with the text itself (bytes, syntax, keys said twice) is
reported with its line, and what could be read is read all the same, so that one slip does not hide the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode, SequenceNode

from mapping.problems import ConfigError

Loc = tuple[str | int, ...]

LARGEST_FILE = 1_000_000
MOST_ENTRIES = 50_000
"""Aliases can make a small file unfold without end."""


@dataclass(slots=True)
class Source:
    """`data` is None where nothing could be read."""

    name: str
    data: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)
    words: dict[Loc, list[str]] = field(default_factory=dict)
    """Of each list of groups: the names in it, right or wrong."""
    kept: dict[int, list[int]] = field(default_factory=dict)
    """id of a list in `data` that lost entries -> where those that are left stood in the file."""

    def line(self, loc: Loc) -> int:
        """Of the entry, or of the innermost one around it that the file has."""
        loc = self.original(loc)
        while loc not in self.lines and loc:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def error(self, loc: Loc, message: str, expected: str = "", nearest: str = "") -> None:
        at = dotted(self.original(loc))
        self.errors.append(ConfigError(self.name, self.line(loc), at, message, expected, nearest))

    def drop(self, loc: Loc) -> bool:
        """Take an entry out of `data`. False where it is not there."""
        holder, key = self.at(loc[:-1]), loc[-1]
        if isinstance(holder, list) and isinstance(key, int) and key < len(holder):
            self.kept.setdefault(id(holder), list(range(len(holder)))).pop(key)
        elif not isinstance(holder, dict) or key not in holder:
            return False
        del holder[key]
        return True

    def original(self, loc: Loc) -> Loc:
        """Where the file has what now stands at `loc`."""
        at, place = self.data, []
        for part in loc:
            kept = self.kept.get(id(at))
            place.append(kept[part] if kept and isinstance(part, int) and part < len(kept) else part)
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                at = None
        return tuple(place)

    def at(self, loc: Loc) -> Any:
        """What stands there now; None where nothing does."""
        at = self.data
        for part in loc:
            try:
                at = at[part]
            except (KeyError, IndexError, TypeError):
                return None
        return at

    def has(self, key: str) -> bool:
        """Whether the file has this section, valid or not."""
        return (key,) in self.lines

    def keys(self, *loc: str | int) -> list[str]:
        """The keys that the file has there, valid or not."""
        places = self.lines
        return [str(place[-1]) for place in places if place[:-1] == loc and place and isinstance(place[-1], str)]


def dotted(loc: Loc) -> str:
    """fields.email.remote, scoring.rules[2].when"""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def read_file(path: Path, name: str) -> Source:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return missing(name)
    except OSError as error:
        return _unreadable(name, f"the file cannot be read: {error.strerror or type(error).__name__}")
    return read_bytes(raw, name)


def missing(name: str) -> Source:
    return _unreadable(name, "there is no such file")


def read_bytes(raw: bytes, name: str) -> Source:
    if len(raw) > LARGEST_FILE:
        return _unreadable(name, f"the file has {len(raw):,} bytes", f"at most {LARGEST_FILE:,}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(name, "the file is not UTF-8", line=raw[: error.start].count(b"\n") + 1)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        return _unreadable(name, "the file has a NUL byte in it", "plain text", line=line)
    return _parsed(text, name)


def _unreadable(name: str, message: str, expected: str = "", line: int = 0) -> Source:
    return Source(name, errors=[ConfigError(name, line, "", message, expected)])


@lru_cache(maxsize=32)
def composed(text: str) -> Node | None:
    """The text's nodes, not to be changed. Reading a text takes far longer than all that is made of it, and the console asks
    for the same ones again and again. Raises what ruamel.yaml raises."""
    node: Node | None = YAML(typ="safe", pure=True).compose(text)
    return node


def _parsed(text: str, name: str) -> Source:
    yaml = YAML(typ="safe", pure=True)
    try:
        node = composed(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(str(part) for part in (error.context, error.problem) if part)
        return _unreadable(name, f"this is no YAML: {message}", line=mark.line + 1 if mark else 0)
    except (YAMLError, ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        return _unreadable(name, f"this is no YAML: {said}")
    source = Source(name)
    if node is None:
        source.errors.append(ConfigError(name, 1, "", "the file is empty"))
        return source
    try:
        source.data = _Builder(source, yaml).build(node, ())
    except _TooMuchError as error:
        source.data = None
        source.errors.append(ConfigError(name, error.line, "", str(error)))
    if source.data is not None and not isinstance(source.data, dict):
        source.data = None
        source.error((), "the file is no group of keys", "lines such as `key: value`")
    return source


class _TooMuchError(Exception):
    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Builder:
    """Plain data out of YAML's nodes."""

    def __init__(self, source: Source, yaml: YAML) -> None:
        self.source = source
        self.yaml = yaml
        self.entries = 0
        self.open: set[int] = set()

    def build(self, node: Node, loc: Loc) -> Any:
        line = node.start_mark.line + 1
        self.source.lines.setdefault(loc, line)
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise _TooMuchError(f"the file unfolds to more than {MOST_ENTRIES:,} entries", line)
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        if id(node) in self.open or len(self.open) > 60:
            raise _TooMuchError("an alias contains itself, or the nesting is too deep", line)
        self.open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                items = [self.build(item, (*loc, index)) for index, item in enumerate(node.value)]
                self.source.words[loc] = [
                    str(item["name"]) for item in items if isinstance(item, dict) and "name" in item
                ]
                return items
            return dict(self._entries(node, loc))
        finally:
            self.open.discard(id(node))

    def _entries(self, node: Node, loc: Loc) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self.source.lines[(*loc, "?")] = line
                self.source.error((*loc, "?"), "a key must be a single word")
                continue
            key = str(key_node.value)
            here = (*loc, key)
            if key in seen:
                message = f"the key is said twice; the first is on line {seen[key]}"
                self.source.errors.append(ConfigError(self.source.name, line, dotted(here), message))
                continue
            seen[key] = line
            self.source.lines[here] = line
            yield key, self.build(value_node, here)

    def _scalar(self, node: ScalarNode, loc: Loc) -> Any:
        tag = str(node.tag).rsplit(":", 1)[-1]
        if tag in ("str", "timestamp"):
            return str(node.value)
        if tag in ("int", "float", "bool", "null"):
            try:
                return self.yaml.constructor.construct_object(node)
            except ValueError:
                self.source.error(loc, f"this cannot be read as {tag}")
                return None
        self.source.error(loc, f"the tag {node.tag} has no meaning here", "plain text, numbers, true or false")
        return None
