"""The two systems of a scenario, in memory, and the people in them who edit, delete, merge and refuse.

Not the engine: it sees these systems through the ordinary connector, of which every write is noted as it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from connectors.base import Capabilities, Kind, Members, Write, WriteResult
from connectors.errors import Unavailable
from connectors.memory import LogicalClock, Memory, Row, Vendor
from tests.scenarios.story import EMAIL, OUR_ID, PLACES, Happening, Run, Side, Sides, Story, Values, records, unfold
from tests.scenarios.story import Vendor as Habits

LONG_AGO = timedelta(days=30)
"""How old an imported record says that it is."""


class Died(Exception):
    """The process ended here, at once."""


class Town(Vendor):
    """A system with habits of its own."""

    habits: Habits = Habits()

    def create(self, fields: Mapping[str, Any]) -> str:
        return super().create(self._made_of(fields))

    def update(self, id_: str, fields: Mapping[str, Any]) -> None:
        super().update(id_, self._made_of(fields))

    def _made_of(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: altered(value, self.habits.alters.get(name, "")) for name, value in fields.items()}


def altered(value: Any, how: str) -> Any:
    if not isinstance(value, str) or not how:
        return value
    if how == "upper case":
        return value.upper()
    first, count, unit = how.split()
    assert (first, unit) == ("first", "characters"), how
    return value[: int(count)]


class Witness(Memory):
    """The connector; what it is told to write, and what became of it, is noted in the words of a scenario."""

    def __init__(
        self, town: Town, noted: Mapping[str, list[Values]], run: Run, meanwhile: Callable[[str], None]
    ) -> None:
        can = Capabilities(
            tombstones=town.habits.deletions,
            upsert_keys=frozenset({"*"}),
            answers_values=town.habits.answers,
            write_batch=town.habits.batch,
            oldest_first=True,
            overlap=timedelta(seconds=1),
            archive=True,
            erase=True,
        )
        super().__init__(town, page_size=2, can=can, hook=self._step)
        self.noted, self.run, self.meanwhile = noted, run, meanwhile
        self.written = noted[town.name if town.kind == "lead" else f"{town.name} {town.kind}"]
        if town.kind == "owner":
            self.can = replace(self.can, create=False, update=False, archive=False, erase=False)

    def of(self, kind: Kind) -> Memory:
        if kind not in self._others and kind != self.kind and isinstance(other := self.vendor.siblings.get(kind), Town):
            self._others[kind] = Witness(other, self.noted, self.run, self.meanwhile)
        return super().of(kind)

    async def _step(self, point: str) -> None:
        self.meanwhile(point)
        if self.run.dies == point:
            raise Died(point)
        if self.run.times_out == point:
            raise Unavailable(f"{self.name} did not answer in time.")

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        before = dict(self.vendor.rows)
        self.written += [self._told(write, None) for write in batch]
        results = await super().write(batch)
        del self.written[-len(batch) :]
        for write, result in zip(batch, results, strict=True):
            told = self._told(write, result)
            if write.operation == "create" and result.id in before:
                told = {"found": result.id, **{k: v for k, v in told.items() if k not in ("create", "refused")}}
            self.written.append(told)
        return results

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        self.written += [{"archive": id_} for id_ in ids]
        return await super().archive(ids)

    def _told(self, write: Write, result: WriteResult | None) -> Values:
        fields = {name: _spelled(value) for name, value in write.fields.items() if name != OUR_ID[self.name]}
        told = {write.operation: (result.id if result else None) or write.id, **fields}
        if result is not None and result.outcome != "done":
            told |= {write.operation: write.id, "refused": True}
        return told


def _spelled(value: Any) -> Any:
    """Who joins a list and who leaves it."""
    if not isinstance(value, Members):
        return value
    return {name: list(ids) for name, ids in value._asdict().items() if ids}


@dataclass
class Streets:
    """Both systems, and the clock that they share."""

    story: Story
    clock: LogicalClock = field(default_factory=LogicalClock)
    towns: dict[str, Town] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kinds: dict[str, dict[Kind, Vendor]] = {}
        for place in PLACES:
            system, _, kind = place.partition(" ")
            town = self.towns[place] = Town(system, clock=self.clock, kind=kind or "lead")  # type: ignore[arg-type]
            town.habits = self.story.vendors.get(place, Habits())
            town.unique = frozenset({OUR_ID[system], *town.habits.unique})
            for name, values in records(place, self.story.before.get(place, {})).items():
                town.rows[name] = Row(values, self.clock())
            if kind:
                kinds.setdefault(system, {})[town.kind] = town
        for system, found in kinds.items():
            self.towns[system].siblings = found

    def happen(self, what: Happening) -> None:
        verb, subject = what.one()
        self.clock.tick(60)
        getattr(self, f"_{verb}")(subject)

    def sides(self) -> Sides:
        """What the systems show: no blanks, and our own id left out, which is another in every run."""
        return {system: self._side(system, town) for system, town in self.towns.items()}

    def _side(self, system: str, town: Town) -> Side:
        def shown(row: Row) -> Values:
            return {k: v for k, v in row.fields.items() if k != OUR_ID[system.split()[0]] and v not in (None, "", [])}

        return {id_: shown(row) for id_, row in town.live().items()}

    # --- what happens ---------------------------------------------------------------------------------------------

    def _edit(self, records_: Mapping[str, Values]) -> None:
        for town, name, values in self._each(records_):
            Vendor.update(town, name, values)

    def _create(self, records_: Mapping[str, Values]) -> None:
        for town, name, values in self._each(records_):
            place = town.name if town.kind == "lead" else f"{town.name} {town.kind}"
            town.rows[name] = Row(records(place, {name: values})[name], self.clock())

    def _imported(self, records_: Mapping[str, Values]) -> None:
        for town, name, values in self._each(records_):
            if name not in town.rows:
                self._create({f"{town.name}/{name}": values})
            town.rows[name].fields.update(values)
            town.rows[name].changed_at = self.clock() - LONG_AGO

    def _delete(self, names: Sequence[str]) -> None:
        for town, name, _ in self._each({name: {} for name in names}):
            town.delete(name)

    def _restore(self, names: Sequence[str]) -> None:
        for town, name, _ in self._each({name: {} for name in names}):
            town.rows[name].deleted = False
            town._touch(town.rows[name])

    def _merge(self, pairs: Mapping[str, str]) -> None:
        for loser, winner in pairs.items():
            town, name = self.at(loser)
            town.merge(self.at(winner)[1], name)

    def _convert(self, pairs: Mapping[str, str]) -> None:
        for old, new in pairs.items():
            town, name = self.at(old)
            town.rows[self.at(new)[1]] = Row(dict(town.rows[name].fields), self.clock())
            town.rows[name].became = self.at(new)[1]
            town._touch(town.rows[name])

    def _refuse(self, values: Mapping[str, Values]) -> None:
        for system, refused in values.items():
            self.towns[system].refuse = _refusal(system, refused)

    def _accept(self, systems: Sequence[str]) -> None:
        for system in systems:
            self.towns[system].refuse = lambda fields: None

    def _lock_out(self, systems: Sequence[str]) -> None:
        for system in systems:
            self.towns[system].token = "another"

    def _let_in(self, systems: Sequence[str]) -> None:
        for system in systems:
            self.towns[system].token = None

    # --- names ----------------------------------------------------------------------------------------------------

    def at(self, record: str) -> tuple[Town, str]:
        system, name = record.split("/")
        return self.towns[system], name

    def _each(self, records_: Mapping[str, Values]) -> list[tuple[Town, str, Values]]:
        return [(*self.at(record), values) for record, values in unfold(records_)]


def _refusal(system: str, refused: Values) -> Any:
    def refuse(fields: Mapping[str, Any]) -> str | None:
        for name, value in refused.items():
            if name in fields and (value == "anything" or fields[name] == value):
                return f"{system} does not take {fields[name]!r} as {name}."
        return None

    return refuse


def connectors(streets: Streets, written: Mapping[str, list[Values]], run: Run) -> dict[str, Memory]:
    due = {point: list(happenings) for point, happenings in run.meanwhile.items()}

    def meanwhile(point: str) -> None:
        for happening in due.pop(point, ()):
            streets.happen(happening)

    leads = {town.name: town for town in streets.towns.values() if town.kind == "lead"}
    return {system: Witness(town, written, run, meanwhile) for system, town in leads.items()}


__all__ = ["EMAIL", "Died", "Streets", "connectors"]
