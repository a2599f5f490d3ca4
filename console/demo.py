"""`demo`: the whole story on this machine, told by the very commands that people use.

Not here: the systems (`playground`) and everything that the commands do. Invariant: it ends by itself, and its exit
code says whether the story went as it should.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.rule import Rule
from rich.text import Text

from console import checking, planning, playground, reviews, syncing, telling
from console.explaining import Event, Story
from console.failures import Exit, Refusal
from console.folders import make
from console.screen import Screen, Sheet, many, plain, seconds, table
from state.history import History
from sync.project import open_project
from sync.run import Options


class Recorded(Screen):
    """For --json: every document that a command gives, kept for the one at the end."""

    def __init__(self, as_json: bool) -> None:
        super().__init__(as_json)
        self.documents: list[Any] = []

    def emit(self, document: Any) -> None:
        self.documents.append(document)

    def close(self, document: Any) -> None:
        super().emit(document)


def demo(as_json: bool, folder: Path, serve: bool) -> Exit:
    screen = Recorded(as_json)
    if serve:
        return _serve(screen, folder)
    began = time.monotonic()
    _clear(folder)
    with playground.running(folder) as urls:
        told = _story(screen, folder, urls)
    result = Exit.DONE if all(ok for _, ok in told) else Exit.FINDINGS
    took = time.monotonic() - began
    _farewell(screen, folder, told, took)
    steps = [{"step": name, "ok": ok} for name, ok in told]
    screen.close({"ok": result == Exit.DONE, "exit": int(result), "folder": str(folder), "seconds": round(took, 1),
                  "steps": steps, "documents": screen.documents})  # fmt: skip
    return result


def _story(screen: Recorded, folder: Path, urls: Mapping[str, str]) -> list[tuple[str, bool]]:
    told: list[tuple[str, bool]] = []

    def chapter(number: int, title: str, text: str) -> None:
        screen.gap()
        screen.say(Rule(Text(f" {number}  {title} ", style="accent"), style="quiet", align="left"))
        screen.say(Text(text, style="quiet"))

    chapter(1, "Two systems, and the same people in both",
            f"A marketing tool that speaks HubSpot's API ({urls['hubspot']}, 2,000 contacts) and a CRM that speaks "
            f"Salesforce's ({urls['salesforce']}, 1,400 leads and contacts). 900 people are in both: with other "
            "spellings, other phone formats, old titles, duplicates, opt-outs.")  # fmt: skip
    _make(folder, urls)
    with _command(screen, "smarketing provision"):
        told.append(("provision", asyncio.run(checking.provision(screen, folder, [])) == Exit.DONE))
    with _command(screen, "smarketing check"):
        told.append(("check", asyncio.run(checking.check(screen, folder, [])) == Exit.DONE))

    chapter(
        2,
        "Look before you leap",
        "A plan reads everything and writes nothing. The guard stops a first write until somebody has looked.",
    )
    with _command(screen, "smarketing plan"):
        told.append(
            ("plan stopped by the guard", planning.plan(screen, folder, None, False, [], "Planning …") == Exit.STOPPED)
        )

    chapter(3, "The first sync", "What the plan shows, confirmed.")
    told.append(
        ("first sync", _sync(screen, folder, "smarketing sync --confirm", Options(confirmed=True)) == Exit.DONE)
    )
    chapter(4, "And again", "Nothing has changed since, so there is nothing to write. This is what keeps loops out.")
    told.append(("second sync", _sync(screen, folder, "smarketing sync", Options()) == Exit.DONE))
    told.append(("second sync wrote nothing", _last_writes(folder) == 0))

    chapter(
        5,
        "People go on working",
        "On both sides at once, before the next run. With --full it also sees what was deleted meanwhile.",
    )
    edits = _edits()
    for change in edits:
        playground.edit(urls, change)
    screen.say(_edits_table(edits))
    told.append(("third sync", _sync(screen, folder, "smarketing sync --full", Options(full=True)) == Exit.DONE))
    told.append(("third sync wrote", _last_writes(folder) > 0))

    chapter(6, "What happened, and why", "Every value can say where it came from.")
    stories = asyncio.run(_stories(folder, edits))
    screen.say(_outcomes(edits, stories))
    disputed = next(change["email"] for change in edits if change["why"].startswith("..."))
    with _command(screen, f"smarketing explain {disputed}"):
        asyncio.run(telling.explain(screen, folder, disputed, False))
    chapter(7, "What only a person can decide", "A record that may be one of two leads is never guessed at.")
    with _command(screen, "smarketing review list --kind duplicate --limit 5"):
        asyncio.run(reviews.list_open(screen, folder, ["duplicate"], 5))
    with _command(screen, f"smarketing review show {(first := _first_question(folder))}"):
        asyncio.run(reviews.show(screen, folder, [first]))
    return told


@contextmanager
def _command(screen: Screen, line: str) -> Iterator[None]:
    screen.gap()
    screen.say(Text.assemble(("$ ", "quiet"), (line, "bold")))
    yield


def _sync(screen: Screen, folder: Path, line: str, options: Options) -> Exit:
    with _command(screen, line):
        return syncing.run(screen, folder, options, [], "Syncing …")


def _clear(folder: Path) -> None:
    """An empty folder. Raises Refusal for one with anything in it that no demo put there."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / playground.MARK).exists():
            raise Refusal(
                "demo-folder",
                f"{folder} is there already, and no demo made it.",
                "Name another: smarketing demo FOLDER",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / playground.MARK).write_text("Made by `smarketing demo`, which may make it anew.\n")


def _make(folder: Path, urls: Mapping[str, str]) -> None:
    addresses = {f"{name.upper()}_URL": url for name, url in urls.items()}
    make(folder, playground.SYSTEMS, {**playground.CREDENTIALS, **addresses})


def _edits() -> list[dict[str, Any]]:
    from sandbox.people import demo_edits, make_world

    return demo_edits(make_world(7))


def _last_writes(folder: Path) -> int:
    return asyncio.run(_writes_of_last(folder))


async def _writes_of_last(folder: Path) -> int:
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            [run] = history.runs(1)
    return sum(c["created"] + c["updated"] for c in run.report.get("systems", {}).values())


def _first_question(folder: Path) -> int:
    async def ask() -> int:
        async with open_project(folder, systems=(), reading=True) as opened:
            with History(opened.engine) as history:
                return history.reviews("duplicate", limit=1)[0].id

    return asyncio.run(ask())


def _edits_table(edits: Sequence[Mapping[str, Any]]) -> Sheet:
    what = table("!Where", "!Who", "What they did")
    for change in edits:
        what.add_row(Text(_system(change), style="accent"), plain(change["email"], 50), plain(change["why"]))
    return what


def _system(change: Mapping[str, Any]) -> str:
    return "hubspot" if change["system"] == "marketing" else "salesforce"


async def _stories(folder: Path, edits: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Story, str]]:
    """E-mail -> the lead's story, and the id of the last run."""
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            [run] = history.runs(1)
        return {change["email"]: (telling.tell(opened, change["email"]), run.id) for change in edits}


def _outcomes(edits: Sequence[Mapping[str, Any]], stories: Mapping[str, tuple[Story, str]]) -> Sheet:
    what = table("!Who", "What people did", "What the run made of it", "Told to")
    for email in dict.fromkeys(change["email"] for change in edits):
        told, run = stories[email]
        did = " ".join(change["why"] for change in edits if change["email"] == email)
        events = [event for event in told.timeline if event.run == run]
        conflicts = {c.field: f"{c.field}: {c.winner} won, {c.rule}" for c in told.conflicts if c.run == run}
        made = [_made(event, conflicts) for event in events if event.what != "sent"]
        sent = [f"{event.system} ({_few(event.fields)})" for event in events if event.what == "sent"]
        who = plain(told.who.partition(" <")[0], 26)
        what.add_row(
            who,
            plain(did, 300),
            plain("; ".join(filter(None, made)), 400),
            plain(", ".join(sent) or "nobody needs telling", 200),
        )
    return what


def _made(event: Event, conflicts: Mapping[str, str]) -> str:
    if event.what != "merged":
        return event.told
    return ", ".join(conflicts.get(name, f"{name} from {event.system}") for name in event.fields if name != "stage")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} fields"


def _farewell(screen: Screen, folder: Path, told: Sequence[tuple[str, bool]], took: float) -> None:
    wrong = [name for name, ok in told if not ok]
    screen.gap()
    if wrong:
        screen.say(Text.assemble(("✗ ", "bad"), f"Not as it should be: {', '.join(wrong)}."))
    screen.panel(
        f"That was all of it, in {seconds(took)}",
        Text(f"The project is in {folder}/, {many(len(told), 'step')} done. Go on playing:"),
        Text(""),
        Text.assemble((f"  smarketing demo {folder} --serve", "accent"), ("        starts both systems again, as they are now", "quiet")),
        Text.assemble((f"  cd {folder}", "accent"), ("                          then, in another terminal:", "quiet")),
        Text.assemble(("  smarketing status", "accent"), ("  ·  ", "quiet"), ("review list", "accent"), ("  ·  ", "quiet"), ("plan", "accent"),
                      ("  ·  ", "quiet"), ("sync", "accent"), ("  ·  ", "quiet"), ("explain LEAD", "accent")),
    )  # fmt: skip


def _serve(screen: Screen, folder: Path) -> Exit:
    if not (folder / playground.DATA / playground.PORTS).exists():
        raise Refusal("demo-folder", f"No demo has been played in {folder}.", f"First: smarketing demo {folder}")
    with playground.running(folder) as urls:
        for name, url in urls.items():
            screen.say(Text.assemble(("● ", "good"), f"{name:<12}", (url, "accent")))
        screen.say(
            Text(
                f"In another terminal:  cd {folder}; smarketing status.   Ctrl-C ends it; what you changed is kept.",
                style="quiet",
            )
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            screen.gap()
    return Exit.DONE
