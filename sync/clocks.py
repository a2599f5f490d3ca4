"""A tick: the clocks of whoever was moved or seen to since the last one, and those that have something to say by now.

Effects: reads the history, writes clocks and the messages that are due; sends nothing and asks no system. What each clock
shows is decided in `alignment.sla`. Invariant: killed at any point and run again, a tick leaves the same clocks, and each
message once; the position moves on in the commit of the last leads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

from alignment.sla.clocks import Left, Moved, Touched
from alignment.sla.watch import Lead, Watch, restored
from mapping.agreement.sla import Pact
from mapping.compiler import canonical
from mapping.config import ProjectFile
from mapping.derived import lifecycle_of
from mapping.fields import Fields
from state.clocks import AlertRow, ClockRow, Clocks, Position, TouchRow
from state.facts import microseconds
from state.history import Engine
from state.lock import Lease

BATCH = 2_000
"""Leads of one commit."""

LOCK = "clocks"


class PactError(Exception):
    """There is no pact, or its promises are not those of its version."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


class NoPact(PactError):
    """The project has none."""


@dataclass
class Ticked:
    """What a tick has come to. `stale`: messages that came too late to be sent; `left`: what of the history was left
    out."""

    at: datetime
    leads: int = 0
    clocks: int = 0
    """Clocks that are not as they were."""
    alerts: int = 0
    """Messages that are new."""
    stale: int = 0
    left: Left = field(default_factory=Left)


def pact_of(config: ProjectFile) -> Pact:
    """Raises NoPact."""
    if config.sla is None:
        raise NoPact("no-pact", "There is no pact in smarketing.yaml.", "Write what both teams promise under `sla:`.")
    return config.sla


def watch(clocks: Clocks, config: ProjectFile, now: datetime, since: datetime | None = None) -> Watch:
    """The pact with all its versions. A version that is new is kept. Raises PactError where the promises were changed
    and the version was not."""
    pact = pact_of(config)
    terms = pact.terms()
    hash_ = blake2b(canonical(terms).encode(), digest_size=16).hexdigest()
    stored = clocks.versions()
    if stored and max(stored) > pact.version:
        raise PactError(
            "pact-version", f"The pact says version {pact.version}, and version {max(stored)} has been in force.",
            "Give it a higher version: what was signed stays as it was.",
        )  # fmt: skip
    if pact.version not in stored:
        clocks.keep_version(pact.version, hash_, terms, now)
        stored[pact.version] = hash_, terms
    elif stored[pact.version][0] != hash_:
        raise PactError(
            "pact-version", f"The promises of the pact have changed, and it still says version {pact.version}.",
            "Raise `version` (and `agreed_on`), or put the promises back: clocks go by what was signed when they started.",
        )  # fmt: skip
    pacts = {version: restored(body, pact) for version, (_, body) in stored.items() if version < pact.version}
    return Watch({**pacts, pact.version: pact}, lifecycle_of(config), now, since)


def tick(engine: Engine, config: ProjectFile, now: datetime) -> Ticked:
    """Raises PactError, and `state.lock.Busy` where another tick is under way."""
    lease = Lease(engine, LOCK, lambda: now)
    try:
        with Clocks(engine) as clocks:
            return _tick(clocks, config, now)
    finally:
        lease.release()


def _tick(clocks: Clocks, config: ProjectFile, now: datetime) -> Ticked:
    last = clocks.position()
    book = watch(clocks, config, now, last.at)
    rules = blake2b(canonical(book.today.model_dump(mode="json", by_alias=True)).encode(), digest_size=16).hexdigest()
    found, event, run = clocks.touched(last, book.begins)
    found |= clocks.due(now)
    if rules != last.rules:  # somebody is away, or a day is off, that was not
        found |= clocks.open_leads()
    ticked = Ticked(now)
    owners = clocks.owners()
    roles = {name: system.role for name, system in config.systems.items()}
    leads = sorted(found)
    for start in range(0, len(leads), BATCH):
        _step(clocks, book, leads[start : start + BATCH], owners, roles, ticked)
        if start + BATCH < len(leads):
            clocks.commit()
    clocks.save_position(Position(event, run, now, rules))
    clocks.commit()
    return ticked


def _step(
    clocks: Clocks, book: Watch, ids: Sequence[str], owners: Mapping[str, str], roles: Mapping[str, str], ticked: Ticked
) -> None:
    rows: list[ClockRow] = []
    alerts: list[AlertRow] = []
    known = clocks.clocks_of(ids)
    leads = _leads(clocks, book, ids, owners, roles)
    known.update(clocks.clocks_of([id_ for id_ in leads if id_ not in known]))
    for hub_id, clocks_before in known.items():
        if hub_id not in leads:  # merged into another lead, which has its clocks now
            rows += [replace(row, state="cancelled", stopped=book.now, look=None, note="merged")
                     for row in clocks_before if row.open]  # fmt: skip
    for lead in leads.values():
        judged = book.judge(lead, known.get(lead.hub_id, ()))
        rows += judged.rows
        alerts += judged.alerts
        ticked.stale += judged.stale
        ticked.left.add(judged.left)
    clocks.save_clocks(rows)
    ticked.leads += len(leads)
    ticked.clocks += len(rows)
    ticked.alerts += clocks.intend(alerts)


def _leads(
    clocks: Clocks, book: Watch, ids: Iterable[str], owners: Mapping[str, str], roles: Mapping[str, str]
) -> dict[str, Lead]:
    """The leads as they are now, each with all that happened to whoever was merged into it."""
    found = clocks.become(ids)
    into = {**{id_: id_ for id_ in found}, **clocks.merged(found)}
    moves: dict[str, list[Moved]] = defaultdict(list)
    touches: dict[str, list[Touched]] = defaultdict(list)
    for move in clocks.moves(into):
        moves[into[move.hub_id]].append(Moved(microseconds(move.at), move.new, move.reason))
    for touch in clocks.touches(into, book.begins):
        if by_sales(touch, owners, roles, book):
            touches[into[touch.hub_id]].append(Touched(microseconds(touch.at), touch.type))
    return {id_: Lead(id_, fields, owner_of(fields, owners), moves[id_], touches[id_]) for id_, fields in found.items()}


def owner_of(fields: Fields, owners: Mapping[str, str]) -> str:
    """E-mail address of whoever looks after a lead; empty where nobody is known."""
    owner = fields.get("owner")
    return owners.get(owner, "") if isinstance(owner, str) else ""


def by_sales(touch: TouchRow, owners: Mapping[str, str], roles: Mapping[str, str], book: Watch) -> bool:
    """Whether somebody in sales did it: a user who is in no team of marketing; where no user is known, in a CRM."""
    owner = owners.get(touch.owner_id or "")
    return book.of_sales(owner) if owner else roles.get(touch.system) == "crm"
