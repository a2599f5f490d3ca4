"""Edits of a YAML text as a person would make them: one entry changes, and every other byte stays as it was.

The text is not parsed and written anew, which would lay out again what nobody touched; its nodes tell where an entry stands, and
only that stretch is written. Not here: how a value is spelled (`mapping.spelling`), where it stands (`mapping.places`), what the
keys mean.

Invariant: the result is read as the old data with exactly that entry changed, which is checked after each edit; where that cannot
be had (aliases, a text that is no YAML), CannotEdit says so and nothing is returned.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from mapping.places import (
    column_of,
    end_of,
    in_flow,
    is_blank,
    line_start,
    newline_of,
    next_line,
    node_at,
    node_of,
    pair_of,
    root_of,
    step_of,
)  # fmt: skip
from mapping.source import Loc, dotted, read_bytes
from mapping.spelling import WIDTH, CannotEdit, after_colon, flow, key, lines, scalar

__all__ = ["CannotEdit", "data_of", "drop_at", "rename", "set_at"]

_NOTHING: Any = object()
_BOM = "\ufeff"


def data_of(text: str) -> dict[str, Any]:
    """What the text says. Raises CannotEdit where it is no YAML, or says a key twice."""
    source = read_bytes(text.encode("utf-8", "surrogatepass"), "the file")
    if source.data is None and root_of(text.removeprefix(_BOM)) is None:
        return {}
    if source.errors:
        raise CannotEdit(str(source.errors[0]))
    return source.data or {}


def set_at(text: str, loc: Loc, value: Any, *, order: Sequence[str] = ()) -> str:
    """`value`: text, number, true, false, None, or a list or group of them. A group that is there already is changed entry by
    entry. What is new goes behind the last of those that stand before it in `order`, else to the end. Raises CannotEdit."""
    data = data_of(text)
    wanted = _with(data, loc, value)
    edited = _set(text.removeprefix(_BOM), loc, _at(data, loc), value, order)
    return _checked(text, _unfolded(edited, loc), wanted, loc)


def drop_at(text: str, loc: Loc) -> str:
    """Without the entry, and without the comment above it where that is about nothing else. What is not there is left so.
    Raises CannotEdit."""
    data = data_of(text)
    if _at(data, loc) is _NOTHING:
        return text
    wanted = copy.deepcopy(data)
    del _at(wanted, loc[:-1])[loc[-1]]
    return _checked(text, _drop(text.removeprefix(_BOM), loc), wanted, loc)


def rename(text: str, loc: Loc, name: str) -> str:
    """The entry under another key, in its place. Raises CannotEdit, also where the key is taken."""
    data = data_of(text)
    holder = _at(data, loc[:-1])
    if not isinstance(holder, dict) or loc[-1] not in holder or (name in holder and name != loc[-1]):
        raise CannotEdit(f"{dotted(loc)} cannot be called {name}")
    wanted = _with(data, loc[:-1], {name if old == loc[-1] else old: inner for old, inner in holder.items()})
    bare = text.removeprefix(_BOM)
    parent = node_of(bare, loc[:-1])
    word, _ = pair_of(parent, loc)
    return _checked(text, bare[: word.start_mark.index] + key(name) + bare[word.end_mark.index :], wanted, loc)


def _checked(text: str, edited: str, wanted: Any, loc: Loc) -> str:
    edited = _BOM + edited if text.startswith(_BOM) else edited
    if not _same(data_of(edited), wanted):
        raise CannotEdit(f"{dotted(loc)} cannot be changed by itself")
    return edited


# -- one step after another -------------------------------------------------------------------------------------------


def _set(text: str, loc: Loc, was: Any, value: Any, order: Sequence[str]) -> str:
    if _same(was, value):
        return text
    if was is _NOTHING:
        return _add(text, loc, value, order)
    if isinstance(was, dict) and isinstance(value, dict) and was and value:
        for name, inner in value.items():
            text = _set(text, (*loc, name), was.get(name, _NOTHING), inner, list(value))
        for name in was:
            text = text if name in value else _drop(text, (*loc, name))
        return text
    if isinstance(was, list) and isinstance(value, list) and was and value:
        return _set_list(text, loc, was, value)
    return _replace(text, loc, value)


def _set_list(text: str, loc: Loc, was: list[Any], value: list[Any]) -> str:
    first = 0
    while first < min(len(was), len(value)) and _same(was[first], value[first]):
        first += 1
    last = 0
    while last < min(len(was), len(value)) - first and _same(was[-1 - last], value[-1 - last]):
        last += 1
    old, new = was[first : len(was) - last], value[first : len(value) - last]
    for at, inner in enumerate(new[: len(old)]):
        text = _set(text, (*loc, first + at), old[at], inner, ())
    for at in range(len(old) - 1, len(new) - 1, -1):
        text = _drop(text, (*loc, first + at))
    for at in range(len(old), len(new)):
        text = _add_item(text, loc, first + at, new[at])
    return text


def _add(text: str, loc: Loc, value: Any, order: Sequence[str]) -> str:
    """Raises CannotEdit where what is around it is no group."""
    for at in range(len(loc) - 1, 0, -1):  # what is around it may have to be made first
        if node_at(text, loc[:at]) is not None:
            break
        value = {loc[at]: value}
        loc = loc[:at]
    if not text.strip() or root_of(text) is None:
        return text + _line_end(text) + "".join(f"{line}\n" for line in lines({loc[0]: value}, 0, 2))
    parent = node_of(text, loc[:-1])
    name = str(loc[-1])
    if isinstance(parent, ScalarNode) and parent.value in ("", "null", "~"):
        return _replace(text, loc[:-1], {name: value})
    if not isinstance(parent, MappingNode):
        raise CannotEdit(f"{dotted(loc[:-1])} is no group of keys")
    if not parent.value:
        return _replace(text, loc[:-1], {name: value}) if loc[:-1] else _add("", loc, value, order)
    pairs = [(str(word.value), word, inner) for word, inner in parent.value]
    behind = _behind([pair[0] for pair in pairs], name, order)
    if parent.flow_style:
        if behind < 0:
            place = pairs[0][1].start_mark.index
            return f"{text[:place]}{key(name)}: {flow(value)}, {text[place:]}"
        place = end_of(text, pairs[behind][2])
        return f"{text[:place]}, {key(name)}: {flow(value)}{text[place:]}"
    indent = pairs[0][1].start_mark.column
    begin = " " * indent + key(name) + ":"
    step = step_of(text)
    groups = [
        inner.flow_style for _, _, inner in pairs if isinstance(inner, MappingNode | SequenceNode) and inner.value
    ]
    block = isinstance(value, dict) and (
        (bool(groups) and not any(groups))
        or (indent == 0 and any(isinstance(one, dict | list) for one in value.values()))
    )
    first, *more = after_colon(value, indent, len(begin), step, block=block)
    written = [begin + first, *more]
    if behind < 0 and not text[line_start(text, pairs[0][1].start_mark.index) : pairs[0][1].start_mark.index].strip():
        place = line_start(text, pairs[0][1].start_mark.index)
        return text[:place] + "".join(line + newline_of(text) for line in written) + text[place:]
    _, word, inner = pairs[max(behind, 0)]
    return _below(text, max(word.end_mark.index, end_of(text, inner)), written)


def _behind(names: list[str], name: str, order: Sequence[str]) -> int:
    """The place of the entry that a new one stands behind; -1 to be the first."""
    if name not in order:
        return len(names) - 1
    before = set(order[: order.index(name)])
    places = [at for at, one in enumerate(names) if one in before]
    if places:
        return max(places)
    return -1 if any(one in order for one in names) else len(names) - 1


def _add_item(text: str, loc: Loc, index: int, value: Any) -> str:
    parent = node_of(text, loc)
    items = parent.value
    if parent.flow_style:
        if index == 0:
            place = items[0].start_mark.index
            return f"{text[:place]}{flow(value)}, {text[place:]}"
        place = end_of(text, items[index - 1])
        return f"{text[:place]}, {flow(value)}{text[place:]}"
    written = lines([value], parent.start_mark.column, step_of(text))
    if index == 0:
        place = line_start(text, items[0].start_mark.index)
        return text[:place] + "".join(line + newline_of(text) for line in written) + text[place:]
    return _below(text, end_of(text, items[index - 1]), written)


def _replace(text: str, loc: Loc, value: Any) -> str:
    node = node_of(text, loc)
    start, end = node.start_mark.index, end_of(text, node)
    if isinstance(node, ScalarNode) and not isinstance(value, dict | list | tuple):
        written = scalar(value, node, block=not in_flow(text, loc))
        return text[:start] + (" " if start == end else "") + written + text[end:]
    holder = node_of(text, loc[:-1]) if loc else None
    if not isinstance(holder, MappingNode) or holder.flow_style:
        return text[:start] + flow(value) + text[end:]
    word, _ = pair_of(holder, loc)
    colon = text.index(":", word.end_mark.index) + 1
    indent = word.start_mark.column
    empty = isinstance(node, MappingNode | SequenceNode) and not node.value
    block = (isinstance(node, MappingNode | SequenceNode) and not node.flow_style) or (
        empty and isinstance(value, dict) and any(isinstance(one, dict | list) for one in value.values())
    )
    first, *more = after_colon(value, indent, column_of(text, colon), step_of(text), block=block)
    if not more and "\n" not in text[colon:start] and text[colon:start].strip(" ") == "" and start > colon:
        return text[:start] + first.lstrip(" ") + text[end:]
    return text[:colon] + newline_of(text).join([first, *more]) + text[end:]


def _drop(text: str, loc: Loc) -> str:
    parent = node_of(text, loc[:-1])
    nodes = parent.value
    if len(nodes) == 1 and loc[:-1]:
        return _replace(text, loc[:-1], {} if isinstance(parent, MappingNode) else [])
    if isinstance(parent, SequenceNode):
        at = int(loc[-1])
        spans = [(item.start_mark.index, end_of(text, item)) for item in nodes]
    else:
        at = [str(word.value) for word, _ in nodes].index(str(loc[-1]))
        spans = [(word.start_mark.index, max(word.end_mark.index, end_of(text, inner))) for word, inner in nodes]
    start, end = spans[at]
    if parent.flow_style:
        if at == 0:
            return text[:start] + text[spans[1][0] :]
        return text[: spans[at - 1][1]] + text[end:]
    line = line_start(text, start)
    if (
        isinstance(parent, MappingNode) and text[line:start].strip()
    ):  # "- name: x": what follows moves up behind the dash
        return text[:start] + text[spans[at + 1][0] :]
    below = next_line(text, end)
    above = _own_comment(text, line, below)
    if above != line and not text[below:].strip():
        above -= len(text[:above]) - len(text[:above].rstrip("\r\n")) - len(newline_of(text))
    elif above != line or is_blank(text, line_start(text, above - 1) if above else above):
        while (
            (above == 0 or is_blank(text, line_start(text, above - 1))) and below < len(text) and is_blank(text, below)
        ):
            below = next_line(text, below)
    return text[:above] + text[below:]


def _own_comment(text: str, line: int, below: int) -> int:
    """Where the comment above an entry begins, if the entry is all that it can be about: one paragraph of its own."""
    if below < len(text) and not is_blank(text, below):
        return line
    above, pad = line, text[line : line + len(text[line:]) - len(text[line:].lstrip(" "))]
    while above > 0:
        previous = line_start(text, above - 1)
        if not text[previous:above].startswith(pad + "#"):
            break
        above = previous
    return above if above == 0 or is_blank(text, line_start(text, above - 1)) else line


def _unfolded(text: str, loc: Loc) -> str:
    """A group on one line that has grown too long for it, below each other, and so those in it."""
    for at in range(1, len(loc) + 1):
        node = node_at(text, loc[:at])
        if not isinstance(node, MappingNode | SequenceNode):
            return text
        if node.flow_style:
            return _unfold(text, loc[:at])
    return text


def _unfold(text: str, loc: Loc) -> str:
    node, holder = node_of(text, loc), node_of(text, loc[:-1])
    if not isinstance(node, MappingNode) or not isinstance(holder, MappingNode) or holder.flow_style:
        return text
    start, end = node.start_mark.index, end_of(text, node)
    line = text[line_start(text, start) : next_line(text, start)].rstrip()
    if len(line) <= WIDTH or "\n" in text[start:end] or " #" in line or not node.value:
        return text
    word, _ = pair_of(holder, loc)
    indent, nl = word.start_mark.column + step_of(text), newline_of(text)
    pairs = [
        f"{nl}{' ' * indent}{text[one.start_mark.index : max(one.end_mark.index, end_of(text, inner))]}"
        for one, inner in node.value
    ]
    text = text[: text.index(":", word.end_mark.index) + 1] + "".join(pairs) + text[end:]
    for one, _ in node.value:
        text = _unfold(text, (*loc, str(one.value)))
    return text


def _below(text: str, end: int, written: list[str]) -> str:
    place, nl = next_line(text, end), newline_of(text)
    return (
        text[:place]
        + (_line_end(text) if place == len(text) else "")
        + "".join(line + nl for line in written)
        + text[place:]
    )


def _line_end(text: str) -> str:
    return newline_of(text) if text and not text.endswith("\n") else ""


# -- the data ---------------------------------------------------------------------------------------------------------


def _same(one: Any, other: Any) -> bool:
    if one is _NOTHING or other is _NOTHING:
        return one is other
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return _NOTHING
    return data


def _with(data: Any, loc: Loc, value: Any) -> Any:
    """The data with that entry changed; a copy."""
    if not loc:
        return json.loads(json.dumps(value))
    if isinstance(data, list) and isinstance(loc[0], int):
        made = list(data)
        if not loc[0] < len(made):
            raise CannotEdit(f"there is no {dotted(loc)}")
        made[loc[0]] = _with(made[loc[0]], loc[1:], value)
        return made
    inner = data if isinstance(data, dict) else {}
    return {**inner, loc[0]: _with(inner.get(loc[0]), loc[1:], value)}
