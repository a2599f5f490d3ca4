"""Where an entry of a YAML text stands: its node, where it ends, the lines that it has.

Invariant: nothing that was written elsewhere is taken for the entry (an alias is refused).
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from mapping.source import Loc, composed, dotted
from mapping.spelling import CannotEdit


def root_of(text: str) -> Node | None:
    try:
        return composed(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise CannotEdit("this is no YAML") from error


def node_at(text: str, loc: Loc) -> Node | None:
    node, begin = root_of(text), 0
    for part in loc:
        if isinstance(node, MappingNode):
            found = [(word, inner) for word, inner in node.value if str(word.value) == str(part)]
            node, begin = (found[0][1], found[0][0].end_mark.index) if found else (None, begin)
        elif isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part] if part < len(node.value) else None
        else:
            return None
        if node is not None and node.start_mark.index < begin:
            raise CannotEdit(f"{dotted(loc)} is an alias of another place")
        begin = node.start_mark.index if node is not None else begin
    return node


def node_of(text: str, loc: Loc) -> Any:
    node = node_at(text, loc)
    if node is None:
        raise CannotEdit(f"there is no {dotted(loc) or 'entry'}")
    return node


def in_flow(text: str, loc: Loc) -> bool:
    """Whether it stands within brackets, where a comma ends it."""
    around = (node_at(text, loc[:at]) for at in range(len(loc)))
    return any(isinstance(one, MappingNode | SequenceNode) and one.flow_style for one in around)


def pair_of(parent: Any, loc: Loc) -> tuple[Any, Any]:
    for word, inner in parent.value:
        if str(word.value) == str(loc[-1]):
            return word, inner
    raise CannotEdit(f"there is no {dotted(loc)}")


def end_of(text: str, node: Node) -> int:
    """Behind the last character of it; a block's own mark is only where the next thing begins."""
    if isinstance(node, ScalarNode):
        end: int = node.end_mark.index
        if node.style in ("|", ">"):
            return len(text[:end].rstrip())
        return end
    assert isinstance(node, MappingNode | SequenceNode)
    if node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    if isinstance(node, MappingNode):
        return max(int(last[0].end_mark.index), end_of(text, last[1]))
    return end_of(text, last)


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def next_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def column_of(text: str, at: int) -> int:
    return at - line_start(text, at)


def is_blank(text: str, line: int) -> bool:
    return not text[line : next_line(text, line)].strip()


def newline_of(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def step_of(text: str) -> int:
    """By how many columns this file indents."""
    root = root_of(text)
    for _, inner in root.value if isinstance(root, MappingNode) else ():
        if isinstance(inner, MappingNode) and not inner.flow_style and inner.value:
            return int(inner.value[0][0].start_mark.column) or 2
    return 2
