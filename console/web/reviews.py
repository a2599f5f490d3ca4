"""The questions that wait for a person: the queue, one question, its answer, and the answer taken back.

Many at once are in `review_bulk`, rules in `review_rules`. Invariant: an answer given here goes through the same function as
that of the command, and never takes the place of somebody else's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console import answering
from console.answering import ANSWERS, KINDS
from console.failures import Refusal
from console.lookup import find
from console.names import names_in
from console.questions import question, who_of
from console.web.page import Number, Operator, Page, Viewer
from console.web.review_filter import AGES, Filter
from console.web.review_words import Telling
from mapping.derived import shared_fields
from mapping.fields import KINDS as RECORD_KINDS
from state.history import ReviewRow
from state.lock import Busy
from state.queue import Queue
from state.store import Store

router = APIRouter()
SHOWN = 50
"""Questions on a page."""


def filter_of(page: Page) -> Filter:
    return Filter.read(page.request.query_params, page.site.opened.project.config.systems)


def filter_from(page: Page, query: str) -> Filter:
    return Filter.parse(query, page.site.opened.project.config.systems)


def telling(page: Page) -> Telling:
    return Telling(page.words, page.site.opened.project.config)


def lines(store: Store, tell: Telling, reviews: list[ReviewRow]) -> list[dict[str, Any]]:
    """The rows of a list: who it is about, and what is asked."""
    names = names_in(store, [r.hub_id for r in reviews], [r.detail for r in reviews], [r.resolution for r in reviews])
    return [
        {
            "review": r,
            "who": tell.t("reviews.the_plan") if r.kind == "guard" else who_of(r, names),
            "brief": tell.brief(r, names),
            "answer": tell.answer(r, names),
        }
        for r in reviews
    ]


@router.get("/reviews")
def queue(page: Viewer) -> Response:
    chosen, tell = filter_of(page), telling(page)
    asked = page.request.query_params
    after, before = number_in(asked.get("after")), number_in(asked.get("before"))
    with page.site.reading() as store:
        queue = Queue(store)
        wanted = chosen.wanted(page.now)
        tallies = queue.tallies(wanted)
        found = queue.page(wanted, SHOWN + 1, after=after or 0, before=before)
        more = len(found) > SHOWN
        rows = found[1:] if more and before else found[:SHOWN]
        answered = sum(tally.answered for tally in tallies.values())
        open_ = tallies[chosen.kind].open if chosen.kind in tallies else 0
        return page.show(
            "reviews.html",
            chosen=chosen, tallies=tallies, tell=tell, rows=lines(store, tell, rows),
            kinds=[kind for kind in KINDS if (kind in tallies and tallies[kind].open) or kind == chosen.kind],
            total=open_ if chosen.kind else sum(tally.open for tally in tallies.values()),
            everything=sum(tally.open for tally in tallies.values()), answered=answered,
            earlier=rows[0].id if rows and (after or (before and more)) else None,
            later=rows[-1].id if rows and (before or more) else None,
            answers=bulk_answers(page, chosen.kind), filters=choices(page, chosen),
            done=done_notice(page, queue, tell),
        )  # fmt: skip


@router.get("/reviews/answered")
def answered(page: Viewer) -> Response:
    """What waits for the next run, and what was decided of late."""
    tell, asked = telling(page), page.request.query_params
    chosen = filter_of(page)
    with page.site.reading() as store:
        queue = Queue(store)
        waiting = queue.page(
            chosen.wanted(page.now), SHOWN + 1, after=number_in(asked.get("after")) or 0, standing="answered"
        )
        decided = queue.decided(SHOWN + 1, _before(asked.get("before")))
        last = decided[SHOWN - 1] if len(decided) > SHOWN else None
        return page.show(
            "reviews_answered.html",
            tell=tell, chosen=chosen, waiting=lines(store, tell, waiting[:SHOWN]),
            later=waiting[SHOWN - 1].id if len(waiting) > SHOWN else None,
            decided=lines(store, tell, decided[:SHOWN]), runs=queue.carried_out_by(decided),
            older=f"{last.resolved_at.isoformat()},{last.id}" if last and last.resolved_at else None,
            total=sum(tally.answered for tally in queue.tallies(chosen.wanted(page.now)).values()),
            done=done_notice(page, queue, tell),
        )  # fmt: skip


@router.get("/reviews/{number:int}")
def one(page: Viewer, number: Number) -> Response:
    return _shown(page, number, filter_of(page))


@router.post("/reviews/{number:int}")
def answer(
    page: Operator,
    number: Number,
    answer: Annotated[str, Form()] = "",
    said: Annotated[str, Form()] = "",
    filter: Annotated[str, Form()] = "",
) -> Response:
    chosen = filter_from(page, filter)
    opened, given = page.site.opened, given_by(answer, said)
    with page.site.reading() as store:
        _, after = Queue(store).beside(chosen.wanted(page.now), number)
    try:
        if given.get("lead") == "":
            with page.site.history() as history:
                given["lead"] = find(opened, history, said)
        answering.answer(opened.engine, opened.project, [number], given, page.by, page.now, again=False)
    except Refusal as refusal:
        if refusal.code in ("bad-value", "no-owner", "no-lead"):
            return _shown(page, number, chosen, wrong=refusal, said=said)
        raise
    return page.go(chosen.url(f"/reviews/{after}" if after else "/reviews", done=number))


@router.post("/reviews/undo")
def undo(
    page: Operator,
    number: Annotated[Number, Form()],
    together: Annotated[str, Form()] = "",
    filter: Annotated[str, Form()] = "",
) -> Response:
    """`together`: all that were answered in the same step as this one."""
    chosen, opened = filter_from(page, filter), page.site.opened
    with page.site.reading() as store:
        queue = Queue(store)
        [review] = answering.reviews_of(queue, [number])
        numbers = [number]
        if together and review.resolved_by and review.resolved_at:
            numbers = queue.together(review.resolved_by, review.resolved_at) or numbers
    try:
        answering.withdraw(opened.engine, numbers, page.by, page.now)
    except Busy:
        return page.go(chosen.url(f"/reviews/{number}"), page.words("reviews.undo_busy"), "warn")
    told = page.words("reviews.undone", count=len(numbers))
    return page.go(chosen.url(f"/reviews/{number}" if len(numbers) == 1 else "/reviews"), told)


def _shown(page: Page, number: int, chosen: Filter, wrong: Refusal | None = None, said: str = "") -> Response:
    tell, opened = telling(page), page.site.opened
    with page.site.reading() as store:
        queue = Queue(store)
        [review] = answering.reviews_of(queue, [number])
        found = question(opened, store, review)
        earlier, later = queue.beside(chosen.wanted(page.now), number)
        return page.show(
            "review.html",
            422 if wrong else 200,
            q=found, review=review, about=found.about, tell=tell, chosen=chosen, earlier=earlier, later=later,
            wrong=wrong.message if wrong else "", said=said, stages=answering.stages_of(opened.project),
            others=lines(store, tell, list(found.others)), done=done_notice(page, queue, tell, number),
            who=page.words("reviews.the_plan") if review.kind == "guard" else found.who,
        )  # fmt: skip


def given_by(answer: str, said: str) -> dict[str, Any]:
    """What a button says ("take:crm", "ignore") and what was typed beside it, as `review resolve` takes it."""
    name, _, value = answer.partition(":")
    if not any(name in takes for takes in ANSWERS.values()):
        raise Refusal("usage", "Say what the answer is.", "")
    if name in ("value", "to"):
        return {name: said.strip()}
    return {name: value if name in ("take", "lead") else True}


def bulk_answers(page: Page, kind: str) -> list[str]:
    """What many questions of a kind can be answered with at once."""
    if not kind or page.visitor is None or not page.visitor.may("operator"):
        return []
    if kind == "conflict":
        return [f"take:{system}" for system in page.site.opened.project.config.systems]
    return [name for name in ANSWERS[kind] if name != "lead"]


def choices(page: Page, chosen: Filter) -> dict[str, list[tuple[str, str]]]:
    """What the queue can be filtered by: name of the filter -> (value, text)."""
    config, words, tell = page.site.opened.project.config, page.words, telling(page)
    kinds = [kind for kind in RECORD_KINDS if config.fields_of(kind) is not None]
    fields = dict.fromkeys(
        name
        for kind in kinds
        if not chosen.of or kind == chosen.of
        for name, field in shared_fields(config, kind).items()
        if not field.derived
    )
    named = sorted(((name, tell.field(name)) for name in fields), key=lambda one: one[1].casefold())
    every = ("", words("reviews.all"))
    return {
        "system": [every, *((name, name) for name in config.systems)],
        "of": [every, *((kind, words(f"reviews.of_{kind}")) for kind in kinds)],
        "field": [every, *named],
        "age": [every, *((str(days), words("reviews.older", count=days)) for days in AGES)],
    }


def done_notice(page: Page, queue: Queue, tell: Telling, here: int | None = None) -> dict[str, Any] | None:
    """What was answered in the last step, as long as it can be taken back."""
    number = number_in(page.request.query_params.get("done"))
    review = queue.reviews_by_id([number]).get(number) if number else None
    if review is None or review.closed_at is not None or review.resolution is None or review.id == here:
        return None
    if review.resolved_by is None or review.resolved_at is None:
        return None
    numbers = queue.together(review.resolved_by, review.resolved_at)
    return {"review": review, "count": len(numbers)}


def number_in(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


def _before(text: str | None) -> tuple[datetime, int] | None:
    at, _, number = (text or "").partition(",")
    try:
        return datetime.fromisoformat(at), int(number)
    except ValueError:
        return None
