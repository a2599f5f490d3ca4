"""Records: found by what one types, by kind, stage, system and owner; without a question, those that changed last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from console.lookup import spelled_address
from console.names import named, split_place
from console.web.page import Page, Viewer
from mapping.derived import GRADE, SCORE
from mapping.fields import KINDS, Kind
from state.history import History, shown_fields
from state.records import Hub
from state.search import MOST, Question, Search
from state.store import Store
from sync.match import match_keys

router = APIRouter()
SHOWN = 25
"""Records of one page."""

ORDER: tuple[Kind, ...] = ("lead", "company", "deal", "owner")
"""Of the tabs."""

OWNER = "owner"
ID = 8
"""Characters from which on the beginning of an id is taken for one."""


@dataclass(frozen=True)
class Hit:
    """One line. `systems`: those that it is in now."""

    id: str
    kind: Kind
    name: str
    email: str
    stage: str
    company: str
    owner: str
    score: int | None
    grade: str
    systems: tuple[str, ...]
    changed: datetime | None


@router.get("/records")
def records(
    page: Viewer,
    q: str = "",
    kind: str = "",
    stage: str = "",
    system: str = "",
    owner: str = "",
    n: Annotated[int, Query(ge=1, le=MOST // SHOWN)] = 1,
) -> Response:
    asked = Question(q.strip()[:200], kind if kind in KINDS else None, stage, system, owner)
    with Search(page.site.engine) as search, page.site.reading() as store:
        progress = search.progress()
        found = search.find(asked, min(MOST, n * SHOWN + SHOWN))
        known = direct(page, store, asked) if n == 1 else []
        ids = list(dict.fromkeys([*known, *found.ids]))
        some = ids[(n - 1) * SHOWN : n * SHOWN]
        hits = _hits(store, search, some)
        owners = _owners(store, search)
    config, counts = page.site.opened.project.config, page.site.finder.counts()
    chosen = {"q": asked.text, "stage": stage, "system": system, "owner": owner}
    any_ = [("", page.words("records.any"))]

    def to(**other: Any) -> str:
        return _url({**chosen, "kind": kind, **other})

    return page.show(
        "records.html",
        asked=asked, hits=hits, found=found, progress=progress, trouble=page.site.finder.trouble,
        tabs=[(to(kind=one, stage="", n=1), _tab(page, one, counts), one == asked.kind)
              for one in ORDER if one in page.site.opened.rules.kinds],
        stages=any_ + [(one, one) for one in _stages(page, asked.kind)], systems=any_ + [(one, one) for one in config.systems],
        owners=any_ + owners, filtered=bool(stage or system or owner), n=n, more=found.more or len(ids) > n * SHOWN, to=to,
    )  # fmt: skip


def _tab(page: Page, kind: Kind, counts: Mapping[str, int]) -> str:
    text = page.words(f"records.kind_{kind}")
    return f"{text} ({page.words.number(counts[kind])})" if kind in counts else text


def _url(values: dict[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value and not (name == "n" and value == 1)}
    return f"/records?{urlencode(given)}" if given else "/records"


def direct(page: Page, store: Store, asked: Question) -> list[str]:
    """By an id of ours or its beginning, by a system's id, or by a whole address: these need no index."""
    text, found = asked.text, list[str]()
    if not text or asked.stage or asked.system or asked.owner:
        return []
    history = History(store)
    where, _, remote_id = text.partition(":")
    system, _ = split_place(where)
    known = page.site.opened.project.config.systems
    plain = text.replace("-", "").lower()
    if remote_id and system in known:
        found += history.holding(system, remote_id.strip()).values()
    elif "@" in text:
        email = spelled_address(page.site.opened, text)
        found += history.holders([key for _, key in match_keys({"email": email}, (("email",),))])
    elif " " not in text:
        if len(plain) >= ID and set(plain) <= set("0123456789abcdef"):
            found += history.find_leads(plain)
        found += [hub_id for one in known for hub_id in history.holding(one, text).values()]
    hubs = store.hubs(found)
    current = [hubs[hub_id].merged_into or hub_id for hub_id in found if hub_id in hubs]
    kinds = history.kinds(current)
    return [one for one in dict.fromkeys(current) if asked.kind in (None, kinds.get(one))]


def _hits(store: Store, search: Search, ids: list[str]) -> list[Hit]:
    hubs, changed = store.hubs(ids), search.changes(ids)
    owners = store.hubs({str(hub.fields[OWNER]) for hub in hubs.values() if hub.fields.get(OWNER)})
    hits = []
    for hub_id in ids:
        hub = hubs.get(hub_id)
        if hub is None or hub.merged_into:  # gone since it was indexed
            continue
        fields = shown_fields(hub)
        owner = owners.get(str(fields.get(OWNER)))
        live = tuple(sorted(system for system, link in hub.links.items() if link.state == "live"))
        score = fields.get(SCORE)
        hits.append(
            Hit(
                hub.id, hub.kind, person_of(hub), str(fields.get("email") or ""),
                str(fields.get("stage") or ""), str(fields.get("company" if hub.kind == "lead" else "domain") or ""),
                named(shown_fields(owner), owner.id, "owner") if owner else "",
                score if isinstance(score, int) else None, str(fields.get(GRADE) or ""), live, changed.get(hub.id),
            )
        )  # fmt: skip
    return hits


def person_of(hub: Hub) -> str:
    """What a record is called, without the address that stands beside it."""
    fields = shown_fields(hub)
    if hub.kind != "lead":
        return named(fields, hub.id, hub.kind)
    return named({key: value for key, value in fields.items() if key != "email"}, str(fields.get("email") or hub.id))


def _owners(store: Store, search: Search) -> list[tuple[str, str]]:
    """Id and name of the owners there are, by name."""
    hubs = store.hubs(search.find(Question(kind="owner")).ids).values()
    return sorted(
        ((hub.id, named(shown_fields(hub), hub.id, "owner")) for hub in hubs), key=lambda one: one[1].casefold()
    )


def _stages(page: Page, kind: Kind | None) -> list[str]:
    """Of leads in the order of the vocabulary; of deals, those of deals."""
    config = page.site.opened.project.config
    leads = [*(step.name for step in config.vocabulary.ladder), *(state.name for state in config.vocabulary.side)]
    deals = ["open", "won", "lost"]
    if kind == "deal":
        return deals
    return leads if kind in ("lead", None) else []
