"""Whether one file has the shape of its model; pydantic's findings in words for a person.

Invariant: what is wrong is set aside entry by entry, so that the rest is still checked against the other files and
every error comes out at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mapping.problems import listed, nearest
from mapping.source import Loc, Source

M = TypeVar("M", bound=BaseModel)

_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
    "tuple_type": "a list",
    "string_too_short": "text that is not empty",
    "too_short": "at least one entry",
    "date_type": "a day such as 2026-01-31",
    "date_from_datetime_parsing": "a day such as 2026-01-31",
    "date_parsing": "a day such as 2026-01-31",
}


def fitted(source: Source, model: type[M]) -> M | None:
    """The file as its model, without the entries that are wrong; those go to `source.errors`. None where too much is
    missing to go on."""
    mended: list[Loc] = []
    for _ in range(25):
        try:
            return model.model_validate(source.data)
        except ValidationError as error:
            found = _one_per_place(error.errors(include_url=False, include_context=True, include_input=False))
        for loc, detail in found:
            at = source.original(loc)
            if not any(place[: len(at)] == at for place in mended):  # else it only follows from what was told
                _tell(source, model, loc, detail)
        places = sorted((loc for loc, _ in found), key=_order, reverse=True)
        mended += [source.original(loc) for loc in places]
        done = [_mend(source, model, loc) for loc in places]
        if not any(done):
            return None
    return None


def _order(loc: Loc) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (0, part) for part in loc)


def _one_per_place(errors: list[ErrorDetails]) -> list[tuple[Loc, ErrorDetails]]:
    """Several alternatives of one entry that all failed are one error."""
    places: dict[Loc, ErrorDetails] = {}
    for detail in errors:
        loc = detail["loc"]
        if loc and loc[-1] in ("bool", "int", "float", "str", "[key]"):
            kind = "key" if loc[-1] == "[key]" else "scalar"
            loc = loc[:-1]
            detail = {**detail, "type": kind} if kind == "scalar" else detail
        places.setdefault(loc, detail)
    return list(places.items())


def _tell(source: Source, model: type[BaseModel], loc: Loc, detail: ErrorDetails) -> None:
    kind = detail["type"]
    if kind == "missing":
        source.error(loc, "is missing", _described(model, loc))
    elif kind == "extra_forbidden":
        known = _keys(model, loc[:-1])
        what = "transform" if loc[-2:-1] == ("transform",) else "key here"
        source.error(loc, f"there is no such {what}", listed(known, 30), nearest(loc[-1], known))
    elif kind == "literal_error":
        known = [word.strip().strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        value = source.at(loc)
        if value is None and loc:  # short for {rule: …}
            value = source.at(loc[:-1])
        source.error(loc, "this value is not known", listed(known, 30), nearest(value, known))
    elif kind == "scalar":
        source.error(loc, "this has the wrong type", "a single value: text, a number, true or false")
    elif kind in ("string_pattern_mismatch", "string_too_long"):
        source.error(loc, "this name does not fit", _pattern(detail))
    elif kind in ("value_error", "assertion_error"):
        source.error(loc, detail["msg"].removeprefix("Value error, "))
    elif kind.startswith(("greater_than", "less_than")):
        source.error(loc, "the number is out of range", detail["msg"].removeprefix("Input should be "))
    else:
        source.error(loc, "this has the wrong type", _EXPECTED.get(kind, detail["msg"]))


def _pattern(detail: ErrorDetails) -> str:
    pattern = detail.get("ctx", {}).get("pattern", "")
    if pattern == r"^[A-Z]{2}$":
        return "two capitals, as in ISO 3166 (FR, US)"
    return "small letters, digits and _, beginning with a letter" if pattern else "a shorter text"


def _mend(source: Source, model: type[BaseModel], loc: Loc) -> bool:
    """Put something harmless in a wrong entry's place where the model insists on one; else take the entry out, or the
    innermost one around it that can be taken out."""
    stand_in = _stand_in(model, loc)
    holder = source.at(loc[:-1])
    if stand_in is not None and isinstance(holder, dict):
        holder[loc[-1]] = stand_in
        return True
    return any(source.drop(loc[:end]) for end in range(len(loc), 0, -1))


# -- what keys an entry may have --------------------------------------------------------------------------------------


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _nodes(model: type[BaseModel], loc: Loc) -> list[dict[str, Any]]:
    """What the schema says of the entry at a place: one node for each form that it may take."""
    schema = _schema(model)
    nodes = list(_alternatives(schema, schema))
    for part in loc:
        nodes = [inner for node in nodes for child in _children(node, part) for inner in _alternatives(child, schema)]
    return nodes


def _keys(model: type[BaseModel], loc: Loc) -> list[str]:
    return list(dict.fromkeys(key for node in _nodes(model, loc) for key in node.get("properties", {})))


def _described(model: type[BaseModel], loc: Loc) -> str:
    for node in _nodes(model, loc):
        if "enum" in node:
            return listed(node["enum"])
        if node.get("type") in _KINDS:
            return _KINDS[node["type"]]
    return ""


_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a group of keys",
}


def _stand_in(model: type[BaseModel], loc: Loc) -> Any:
    """A value that the model takes, for an entry that it insists on; None where there is none that harms nobody."""
    if not any(loc[-1] in node.get("required", ()) for node in _nodes(model, loc[:-1])):
        return None
    for node in _nodes(model, loc):
        if "enum" in node:
            return node["enum"][0]
        if "examples" in node:
            return node["examples"][0]
        if node.get("type") == "integer":
            return max(0, node.get("minimum", 0))
        if node.get("type") == "string" and "pattern" not in node:
            return "?" + ".".join(map(str, loc))
    return None


def _children(node: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        yield node.get("items", {})
    elif part in node.get("properties", {}):
        yield node["properties"][part]
    elif isinstance(node.get("additionalProperties"), dict):
        yield node["additionalProperties"]


def _alternatives(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _alternatives(schema["$defs"][node["$ref"].rsplit("/", 1)[-1]], schema)
    elif "anyOf" in node:
        for option in node["anyOf"]:
            yield from _alternatives(option, schema)
    else:
        yield node
