"""Two that are one, and one that is two: said by a person, carried out here, told to the systems by the next run.

Nothing is written to any system. Invariant: shown before it is done, and done only with `--confirm`; never while a run
is under way.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.text import Text

from connectors.base import utc_now
from console.failures import Exit, Refusal
from console.lookup import find
from console.names import WORDS, name_of
from console.screen import Screen
from state.history import History
from state.ids import new_id
from state.lock import Lease
from state.records import Hub
from state.store import Store
from sync import unite as unions
from sync.context import Context, Report
from sync.project import Opened, open_project


async def unite(screen: Screen, folder: Path, stays: str, joins: str, confirm: bool, by: str | None) -> Exit:
    async with open_project(folder, systems=(), reading=not confirm) as opened:
        told = unite_two(opened, stays, joins, by=by or getpass.getuser(), confirm=confirm)
    return _tell(screen, told, f"{told['joins']['name']} becomes part of {told['stays']['name']}", confirm)


async def split(screen: Screen, folder: Path, asked: str, confirm: bool, by: str | None) -> Exit:
    async with open_project(folder, systems=(), reading=not confirm) as opened:
        told = split_last(opened, asked, by=by or getpass.getuser(), confirm=confirm)
    return _tell(screen, told, f"{told['leaves']['name']} is apart from {told['stays']['name']} again", confirm)


def unite_two(opened: Opened, stays: str, joins: str, *, by: str, confirm: bool) -> dict[str, Any]:
    """What becomes part of what; done where it is confirmed. Raises Refusal, and Busy."""
    with _at_work(opened, confirm) as store:
        history = History(store)
        winner, loser = (_the(store, find(opened, history, asked)) for asked in (stays, joins))
        if winner.id == loser.id or winner.kind != loser.kind:
            raise Refusal("no-union", f"{name_of(winner)} and {name_of(loser)} cannot be one.", "Name two of one kind.")
        told = {"stays": _shown(winner), "joins": _shown(loser), "done": confirm}
        if confirm:
            with _run(opened, store, winner, "unite") as ctx:
                unions.unite(ctx, winner.id, loser.id, utc_now(), by=by, rule="a person said so")
    return told


def split_last(opened: Opened, asked: str, *, by: str, confirm: bool) -> dict[str, Any]:
    """What was taken in last and leaves again; done where it is confirmed. Raises Refusal, and Busy."""
    with _at_work(opened, confirm) as store:
        history = History(store)
        winner = _the(store, find(opened, history, asked))
        left = unions_of(store, history, winner)
        if not left:
            one = WORDS[winner.kind][0]
            raise Refusal("no-union", f"{name_of(winner)} has taken no other {one} in.", f"smarketing explain {asked}")
        union, loser = left[-1]
        told = {"stays": _shown(winner), "leaves": _shown(loser), "done": confirm}
        if confirm:
            with _run(opened, store, winner, "split") as ctx:
                unions.split(ctx, winner.id, union, utc_now(), by=by)
    return told


def unions_of(store: Store, history: History, winner: Hub) -> list[tuple[dict[str, Any], Hub]]:
    """Every union that can be taken apart, as it was noted, and who gave way in it; the last one last."""
    taken_in = [c.detail["union"] for c in history.changes([winner.id]).get(winner.id, ()) if "union" in c.detail]
    inside = store.hubs(union["hub"] for union in taken_in)
    return [(union, inside[union["hub"]]) for union in taken_in if inside[union["hub"]].merged_into == winner.id]


@contextmanager
def _run(opened: Opened, store: Store, hub: Hub, kind: str) -> Iterator[Context]:
    """What a person does has a run of its own, so that the history can name it."""
    rules, run_id = opened.rules, new_id()
    report = Report(run_id, kind, utc_now())
    store.begin_run(run_id, kind, report.started, rules.hash)
    ctx = Context(run_id, rules, {}, store, utc_now, report)
    ctx.every = {kind: rules.of(kind) for kind in rules.kinds}
    yield ctx.of(hub.kind)
    store.end_run(run_id, utc_now(), report.outcome, report.as_dict())
    store.commit()


@contextmanager
def _at_work(opened: Opened, doing: bool) -> Iterator[Store]:
    """The store, and where something is to be done, the lease that keeps runs away. Raises Busy."""
    lease = Lease(opened.engine, "sync", utc_now) if doing else None
    store = Store(opened.engine, dry=not doing)
    try:
        yield store
    finally:
        store.close()
        if lease:
            lease.release()


def _the(store: Store, hub_id: str) -> Hub:
    hub = store.hubs([hub_id])[hub_id]
    return store.hubs([hub.merged_into])[hub.merged_into] if hub.merged_into else hub


def _shown(hub: Hub) -> dict[str, Any]:
    live = {system: link.remote_id for system, link in sorted(hub.links.items()) if link.state == "live"}
    return {"id": hub.id, "kind": hub.kind, "name": name_of(hub), "records": live}


def _tell(screen: Screen, told: dict[str, Any], sentence: str, done: bool) -> Exit:
    screen.emit({"ok": True, "exit": 0 if done else 1, **told})
    if done:
        screen.say(
            Text.assemble(
                ("✓ ", "good"), f"{sentence}; the systems hear of it by the next run: ", ("smarketing sync", "accent")
            )
        )
        return Exit.DONE
    for one in (value for value in told.values() if isinstance(value, dict)):
        records = ", ".join(f"{system}:{id_}" for system, id_ in one["records"].items()) or "no record anywhere"
        screen.say(Text(f"{one['name']}  ({records})"))
    screen.say(Text(f"{sentence}, if you say so: --confirm. What would be written then, `smarketing plan` shows."))
    return Exit.FINDINGS
