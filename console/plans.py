"""A plan as a file: what a run would write, kept so that exactly this can be approved and applied later.

Not here: how it is shown (`planning`) or made (`sync.run.preview`). Invariant: the file says all that `apply` needs,
and nothing of it is trusted further than the fingerprints reach: what changed since is planned differently, and so
not written.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from console.failures import Refusal
from console.names import name_of, names_in
from mapping.fields import STAGE, RecordKind, place
from mapping.rules import Rules
from state.history import ChangeRow, History, StageRow
from state.records import Hub, WriteRow
from state.store import Store
from sync.context import Report
from sync.plan import Tally, fingerprint
from sync.project import Opened
from sync.references import known_by

FORMAT = 1
FOLDER = "plans"
BATCH = 900


@dataclass(frozen=True)
class PlannedWrite:
    """`fields`: field -> {old, new, from, rule}. `records`: the hub record's records at the time, by system."""

    fingerprint: str
    system: str
    operation: str
    remote_id: str | None
    who: str
    records: dict[str, str]
    fields: dict[str, dict[str, Any]]
    kind: RecordKind = "lead"


@dataclass(frozen=True)
class Decision:
    """A conflict and its outcome: `winner` is None where a person must decide."""

    field: str
    who: str
    claims: dict[str, Any]
    winner: str | None
    rule: str
    kind: RecordKind = "lead"


@dataclass(frozen=True)
class PlanFile:
    id: str
    made_at: str
    rules: str
    systems: list[str]
    full: bool
    stops: list[dict[str, str]]
    errors: dict[str, dict[str, str]]
    tallies: dict[str, Tally]
    report: dict[str, Any]
    writes: list[PlannedWrite] = field(repr=False)
    decisions: list[Decision] = field(repr=False)
    decided: dict[str, int]
    """ "field\\trule" -> how many conflicts over it were decided so; see `field_in_words`"""
    reverts: str = ""
    """The run whose writes the plan takes back."""
    left: list[dict[str, str]] = field(default_factory=list, repr=False)
    """What of them it does not take back, and why"""
    names: dict[str, str] = field(default_factory=dict, repr=False)
    """What the hub records are called that values refer to, by their ids."""

    def document(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}


def gathered(opened: Opened, store: Store, report: Report, planned: Iterable[WriteRow], full: bool) -> PlanFile:
    """The plan with the reason for every value, while the dry run's state can still be read."""
    rows, history = list(planned), History(store)
    tallies = {
        place(system, kind): Tally(linked=store.of(kind).count_links(system))
        for kind in opened.rules.kinds
        for system in opened.connectors
        if system in opened.rules.of(kind).mappers
    }
    for row in rows:
        tallies[place(row.system, row.kind)].add(row)
    decisions, decided = _decisions(history, store, report.run_id)
    writes = list(written_out(history, store, rows, opened.rules))
    return PlanFile(
        id=f"{report.started:%Y%m%d-%H%M%S}-{report.run_id[-4:]}",
        made_at=report.started.astimezone(UTC).isoformat(),
        rules=opened.rules.hash,
        systems=sorted(opened.connectors),
        full=full,
        stops=report.stops,
        errors=report.errors,
        tallies=tallies,
        report=report.as_dict(),
        writes=writes,
        decisions=decisions,
        decided=decided,
        reverts=report.reverts,
        left=report.left,
        names=names_in(store, [w.fields for w in writes], [d.claims for d in decisions]),
    )


def written_out(history: History, store: Store, rows: Sequence[WriteRow], rules: Rules) -> Iterator[PlannedWrite]:
    """Each with whom it is about, and why it says what it says."""
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        leads = store.hubs([row.hub_id for row in part])
        changes = history.changes([row.hub_id for row in part])
        stages = history.stages([row.hub_id for row in part])
        names = known_by(store, part)
        for row in part:
            lead = leads[row.hub_id]
            why = Reasons(lead, changes.get(lead.id, ()), stages.get(lead.id, ()))
            yield PlannedWrite(
                fingerprint(row, names),
                row.system,
                row.operation,
                row.remote_id,
                name_of(lead),
                {system: link.remote_id for system, link in lead.links.items() if link.state == "live"},
                _leaving(lead, row, rules)
                if row.leaves
                else {n: {"old": old, "new": new, **reason(row, why, n)} for n, (old, new) in row.fields.items()},
                row.kind,
            )


def _leaving(lead: Hub, row: WriteRow, rules: Rules) -> dict[str, Any]:
    """What makes a record leave: the fields that its rule looks at, as they are now."""
    mapper, told = rules.of(row.kind).mappers[row.system], {"from": "sync_when", "rule": "does not hold any more"}
    return {name: {"old": None, "new": lead.fields.get(name), **told} for name in sorted(mapper.ruled_by)}


def reason(row: WriteRow, why: Callable[[str], dict[str, Any]], name: str) -> dict[str, Any]:
    """Why a write says what it says."""
    if row.operation == "merge":
        return {"from": "on_merge", "rule": "merge: two records of one, for good"}
    if row.operation in ("restore", "archive"):
        return {"from": "revert", "rule": "as before" if row.operation == "restore" else "the run created it"}
    return why(name)


class Reasons:
    """Why each value of a lead is what it is: where it came from, by which rule, in which run."""

    def __init__(self, lead: Hub, changes: Sequence[ChangeRow], stages: Sequence[StageRow] = ()) -> None:
        self._lead = lead
        self._last: dict[str, tuple[ChangeRow, str]] = {}
        self._stage = stages[-1] if stages else None
        self.first = next((change for change in changes if change.kind == "created"), None)
        for change in changes:
            for name, entry in change.detail.items():
                if isinstance(entry, dict) and ("new" in entry or entry.get("winner")):
                    self._last[name] = (change, entry["rule"])

    def __call__(self, name: str) -> dict[str, Any]:
        origin = self._lead.origin
        source = origin.get(name) or origin.get("", "hub")
        found = self.last(name)
        rule = found[1] if found else "computed" if source == "smarketing" else "first value"
        if name == STAGE and self._stage and source == "smarketing":
            rule = self._stage.evidence
        return {"from": source, "rule": rule}

    def last(self, name: str) -> tuple[ChangeRow, str] | None:
        """What last had a say in the value, and the rule by which it stands."""
        return self._last.get(name)


def _decisions(history: History, store: Store, run_id: str, keep: int = 200) -> tuple[list[Decision], dict[str, int]]:
    """Every conflict counted, the first ones in full."""
    counts: dict[str, int] = {}
    found: list[tuple[str, str, dict[str, Any]]] = []
    changes = list(history.conflicts(run_id))
    kinds = history.kinds(change.hub_id for change in changes)
    for change in changes:
        for name, entry in change.detail.items():
            if "claims" in entry:
                key = f"{field_in_words(name, kinds[change.hub_id])}\t{entry['rule']}"
                counts[key] = counts.get(key, 0) + 1
                if len(found) < keep or counts[key] <= 3:
                    found.append((change.hub_id, name, entry))
    leads = store.hubs([hub_id for hub_id, _, _ in found])
    return [
        Decision(name, name_of(leads[hub_id]), entry["claims"], entry["winner"], entry["rule"], leads[hub_id].kind)
        for hub_id, name, entry in found
    ], counts


def field_in_words(name: str, kind: RecordKind) -> str:
    """ "job_title" of a lead, "company: name" of a company."""
    return name if kind == "lead" else f"{kind}: {name}"


# -- files ------------------------------------------------------------------------------------------------------------


def save(plan: PlanFile, folder: Path, out: Path | None) -> Path:
    """Readable by its owner alone: it holds people's data."""
    path = out or folder / FOLDER / f"{plan.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(plan.document(), option=orjson.OPT_INDENT_2))
    return path


def named(named_: str, folder: Path) -> Path:
    """The file of a plan, by path, by id, or "last". Raises Refusal."""
    kept = sorted((folder / FOLDER).glob("*.json"))
    choices = [Path(named_), folder / FOLDER / named_, folder / FOLDER / f"{named_}.json"]
    path = (kept[-1] if kept else None) if named_ == "last" else next((p for p in choices if p.is_file()), None)
    if path is None:
        newest = (
            f"Plans here: {', '.join(p.stem for p in reversed(kept[-5:]))}." if kept else "Make one: smarketing plan"
        )
        raise Refusal("no-plan", f"There is no plan {named_!r}.", newest)
    return path


def load(named_: str, folder: Path) -> PlanFile:
    """Raises Refusal."""
    path = named(named_, folder)
    try:
        body = orjson.loads(path.read_bytes())
        if body.pop("format") != FORMAT:
            raise ValueError
        body["writes"] = [PlannedWrite(**row) for row in body["writes"]]
        body["decisions"] = [Decision(**row) for row in body["decisions"]]
        body["tallies"] = {system: Tally(**tally) for system, tally in body["tallies"].items()}
        return PlanFile(**body)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refusal("no-plan", f"{path} is no plan of this smarketing.", "Make one: smarketing plan") from None


def age(plan: PlanFile) -> datetime:
    return datetime.fromisoformat(plan.made_at)
