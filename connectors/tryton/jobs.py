"""One write on its way through `writing.py`: what it wants, what is there, and the commands that lead from one to the
other. Pure: nothing here calls Tryton."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import Write, WriteResult
from connectors.errors import Invalid, Reject
from connectors.tryton.api import ADDRESS, LEAD, MECHANISM, PARTY
from connectors.tryton.organisations import Organisations
from connectors.tryton.shape import (
    ID_PREFIX,
    OUR_ID,
    Shape,
    comparable,
    first_address,
    first_identifier,
    first_mechanism,
)

EMAIL = "email"
STATE = "state"

BUTTONS: Mapping[str, tuple[frozenset[str], str]] = {
    "opportunity": (frozenset({"lead"}), "opportunity"),
    "convert": (frozenset({"opportunity"}), "converted"),
    "lost": (frozenset({"lead", "opportunity"}), "lost"),
    "cancel": (frozenset({"lead", "opportunity"}), "cancelled"),
    "lead": (frozenset({"cancelled", "lost", "opportunity"}), "lead"),
}
"""Button: the states in which it may be pressed, and the state after. `won` has none: Tryton sets it itself once the
sale is confirmed. https://docs.tryton.org/8.0/modules/sale_opportunity/design.html"""


@dataclass
class Job:
    """One write: what it wants of the opportunity, of the party and of the state, and what is there."""

    write: Write
    lead: dict[str, Any] = field(default_factory=dict)
    """Fields of the opportunity, as Tryton takes them."""
    party: dict[str, Any] = field(default_factory=dict)
    """By flat name: values of the party, its mechanisms, address and identifier, as Tryton takes them."""
    state: str | None = None
    lead_id: int | None = None
    party_id: int | None = None
    now: Mapping[str, Any] = field(default_factory=dict)
    """The party as it is (nested), empty where there is none."""
    state_now: str = "lead"
    lock: dict[str, str] = field(default_factory=dict)
    """`_timestamp` of every record ("model,id") that must not have changed when it is written."""
    of_party: bool = False
    """It is about a company: the party is the record."""
    only_blanks: bool = False
    made_party: bool = False
    result: WriteResult | None = None

    @property
    def open(self) -> bool:
        return self.result is None

    @property
    def id(self) -> str | None:
        found = self.party_id if self.of_party else self.lead_id
        return str(found) if found else self.write.id

    def refuse(self, error: Reject) -> None:
        self.result = WriteResult("rejected", self.id, error=error)

    def lose_sight(self) -> None:
        self.result = WriteResult("unknown", self.id)

    def needs_party(self) -> bool:
        return any(value is not None for value in self.party.values())

    def our_id(self) -> str | None:
        key = self.write.key
        found = key.value if key is not None and key.field == OUR_ID else self.party.get(OUR_ID)
        return str(found) if found else None

    def email(self) -> str | None:
        """In the form in which addresses are compared."""
        key = self.write.key
        found = key.value if key is not None and key.field == EMAIL else self.party.get(EMAIL)
        return comparable(EMAIL, str(found)) if found else None

    def locks(self, *models: str) -> dict[str, str]:
        return {record: version for record, version in self.lock.items() if record.split(",")[0] in models}

    def take(self, party: Mapping[str, Any]) -> None:
        """Note what the party holds, and the versions of all that a write may change."""
        if not party:
            return
        self.now, self.party_id = party, int(party["id"])
        self.lock[f"{PARTY},{self.party_id}"] = party["_timestamp"]
        for model, rows in ((MECHANISM, "contact_mechanisms."), (ADDRESS, "addresses.")):
            self.lock.update({f"{model},{row['id']}": row["_timestamp"] for row in party.get(rows) or ()})

    def take_lead(self, row: Mapping[str, Any]) -> None:
        self.state_now = row["state"]
        self.lock[f"{LEAD},{row['id']}"] = row["_timestamp"]
        self.take(row.get("party.") or {})


def keep_theirs(job: Job, shape: Shape) -> None:
    """Of a party that was there before us only what is blank is ours to fill; half an address is no blank."""
    for name in list(job.party):
        place = shape.places[name]
        there: Any = None
        match place.home:
            case "party":
                there = job.now.get(place.field)
            case "mechanism":
                there = first_mechanism(job.now, place.field)
            case "address":
                there = first_address(job.now)
            case "identifier":
                there = first_identifier(job.now)
            case "organisation":
                there = shape.organisations.of(job.now)
        if there not in (None, ""):
            del job.party[name]


def party_values(job: Job, shape: Shape) -> dict[str, Any]:
    """The party's values, with commands for its mechanisms, address and identifiers."""
    values: dict[str, Any] = {}
    address: dict[str, Any] = {}
    for name, value in job.party.items():
        place = shape.places[name]
        match place.home:
            case "party":
                values[place.field] = value
            case "address":
                address[place.field] = value
            case "mechanism":
                if command := mechanism_command(first_mechanism(job.now, place.field), place.field, value):
                    values.setdefault("contact_mechanisms", []).append(command)
            case "identifier":
                if command := identifier_command(first_identifier(job.now), value):
                    values["identifiers"] = [command]
            case "organisation":
                if command := relation_command(shape.organisations, job.now, value):
                    values["relations"] = [command]
    there = first_address(job.now)
    if address and there:
        values["addresses"] = [["write", [there["id"]], address]]
    elif any(value is not None for value in address.values()):
        values["addresses"] = [["create", [address]]]
    return values


def mechanism_command(there: Mapping[str, Any] | None, type_: str, value: str | None) -> list[Any] | None:
    """A clear switches the mechanism off, as Tryton's people do: invoices and orders may still refer to it."""
    if there is None:
        return ["create", [{"type": type_, "value": value}]] if value is not None else None
    return ["write", [there["id"]], {"active": False} if value is None else {"value": value}]


def identifier_command(there: Mapping[str, Any] | None, value: str | None) -> list[Any] | None:
    if value is None:
        return ["delete", [there["id"]]] if there else None
    code = {"code": f"{ID_PREFIX}{value}"}
    return ["write", [there["id"]], code] if there else ["create", [code]]


def relation_command(organisations: Organisations, party: Mapping[str, Any], company: int | None) -> list[Any] | None:
    """The relation that leads to another company, or to none, from now on. Those of other types are not ours."""
    there = organisations.relation_of(party)
    if there is None:
        new = {"type": organisations.relation, "to": company}
        return ["create", [new]] if company is not None else None
    return ["write", [there["id"]], {"to": company}] if company is not None else ["delete", [there["id"]]]


def known_state(value: Any, states: Sequence[str]) -> str:
    if value not in states:
        raise Invalid(f"An opportunity in Tryton is {', '.join(states)}; not {value!r:.80}.", field=STATE)
    return str(value)


def next_button(now: str, goal: str) -> str | None:
    """The first button on the shortest way from one state to another; None where there is no way."""
    ways = deque([(now, "")])
    seen = {now}
    while ways:
        state, first = ways.popleft()
        for button, (before, after) in BUTTONS.items():
            if state in before and after not in seen:
                if after == goal:
                    return first or button
                seen.add(after)
                ways.append((after, first or button))
    return None


def no_way(now: str, goal: str) -> Invalid:
    hint = "Tryton sets it itself, once the sale is confirmed." if goal == "won" else "Change it in Tryton by hand."
    return Invalid(f"Tryton has no button that leads from {now} to {goal}.", field=STATE, hint=hint)
