"""What people decided over and over, as a rule that would decide it: a conflict policy of a field, or a text that means "nobody
knows".

Reading only: a proposal is an edit of a file (`Edit`), with what it would have decided of the past and would decide of what is
open, each by the engine's own function (`sync.merge.decided`). Whoever edits the files, or publishes a draft, makes it so. Invariant: no figure is
guessed; what cannot be replayed (`newest` goes by times that no question keeps) is not proposed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from console.failures import Refusal
from mapping.compiler import policy_of
from mapping.config import OnConflict
from mapping.fields import PLURALS, STAGE, Kind, Value
from mapping.loader import FOLDER, MAIN, Project
from mapping.rules import Rules
from mapping.transforms import folded
from state.history import ReviewRow
from state.queue import Queue
from state.store import Store
from sync.merge import HUB, decided

MOST = 500
"""Questions that are replayed at most, of the open ones and of the answered ones each; the newest."""
OFTEN = 3
"""So often has a value to be left alone before it is proposed as a placeholder."""


class Edit(NamedTuple):
    """`file`: as the project names it; `loc`: the keys that lead to the place."""

    file: str
    loc: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Sample:
    """One open conflict, and what the rule would make of it."""

    id: int
    hub_id: str | None
    claims: Mapping[str, Value]
    source: str | None
    value: Value


@dataclass(frozen=True)
class Proposal:
    """`takes`: whose word counts -> in how many of the open ones; `agrees`: answers that the rule would have given too;
    `differs`: answers that it would not have given."""

    said: OnConflict
    edit: Edit
    takes: Mapping[str, int]
    agrees: int
    differs: int
    samples: tuple[Sample, ...]

    @property
    def open(self) -> int:
        return sum(self.takes.values())

    @property
    def share(self) -> float | None:
        """Of the answers, how many it would have given; None where there is none to compare with."""
        told = self.agrees + self.differs
        return self.agrees / told if told else None


@dataclass(frozen=True)
class Placeholder:
    """A value that cannot be read and that people have left alone so often. `open`: how often it waits."""

    value: str
    left: int
    open: int
    edit: Edit


def proposals(project: Project, rules: Rules, store: Store, kind: Kind, field: str) -> list[Proposal]:
    """The rules that could decide conflicts over a field, the one that agrees most often with people first. Raises Refusal
    where there is no such field."""
    if kind not in rules.kinds or field not in rules.of(kind).policies:
        raise Refusal("no-field", f"There is no field {field!r} over which {kind}s could be in conflict.", "")
    mine, queue = rules.of(kind), Queue(store)
    waiting = queue.conflicts_over(kind, field, MOST, answered=False)
    answers = [r for r in queue.conflicts_over(kind, field, MOST, answered=True) if r.resolution]
    linked = {
        i: tuple(hub.links) for i, hub in store.hubs({r.hub_id for r in (*waiting, *answers) if r.hub_id}).items()
    }
    made = [
        _replayed(project, mine, kind, field, said, waiting, answers, linked)
        for said in _candidates(project, mine, field)
    ]
    return sorted(made, key=lambda one: (-(one.share or 0.0), -one.agrees))


def _candidates(project: Project, rules: Rules, field: str) -> list[OnConflict]:
    systems = [s for s in rules.policy(field).systems if s in rules.mappers and field in rules.mappers[s].pulled]
    first = [OnConflict(rule="furthest")] if field == STAGE and rules.kind == "lead" else []
    prefer = [OnConflict(prefer=(system,)) for system in systems]
    return [*first, *prefer, *(OnConflict(owner=system) for system in systems)]


def _replayed(
    project: Project,
    rules: Rules,
    kind: Kind,
    field: str,
    said: OnConflict,
    waiting: Sequence[ReviewRow],
    answers: Sequence[ReviewRow],
    linked: Mapping[str, tuple[str, ...]],
) -> Proposal:
    policy = policy_of(said, project.config, rules.policy(field).systems)

    def replay(review: ReviewRow) -> tuple[str | None, Value]:
        detail = review.detail
        holders = linked.get(review.hub_id or "", ())
        verdict = decided(field, policy, detail["claims"], detail.get("hub"), rules, holders)
        return verdict.source, verdict.value

    open_ = [(review, *replay(review)) for review in waiting]
    agrees = sum(replay(review)[1] == answered(review) for review in answers)
    return Proposal(
        said=said,
        edit=rule_edit(project, kind, field, said),
        takes=Counter(source for _, source, _ in open_ if source is not None),
        agrees=agrees,
        differs=len(answers) - agrees,
        samples=tuple(Sample(r.id, r.hub_id, r.detail["claims"], s, v) for r, s, v in open_[:5]),
    )


def answered(review: ReviewRow) -> Value:
    """The value that a person chose in a conflict."""
    said = review.resolution or {}
    if "value" in said:
        value: Value = said["value"]
        return value
    chosen: Value = review.detail["claims"].get(str(said.get("take", HUB)), review.detail.get("hub"))
    return chosen


def rule_edit(project: Project, kind: Kind, field: str, said: OnConflict) -> Edit:
    """Where the policy of a field stands, or belongs where none is said, and what to write there."""
    base: tuple[str, ...] = () if kind == "lead" else (PLURALS[kind],)
    value: Any = said.rule or {"owner": said.owner} if said.prefer is None else {"prefer": list(said.prefer)}
    shared = (project.config.fields_of(kind) or {}).get(field)
    if shared is not None and shared.on_conflict is not None:
        return Edit(MAIN, (*base, "fields", field, "on_conflict"), value)
    stage = field == STAGE and kind == "lead"
    for system, mapping in sorted(project.mappings.items()):
        section = mapping if kind == "lead" else getattr(mapping, PLURALS[kind])
        if stage and mapping.stage is not None and (mapping.stage.on_conflict or shared is None):
            return Edit(f"{FOLDER}/{system}.yaml", ("stage", "on_conflict"), value)
        entry = section.fields.get(field) if section is not None else None
        if entry is not None and entry.on_conflict is not None:
            return Edit(f"{FOLDER}/{system}.yaml", (*base, "fields", field, "on_conflict"), value)
    return Edit(MAIN, (*base, "fields", field, "on_conflict"), value)


def placeholders(project: Project, store: Store) -> list[Placeholder]:
    """Values that people have left alone again and again, most often first."""
    left: Counter[str] = Counter()
    waits: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for review in Queue(store).unreadable(5 * MOST):
        for problem in review.detail["problems"]:
            text = problem.get("value")
            if isinstance(text, str) and (plain := folded_text(text)):
                spelled.setdefault(plain, text)
                (waits if review.resolution is None else left)[plain] += 1
    known = set(folded(project.config.placeholders))
    often = [plain for plain, count in left.most_common() if count >= OFTEN and plain not in known]
    return [
        Placeholder(
            spelled[plain], left[plain], waits[plain],
            placeholder_edit(project, spelled[plain]),
        )
        for plain in often
    ]  # fmt: skip


def placeholder_edit(project: Project, value: str) -> Edit:
    known = project.config.placeholders
    return Edit(MAIN, ("placeholders",), [*known] if value in known else [*known, value])


def folded_text(text: str) -> str:
    [plain] = folded((text.strip(),)) or ("",)
    return str(plain)


SHORT = 4
"""A longer list stands one line each."""


def yaml_lines(edit: Edit) -> str:
    """The edit as it would stand in the file, from its first key on."""
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(edit.loc)]
    if isinstance(edit.value, list) and len(edit.value) > SHORT:
        return "\n".join([*lines, *(f"{'  ' * len(lines)}- {_flow(one)}" for one in edit.value)])
    return "\n".join([*lines[:-1], f"{lines[-1]} {_flow(edit.value)}"])


def _flow(value: Any) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_flow(one) for one in value) + "]"
        case str() if value.replace("_", "a").isalnum() and value.isascii() and not value[0].isdigit():
            return value if value.casefold() not in RESERVED else _quoted(value)
    return _quoted(str(value))


RESERVED = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
