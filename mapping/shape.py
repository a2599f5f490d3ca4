"""Whether one file has the shape of its model; pydantic's findings in words for a person.

Invariant: what is wrong is set aside entry by entry, so that the rest is still checked against the other files and
every error comes out at once.
"""

from __future__ import annotations

import copy
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
}


def fitted(source: Source, model: type[M]) -> M | None:
    """The file as its model, without the entries that are wrong; those go to `source.errors`. None where too much is
    missing to go on."""
    data = copy.deepcopy(source.data)
    told: set[tuple[Loc, str]] = set()
    for _ in range(25):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found = _one_per_place(error.errors(include_url=False, include_context=True, include_input=False))
        for loc, detail in found:
            if (loc, detail["type"]) not in told:
                told.add((loc, detail["type"]))
                _tell(source, model, loc, detail)
        pruned = [_prune(data, loc) for loc, _ in sorted(found, key=lambda f: _order(f[0]), reverse=True)]
        if not any(pruned):
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
        source.error(loc, "is missing", f"{loc[-1]}, which this entry cannot do without")
    elif kind == "extra_forbidden":
        known = _keys(model, loc[:-1])
        source.error(loc, "there is no such key here", listed(known), nearest(loc[-1], known))
    elif kind == "literal_error":
        known = [word.strip().strip("'") for word in detail["ctx"]["expected"].replace(" or ", ", ").split(",")]
        value = _at(source.data, loc)
        if value is None and loc:  # short for {rule: …}
            value = _at(source.data, loc[:-1])
        source.error(loc, "this value is not known", listed(known), nearest(value, known))
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


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _prune(data: Any, loc: Loc) -> bool:
    """Take out the wrong entry, or the innermost one around it that can be taken out."""
    for end in range(len(loc), 0, -1):
        holder, key = _at(data, loc[: end - 1]), loc[end - 1]
        if isinstance(holder, dict) and key in holder:
            del holder[key]
            return True
        if isinstance(holder, list) and isinstance(key, int) and key < len(holder):
            del holder[key]
            return True
    return False


# -- what keys an entry may have --------------------------------------------------------------------------------------


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _keys(model: type[BaseModel], loc: Loc) -> list[str]:
    schema = _schema(model)
    nodes = list(_alternatives(schema, schema))
    for part in loc:
        nodes = [inner for node in nodes for child in _children(node, part) for inner in _alternatives(child, schema)]
    return list(dict.fromkeys(key for node in nodes for key in node.get("properties", {})))


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
