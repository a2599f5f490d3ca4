"""Single records by key.

By id, any opportunity is found as a lead, or rather the one that stands for its party now. By anything else, the party
is: e-mail addresses are compared without regard to case, and every active one of a party counts; so does every phone
number, however it is spaced. Companies are found in the same way; deals by their id and by their own text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Key, Record
from connectors.errors import Misconfigured
from connectors.tryton.api import BY_ID, LEAD, PARTY, Rpc
from connectors.tryton.shape import ID_PREFIX, OUR_ID, Shape, comparable, our_id, party_id
from connectors.tryton.subjects import (
    NOT_ERASED,
    Companies,
    Deals,
    as_party,
    leaders_among,
    paths_of_party,
    records_of,
)

ID = "id"
Row = Mapping[str, Any]


async def find_leads(rpc: Rpc, shape: Shape, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """The live leads for each key, in the order of the keys. Raises Misconfigured for a field that leads cannot be
    looked up by."""
    asked = wanted(keys)
    if not asked:
        return [[] for _ in keys]
    paths = with_compact(shape.paths([*fields, *(field for field in asked if field != ID), "state"]))
    domain = [NOT_ERASED, any_of(shape, asked)]
    rows = await rpc.search_read(LEAD, domain, paths, BY_ID)
    leading = await leaders_among(rpc, rows)
    if elsewhere := sorted(set(leading.values()) - {row["id"] for row in rows}):
        rows += await rpc.search_read(LEAD, [["id", "in", elsewhere]], paths, BY_ID)
    holders = held_by(shape, rows, leading, [field for field in asked if field != ID])
    found = [holders.get(Key(key.field, comparable(key.field, key.value)), {}) for key in keys]
    return [records_of(shape, fields, one.values(), {}) for one in found]


async def find_deals(rpc: Rpc, shape: Shape, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """As `find_leads`, for deals."""
    deals = Deals(rpc, shape)
    asked = wanted(keys)
    if not asked:
        return [[] for _ in keys]
    paths = [*deals.paths(fields), *shape.paths(field for field in asked if field != ID)]
    domain = [deals.domain, any_of(shape, asked)]
    rows = await rpc.search_read(LEAD, domain, list(dict.fromkeys(paths)), BY_ID)
    return in_order(keys, shape, rows, await deals.scanned(fields, rows))


async def find_companies(rpc: Rpc, shape: Shape, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """As `find_leads`, for companies. One that another has taken the place of is found as that."""
    companies = Companies(rpc, shape)
    asked = wanted(keys)
    if not asked:
        return [[] for _ in keys]
    heirs = await heirs_of(rpc, sorted(int(id_) for id_ in asked.get(ID, ())))
    if heirs:
        asked[ID] |= {str(heir) for heir in heirs.values()}
    searched = [field for field in asked if field != ID]
    paths = with_compact([*companies.paths(fields), *paths_of_party(shape, searched)])
    domain = [companies.domain, any_of(shape, asked, of="")]
    rows = await rpc.search_read(PARTY, domain, list(dict.fromkeys(paths)), BY_ID)
    following = [Key(ID, str(heirs.get(k.value, k.value))) if k.field == ID else k for k in keys]
    return in_order(following, shape, [as_party(row) for row in rows], await companies.scanned(fields, rows))


async def heirs_of(rpc: Rpc, ids: Sequence[int]) -> dict[str, int]:
    """By which party each of these was replaced, however often; only those that were."""
    heirs: dict[int, int] = {}
    asked = set(ids)
    while asked:
        domain = [["id", "in", sorted(asked)], ["replaced_by", "!=", None]]
        rows = await rpc.search_read(PARTY, domain, ["replaced_by"], BY_ID, active_test=False)
        heirs.update((row["id"], row["replaced_by"]) for row in rows)
        asked = {row["replaced_by"] for row in rows} - heirs.keys()
    ends: dict[str, int] = {}
    for id_ in ids:
        heir = id_
        while heir in heirs:
            heir = heirs[heir]
        if heir != id_:
            ends[str(id_)] = heir
    return ends


def wanted(keys: Sequence[Key]) -> dict[str, set[str]]:
    """The values asked for, by field; without ids that cannot be one."""
    asked: dict[str, set[str]] = {}
    for key in keys:
        if key.field != ID or is_id(key.value):
            asked.setdefault(key.field, set()).add(key.value)
    return asked


def any_of(shape: Shape, asked: Mapping[str, set[str]], of: str = "party.") -> list[Any]:
    return ["OR", *(holding(shape, field, sorted(values), of) for field, values in asked.items())]


def in_order(keys: Sequence[Key], shape: Shape, rows: Sequence[Row], records: Sequence[Record]) -> list[list[Record]]:
    holders: dict[Key, list[Record]] = {}
    searched = {key.field for key in keys} - {ID}
    for row, record in zip(rows, records, strict=True):
        for key in {Key(ID, record.id)} | {Key(f, value) for f in searched for value in values_of(shape, row, f)}:
            holders.setdefault(key, []).append(record)
    return [holders.get(Key(key.field, comparable(key.field, key.value)), []) for key in keys]


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


def holding(shape: Shape, field: str, values: list[str], of: str = "party.") -> list[Any]:
    """The domain of rows that hold one of these values; `of` leads from such a row to its party."""
    if field == ID:
        return ["id", "in", [int(value) for value in values]]
    place = shape.place(field)
    if place.home == "mechanism":
        return [f"{of}contact_mechanisms", "where", [["type", "=", place.field], mechanism_is(field, values)]]
    if place.home == "identifier":
        return [f"{of}identifiers.code", "in", [f"{ID_PREFIX}{value}" for value in values]]
    if place.home not in ("lead", "party") or place.kind not in ("char", "selection"):
        raise Misconfigured(
            f"Tryton's records cannot be looked up by {field!r}.", hint="Use email, smarketing_id or number."
        )
    return [place.field if place.home == "lead" else f"{of}{place.field}", "in", values]


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
    return [*paths, *(f"{path}_compact" for path in paths if path.endswith("contact_mechanisms.value"))]


def is_id(value: str) -> bool:
    """As the database counts: more digits than these would be an error to it."""
    return value.isascii() and value.isdecimal() and len(value) < 16
