"""How the story of a hub record is drawn. Not here: what is in it (`explaining`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from console.explaining import Event, FieldStory, Story, story
from console.failures import Exit
from console.lookup import find
from console.names import WORDS, in_words
from console.score import show_score
from console.screen import Screen, Sheet, briefly, many, moment, plain, spelled, table, value
from state.history import Happened, History
from state.store import Store
from sync.project import Opened, open_project

EVENTS = 20
WIDE = 100
"""Columns of the terminal from which on times and runs have columns of their own."""


async def explain(screen: Screen, folder: Path, asked: str, all_events: bool) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        found = tell(opened, asked)
    screen.emit({"ok": True, "exit": 0, **found.document()})
    if not screen.as_json:
        show(screen, found, all_events=all_events)
    return Exit.DONE


def tell(opened: Opened, asked: str) -> Story:
    store = Store(opened.engine, dry=True)
    try:
        with History(store) as history:
            return story(opened, history, store, find(opened, history, asked))
    finally:
        store.close()


def show(screen: Screen, told: Story, *, all_events: bool = False, systems: Sequence[str] = ()) -> None:
    screen.gap()
    screen.title(told.who, f"{told.kind} {told.id}")
    if told.merged_into:
        screen.say(Text(f"merged into {told.kind} {told.merged_into}", style="warn"))
    screen.gap()
    screen.say(_records(told))
    screen.gap()
    screen.say(_fields(told, wide=screen.console.width >= WIDE))
    if told.around:
        screen.gap()
        screen.say(_around(told))
    if told.conflicts:
        screen.gap()
        screen.say(_conflicts(told))
    if told.stages:
        screen.gap()
        screen.say(_stages(told))
    if told.scoring is not None:
        show_score(screen, told.scoring)
    if told.activities:
        screen.gap()
        screen.say(_activities(told.activities))
    screen.gap()
    events = told.timeline if all_events else told.timeline[-EVENTS:]
    screen.say(_timeline(events, len(told.timeline)))
    if told.reviews:
        screen.gap()
        ids = " ".join(str(review["id"]) for review in told.reviews)
        line = Text.assemble(("● ", "warn"), f"{many(len(told.reviews), 'question')} about this {told.kind}: ")
        screen.say(line.append(f"smarketing review show {ids}", style="accent"))


def _records(told: Story) -> Sheet:
    what = table("!System", "Record", "!State", "")
    for system in sorted({*told.records, *told.absent}):
        record = told.records.get(system)
        state = record["state"] if record else "not there"
        mark = Text(state, style="good" if state == "live" else "warn")
        beside = told.absent.get(system, "")
        if not beside and record and record["changed_at"]:
            beside = f"changed there {moment(record['changed_at'])}"
        name = Text(plain(record["id"], 40)) if record else value(None)
        what.add_row(Text(system, style="bold"), name, mark, Text(beside, style="quiet"))
    return what


def _fields(told: Story, wide: bool) -> Sheet:
    what = table("!Field", "Value", "Why", "In the systems", *(["!When", "!Run"] if wide else []))
    live = sorted(system for system, record in told.records.items() if record["state"] == "live")
    for field in told.fields:
        why = Text.assemble((field.source, "accent"), " " if field.source else "", plain(field.rule, 60))
        when, run = Text(briefly(field.at) if field.at else "", style="quiet"), Text(field.run[-6:], style="quiet")
        if field.run and not wide:
            why.append_text(Text.assemble(" · ", when, " · ", run, style="quiet"))
        row = (field.name, value(in_words(field.value, told.names), 80), why, _shown(field, live, told.names))
        what.add_row(*row, *([when, run] if wide else []))
    return what


def _shown(field: FieldStory, live: Sequence[str], names: Mapping[str, str]) -> Text:
    """A tick where every system that knows the field shows the hub's value; else what each of them shows."""
    told = Text()
    for system in live:
        said: tuple[str, str] | None = None
        if system in field.claims:
            said = (f"claims {spelled(in_words(field.claims[system], names), 40)}", "warn")
        elif system in field.behind:
            now = spelled(in_words(field.systems[system], names), 30) if system in field.systems else "nothing yet"
            said = (f"{now}, to be told", "warn")
        elif system in field.systems and field.systems[system] != field.value:
            said = (spelled(in_words(field.systems[system], names), 40), "")
        if said:
            told.append(", " if told else "").append(f"{system}: ", style="quiet").append(said[0], style=said[1])
    if told:
        return told
    return Text("✓", style="good") if field.systems else Text("nowhere", style="quiet")


AROUND = 12
"""Of each kind, how many of those who refer to a record are named."""


def _around(told: Story) -> Sheet:
    what = table("!Kind", "Who refers to it", "!Stage")
    for kind, others in told.around.items():
        for n, other in enumerate(others[:AROUND]):
            label = "" if n else f"{len(others):,} {WORDS[kind][len(others) != 1]}"
            what.add_row(label, plain(other["name"], 80), other.get("stage", ""))
        if len(others) > AROUND:
            what.add_row("", Text(f"and {len(others) - AROUND:,} more (--json names them all)", style="quiet"), "")
    return what


def _conflicts(told: Story) -> Sheet:
    what = table("!Field", "Kept", "!Of", "Overruled", "Rule", "!When", title="Conflicts")
    for lost in told.conflicts:
        said = {system.split(" (from ")[-1].rstrip(")"): in_words(v, told.names) for system, v in lost.claims.items()}
        kept = said.get(lost.winner) if lost.winner else None
        others = ", ".join(f"{spelled(v, 40)} ({system})" for system, v in said.items() if system != lost.winner)
        what.add_row(
            lost.field,
            value(kept, 40) if lost.winner else Text("waits for a person", style="warn"),
            Text(lost.winner or "", style="accent"),
            Text(others),
            Text(plain(lost.rule, 40), style="quiet"),
            Text(briefly(lost.at), style="quiet"),
        )
    return what


def _stages(told: Story) -> Sheet:
    what = table("!When", "!Stage", "!By", "Evidence", "Run", title="Stages")
    for stage in told.stages:
        what.add_row(
            Text(briefly(stage["at"]), style="quiet"),
            Text.assemble((f"{stage['old']} → " if stage["old"] else "", "quiet"), stage["new"]),
            Text(stage["system"], style="accent"),
            Text.assemble(plain(stage["reason"] or stage["evidence"], 120), (_noted(stage), "quiet")),
            Text(stage["run_id"][-6:], style="quiet"),
        )
    return what


def _noted(stage: Mapping[str, Any]) -> str:
    """Where we wrote it down more than a day after it happened."""
    noted = stage["noted"]
    return f"  noted {briefly(noted)}" if noted and noted - stage["at"] > timedelta(days=1) else ""


def _activities(happened: Sequence[Happened]) -> Sheet:
    what = table("!When", "!Activity", "", "!System", "Run", title="Last activities")
    for one in happened:
        words = [one.rest[name] for name in ("subject", "campaign", "status") if one.rest.get(name)]
        what.add_row(
            Text(briefly(one.at), style="quiet"),
            Text(one.type.replace("_", " ")),
            Text(plain(", ".join(map(str, words)), 120)),
            Text(one.system, style="accent"),
            Text(one.run_id[-6:], style="quiet"),
        )
    return what


def _timeline(events: Sequence[Event], all_: int) -> Sheet:
    title = "What happened" if len(events) == all_ else f"What happened, the last {len(events)} of {all_} (--all)"
    what = table("!When", "!What", "", "Run", title=title)
    for event in events:
        style = {"sent": "good", "rejected": "bad", "in doubt": "warn"}.get(event.what, "")
        what.add_row(
            Text(briefly(event.at), style="quiet"),
            Text(event.what, style=style),
            Text(plain(event.told, 300)),
            Text(event.run[-6:], style="quiet"),
        )
    return what
