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

from console import checking, lookback, planning, playground, promises, reviews, syncing, telling
from console.explaining import Event, Story
from console.failures import Exit, Refusal
from console.folders import make
from console.names import in_words
from console.screen import Screen, Sheet, many, plain, seconds, spelled, table
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
        "On both sides at once, with people, companies and deals, before the next run. With --full it also sees what was deleted meanwhile.",
    )
    edits = _edits()
    for change in edits:
        playground.edit(urls, change)
    screen.gap()
    screen.say(_edits_table(edits))
    told.append(("third sync", _sync(screen, folder, "smarketing sync --full", Options(full=True)) == Exit.DONE))
    told.append(("third sync wrote", _last_writes(folder) > 0))
    told += asyncio.run(promises.kept(folder, edits))

    chapter(6, "What happened, and why", "Every value can say where it came from.")
    stories = asyncio.run(_stories(folder, edits))
    screen.gap()
    screen.say(_outcomes([change for change in edits if not _business(change)], stories))
    screen.gap()
    screen.say(_outcomes([change for change in edits if _business(change)], stories, title="And in business"))
    screen.gap()
    screen.say(_moves(edits, stories))
    disputed = next(change["email"] for change in edits if change["why"].startswith("..."))
    with _command(screen, f"smarketing explain {disputed}"):
        asyncio.run(telling.explain(screen, folder, disputed, False))
    won = next(change["key"] for change in edits if change["fields"].get("stage") == "won")
    with _command(screen, f'smarketing explain "{won}"'):
        asyncio.run(telling.explain(screen, folder, won, False))
    chapter(7, "What only a person can decide", "A record that may be another one, or may not, is never guessed at.")
    with _command(screen, "smarketing review list --kind duplicate --limit 5"):
        asyncio.run(reviews.list_open(screen, folder, ["duplicate"], 5))
    with _command(screen, f"smarketing review show {(first := _first_question(folder))}"):
        asyncio.run(reviews.show(screen, folder, [first]))

    chapter(8, "What both teams look at",
            "The same history, counted once: who came how far, what leaks, which promises were kept.")  # fmt: skip
    screen.gap()
    files = asyncio.run(lookback.look_back(screen, folder))
    told.append(("report", all(file.stat().st_size > 10_000 for file in files)))
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
    playground.map_renewals(folder)
    lookback.sign(folder)


def _edits() -> list[dict[str, Any]]:
    from sandbox.business_edits import business_edits
    from sandbox.people import demo_edits, make_world

    world = make_world(7)
    return [*demo_edits(world), *business_edits(world)]


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
        what.add_row(Text(_system(change), style="accent"), plain(_key(change), 50), plain(change["why"]))
    return what


def _system(change: Mapping[str, Any]) -> str:
    return "hubspot" if change["system"] == "marketing" else "salesforce"


async def _stories(folder: Path, edits: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Story, str]]:
    """What an edit is about -> its story, and the id of the last run; and those of the people of the deals."""
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            [run] = history.runs(1)
        found = {_key(change): telling.tell(opened, _key(change)) for change in edits}
        people = {hub_id for told in found.values() if told.kind == "deal" for hub_id in told.value("contacts") or ()}
        found |= {hub_id: telling.tell(opened, hub_id) for hub_id in sorted(people)}
        return {key: (told, run.id) for key, told in found.items()}


def _business(change: Mapping[str, Any]) -> bool:
    return "of" in change


def _key(change: Mapping[str, Any]) -> str:
    """What people call it: an address, a domain, a deal's name."""
    return str(change["key"] if _business(change) else change["email"])


def _outcomes(edits: Sequence[Mapping[str, Any]], stories: Mapping[str, tuple[Story, str]], title: str = "") -> Sheet:
    what = table("Who or what", "What people did", "What the run made of it", "Told to", title=title)
    for key in dict.fromkeys(map(_key, edits)):
        told, run = stories[key]
        did = " ".join(change["why"] for change in edits if _key(change) == key)
        events = [event for event in told.timeline if event.run == run]
        conflicts = {c.field: f"{c.field}: {c.winner} wins, {c.rule}" for c in told.conflicts if c.run == run}
        made = [_made(event, conflicts, told) for event in events if event.what != "sent"]
        sent = [f"{event.system} ({_few(event.fields)})" for event in events if event.what == "sent"]
        who = plain(told.who.partition(" <")[0], 40)
        what.add_row(
            who,
            plain(did, 300),
            plain("; ".join(filter(None, made)), 400),
            plain(", ".join(sent) or "nobody needs telling", 200),
        )
    return what


def _moves(edits: Sequence[Mapping[str, Any]], stories: Mapping[str, tuple[Story, str]]) -> Sheet:
    """What the deals meant for their people."""
    what = table("Of the deal", "Who", "!Stage", "Why", "Told to", title="What the deals meant for their people")
    for change in edits:
        deal = stories[_key(change)][0]
        for hub_id in deal.value("contacts") or () if deal.kind == "deal" else ():
            told, run = stories[hub_id]
            sent = sorted({e.system for e in told.timeline if e.run == run and e.what == "sent"})
            for stage in (stage for stage in told.stages if stage["run_id"] == run):
                why = plain(stage["reason"] or stage["evidence"], 120)
                moved = Text.assemble((f"{stage['old']} → ", "quiet"), stage["new"])
                who = plain(told.who.partition(" <")[0], 40)
                what.add_row(deal.who, who, moved, why, plain(", ".join(sent), 200))
    return what


def _made(event: Event, conflicts: Mapping[str, str], told: Story) -> str:
    if event.what != "merged":
        return event.told
    names = [name for name in event.fields if name != "stage"]
    return ", ".join(conflicts.get(name, f"{name} {_short(told, name)}from {event.system}") for name in names)


def _short(told: Story, name: str) -> str:
    """The value, where it takes no room."""
    said = spelled(in_words(told.value(name), told.names), 60)
    return f"{said} " if len(said) <= 24 else ""


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
        Text.assemble((f"  smarketing serve --project {folder}", "accent"), ("   opens the console in the browser, with both systems", "quiet")),
        Text.assemble((f"  smarketing demo {folder} --serve", "accent"), ("   starts both systems again, for the commands alone", "quiet")),
        Text.assemble((f"  cd {folder}".ljust(len(f"  smarketing demo {folder} --serve")), "accent"), ("   then, in another terminal:", "quiet")),
        Text.assemble(("  smarketing status", "accent"), ("  ·  ", "quiet"), ("review list", "accent"), ("  ·  ", "quiet"), ("plan", "accent"),
                      ("  ·  ", "quiet"), ("sync", "accent"), ("  ·  ", "quiet"), ("explain WHO", "accent")),
        Text.assemble(("  smarketing funnel", "accent"), ("  ·  ", "quiet"), ("objectives", "accent"), ("  ·  ", "quiet"), ("sla status", "accent"),
                      ("  ·  ", "quiet"), ("report monthly", "accent"), ("  ·  ", "quiet"), ("glossary", "accent")),
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
