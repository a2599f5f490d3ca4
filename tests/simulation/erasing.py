"""Somebody is forgotten in the midst of a simulated history, by a process that may die at any step; and what must be
true of it afterwards, in the systems, in every table and in the files of the database.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import orjson
import sqlalchemy as sa

from state import tables as t
from state.database import scrub
from state.erasures import Erasure
from state.indexing import Indexer
from state.records import Hub
from state.store import Store
from sync.forget import begin, carry_out, erase_ours, survey
from sync.forgotten import Forgotten
from tests.simulation.world import TEXTS, Crash, World, hubs_of, tellings

KEY = "a key that only the tests know"


async def forget(world: World, hub_id: str, begun: Erasure | None = None) -> Erasure:
    """As `console.forgetting` goes about it, the files of a project aside."""
    connectors = world.connectors()
    store = world.store()
    try:
        person = None
        if begun is None or not begun.gone:
            person = await survey(world.rules, connectors, store, hub_id)
            erasure = begun or begin(store, person, KEY, "tester", world.clock())
            there = {(record.system, record.id) for record in erasure.records}
            erasure.records += [one for one in person.records if (one.system, one.id) not in there]
            erase_ours(store, erasure, person)
        else:
            erasure = begun
    finally:
        store.close()
    scrub(world.engine)
    store = world.store()
    try:
        await carry_out(world.rules, connectors, store, erasure, world.clock)
    finally:
        store.close()
    return erasure


def unfinished(world: World) -> list[Erasure]:
    store = Store(world.engine)
    try:
        return store.erasures("begun")
    finally:
        store.close()


def erase(world: World, disturbed_run: Callable[[World], None]) -> None:
    """Somebody asks to be forgotten. The process dies at any step of it, perhaps with runs before it is taken up again."""
    r = world.random
    leads = {hub.id: address for hub in hubs_of(world) if (address := _address(hub)) not in (*world.erased, "")}
    if not leads:
        return
    lead_id = r.choice(sorted(leads))
    email = leads[lead_id]
    world.erased.add(email)
    world.ever_erased.add(email)
    world.gone |= {("lead", email, system) for system in world.vendors}
    world.log.append(f"forget {email}")
    known = _known(world)
    index(world)
    world.steps, world.crash_at = 0, r.randrange(1, 24) if r.random() < 0.6 else None
    with contextlib.suppress(Crash):
        asyncio.run(forget(world, lead_id))
    world.crash_at = None
    while any(one.hubs for one in unfinished(world)):
        if r.random() < 0.5:
            disturbed_run(world)
        [erasure] = unfinished(world)
        world.steps, world.crash_at = 0, r.randrange(1, 24) if r.random() < 0.2 else None
        with contextlib.suppress(Crash):
            asyncio.run(forget(world, erasure.hubs[0], erasure))
        world.crash_at = None
    if any(one.id == lead_id for one in hubs_of(world)):  # it died before anything was begun
        asyncio.run(forget(world, lead_id))
    words = _forget_edits(world, email)
    for problem in problems(world, email, words, known):
        raise AssertionError(problem)
    if r.random() < 0.5:  # somebody imports an old list
        world._person(world.vendors["mkt"], email)
        world.log.append(f"mkt: {email} is imported again")


def _address(hub: Hub) -> str:
    """Also where what was read has yet to be merged."""
    seen = [link.side.seen.get("email") for link in hub.links.values()]
    return str(hub.fields.get("email") or next(filter(None, seen), ""))


def _forget_edits(world: World, email: str) -> set[str]:
    """What the person alone was called; from now on the world does not know it as theirs."""
    mine: set[str] = set()
    others: set[str] = {
        str(value)
        for vendor in world.vendors.values()
        for kind in vendor.siblings.values()
        if kind is not vendor
        for row in kind.rows.values()
        for value in row.fields.values()
    }  # a company may be called the same by chance
    for edit in world.edits:
        if edit.name in TEXTS and isinstance(edit.value, str):
            (mine if edit.email == email else others).update(tellings(edit.name, edit.value))
    for edit in world.edits:
        if edit.email == email:
            edit.email = "erased"
    return (mine - others) | {email}


def _known(world: World) -> set[tuple[str, str]]:
    """(system, id) of every lead's record that we have ever linked. What was thrown into a bin before we read it, nobody
    can tell us of."""
    with world.engine.connect() as c:
        links = c.execute(sa.select(t.link.c.system, t.link.c.remote_id).where(t.link.c.kind == "lead")).all()
        rows = c.execute(sa.select(t.change.c.system, t.change.c.detail).where(t.change.c.kind == "unlinked")).all()
    was = {(row.system, str(orjson.loads(row.detail).get("was"))) for row in rows}
    return was | {(row.system, row.remote_id) for row in links}


def problems(world: World, email: str, words: set[str], known: set[tuple[str, str]]) -> list[str]:
    """No system has the person, not even in its bin, no row of ours and no file."""
    found = [f"18: {email} came back" for one in hubs_of(world) if one.fields.get("email") == email]
    for name, vendor in world.vendors.items():
        found += [
            f"18: {email} is in {name} as {i}"
            for i, row in vendor.rows.items()
            if row.fields.get("email") == email and (not row.deleted or (name, i) in known)
        ]
    with world.engine.connect() as c:
        for table in t.metadata.sorted_tables:
            for row in c.execute(sa.select(table)):
                told = " ".join(str(value) for value in row)
                found += [
                    f"18: a row of {table.name} still says {word}: {told}" for word in words if f'"{word}"' in told
                ]
        rows = c.execute(sa.select(t.search_record.c.hub_id, t.search_record.c.words)).all()
        found += [
            f"18: {row.hub_id} is found by {email} still" for row in rows if email.lower() in row.words.split("\n")
        ]
        word = c.execute(sa.select(t.search_word.c.word).where(t.search_word.c.word == email.lower())).first()
        found += [f"18: {email} is a word of the index still"] if word else []
    files = [Path(f"{world.path}{suffix}") for suffix in ("", "-wal")]
    spelled = (f'"{email}"'.encode(), f"\n{email.lower()}\n".encode())
    found += [
        f"18: {email} is in {f.name}" for f in files if f.exists() and any(one in f.read_bytes() for one in spelled)
    ]
    return found


def index(world: World) -> None:
    """As a console does it behind the engine: whoever is forgotten has been found by then."""
    with Indexer(world.engine) as indexer:
        assert indexer.catch_up()


def let_in(world: World, email: str) -> None:
    """The person comes again of their own accord."""
    store = Store(world.engine)
    hash_ = Forgotten(KEY).of_value("email", email)
    assert hash_
    assert store.lift(hash_, "Ann", "they have signed up again", world.clock())
    store.commit()
    store.close()
    world.erased.discard(email)
    world.log.append(f"{email} is let in again")
