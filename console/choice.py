"""What people leave out of a plan before it is carried out: records, fields of one record, fields everywhere in a system.

Kept in a file beside the plan, so that it outlives a page and is the same for all who look. Not here: what leaving out means
(`sync.approval`). Invariant: what is carried out is the choice that the page showed, told by its `mark`; a later one is another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import orjson

from console.plans import FOLDER, PlanFile
from mapping.fields import RecordKind
from mapping.rules import Rules
from sync.approval import DIVISIBLE, Approval, held_with, needed_to_create

Everywhere = tuple[str, str, str]
"""System, kind of record, field."""

_lock = threading.Lock()


@dataclass(frozen=True)
class Choice:
    """`writes`: writes of the plan that are left out, by their number in it; `fields`: number -> fields of that one."""

    writes: frozenset[int] = frozenset()
    fields: Mapping[int, frozenset[str]] = field(default_factory=dict)
    everywhere: frozenset[Everywhere] = frozenset()

    @property
    def mark(self) -> str:
        return blake2b(orjson.dumps(self._document()), digest_size=8).hexdigest()

    @property
    def empty(self) -> bool:
        return not (self.writes or self.fields or self.everywhere)

    def held(self, n: int, system: str, kind: str, names: Collection[str]) -> frozenset[str]:
        """The fields of a write that are asked to be left out."""
        own = self.fields.get(n, frozenset())
        return frozenset(name for name in names if name in own or (system, kind, name) in self.everywhere)

    def with_writes(self, numbers: Iterable[int], out: bool) -> Choice:
        writes = self.writes.union(numbers) if out else self.writes.difference(numbers)
        return Choice(writes, self.fields, self.everywhere)

    def with_field(self, n: int, name: str, out: bool) -> Choice:
        names = self.fields.get(n, frozenset())
        fields = {**self.fields, n: names | {name} if out else names - {name}}
        return Choice(self.writes, {k: some for k, some in fields.items() if some}, self.everywhere)

    def with_everywhere(self, what: Everywhere, out: bool) -> Choice:
        return Choice(self.writes, self.fields, self.everywhere | {what} if out else self.everywhere - {what})

    def _document(self) -> dict[str, object]:
        fields = {str(n): sorted(names) for n, names in sorted(self.fields.items())}
        return {"writes": sorted(self.writes), "fields": fields, "everywhere": sorted(self.everywhere)}

    @classmethod
    def load(cls, folder: Path, plan: str) -> Choice:
        try:
            found = orjson.loads(_path(folder, plan).read_bytes())
        except FileNotFoundError:
            return cls()
        return cls(
            frozenset(found["writes"]),
            {int(n): frozenset(names) for n, names in found["fields"].items()},
            frozenset((s, k, name) for s, k, name in found["everywhere"]),
        )

    @classmethod
    def change(cls, folder: Path, plan: str, how: Callable[[Choice], Choice]) -> Choice:
        """One after another, whoever asks."""
        with _lock:
            choice, path = how(cls.load(folder, plan)), _path(folder, plan)
            new = path.with_name(f"{path.name}.new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(orjson.dumps(choice._document()))
            os.replace(new, path)
            return choice


def kept(operation: str, names: Collection[str], held: Collection[str], needed: Collection[str]) -> set[str] | None:
    """The fields that are left of a write; None where nothing of it is written. `needed`: `sync.approval.needed_to_create`."""
    out = held_with(operation, names, held)
    rest = set(names) - out
    if out and (not rest or (operation == "create" and out & set(needed))):
        return None
    return rest


def needed_in(rules: Rules, system: str, kind: RecordKind) -> frozenset[str]:
    """The fields without which no record of the kind is created there."""
    if kind not in rules.kinds or system not in rules.of(kind).mappers:
        return frozenset()
    return frozenset(needed_to_create(rules.of(kind).mappers[system]))


def approval_of(made: PlanFile, choice: Choice) -> Approval:
    """What is left of the plan. Of writes that cannot be told from each other, all are left out where one is."""
    approved: dict[str, frozenset[str]] = {}
    refused: set[str] = set()
    for n, row in enumerate(made.writes):
        if n in choice.writes:
            refused.add(row.fingerprint)
            continue
        held = choice.held(n, row.system, row.kind, row.fields) if row.operation in DIVISIBLE else frozenset()
        if held.issuperset(row.fields) and row.fields and row.operation in DIVISIBLE:
            refused.add(row.fingerprint)
        approved[row.fingerprint] = approved.get(row.fingerprint, frozenset()) | held
    return Approval({key: held for key, held in approved.items() if key not in refused})


def _path(folder: Path, plan: str) -> Path:
    return folder / FOLDER / f"{plan}.left-out"
