"""A batch of writes as what is sent for each, and which of them can go in one request. Pure.

New people become Leads. An update goes to the object that its id belongs to. What a field's `Members` change is kept
apart, as `roles`: it is no part of the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from connectors.base import Members, Write
from connectors.errors import Invalid, Reject
from connectors.salesforce.bulk import sayable
from connectors.salesforce.kinds import LEAD, ROLES, Entity, Shape, entity_of
from connectors.salesforce.objects import READ_ONLY_ON_CONTACT, Column, outgoing, payload

Known = Callable[[Entity], Mapping[str, Column] | None]


class Way(NamedTuple):
    """How a write is sent. `key`: the external id of an upsert."""

    operation: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One write, ready to send. `index`: its place in the batch. `dropped`: our fields that its object cannot take."""

    index: int
    write: Write
    entity: Entity
    way: Way
    body: Mapping[str, Any]
    dropped: tuple[str, ...]
    roles: Members | None = None

    @property
    def company_kept(self) -> bool:
        """A Contact's Company was to change, and does not."""
        return self.entity == "Contact" and not READ_ONLY_ON_CONTACT.isdisjoint(self.dropped)

    @property
    def account_left_out(self) -> bool:
        """A Lead was to belong to an Account, and cannot."""
        return self.entity == "Lead" and "AccountId" in self.dropped

    @property
    def name(self) -> str:
        """What names the record in a Bulk file: its id, or its external id."""
        return str(self.body[self.way.key]) if self.way.key else self.write.id or ""

    def record(self) -> dict[str, Any]:
        """As sObject Collections take it."""
        own = {"id": self.write.id} if self.way.operation == "update" else {}
        return {"attributes": {"type": self.entity}, **own, **self.body}

    def row(self) -> dict[str, Any]:
        """As a Bulk file takes it."""
        return {"Id": self.write.id, **self.body} if self.way.operation == "update" else dict(self.body)


def item(index: int, write: Write, known: Known, shape: Shape = LEAD) -> Item | Reject:
    """One write as it is sent, or why it cannot be."""
    entity = entity_of(write.id or "", shape.entities) if write.operation == "update" else shape.creates
    if entity is None:
        return Invalid(f"{write.id!r} is not the id of a Salesforce {shape.said}.")
    roles = write.fields.get(ROLES) if shape.roles else None
    if roles is not None and not isinstance(roles, Members):
        return Invalid(f"{ROLES} takes who joins and who leaves.", field=ROLES)
    sent: dict[str, Any] = {}
    dropped: list[str] = []
    # An external id is the only field to upsert by, and only custom fields can be one on these objects.
    key = write.key if write.operation == "create" and write.key and write.key.field.endswith("__c") else None
    values = {**write.fields, key.field: key.value} if key else dict(write.fields)
    if shape.roles:
        values.pop(ROLES, None)
    for field, value in values.items():
        try:
            one, left_out = payload(entity, {field: outgoing(value)}, known(entity))
        except ValueError as why:
            return Invalid(f"The value for {field} cannot be sent: {why}.", field=field)
        sent |= one
        dropped += left_out
    if key and key.field in dropped:
        return Invalid(f"{entity} has no field {key.field} to create by.", field=key.field)
    way = Way("upsert", key.field) if key else Way(write.operation)
    return Item(index, write, entity, way, sent, tuple(dropped), roles)


def without_unknown(items: Sequence[Item], known: Known) -> list[Item]:
    """The same items without the fields that their objects turned out not to have."""
    kept = []
    for one in items:
        columns = known(one.entity) or {}
        there = {name: value for name, value in one.body.items() if name in columns}
        kept.append(replace(one, body=there, dropped=(*one.dropped, *(n for n in one.body if n not in there))))
    return kept


def requests(items: Sequence[Item], most: int) -> Iterator[list[Item]]:
    """Items that can go in one request, at most `most`. Objects are kept together: a request takes at most ten
    changes from one to another (https://developer.salesforce.com/docs/platform/api-rest/guide/
    resources-composite-sobjects-collections-update.html), and an upsert only one object. A record that comes twice
    comes in two requests, one after the other."""
    times: Counter[str] = Counter()
    turns: list[tuple[int, Item]] = []
    for one in sorted(items, key=lambda one: one.index):
        turns.append((times[one.name], one))
        times[one.name] += one.name != ""
    turns.sort(key=lambda turn: (turn[0], turn[1].way, turn[1].entity, turn[1].index))
    for _, same in groupby(turns, key=lambda turn: (turn[0], turn[1].way)):
        group = [one for _, one in same]
        for start in range(0, len(group), most):
            yield group[start : start + most]


def for_bulk(items: Sequence[Item], above: int) -> tuple[list[list[Item]], list[Item]]:
    """Groups of more than `above` items that can each be one Bulk job, and the rest.

    A create without an external id stays out: were the answer lost, nobody could tell which rows it made. So does a
    record that comes twice, since results name records, and a row that CSV cannot say.
    """
    groups: list[list[Item]] = []
    rest: list[Item] = []
    ordered = sorted(items, key=lambda one: (one.way, one.entity, one.index))
    for (way, _), same in groupby(ordered, key=lambda one: (one.way, one.entity)):
        fit: dict[str, Item] = {}
        others: list[Item] = []
        for one in same:
            able = way.operation != "create" and one.name not in fit and sayable(one.body)
            if able:
                fit[one.name] = one
            else:
                others.append(one)
        if len(fit) > above:
            groups.append(list(fit.values()))
            rest += others
        else:
            rest += [*fit.values(), *others]
    return groups, rest
