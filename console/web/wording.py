"""Why things are as they are, in the language of whoever looks: rules, events, and how a record stands with a system.

The history keeps rules in one spelling, for programs (`sync.merge`, `sync.acts`); here it is put in words. Pure. Invariant: what
there is no sentence for is shown as it stands, never left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alignment.criteria import called, described
from alignment.words import Words
from console.names import in_words
from console.screen import plain
from mapping.config import ProjectFile
from mapping.fields import HIDDEN, Kind
from mapping.mapper import Mapper
from state.history import ChangeRow, Happened
from state.records import Hub
from sync.archive import LEFT

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), key)
    for pattern, key in (
        (r"first value", "first"), (r"computed|derived", "computed"), (r"only change", "only"), (r"all agree", "agree"),
        (r"review", "review"), (r"a person decided|a person said so", "person"), (r"a person decides", "waits"),
        (r"no value yet", "none"), (r"fuller spelling", "fuller"), (r"newest(?:: .*)?", "newest"), (r"furthest", "furthest"),
        (r"furthest: (?P<stage>.+) stands, no move back without a rule", "stands"), (r"opt_out_wins(?:: .*)?", "opt_out"),
        (r"union(?:: .*)?", "union"), (r"united", "united"), (r"fill_blank(?:: .*)?", "fill"), (r"owner: (?P<systems>.+)", "owner"),
        (r"prefer: (?P<systems>.+)", "prefer"), (r"consent: the newest", "consent"), (r"review (?P<n>\d+)", "answer"),
        (r"opted in", "opted_in"), (r"opted out", "opted_out"),
    )
)  # fmt: skip

_NAMED = re.compile(r"(.+) \(from (.+)\)")


@dataclass(frozen=True)
class Wording:
    """`names`: what the hub records are called that values refer to."""

    words: Words
    config: ProjectFile
    kind: Kind
    names: Mapping[str, str]

    def field(self, name: str) -> str:
        own = f"record.field_{name}"
        text = (
            self.words(own) if own in self.words else called(name, self.config.fields_of(self.kind) or {}, self.words)
        )
        return text[:1].upper() + text[1:]

    def value(self, value: Any) -> Any:
        return in_words(value, self.names)

    def rule(self, rule: str) -> str:
        for pattern, key in _RULES:
            if found := pattern.fullmatch(rule):
                return self.words(f"record.rule_{key}", **found.groupdict())
        return plain(rule, 300)

    def source(self, source: str) -> str:
        key = f"record.source_{source}"
        return self.words(key) if key in self.words else source

    def claimant(self, name: str) -> str:
        """Of "hub (from crm)", whose value it was."""
        found = _NAMED.fullmatch(name)
        return self.source(found[2] if found else name)

    def standing(self, hub: Hub, system: str, told: Mapping[str, Any], mapper: Mapper | None) -> str:
        """How the record stands with the system, `told` as `sync.inclusion.Standing` has it."""
        code, link = str(told["code"]), hub.links.get(system)
        key = f"record.standing_{code}"
        if key not in self.words:
            return plain(str(told["sentence"]), 600)
        rule = ""
        condition = mapper.asks.get("create_when" if code == "create_when" else "sync_when") if mapper else None
        if condition is not None:
            rule = described(condition, self.config.fields_of(self.kind) or {}, self.words)
        here = ", ".join(dict.fromkeys(self._found(str(clause.found)) for clause in told["clauses"]))
        text = self.words(
            key, system=system, record=link.remote_id if link else "", review=str(told["review"] or ""), rule=rule
        )
        return f"{text} {self.words('record.standing_here', here=here)}" if here else text

    def _found(self, clause: str) -> str:
        """What there is in place of what a rule asks for (`mapping.conditions.unmet`)."""
        name, is_, value = clause.partition(" is ")
        known = is_ and name in (self.config.fields_of(self.kind) or {})
        return f"{self.field(name)}: {value}" if known else plain(clause, 200)

    def change(self, change: ChangeRow) -> str:
        """A change that is not about fields, or what it is called that is."""
        detail = change.detail
        values = {
            "system": self.source(change.system), "record": str(detail.get("was", "")), "other": str(detail.get("became", "")),
        }  # fmt: skip
        key = change.kind
        if change.kind == "united":
            union = detail.get("union")
            key = "united" if union else "united_into"
            values["other"] = self.name(str(union["hub"] if union else detail.get("into", "")))
        elif change.kind == "split":
            key = "split" if "split" in detail else "split_from"
            values["other"] = self.name(str(detail.get("split") or detail.get("from", "")))
        elif change.kind in ("linked", "unlinked"):
            key = "archived" if detail.get("rule") == LEFT else "became" if detail.get("became") else "gone"
        return self.words(f"record.change_{key}", **values) if f"record.change_{key}" in self.words else change.kind

    def name(self, hub_id: str) -> str:
        return self.names.get(hub_id, hub_id)

    def activity(self, one: Happened) -> str:
        key = f"activities.{one.type}"
        text = self.words(key) if key in self.words else one.type.replace("_", " ")
        return text[:1].upper() + text[1:]

    def hidden(self, name: str) -> bool:
        return name in HIDDEN
