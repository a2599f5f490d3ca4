"""`forget`: show what is held on a person, erase it once that is confirmed, and write down what was done.

Not here: how it is erased (`sync.forget`). Invariant: nothing goes before somebody has confirmed; whatever was begun
ends, or is told as unfinished, with an exit code that says so; the certificate holds nothing about the person.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from console.failures import Exit, Refusal
from console.lookup import find, spelled_address
from console.screen import Screen, count, many, plain, table
from console.web.kept import drop
from state.database import scrub
from state.erasures import Erasure
from state.history import History
from state.lock import Lease
from sync.forget import Person, begin, carry_out, erase_ours, survey
from sync.forgotten import EMAIL, KEY, Forgotten
from sync.project import ENV_FILE, Opened, open_project
from sync.run import keep

FOLDER = "erasures"
CLEANED = ("plans", "logs", "reports", "figures")
"""Folders of the project whose files may tell of people."""

BESIDE = (".index", ".left-out")
"""Ends of the names of what is made of a plan's file, and goes with it."""


async def forget(screen: Screen, folder: Path, asked: str, confirm: bool, resume: bool, by: str | None) -> Exit:
    if bool(asked) == resume:
        raise Refusal("usage", "Name one person, or --resume.", "smarketing forget --help")
    async with open_project(folder) as opened:
        if resume:
            return await _resume(screen, opened)
        with opened.store(dry=True) as store:
            with History(store) as history:
                hub_id = find(opened, history, asked)
            if store.hubs([hub_id])[hub_id].kind != "lead":
                raise Refusal("no-lead", f"{asked!r} is no person's record.", "Companies and deals are not forgotten.")
            person = await survey(opened.rules, opened.connectors, store, hub_id)
        files = files_about(folder, person)
        if not confirm:
            return _preview(screen, opened, person, files, asked)
        key = opened.forget_key or _new_key(opened)
        lease = Lease(opened.engine, "sync", _now)
        async with keep(lease):
            with opened.store() as store:
                erasure = begin(store, person, key, by or getpass.getuser(), _now())
            await _finish(opened, erasure, person)
    return _told(screen, folder, [erasure])


async def _resume(screen: Screen, opened: Opened) -> Exit:
    lease = Lease(opened.engine, "sync", _now)
    async with keep(lease):
        with opened.store(dry=True) as store:
            open_ = store.erasures("begun")
        for erasure in open_:
            person = None
            if not erasure.gone:
                with opened.store(dry=True) as store:
                    person = await survey(opened.rules, opened.connectors, store, erasure.hubs[0])
                known = {(record.system, record.kind, record.id) for record in erasure.records}
                erasure.records += [r for r in person.records if (r.system, r.kind, r.id) not in known]
            await _finish(opened, erasure, person)
        with opened.store(dry=True) as store:  # killed between the last answer and the certificate
            for erasure in store.erasures("done"):
                if not (opened.project.folder / FOLDER / f"{erasure.id}.md").exists():
                    certify(opened.project.folder, erasure, store.hashes_of(erasure.id))
    return _told(screen, opened.project.folder, open_)


async def _finish(opened: Opened, erasure: Erasure, person: Person | None) -> None:
    """`person`: None where our own rows are gone already."""
    if person is not None:
        for path in files_about(opened.project.folder, person):
            path.unlink(missing_ok=True)
        drop(opened.project.folder)
        with opened.store() as store:
            erase_ours(store, erasure, person)
    await asyncio.to_thread(scrub, opened.engine)
    with opened.store() as store:
        words = sorted(person.words) if person else ()
        await carry_out(opened.rules, opened.connectors, store, erasure, _now, words)
        certify(opened.project.folder, erasure, store.hashes_of(erasure.id))


async def let_in(screen: Screen, folder: Path, asked: str, reason: str, by: str | None) -> Exit:
    """From now on the person may be taken in again."""
    if not asked or not reason.strip():
        raise Refusal("usage", "--lift needs an address and a --reason.", "It is kept with the erasure.")
    async with open_project(folder, systems=()) as opened:
        with opened.store() as store:
            forgotten = Forgotten(opened.forget_key, store.forgotten()).checked()
            system, _, remote_id = asked.strip().partition(":")
            if remote_id and system in opened.project.config.systems:
                hash_: str | None = forgotten.of_record(system, remote_id)
            else:
                hash_ = forgotten.of_value(EMAIL, spelled_address(opened, asked))
            lifted = store.lift(hash_ or "", by or getpass.getuser(), reason.strip(), _now())
            if not lifted:
                raise Refusal(
                    "not-forgotten", "Nobody known by this asked to be forgotten.", "Give the e-mail address."
                )
            store.commit()
    screen.emit({"ok": True, "exit": 0, "lifted": lifted})
    screen.say("Lifted. What is in the systems comes in with the next full reading:  [accent]smarketing sync --full[/]")
    return Exit.DONE


# -- what goes --------------------------------------------------------------------------------------------------------


def files_about(folder: Path, person: Person) -> list[Path]:
    """Plans, logs, reports and kept figures that mention the person. They go whole: a plan without some of its writes is no plan."""
    words = [word.casefold() for word in [*person.words, *person.emails, *person.hubs]]
    held = {(record.system, record.id) for record in person.records}
    found = []
    for path in sorted(path for name in CLEANED for path in (folder / name).glob("**/*") if path.is_file()):
        text = path.read_text("utf-8", "replace").casefold()
        if any(word in text for word in words) or (path.suffix == ".json" and _writes_to(path, held)):
            found.append(path)
    beside = (path.with_suffix(end) for path in found if path.suffix == ".json" for end in BESIDE)
    found += [path for path in beside if path.is_file() and path not in found]
    same = {path.with_suffix("") for path in found if path.suffix == ".html"}  # a PDF's text cannot be read back
    return found + [path for path in sorted(folder.glob("reports/**/*.pdf")) if path.with_suffix("") in same]


def _writes_to(path: Path, held: set[tuple[str, str]]) -> bool:
    try:
        writes = orjson.loads(path.read_bytes())["writes"]
        return any(
            (s, i) in held for row in writes for s, i in [*row["records"].items(), (row["system"], row["remote_id"])]
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _preview(screen: Screen, opened: Opened, person: Person, files: list[Path], asked: str) -> Exit:
    ways = {system: _way(opened, system) for system in {record.system for record in person.records}}
    document = {
        "ok": False, "exit": int(Exit.STOPPED), "hubs": person.hubs,
        "records": [{"system": r.system, "kind": r.kind, "id": r.id, "how": ways[r.system]} for r in person.records],
        "rows": person.rows, "files": [str(path) for path in files], "others": person.others,
    }  # fmt: skip
    screen.emit(document)
    screen.gap()
    screen.title("Forget", f"{asked}: this would go, nothing has gone yet")
    screen.gap()
    there = table("!System", "Record", "How")
    for record in person.records:
        there.add_row(record.system, plain(record.id, 40), ways[record.system])
    screen.say(there)
    screen.gap()
    here = table("!Table", ">Rows", title="In our own database")
    for name, number in person.rows.items():
        here.add_row(name, count(number))
    screen.say(here)
    for path in files:
        screen.say(Text(f"and the file {path}"))
    for other in person.others:
        screen.say(Text(f"not touched: lead {other} may be the same person", style="warn"))
    screen.gap()
    screen.say(
        Text.assemble("There is no way back. To do it:  ", (f"smarketing forget {plain(asked)} --confirm", "accent"))
    )
    return Exit.STOPPED


def _way(opened: Opened, system: str) -> str:
    if system not in opened.connectors:
        return "by hand: it is not connected any more"
    can = opened.connectors[system].of("lead").can
    if can.erase:
        return "erased for good"
    return "its mapped fields are blanked; delete it there by hand" if can.update else "by hand: delete it there"


# -- what was done ----------------------------------------------------------------------------------------------------


def _told(screen: Screen, folder: Path, erasures: list[Erasure]) -> Exit:
    open_ = [erasure for erasure in erasures if erasure.state != "done"]
    left = [record for erasure in erasures for record in erasure.records if record.outcome in ("by hand", "blanked")]
    result = Exit.SYSTEM if open_ else Exit.FINDINGS if left else Exit.DONE
    screen.emit(
        {"ok": result == Exit.DONE, "exit": int(result), "erasures": [_document(erasure, ()) for erasure in erasures]}
    )
    for erasure in erasures:
        screen.gap()
        what = table("!System", "Record", "!Outcome", "Note", title=f"Erasure {erasure.id}, {erasure.state}")
        for record in erasure.records:
            what.add_row(record.system, plain(record.id, 40), record.outcome, plain(record.note, 300))
        screen.say(what)
        rows = many(sum(erasure.gone.values()), "row")
        screen.say(
            f"{rows} of our own are gone.", Text(f"Certificate: {folder / FOLDER / erasure.id}.md", style="quiet")
        )
    if not erasures:
        screen.say("There is no erasure that was interrupted.")
    if open_:
        screen.say("Some systems were not reached. Go on with:  [accent]smarketing forget --resume[/]")
    return result


def certify(folder: Path, erasure: Erasure, hashes: list[str]) -> None:
    """Two files, for a machine and for a reader, written anew each time something has been done."""
    (folder / FOLDER).mkdir(exist_ok=True)
    document = _document(erasure, hashes)
    _write(folder / FOLDER / f"{erasure.id}.json", orjson.dumps(document, option=orjson.OPT_INDENT_2))
    lines = [
        f"# Erasure {erasure.id}", "",
        f"Asked for on {erasure.asked_at:%Y-%m-%d %H:%M} UTC, carried out by {erasure.asked_by}; "
        + (f"ended on {erasure.ended_at:%Y-%m-%d %H:%M} UTC." if erasure.ended_at else "**not finished yet**."), "",
        "| system | record | outcome | when | note |", "|---|---|---|---|---|",
        *(f"| {r.system} | {r.id} | {r.outcome} | {r.at} | {r.note.replace('|', '/')} |" for r in erasure.records), "",
        "Of our own database:", "", "| table | rows erased |", "|---|---|",
        *(f"| {name} | {number} |" for name, number in erasure.gone.items()), "",
        f"The person was lead {', '.join(erasure.hubs)}. So that they are known should they come again, "
        f"{len(hashes)} keyed hashes (HMAC-SHA-256) are kept; they are in the JSON file beside this one.",
    ]  # fmt: skip
    _write(folder / FOLDER / f"{erasure.id}.md", ("\n".join(lines) + "\n").encode())


def _document(erasure: Erasure, hashes: list[str] | tuple[()]) -> dict[str, Any]:
    return {
        "erasure": erasure.id, "state": erasure.state, "asked_at": erasure.asked_at.astimezone(UTC).isoformat(),
        "asked_by": erasure.asked_by, "ended_at": erasure.ended_at.isoformat() if erasure.ended_at else None,
        "leads": erasure.hubs, "records": [asdict(record) for record in erasure.records], "rows": erasure.gone,
        "hashes": list(hashes),
    }  # fmt: skip


def _write(path: Path, body: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(body)


def _new_key(opened: Opened) -> str:
    """Made once, and kept where the other secrets are: beside the database, not in it."""
    with opened.store(dry=True) as store:
        Forgotten("", store.forgotten()).checked()  # where there was one, another would know nobody
    key = secrets.token_hex(32)
    path = opened.project.folder / ENV_FILE
    before = path.read_text("utf-8") if path.exists() else ""
    line = ("" if not before or before.endswith("\n") else "\n") + f"{KEY}={key}\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.write(line)
    return key


def _now() -> datetime:
    return datetime.now(UTC)
