"""How a value is written in YAML by a person: plain where that reads back as the same, on one line where it fits.

Not here: where in a text it goes (`mapping.editing`). Invariant: what is written here is read as the very value that it is.
"""

from __future__ import annotations

import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

WIDTH = 120
"""Columns of a line."""

_ANSWERS = {"y", "n", "yes", "no", "on", "off", "true", "false"}
"""Plain, other programs take them for true and false (YAML 1.1)."""


class CannotEdit(ValueError):
    """The text is one that only a person can change, and says why."""


def scalar(value: Any, was: ScalarNode | None = None, *, block: bool = False) -> str:
    """`was`: what stands there now; quotes that it did not need are somebody's habit, and stay. `block`: it stands outside all
    brackets, where a comma needs no quotes."""
    if not isinstance(value, str):
        return json.dumps(value)
    style = getattr(was, "style", None)
    habit = was is not None and style in ("'", '"') and _plain(str(was.value), block)
    if not habit and _plain(value, block):
        return value
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return _quoted(value)


def key(name: str) -> str:
    node = _read(f"{{{name}: 1}}")
    if isinstance(node, MappingNode) and len(node.value) == 1:
        word = node.value[0][0]
        if isinstance(word, ScalarNode) and word.value == name and word.style is None and _clear(name):
            return name
    return _quoted(name)


def flow(value: Any) -> str:
    """On one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key(str(name))}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return scalar(value)


def after_colon(value: Any, indent: int, column: int, step: int, *, block: bool = False) -> list[str]:
    """What follows "key:" — the rest of its line, and the lines below it. `indent`: of the key's line; `column`: where the
    rest begins; `block`: below each other even where it would fit."""
    if not isinstance(value, dict | list | tuple) or not value:
        return [" " + _inline(value)]
    line = " " + flow(value)
    if not block and column + len(line) <= WIDTH:
        return [line]
    return ["", *lines(value, indent + step, step)]


def lines(value: Any, indent: int, step: int) -> list[str]:
    """A group or a list that is not empty, below each other."""
    found: list[str] = []
    pad = " " * indent
    if isinstance(value, dict):
        for name, inner in value.items():
            begin = f"{pad}{key(str(name))}:"
            first, *more = after_colon(inner, indent, len(begin), step)
            found += [begin + first, *more]
        return found
    for inner in value:
        line = f"{pad}- {_inline(inner)}"
        if isinstance(inner, dict) and inner and len(line) > WIDTH:
            first, *more = lines(inner, indent + 2, step)
            found += [f"{pad}- {first.lstrip()}", *more]
        else:
            found.append(line)
    return found


def _inline(value: Any) -> str:
    """Outside all brackets."""
    return flow(value) if isinstance(value, dict | list | tuple) else scalar(value, block=True)


def _plain(value: str, block: bool) -> bool:
    """Whether it can stand there without quotes."""
    if value.casefold() in _ANSWERS or not _clear(value) or value.endswith(":"):
        return False
    node = _read(f"k: {value}\n" if block else f"{{k: {value}}}")
    if not isinstance(node, MappingNode) or len(node.value) != 1:
        return False
    inner = node.value[0][1]
    if not isinstance(inner, ScalarNode) or inner.value != value or inner.style is not None:
        return False
    return str(inner.tag).rsplit(":", 1)[-1] in ("str", "timestamp")


def _clear(value: str) -> bool:
    return value.isprintable() and " #" not in value


def _read(text: str) -> Node | None:
    try:
        found: Node | None = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError):
        return None
    return found


def _quoted(value: str) -> str:
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise CannotEdit("the text has half a character in it (a lone surrogate)")
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
        for char in json.dumps(value, ensure_ascii=False)
    )
