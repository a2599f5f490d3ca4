"""`consent`: what somebody has opted out of and on which basis they are written to, with its history; and the way by
which a person records that they opted in again, or out.

Not here: what an act does (`sync.acts`). Invariant: nobody is opted in without a basis, a note and `--confirm`.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from connectors.base import utc_now
from console.failures import Exit, Refusal
from console.lookup import find
from console.names import named
from console.screen import Screen, Sheet, briefly, plain, spelled, table, value
from mapping.config import ProjectFile
from mapping.fields import CONSENT, CONSENT_BASIS, OPTED_OUT, Value
from mapping.rules import Rules
from state.history import History, shown_fields
from state.lock import Lease
from state.records import Hub
from state.store import Store
from sync.acts import Act, by_hand, record
from sync.consent import members
from sync.project import Opened, open_project


@dataclass(frozen=True)
class Said:
    """What a person gives to the command."""

    opt_in: str | None = None
    opt_out: str | None = None
    basis: str = ""
    note: str = ""
    by: str | None = None
    confirm: bool = False


@dataclass(frozen=True)
class Channel:
    """`field` and `list` say which; `systems`: what each system shows of it."""

    name: str
    field: str
    list: str
    out: bool
    systems: dict[str, bool]


@dataclass(frozen=True)
class Event:
    at: datetime | None
    run: str
    field: str
    what: str
    system: str
    by: str = ""


async def consent(screen: Screen, folder: Path, asked: str, said: Said) -> Exit:
    if said.opt_in and said.opt_out:
        raise Refusal("usage", "One act at a time: --opt-in or --opt-out.", "Give the command twice.")
    acts = bool(said.opt_in or said.opt_out)
    async with open_project(folder, systems=(), reading=not acts) as opened:
        hand = record_act(opened, asked, said) if acts else []
        told = _tell(opened, asked)
    screen.emit({"ok": True, "exit": 0, **told, "recorded": acts, "by_hand": hand})
    if not screen.as_json:
        _show(screen, told, acts, hand)
    return Exit.DONE


def record_act(opened: Opened, asked: str, said: Said) -> list[str]:
    """Note the act, while no run is under way: what a run hears afterwards counts more. Returns the systems in which no program
    may take an opt-out back. Raises Refusal, and Busy."""
    channels = channels_named(opened.project.config, opened.rules)
    wanted = str(said.opt_in or said.opt_out)
    if wanted not in channels:
        raise Refusal("usage", f"There is no channel {wanted!r}.", f"Channels: {', '.join(channels) or 'none'}.")
    field, member = channels[wanted]
    basis = _basis(opened.project.config, said) if said.opt_in else None
    act = Act(field, bool(said.opt_out), said.by or getpass.getuser(), said.note.strip(), member, basis)
    lease = Lease(opened.engine, "sync", utc_now)
    try:
        with opened.store() as store:
            hub_id = find(opened, History(store), asked)
            hub = store.hubs([hub_id])[hub_id]
            if hub.merged_into:
                raise Refusal("no-lead", f"This lead was merged into {hub.merged_into}.", "Ask for that one.")
            hand = [] if act.out else by_hand(opened.rules, hub, act)
            record(store, opened.rules, hub, act, utc_now())
            store.commit()
    finally:
        lease.release()
    return hand


def _basis(config: ProjectFile, said: Said) -> Value:
    """The basis as its field holds it. Raises Refusal where something is missing that an opt-in must have."""
    if not said.basis or not said.note.strip():
        hint = "--basis says on which legal basis, --note what was said, where and when; both are kept."
        raise Refusal("consent", "Opting somebody in needs a basis and a note.", hint)
    field = config.fields.get(CONSENT_BASIS)
    if field is not None and field.options and said.basis not in field.options:
        raise Refusal("bad-value", f"There is no basis {said.basis!r}.", f"One of: {', '.join(field.options)}.")
    if not said.confirm:
        hint = "Give the same command with --confirm; the next run then tells every system that may be told."
        raise Refusal("consent", "Nothing is recorded yet: this opts somebody in to be written to.", hint)
    return [said.basis] if field is not None and field.type == "multipicklist" else said.basis


def channels_named(config: ProjectFile, rules: Rules) -> dict[str, tuple[str, str]]:
    """What a person calls a channel -> its field, and the list: `email`, `sms`, `left_lists:newsletter`, `newsletter`."""
    found: dict[str, tuple[str, str]] = {}
    lists: list[tuple[str, str]] = []
    for name, policy in rules.policies.items():
        if policy.kind != "opt_out_wins":
            continue
        field = config.fields[name]
        if field.type == "multipicklist":
            lists += [(name, option) for option in field.options]
        else:
            short = "email" if name == OPTED_OUT else name.removesuffix(f"_{OPTED_OUT}")
            found[short] = found[name] = (name, "")
    for name, option in lists:
        found[f"{name}:{option}"] = (name, option)
        if [o for _, o in lists].count(option) == 1:
            found.setdefault(option, (name, option))
    return found


# -- what is shown ----------------------------------------------------------------------------------------------------


def _tell(opened: Opened, asked: str) -> dict[str, Any]:
    store = Store(opened.engine, dry=True)
    try:
        history = History(store)
        hub_id = find(opened, history, asked)
        hub = store.hubs([hub_id])[hub_id]
        channels = list(channels_of(opened, hub))
        fields = {channel.field for channel in channels} | {*CONSENT}
        return {
            "id": hub.id,
            "who": named(shown_fields(hub), hub.id),
            "channels": [asdict(channel) for channel in channels],
            "basis": {name: hub.fields.get(name) for name in CONSENT if name in opened.rules.policies},
            "history": [asdict(event) for event in _events(opened.rules, history, hub.id, fields)],
        }
    finally:
        store.close()


def channels_of(opened: Opened, hub: Hub) -> Iterable[Channel]:
    shortest: dict[tuple[str, str], str] = {}
    for name, which in channels_named(opened.project.config, opened.rules).items():
        if which not in shortest or len(name) < len(shortest[which]):
            shortest[which] = name
    for (field, member), name in shortest.items():
        shows = {
            system: _out(link.side.seen.get(field, link.side.base_remote.get(field)), member)
            for system, link in sorted(hub.links.items())
            if link.state == "live" and (field in link.side.base_remote or field in link.side.seen)
        }
        yield Channel(name, field, member, _out(hub.fields.get(field), member), shows)


def _out(held: Value, member: str) -> bool:
    return member in members(held) if member else held is True


def _events(rules: Rules, history: History, hub_id: str, fields: set[str]) -> list[Event]:
    """Who said what, and what was told to whom; oldest first."""
    events = []
    for row in history.changes([hub_id]).get(hub_id, []):
        for name, entry in row.detail.items():
            if name in fields and isinstance(entry, Mapping):
                events.append(_event(row.at, row.run_id, name, entry))
        if row.kind == "created":
            events.append(Event(row.at, row.run_id, "", "first seen", row.system))
    for sent in history.sent(hub_id):
        mapper = rules.mappers.get(sent.write.system)
        copies = mapper.consent if mapper else {}
        for name, new in sent.write.sent().items():
            if sent.write.state != "planned" and (copies.get(name) in fields or name in fields):
                state = "told" if sent.write.state == "done" else sent.write.state
                events.append(Event(sent.at, sent.write.run_id, name, f"{state}: {spelled(new)}", sent.write.system))
    return sorted(events, key=lambda e: (e.at is None, e.at.timestamp() if e.at else 0.0))


def _event(at: datetime, run: str, name: str, entry: Mapping[str, Any]) -> Event:
    refused = [f"{s} said {spelled(v)}" for s, v in entry.get("claims", {}).items()]
    parts = [f"{spelled(entry['old'])} → {spelled(entry['new'])}"] if "new" in entry else []
    parts += [spelled(entry[key], 300) for key in ("list", "basis", "note") if entry.get(key)]
    parts += [f"{entry['rule']}: {', '.join(refused)}"] if refused else [str(entry.get("rule", ""))]
    return Event(
        at, run, name, "; ".join(parts), str(entry.get("from") or entry.get("winner") or ""), entry.get("by", "")
    )


def _show(screen: Screen, told: Mapping[str, Any], acts: bool, hand: Iterable[str]) -> None:
    screen.gap()
    screen.title(told["who"], f"lead {told['id']}")
    if acts:
        line = Text.assemble(("✓ ", "good"), "Recorded; the next run tells every system that may be told: ")
        screen.say(line.append("smarketing sync", style="accent"))
    for system in hand:
        line = Text.assemble(("! ", "warn"), f"{system} shows an opt-out that no program may take back: ")
        screen.say(line.append("a person, or the lead by the vendor's own link, must do it there."))
    screen.gap()
    screen.say(_sheet(told))
    if any(told["basis"].values()):
        screen.gap()
        basis = table("!Basis", "")
        for name, held in told["basis"].items():
            basis.add_row(name, value(held))
        screen.say(basis)
    screen.gap()
    what = table("!When", "!Field", "What", "Who", "Run", title="What happened")
    for event in told["history"]:
        who = f"{event['by']} ({event['system']})" if event["by"] else event["system"]
        what.add_row(briefly(event["at"]), event["field"], plain(event["what"], 300), plain(who), event["run"][-6:])
    screen.say(what)


def _sheet(told: Mapping[str, Any]) -> Sheet:
    what = table("!Channel", "!Consent", "Systems")
    for channel in told["channels"]:
        state = Text("opted out", style="bad") if channel["out"] else Text("not opted out", style="good")
        shows = ", ".join(f"{s}: {'out' if out else 'not out'}" for s, out in channel["systems"].items())
        what.add_row(plain(channel["name"]), state, plain(shows))
    return what
