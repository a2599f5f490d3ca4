"""Single leads by key.

By id, any opportunity is found, or rather the one that stands for its party now. By anything else, the party is: e-mail
addresses are compared without regard to case, and every active one of a party counts; so does every phone number,
however it is spaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Key, Record
from connectors.errors import Misconfigured
from connectors.tryton.api import LEAD, Rpc
from connectors.tryton.reading import BY_ID, leaders_among, records_of
from connectors.tryton.shape import ID_PREFIX, OUR_ID, Shape, comparable, our_id, party_id

ID = "id"
Row = Mapping[str, Any]


async def find(rpc: Rpc, shape: Shape, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """The live leads for each key, in the order of the keys. Raises Misconfigured for a field that leads cannot be
    looked up by."""
    asked: dict[str, set[str]] = {}
    for key in keys:
        if key.field != ID or is_id(key.value):
            asked.setdefault(key.field, set()).add(key.value)
    if not asked:
        return [[] for _ in keys]
    paths = with_compact(shape.paths([*fields, *(field for field in asked if field != ID)]))
    domain = ["OR", *(holding(shape, field, sorted(values)) for field, values in asked.items())]
    rows = await rpc.search_read(LEAD, domain, paths, BY_ID)
    leading = await leaders_among(rpc, rows)
    if elsewhere := sorted(set(leading.values()) - {row["id"] for row in rows}):
        rows += await rpc.search_read(LEAD, [["id", "in", elsewhere]], paths, BY_ID)
    holders = held_by(shape, rows, leading, [field for field in asked if field != ID])
    found = [holders.get(Key(key.field, comparable(key.field, key.value)), {}) for key in keys]
    return [records_of(shape, fields, one.values(), {}) for one in found]


def held_by(
    shape: Shape, rows: Sequence[Row], leading: Mapping[int, int], fields: Sequence[str]
) -> dict[Key, dict[int, Row]]:
    """For each key, the leads that hold it, by id."""
    by_id = {row["id"]: row for row in rows}
    holders: dict[Key, dict[int, Row]] = {}
    for row in rows:
        lead = by_id.get(leading.get(party_id(row) or 0, row["id"]), row)
        holders.setdefault(Key(ID, str(row["id"])), {})[lead["id"]] = lead
        for field in fields:
            for value in values_of(shape, row, field):
                holders.setdefault(Key(field, value), {})[lead["id"]] = lead
    return holders


def holding(shape: Shape, field: str, values: list[str]) -> list[Any]:
    """The domain of opportunities that hold one of these values."""
    if field == ID:
        return ["id", "in", [int(value) for value in values]]
    place = shape.place(field)
    if place.home == "mechanism":
        return ["party.contact_mechanisms", "where", [["type", "=", place.field], mechanism_is(field, values)]]
    if place.home == "identifier":
        return ["party.identifiers.code", "in", [f"{ID_PREFIX}{value}" for value in values]]
    if place.home == "address" or place.kind not in ("char", "selection"):
        raise Misconfigured(f"Tryton's leads cannot be looked up by {field!r}.", hint="Use email or smarketing_id.")
    return [place.field if place.home == "lead" else f"party.{place.field}", "in", values]


def mechanism_is(type_: str, values: Sequence[str]) -> list[Any]:
    if type_ == "email":
        return any_spelling(values)
    compact = [comparable(type_, value) for value in values]
    return ["OR", ["value", "in", list(values)], ["value_compact", "in", compact]]


def any_spelling(emails: Sequence[str]) -> list[Any]:
    """`ilike`, in which % and _ would stand for anything."""
    escaped = (email.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for email in emails)
    return ["OR", *(["value", "ilike", email] for email in escaped)]


def values_of(shape: Shape, row: Row, field: str) -> set[str]:
    """Everything by which this row may be found under the field, comparable."""
    place = shape.place(field)
    party = row.get("party.") or {}
    if place.home == "mechanism":
        of_type = [m for m in party.get("contact_mechanisms.") or () if m["type"] == place.field]
        return {comparable(field, v) for m in of_type for v in (m["value"], m["value_compact"]) if v}
    if field == OUR_ID:
        return {found} if (found := our_id(party)) else set()
    value = shape.flat(row, [field])[field]
    return {comparable(field, value)} if value is not None else set()


def with_compact(paths: list[str]) -> list[str]:
    mechanisms = "party.contact_mechanisms.value"
    return [*paths, "party.contact_mechanisms.value_compact"] if mechanisms in paths else paths


def is_id(value: str) -> bool:
    """As the database counts: more digits than these would be an error to it."""
    return value.isascii() and value.isdecimal() and len(value) < 16
