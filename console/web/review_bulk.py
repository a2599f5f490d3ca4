"""The same answer to many questions: what it would do, shown first; then all of it, or nothing.

Invariant: what is answered is exactly what was shown. Where the queue has changed in between, nothing is, and it is shown anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from fastapi.responses import Response

from console import answering
from console.failures import Refusal
from console.questions import heirs
from console.web.page import Operator, Page
from console.web.review_filter import Filter
from console.web.reviews import filter_from, filter_of, given_by, lines, telling
from state.history import ReviewRow
from state.queue import Queue
from state.store import Store

router = APIRouter()
MOST = 2000
"""Questions that are answered in one step, the oldest first."""
SAMPLES = 8


@dataclass(frozen=True)
class Chosen:
    """Those that take the answer, and those that do not. `total`: how many match, also beyond `MOST`."""

    fits: list[ReviewRow]
    others: list[tuple[ReviewRow, Refusal]]
    total: int
    wrong: str = ""

    @property
    def mark(self) -> str:
        """Tells this set of questions from any other."""
        return blake2b(",".join(str(r.id) for r in self.fits).encode(), digest_size=12).hexdigest()


@router.get("/reviews/many")
def preview(
    page: Operator,
    answer: Annotated[str, Query()] = "",
    said: Annotated[str, Query()] = "",
    ids: Annotated[list[str] | None, Query()] = None,
    all: Annotated[str, Query()] = "",
) -> Response:
    return _shown(page, filter_of(page), answer, said, _numbers(ids), bool(all))


@router.post("/reviews/many")
def carry(
    page: Operator,
    mark: Annotated[str, Form()],
    answer: Annotated[str, Form()] = "",
    said: Annotated[str, Form()] = "",
    filter: Annotated[str, Form()] = "",
    ids: Annotated[str, Form()] = "",
    all: Annotated[str, Form()] = "",
    some: Annotated[str, Form()] = "",
) -> Response:
    """`some`: only those that take the answer."""
    chosen, numbers, opened = filter_from(page, filter), _numbers(ids.split(",")), page.site.opened
    with page.site.reading() as store:
        found = _chosen(page, store, chosen, answer, said, numbers, bool(all))
    if not found.fits or found.mark != mark or (found.others and not some):
        return _shown(page, chosen, answer, said, numbers, bool(all), changed=found.mark != mark)
    done = [review.id for review in found.fits]
    answering.answer(opened.engine, opened.project, done, given_by(answer, said), page.by, page.now, again=False)
    return page.go(chosen.url("/reviews", done=done[0]))


def _shown(
    page: Page, chosen: Filter, answer: str, said: str, numbers: list[int], whole: bool, changed: bool = False
) -> Response:
    tell = telling(page)
    with page.site.reading() as store:
        found = _chosen(page, store, chosen, answer, said, numbers, whole)
        return page.show(
            "reviews_many.html",
            409 if changed else 422 if found.wrong else 200,
            chosen=chosen, answer=answer, said=said, numbers=numbers, whole=whole, found=found, tell=tell, changed=changed,
            samples=lines(store, tell, found.fits[:SAMPLES]), most=MOST, outcome=_outcome(found, answer),
            refused=[(line, refusal.message) for line, (_, refusal) in zip(
                lines(store, tell, [r for r, _ in found.others[:SAMPLES]]), found.others, strict=False
            )],
            heirs=heirs(store, None) if answer == "to" else (),
        )  # fmt: skip


def _chosen(
    page: Page, store: Store, chosen: Filter, answer: str, said: str, numbers: list[int], whole: bool
) -> Chosen:
    """Open ones alone: an answer that somebody has given is not given another."""
    queue, opened = Queue(store), page.site.opened
    if whole:
        wanted = chosen.wanted(page.now)
        found, total = queue.page(wanted, MOST), queue.count(wanted)
    else:
        found = [r for r in queue.rows(numbers[:MOST]) if r.closed_at is None and r.resolution is None]
        total = len(found)
    given = given_by(answer, said)
    if answer == "to" and not said:
        return Chosen(found, [], total)
    fits, others = answering.fitting(found, given, opened.project, store)
    wrong = others[0][1].message if others and not fits else ""
    return Chosen(fits, others, total, wrong)


def _outcome(found: Chosen, answer: str) -> dict[int, Any]:
    """Of a conflict: the value that the answer chooses."""
    name, _, system = answer.partition(":")
    if name != "take":
        return {}
    labels = {r.id: answering.claimants(r).get(system, "") for r in found.fits[:SAMPLES]}
    return {r.id: r.detail["claims"].get(labels[r.id]) for r in found.fits[:SAMPLES]}


def _numbers(ids: list[str] | None) -> list[int]:
    return [int(one) for one in ids or () if one.isdecimal() and len(one) < 16]
