"""Which hub record somebody means by an e-mail address, a domain, a name, an id or its beginning, or `system:id`.

For a command's argument, which means one. Not here: the search of the pages, which finds many (`state.search`). Invariant: what
may mean several is refused with the few that it may be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from console.failures import Refusal
from console.names import name_of, split_place
from mapping.transforms import TRANSFORMS, folded
from state.history import History
from state.store import Store
from sync.match import match_keys
from sync.project import Opened

_ID = re.compile(r"[0-9a-f]{8,32}")


def find(opened: Opened, history: History, asked: str) -> str:
    """The hub record meant by an e-mail address, a domain, a name, an id or its beginning, or system:remote id. Raises
    Refusal."""
    asked = asked.strip()
    return the_one(opened, matching(opened, history, asked), asked)


def the_one(opened: Opened, found: Sequence[str], asked: str) -> str:
    """Of those that may be meant. Raises Refusal where it is none, or more than one."""
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refusal(
            "no-lead",
            f"Nobody and nothing is known as {asked!r}.",
            "Ask by e-mail address, a company's domain, a deal's name, by id, or by system:id (hubspot:151). A record is "
            "known from the first sync on.",
        )
    store = Store(opened.engine, dry=True)
    leads = store.hubs(found[:5])
    store.close()
    likely = "; ".join(f"{hub.id}  {hub.kind} {name_of(hub)}" for hub in leads.values())
    raise Refusal("no-lead", f"{asked!r} may be {'any of many' if len(found) > 5 else 'one of these'}.", likely)


def matching(opened: Opened, history: History, asked: str) -> list[str]:
    """The few hub records that may be meant, six at most."""
    where, _, remote_id = asked.partition(":")
    system, kind = split_place(where)
    if remote_id and system in opened.project.config.systems:
        held = history.holding(system, remote_id)
        return [held[kind]] if kind in held else list(held.values()) if where == system else []
    if "@" in asked:
        return _by_email(opened, history, asked)
    text = asked.replace("-", "").lower()
    found = history.find_leads(text) if _ID.fullmatch(text) else []
    return found or _by_name(history, asked)


def _by_name(history: History, asked: str) -> list[str]:
    """Who is called just so; else whatever mentions it, but for what merely refers to it."""
    exact = history.called(asked)
    return exact or history.mentioning(asked)


def spelled_address(opened: Opened, asked: str) -> str:
    """An e-mail address as the hub spells it."""
    pair = TRANSFORMS["email"](folded(opened.project.config.placeholders))
    try:
        return str(pair.decode(asked) or asked)
    except ValueError:
        return asked.casefold()


def _by_email(opened: Opened, history: History, asked: str) -> list[str]:
    """By the key that matching uses, else by looking through all."""
    email = spelled_address(opened, asked)
    keys = [key for _, key in match_keys({"email": email}, (("email",),))]
    return history.holders(keys) or history.mentioning(email)
