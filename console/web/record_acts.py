"""What a person may do about a record: note what somebody said of consent, unite two records that are one, take them apart.

Each is what the command of the same name does, with its checks. Invariant: nothing is written to a system here; the next run
carries it out, and says so in its plan before.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.consenting import Said, record_act
from console.failures import Refusal
from console.uniting import split_last, unite_two
from console.web.page import Operator, Page, Refused
from state.lock import Busy

router = APIRouter()


@router.post("/records/{hub_id}/consent")
def consent(
    page: Operator,
    hub_id: str,
    channel: Annotated[str, Form()],
    act: Annotated[str, Form()],
    basis: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    _known(page, hub_id)
    if act not in ("in", "out"):
        raise Refused(422, "shell.http_422")
    opts_in = act == "in"
    said = Said(
        channel if opts_in else None,
        None if opts_in else channel,
        basis.strip(),
        note.strip()[:2000],
        page.by,
        bool(sure),
    )
    try:
        hand = record_act(page.site.opened, hub_id, said)
    except Refusal as refusal:
        return page.go(f"/records/{hub_id}", f"{refusal.message} {refusal.hint}".strip(), "bad")
    except Busy:
        return page.go(f"/records/{hub_id}", page.words("record.busy"), "warn")
    # the note stands in the record's history, and goes with it; the audit stays
    page.note("consent", hub_id, channel=channel, act="opt_in" if opts_in else "opt_out", basis=said.basis)
    told = page.words("record.consent_done")
    if hand:
        told += " " + page.words("record.consent_by_hand", systems=page.words.every(hand))
    return page.go(f"/records/{hub_id}", told, "warn" if hand else "good")


@router.post("/records/{hub_id}/unite")
def unite(page: Operator, hub_id: str, other: Annotated[str, Form()], sure: Annotated[str, Form()] = "") -> Response:
    """Without `sure`, what would become of it is shown first."""
    _known(page, hub_id)
    try:
        told = unite_two(page.site.opened, hub_id, other.strip(), by=page.by, confirm=bool(sure))
    except Refusal as refusal:
        return page.go(f"/records/{hub_id}", f"{refusal.message} {refusal.hint}".strip(), "bad")
    except Busy:
        return page.go(f"/records/{hub_id}", page.words("record.busy"), "warn")
    if not told["done"]:
        return page.show("unite.html", stays=told["stays"], joins=told["joins"])
    page.note("unite", told["stays"]["id"], joins=told["joins"]["id"])
    return page.go(f"/records/{told['stays']['id']}", page.words("record.united_done", name=told["joins"]["name"]))


@router.post("/records/{hub_id}/split")
def split(page: Operator, hub_id: str) -> Response:
    _known(page, hub_id)
    try:
        told = split_last(page.site.opened, hub_id, by=page.by, confirm=True)
    except Refusal as refusal:
        return page.go(f"/records/{hub_id}", f"{refusal.message} {refusal.hint}".strip(), "bad")
    except Busy:
        return page.go(f"/records/{hub_id}", page.words("record.busy"), "warn")
    page.note("split", told["stays"]["id"], leaves=told["leaves"]["id"])
    return page.go(f"/records/{told['stays']['id']}", page.words("record.split_done", name=told["leaves"]["name"]))


def _known(page: Page, hub_id: str) -> None:
    with page.site.reading() as store:
        if hub_id not in store.hubs([hub_id]):
            raise Refused(404, "record.unknown")
