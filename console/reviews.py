"""The questions that wait for a person, in a terminal: listed, shown, answered, and the answer taken back.

What an answer is and how it is noted is in `answering`, for the pages as well. Invariant: whatever is shown came through `plain`.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from console.answering import KINDS, Answer, answer, commands, reviews_of, withdraw
from console.failures import Exit, Refusal
from console.leavers import owned, told, twice
from console.names import WORDS, in_words, names_in
from console.questions import who_of
from console.screen import Screen, Sheet, ago, change, many, moment, plain, spelled, table, value
from state.history import History, ReviewRow
from state.store import Store
from sync.project import open_project

_ASKS = {
    "conflict": "Two systems say different things: whose word counts?",
    "match": "Which {one} is this record?",
    "duplicate": "Is this record the same {same} as a {known} that is there already?",
    "dead_letter": "The system refused this write.",
    "bad_value": "This record holds a value that cannot be read.",
    "owner": "This owner has left, and records are still theirs: who looks after them from now on?",
    "guard": "A plan was stopped before its first write.",
}


async def list_open(screen: Screen, folder: Path, kinds: Sequence[str], limit: int) -> Exit:
    for kind in kinds:
        if kind not in KINDS:
            raise Refusal("usage", f"There is no kind of review called {kind!r}.", f"Kinds: {', '.join(KINDS)}.")
    async with open_project(folder, systems=(), reading=True) as opened:
        store = Store(opened.engine, dry=True)
        with History(store) as history:
            found = history.reviews(*kinds)
            names = names_of(store, found[:limit])
        store.close()
    shown = [document_of(r, names) for r in found[:limit]]
    screen.emit({"ok": True, "exit": 0, "open": len(found), "reviews": shown})
    if not found:
        screen.say(Text.assemble(("✓ ", "good"), "No question is open."))
        return Exit.DONE
    what = table(">ID", "!Kind", "About", "What is asked", "!Since", "!Answer")
    for r in found[:limit]:
        answer = Text(_answered(r), style="good") if r.resolution else value(None)
        since = Text(ago(r.opened_at), style="quiet")
        what.add_row(
            Text(str(r.id)), Text(r.kind, style="accent"), who_of(r, names), Text(_brief(r, names)), since, answer
        )
    screen.gap()
    screen.say(what)
    screen.gap()
    if len(found) > limit:
        screen.say(Text(f"{limit:,} of {len(found):,}; --limit shows more, --kind fewer.", style="quiet"))
    screen.say("[quiet]One in full:[/]  [accent]smarketing review show ID[/]")
    return Exit.DONE


async def show(screen: Screen, folder: Path, ids: Sequence[int]) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        store = Store(opened.engine, dry=True)
        with History(store) as history:
            found = reviews_of(history, ids)
            names = names_of(store, found)
        store.close()
    screen.emit({"ok": True, "exit": 0, "reviews": [document_of(r, names) for r in found]})
    if not screen.as_json:
        for review in found:
            tell(screen, review, names)
    return Exit.DONE


async def resolve(screen: Screen, folder: Path, ids: Sequence[int], said: Answer, by: str | None) -> Exit:
    given = said.given()
    if not given:
        raise Refusal("usage", "Say what the answer is.", "`smarketing review show ID` tells what each review takes.")
    async with open_project(folder, systems=(), reading=False) as opened:
        noted = answer(opened.engine, opened.project, ids, given, by or getpass.getuser(), datetime.now(UTC))
    done = [{"id": r.id, "kind": r.kind, "resolution": resolution} for r, resolution in noted]
    screen.emit({"ok": True, "exit": 0, "answered": done})
    screen.say(
        Text.assemble(
            ("✓ ", "good"),
            f"{many(len(done), 'answer')} noted; the next run carries it out: ",
            ("smarketing sync", "accent"),
        )
    )
    return Exit.DONE


async def undo(screen: Screen, folder: Path, ids: Sequence[int], by: str | None) -> Exit:
    async with open_project(folder, systems=(), reading=False) as opened:
        found = withdraw(opened.engine, ids, by or getpass.getuser(), datetime.now(UTC))
    screen.emit({"ok": True, "exit": 0, "undone": [{"id": r.id, "kind": r.kind, "was": r.resolution} for r in found]})
    screen.say(Text.assemble(("✓ ", "good"), f"{many(len(found), 'answer')} taken back; the question is open again."))
    return Exit.DONE


# -- in words ---------------------------------------------------------------------------------------------------------


def names_of(store: Store, found: Sequence[ReviewRow]) -> dict[str, str]:
    return names_in(store, [r.hub_id for r in found], [r.detail for r in found])


def document_of(review: ReviewRow, names: Mapping[str, str]) -> dict[str, Any]:
    mentioned = {i: name for i, name in names.items() if i in str(review.detail)}
    return {**asdict(review), "who": who_of(review, names), "names": mentioned}


def _brief(review: ReviewRow, names: Mapping[str, str]) -> str:
    one, more = WORDS[review.record_kind]
    detail = review.detail
    match review.kind:
        case "conflict":
            claims = (f"{spelled(in_words(v, names), 30)} ({s})" for s, v in detail["claims"].items())
            return f"{detail['field']}: {' or '.join(claims)}"
        case "match" | "duplicate":
            number = len(detail.get("candidates", ()))
            words = {
                "ambiguous": f"{many(number, one, more)} with the same {detail.get('by')}",
                "unmatchable": "nothing to match it by",
                "duplicate": f"same {detail.get('by')} as a {one} that is in {review.system} already",
                "merged": f"{review.system} merged two records that were two {more}",
                "two records": twice(review),
                "taken": f"{review.system} answered with another {one}'s record",
            }
            return f"{review.subject}: {words.get(str(detail.get('why')), str(detail.get('why')))}"
        case "owner":
            return told(review)
        case "dead_letter" | "bad_value":
            return "; ".join(_problem(p) for p in detail["problems"])
        case _:
            return "; ".join(plain(stop["message"], 120) for stop in detail["stops"])


def _problem(problem: Mapping[str, Any]) -> str:
    where = problem.get("field") or problem.get("remote")
    shown = f" ({plain(problem['value'], 40)!r})" if problem.get("value") else ""
    return f"{f'{where}: ' if where else ''}{plain(problem['message'], 200)}{shown}"


def _answered(review: ReviewRow) -> str:
    said = review.resolution or {}
    words = " ".join(f"{name} {spelled(v, 20)}" if v is not True else name for name, v in said.items())
    return f"{words} ({plain(review.resolved_by or '', 20)})"


def tell(screen: Screen, review: ReviewRow, names: Mapping[str, str]) -> None:
    screen.gap()
    screen.title(f"Review {review.id}", f"{review.kind}, since {moment(review.opened_at)}")
    one = WORDS[review.record_kind][0]
    screen.say(
        Text(
            _ASKS[review.kind].format(
                one=one, same="person" if one == "lead" else one, known="lead" if one == "lead" else "record"
            )
        )
    )
    screen.say(Text(who_of(review, names), style="bold"))
    screen.say(Text(f"{one} {review.hub_id}" if review.hub_id else review.subject, style="quiet"))
    screen.gap()
    screen.say(_detail(review, names))
    if review.resolution:
        screen.say(Text.assemble(("✓ ", "good"), f"answered: {_answered(review)}"))
    elif review.closed_at:
        screen.say(Text(f"closed {moment(review.closed_at)}", style="quiet"))
    else:
        screen.say(Text(commands(review), style="accent"))


def _detail(review: ReviewRow, names: Mapping[str, str]) -> Sheet:
    detail = review.detail
    if review.kind == "conflict":
        what = table("!System", f"{detail['field']}")
        for system, claim in detail["claims"].items():
            what.add_row(Text(system, style="bold"), value(in_words(claim, names), 100))
        return what
    if review.kind in ("match", "duplicate"):
        return _candidates(review, names)
    if review.kind == "owner":
        return owned(review)
    if review.kind == "guard":
        what = table("!Stop", "Why")
        for stop in detail["stops"]:
            what.add_row(Text(stop["code"], style="warn"), plain(stop["message"], 300))
        return what
    what = table("!Field", "", "What is wrong")
    fields = detail.get("fields", {})
    about = {str(p.get("field")): p for p in detail["problems"]}
    for name, (old, new) in fields.items():
        what.add_row(
            name,
            change(in_words(old, names), in_words(new, names)),
            Text(_problem(about.pop(name)) if name in about else "", style="bad"),
        )
    for name, problem in about.items():
        hint = f" {plain(problem['hint'], 200)}" if problem.get("hint") else ""
        what.add_row("" if name == "None" else name, "", Text(_problem(problem) + hint, style="bad"))
    return what


def _candidates(review: ReviewRow, names: Mapping[str, str]) -> Sheet:
    """The record beside every hub record that it may be, field by field."""
    record, candidates = review.detail.get("record", {}), review.detail.get("candidates", [])[:3]
    what = table("!Field", "this record", *(f"{c['score']} % alike" for c in candidates))
    fields = [n for n in record if record[n] is not None] or sorted({n for c in candidates for n in c["fields"]})
    for name in fields[:14]:
        what.add_row(
            name,
            value(in_words(record.get(name), names), 36),
            *(
                Text("=", style="good")
                if c["fields"].get(name) == record.get(name)
                else value(in_words(c["fields"].get(name), names), 36)
                for c in candidates
            ),
        )
    return what
