"""The question about an owner who has left, in words; and who takes over, as a person names them.

Not here: who has left, and what is handed over (`sync.owners`). Invariant: nothing is handed to somebody who has left.
"""

from __future__ import annotations

from rich.text import Text

from console.failures import Refusal
from console.names import WORDS, name_of
from console.screen import Sheet, many, table
from mapping.fields import KINDS, Kind
from state.history import ReviewRow
from state.records import Hub
from state.store import Store
from sync.owners import GONE, left


def told(review: ReviewRow) -> str:
    """Where the owner has left, and what is still theirs: "inactive in salesforce; still owns 40 leads, 3 open deals"."""
    where = ", ".join(
        f"{'gone from' if how == GONE else 'inactive in'} {system}" for system, how in review.detail["left"].items()
    )
    counts: dict[str, int] = review.detail["counts"]
    held = [many(counts[kind], *_words(kind)) for kind in KINDS if counts.get(kind)]
    return f"{where or 'back'}; still owns {', '.join(held) or 'nothing'}"


def twice(review: ReviewRow) -> str:
    """What to merge by hand, and why we do not."""
    one, detail = WORDS[review.record_kind][0], review.detail
    by_hand = f"merge {detail.get('was')} into {detail['into']} there" if detail.get("into") else "merge them there"
    waits = f" (not done by us: {detail['waits']})" if detail.get("waits") else ""
    return f"{review.system} has two records of one {one}: {by_hand}{waits}"


def owned(review: ReviewRow) -> Sheet:
    what = table("!System", "The owner is")
    for system, how in review.detail["left"].items():
        what.add_row(system, Text("no user there any more" if how == GONE else "inactive", style="warn"))
    for kind in KINDS:
        if count := review.detail["counts"].get(kind):
            what.add_row("", many(count, *_words(kind)))
    return what


def heir_of(review: ReviewRow, said: str, store: Store) -> str:
    """The hub id of the owner who is named by e-mail address or id. Raises Refusal."""
    owners = store.of("owner")
    there = [hub for hub in owners.hubs(owners.ids()).values() if hub.alive]
    found = [hub for hub in there if said in (hub.id, address_of(hub)) or said.casefold() == address_of(hub)]
    if len(found) != 1:
        known = sorted(address_of(hub) for hub in there if address_of(hub) and not left(hub))
        number = "no" if not found else "more than one"
        raise Refusal("no-owner", f"There is {number} owner {said}.", f"Owners: {', '.join(known[:20])}.")
    [heir] = found
    if heir.id == review.hub_id:
        raise Refusal("usage", "The records are theirs already.", "--ignore leaves them as they are.")
    if gone := left(heir):
        raise Refusal("no-owner", f"{name_of(heir)} has left {', '.join(gone)}.", "Name somebody who is active.")
    return heir.id


def address_of(hub: Hub) -> str:
    return str(hub.fields.get("email") or "").casefold()


def _words(kind: Kind) -> tuple[str, str]:
    one, more = WORDS[kind]
    return (f"open {one}", f"open {more}") if kind == "deal" else (one, more)
