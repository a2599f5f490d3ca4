"""Answers to the questions that wait: which there are, what the engine makes of each, noted and taken back.

The command and the pages call the same functions. Not here: how a question is told (`reviews`), and what a run does with an
answer (`sync.answers`). Invariant: several questions are all answered, or none; who answered what, and took it back, is in the
audit; an answer that a run may be carrying out is not taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from connectors.base import utc_now
from console.failures import Refusal
from console.leavers import heir_of
from console.names import WORDS
from console.screen import plain
from mapping.derived import BUILT_IN
from mapping.fields import STAGE, Value
from mapping.loader import Project
from mapping.shared import HubField
from mapping.transforms import FITS, TRANSFORMS, folded
from state.accounts import Accounts
from state.history import Engine, History, ReviewRow
from state.lock import Lease
from state.queue import Queue
from state.store import Store, chunks, dumps

KINDS = ("conflict", "match", "duplicate", "bad_value", "dead_letter", "owner", "guard")
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "conflict": ("value", "take"),
    "match": ("lead", "new", "ignore"),
    "duplicate": ("lead", "new", "merge", "ignore"),
    "dead_letter": ("retry", "ignore"),
    "bad_value": ("retry", "ignore"),
    "owner": ("to", "ignore"),
    "guard": ("confirm",),
}
"""Kind -> the options of `review resolve` that answer it."""

ANSWERED, WITHDRAWN = "review.answer", "review.undo"
"""What is noted in the audit."""


@dataclass(frozen=True)
class Answer:
    """What a person said; None where the option was not given."""

    value: str | None = None
    take: str | None = None
    lead: str | None = None
    new: bool = False
    ignore: bool = False
    retry: bool = False
    confirm: bool = False
    merge: bool = False
    to: str | None = None

    def given(self) -> dict[str, Any]:
        return {name: said for name, said in asdict(self).items() if said is not None and said is not False}


@dataclass(frozen=True)
class Option:
    """One way to answer. `name`: an option of `review resolve`; `value`: what goes with it, where something does; empty for
    what a person has yet to say (another value, who takes over)."""

    name: str
    value: str = ""


def options(review: ReviewRow) -> list[Option]:
    """Every way to answer this question, in the order in which they are offered."""
    detail = review.detail
    match review.kind:
        case "conflict":
            return [*(Option("take", name) for name in claimants(review)), Option("value")]
        case "match" | "duplicate":
            if detail.get("why") == "two records":
                return [Option("ignore")]
            if detail.get("why") == "merged":
                return [Option("merge"), Option("ignore")]
            hubs = [str(c["hub"]) for c in detail.get("candidates", ())] or [str(detail.get("hub") or "")]
            return [*(Option("lead", hub) for hub in hubs), Option("new"), Option("ignore")]
        case "owner":
            return [Option("to"), Option("ignore")]
    return [Option(name) for name in ANSWERS[review.kind]]


def claimants(review: ReviewRow) -> dict[str, str]:
    """Of a conflict: system -> the name of its claim. The hub's own value goes by the system that it came from."""
    claims: Mapping[str, Any] = review.detail["claims"]
    return {name.split(" (from ")[-1].rstrip(")"): name for name in claims}


def answer(
    engine: Engine,
    project: Project,
    ids: Sequence[int],
    given: Mapping[str, Any],
    by: str,
    at: datetime,
    *,
    again: bool = True,
) -> list[tuple[ReviewRow, dict[str, Any]]]:
    """Notes the answer, all of it or nothing; the questions and what the engine will make of each. `again`: also where
    somebody has answered already. Raises Refusal."""
    store = Store(engine)
    try:
        found = reviews_of(History(store), ids)
        done = [(review, checked(review, given, project, store)) for review in found]
        if again:
            for review, resolution in done:
                store.resolve_review(review.id, resolution, by, at)
        else:
            _together(store, done, by, at)
        store.commit()
    finally:
        store.close()
    numbers = [review.id for review, _ in done]
    Accounts(engine).note(at, by, ANSWERED, _subject(numbers), reviews=numbers, answer=_unsaid(given))
    return done


def _together(store: Store, done: Sequence[tuple[ReviewRow, dict[str, Any]]], by: str, at: datetime) -> None:
    same: dict[str, tuple[dict[str, Any], list[int]]] = {}
    for review, resolution in done:
        same.setdefault(dumps(resolution), (resolution, []))[1].append(review.id)
    noted = sum(store.answer_reviews(numbers, resolution, by, at) for resolution, numbers in same.values())
    if noted != len(done):
        store.rollback()
        raise Refusal("no-review", "Somebody has answered meanwhile. Nothing was noted.", "Look at the questions anew.")


def fitting(
    reviews: Sequence[ReviewRow], given: Mapping[str, Any], project: Project, store: Store
) -> tuple[list[ReviewRow], list[tuple[ReviewRow, Refusal]]]:
    """Which of these questions take this answer, and why the others do not."""
    fits: list[ReviewRow] = []
    others: list[tuple[ReviewRow, Refusal]] = []
    for review in reviews:
        try:
            checked(review, given, project, store)
            fits.append(review)
        except Refusal as refusal:
            others.append((review, refusal))
    return fits, others


def withdraw(engine: Engine, ids: Sequence[int], by: str, at: datetime) -> list[ReviewRow]:
    """Takes answers back that no run has carried out; all of them or none. Raises Refusal; Busy while a run is under way,
    which may be carrying them out."""
    with _no_run(engine):
        store = Store(engine)
        try:
            found = reviews_of(History(store), ids)
            for review in found:
                if review.resolution is None:
                    raise Refusal("no-answer", f"Review {review.id} has no answer to take back.", "")
                if review.closed_at is not None:
                    [run] = Queue(store).carried_out_by([review]).values() or [""]
                    hint = f"What the run wrote is taken back by `smarketing revert {run}`." if run else ""
                    raise Refusal("no-answer", f"The answer to review {review.id} has been carried out.", hint)
            store.withdraw_answers([review.id for review in found])
            store.commit()
        finally:
            store.close()
    numbers = [review.id for review in found]
    was = {str(review.id): {"answer": _unsaid(review.resolution or {}), "by": review.resolved_by} for review in found}
    Accounts(engine).note(at, by, WITHDRAWN, _subject(numbers), reviews=numbers, was=was)
    return found


def _unsaid(answer: Mapping[str, Any]) -> dict[str, Any]:
    """For the audit, which stays when somebody is forgotten: without what was typed, which is some person's. That stands in the
    record's history."""
    return {name: "…" if name == "value" else said for name, said in answer.items()}


@contextmanager
def _no_run(engine: Engine) -> Iterator[None]:
    lease = Lease(engine, "sync", utc_now)
    try:
        yield
    finally:
        lease.release()


def _subject(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} … {numbers[-1]} ({len(numbers)})"


def reviews_of(history: History, ids: Sequence[int]) -> list[ReviewRow]:
    """In the order asked for. Raises Refusal where there is none of a number."""
    rows: dict[int, ReviewRow] = {}
    for part in chunks(list(dict.fromkeys(ids))):
        rows |= history.reviews_by_id(part)
    missing = [str(i) for i in ids if i not in rows]
    if missing:
        raise Refusal("no-review", f"There is no review {', '.join(missing[:20])}.", "smarketing review list")
    return [rows[i] for i in ids]


# -- what the engine makes of it --------------------------------------------------------------------------------------


def checked(review: ReviewRow, given: Mapping[str, Any], project: Project, store: Store) -> dict[str, Any]:
    """The answer as the engine takes it. Raises Refusal where it is none to this question."""
    takes = ANSWERS[review.kind]
    wrong = sorted(set(given) - set(takes))
    named = " or ".join(f"--{review.record_kind if name == 'lead' else name}" for name in takes)
    if review.closed_at is not None:
        raise Refusal("no-review", f"Review {review.id} is closed already.", "smarketing review list")
    if wrong or len(given) != 1:
        raise Refusal(
            "usage", f"Review {review.id} is a {review.kind}: answer it with {named}, one of them.", commands(review)
        )
    [(name, said)] = given.items()
    if name == "value":
        return {"value": hub_value(review, str(said), project)}
    if name == "take":
        return {"take": _claim(review, str(said))}
    if name == "lead":
        hub = store.hubs([said]).get(said)
        if hub is None or hub.kind != review.record_kind:
            raise Refusal("no-lead", f"There is no {WORDS[review.record_kind][0]} {said}.", commands(review))
        return {"hub": said}
    if name == "to":
        return {"hub": heir_of(review, str(said), store)}
    if name == "merge" and review.detail.get("why") != "merged":
        raise Refusal("usage", "There are no two to make one of.", commands(review))
    return {name: True}


def stages_of(project: Project) -> list[str]:
    words = project.config.vocabulary
    return [stage.name for stage in words.ladder] + [state.name for state in words.side]


def field_of(review: ReviewRow, project: Project) -> HubField | None:
    """The shared field that a conflict is about; None for the stage of a lead, and for a field that is no more."""
    name = str(review.detail["field"])
    if review.record_kind == "activity":
        return None
    if review.record_kind == "lead":
        return None if name == STAGE else BUILT_IN.get(name) or project.config.fields.get(name)
    return (project.config.fields_of(review.record_kind) or {}).get(name)


def hub_value(review: ReviewRow, said: str, project: Project) -> Value:
    """The text as a value of the field, normalised as if a system had said it. Raises Refusal."""
    name = str(review.detail["field"])
    field = field_of(review, project)
    if field is None:
        stages = stages_of(project)
        if name != STAGE:
            raise Refusal("bad-value", f"There is no field {name} any more.", "")
        if said not in stages:
            raise Refusal("bad-value", f"There is no stage {said!r}.", f"Stages: {', '.join(stages)}.")
        return said
    options: dict[str, Any] = {"region": project.config.region} if field.type == "phone" else {}
    if field.type in ("picklist", "multipicklist"):
        options = {"values": {option: option for option in field.options}}
    elif field.type == "boolean":
        said = {"yes": "true", "no": "false"}.get(said.casefold(), said)
    try:
        return TRANSFORMS[FITS[field.type][0]](folded(project.config.placeholders), **options).decode(said)
    except ValueError as error:
        raise Refusal("bad-value", f"{name} cannot be {plain(said, 60)!r}: {error}.") from None


def _claim(review: ReviewRow, said: str) -> str:
    """The name of the claim: a system's, or the hub's value by the system it came from."""
    names = {"hub": "hub", **claimants(review)}
    if said not in names:
        raise Refusal("usage", f"{said} has no say in review {review.id}.", f"--take one of: {', '.join(names)}.")
    return names[said]


def commands(review: ReviewRow) -> str:
    """Every way to answer, as commands."""
    words = {"value": "TEXT", "to": "EMAIL", "lead": review.record_kind.upper()}
    lines = []
    for option in options(review)[:8]:
        name = review.record_kind if option.name == "lead" else option.name
        said = option.value or words.get(option.name, "")
        lines.append(f"smarketing review resolve {review.id} --{name}{f' {said}' if said else ''}")
    return "\n".join(lines)
