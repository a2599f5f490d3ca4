"""Play one scenario with the real engine over a real database, and hold every run against what the scenario says."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from ruamel.yaml import YAML

from mapping.loader import compile_rules, load_project
from mapping.rules import Rules
from state import tables as t
from state.history import History
from state.ids import new_id
from state.records import Hub, Review, WriteRow
from state.store import Store
from sync.approval import Approval
from sync.context import Context, Report
from sync.forget import begin, carry_out, erase_ours, survey
from sync.forgotten import Forgotten
from sync.plan import fingerprint
from sync.pull import Window
from sync.references import known_by
from sync.run import Options, preview, sync
from sync.unite import split
from tests.scenarios.story import (
    FOLDER,
    PLACES,
    Happening,
    Run,
    Sides,
    Step,
    Story,
    Values,
    merged,
    names,
    records,
    unfold,
)
from tests.scenarios.town import Died, Streets, connectors

NOTHING: Mapping[str, Any] = {place: [] for place in PLACES}
KEY = "a key that only the tests know"
YAML_FILES = {"smarketing": "smarketing.yaml", "crm": "mappings/crm.yaml", "marketing": "mappings/marketing.yaml"}


@dataclass
class Seen:
    """What can be seen of a run from outside, in the words of a scenario."""

    writes: Mapping[str, Any]
    outcome: str = "done"
    stops: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)


@dataclass
class Play:
    """`first`: the system that is read first. It must not matter, and neither must `batch`."""

    story: Story
    engine: sa.Engine
    chapter: Mapping[str, Any] = field(default_factory=dict)
    first: str = "crm"
    batch: int = 1000

    def __post_init__(self) -> None:
        self.streets = Streets(self.story)
        self.project: dict[str, Any] = merged(merged(_base(), self.chapter), self.story.project)
        self.approved: frozenset[str] = frozenset()

    def perform(self) -> None:
        if self.story.begins == "in line":
            self._line_up()
        for number, step in enumerate(self.story.then, 1):
            for happening in step.happens:
                self._happen(happening)
            self.streets.clock.tick(3600)
            _agree(f"run {number}", self._run(step.run), _expected(step))
        _agree("after", Seen(self.streets.sides()), Seen(_sides(self.story.after)))
        for name, values in self.story.hub.items():
            lead = next(lead for lead in self._leads() if _name(lead) == name)
            assert {field: lead.fields.get(field) for field in values} == values, f"hub: {name}"
        if self.story.quiet:
            self._stay_quiet()

    def _line_up(self) -> None:
        """What is only ever pushed is told once, whatever the system shows: it must show that already."""
        for number in range(2):
            seen = self._run(Run())
            writes = seen.writes if number == 0 else NOTHING
            _agree("the sides before are not in line", seen, Seen(writes, stages=seen.stages))
            _agree("the sides before are not in line", Seen(self.streets.sides()), Seen(_sides(self.story.before)))
            self.streets.clock.tick(3600)

    def _stay_quiet(self) -> None:
        asked = self.story.then[-1].open
        _agree("a quiet run", self._run(Run()), Seen(NOTHING, open=_spelled(asked)))

    # --- what happens ---------------------------------------------------------------------------------------------

    def _happen(self, happening: Happening) -> None:
        verb, what = happening.one()
        if verb == "configure":
            self.project = merged(self.project, what)
        elif verb == "answer":
            for subject, answer in what.items():
                self._answer(subject, answer)
        elif verb == "forget":
            for name in what:
                asyncio.run(self._forget(name))
        elif verb == "split":
            for name in what:
                self._split(name)
        elif verb == "lift":
            for name in what:
                self._lift(name)
        else:
            self.streets.happen(happening.model_copy(update={verb: self._own_ids(what)}))

    def _answer(self, subject: str, answer: Values) -> None:
        store = Store(self.engine)
        leads = {lead.id: lead for lead in self._leads()}
        open_ = {_asked(review, leads): review for review in store.reviews()}
        assert subject in open_, f"{subject!r} is not among the open reviews: {sorted(open_)}"
        if "lead" in answer:
            answer = {"hub": self._lead_of(answer["lead"])}
        assert store.resolve_review(open_[subject].id, answer, "somebody", self.streets.clock())
        store.commit()
        store.close()

    async def _forget(self, name: str) -> None:
        rules = rules_of(self.project)
        [lead] = [lead for lead in self._leads() if _name(lead) == name and not lead.merged_into]
        at = connectors(self.streets, {place: [] for place in PLACES}, Run())
        store = Store(self.engine)
        person = await survey(rules, at, store, lead.id)
        erasure = begin(store, person, KEY, "somebody", self.streets.clock())
        erase_ours(store, erasure, person)
        await carry_out(rules, at, store, erasure, self.streets.clock)
        store.close()
        address = str(lead.fields.get("email"))
        for table in t.metadata.sorted_tables:
            assert not any(address in str(value) for row in self._rows(sa.select(table)) for value in row), table.name

    def _split(self, name: str) -> None:
        """As `smarketing split` does it: the last union of this lead."""
        rules, run_id = rules_of(self.project), new_id()
        [winner] = [lead for lead in self._leads() if _name(lead) == name and not lead.merged_into]
        store = Store(self.engine)
        changes = History(store).changes([winner.id])[winner.id]
        union = [change.detail["union"] for change in changes if "union" in change.detail][-1]
        at = self.streets.clock()
        store.begin_run(run_id, "split", at, rules.hash)
        ctx = Context(run_id, rules, {}, store, self.streets.clock, Report(run_id, "split", at))
        ctx.every = {kind: rules.of(kind) for kind in rules.kinds}
        assert split(ctx, winner.id, union, at, by="somebody")
        store.end_run(run_id, at, "done", {})
        store.commit()
        store.close()

    def _lift(self, name: str) -> None:
        store = Store(self.engine)
        hash_ = Forgotten(KEY).of_value("email", f"{name}@example.com")
        assert store.lift(hash_ or "", "somebody", "they came back", self.streets.clock())
        store.commit()
        store.close()

    def _own_ids(self, what: Any) -> Any:
        """`our id of crm/ada` in a value is the id of that lead."""
        if not isinstance(what, Mapping):
            return what
        found = {}
        for key, value in what.items():
            if isinstance(value, Mapping):
                value = self._own_ids(value)
            elif isinstance(value, str) and value.startswith("our id of "):
                value = self._lead_of(value.removeprefix("our id of "))
            found[key] = value
        return found

    def _lead_of(self, record: str) -> str:
        system, name = record.split("/")
        [lead] = [x for x in self._leads() if system in x.links and x.links[system].remote_id == name]
        return lead.id

    # --- a run ----------------------------------------------------------------------------------------------------

    def _run(self, run: Run) -> Seen:
        rules = rules_of(self.project)
        seen = Seen({place: [] for place in PLACES})
        window = Window(*(_time(text) for text in run.window)) if run.window else None
        options = Options(
            kind="backfill" if window else "sync", full=run.full, confirmed=run.confirm, window=window,
            dry=run.plan, only=Approval(dict.fromkeys(self.approved, ())) if run.approved else None,
            order=(self.first,), batch=self.batch, forget_key=KEY,
        )  # fmt: skip
        shown, prints = self._preview(rules, run, options)
        if run.plan:
            seen.writes = {**NOTHING, **_translated(rules, shown)}
            self.approved = frozenset(prints)
            return seen
        self._sync(rules, run, options, seen)
        if seen.outcome == "done" and not run.meanwhile:
            assert self._written() == sorted(prints), "plan and run differ"
        return seen

    def _preview(self, rules: Rules, run: Run, options: Options) -> tuple[list[WriteRow], list[str]]:
        """What the run is going to write, and the fingerprints of it. Nothing is kept of it, or the rest of the scenario will tell."""
        store = Store(self.engine, dry=True)
        quiet = run.model_copy(update={"dies": "", "times_out": "", "meanwhile": {}})
        noted: dict[str, list[Values]] = {place: [] for place in PLACES}
        try:
            _, planned = asyncio.run(
                preview(rules, connectors(self.streets, noted, quiet), store, options=options, clock=self.streets.clock)
            )
            rows = list(planned)
            prints = _fingerprints(store, rows)
        finally:
            store.close()
        assert not any(noted.values()), "a preview wrote something"
        return rows, prints

    def _sync(self, rules: Rules, run: Run, options: Options, seen: Seen) -> None:
        change, stage = self._last(t.change), self._last(t.stage_event)
        store = Store(self.engine)
        try:
            report = asyncio.run(
                sync(
                    rules, connectors(self.streets, seen.writes, run), store, options=options, clock=self.streets.clock
                )
            )
            _tell(report, seen)
        except Died:
            seen.outcome = "died"
        finally:
            store.close()
        for writes in seen.writes.values():
            writes.sort(key=_order)
        leads = {lead.id: lead for lead in self._leads()}
        store = Store(self.engine)
        seen.open = sorted(_asked(review, leads) for review in store.reviews())
        store.close()
        seen.conflicts = sorted(self._conflicts(change, leads))
        seen.stages = sorted(self._stages(stage, leads))

    def _conflicts(self, after: int, leads: Mapping[str, Hub]) -> list[str]:
        return [
            f"{_name(leads[row.hub_id])} {name}: {entry['winner'] or 'nobody yet'}"
            for row in self._rows(sa.select(t.change).where(t.change.c.id > after))
            for name, entry in orjson.loads(row.detail or "{}").items()
            if isinstance(entry, dict) and "claims" in entry
        ]

    def _stages(self, after: int, leads: Mapping[str, Hub]) -> list[str]:
        return [
            f"{_name(leads[row.hub_id])}: {row.old or 'none'} > {row.new}" + (f" ({row.reason})" if row.reason else "")
            for row in self._rows(sa.select(t.stage_event).where(t.stage_event.c.id > after))
        ]

    def _written(self) -> list[str]:
        """The fingerprints of what the last run planned, whatever became of it."""
        run_id = self._rows(sa.select(t.run.c.id).order_by(t.run.c.id.desc()).limit(1))[0].id
        with History(self.engine) as history:
            rows = history.written(run_id)
        rows = [replace(row, remote_id=None) if row.operation == "create" else row for row in rows]
        store = Store(self.engine, dry=True)
        found = sorted(_fingerprints(store, rows))
        store.close()
        return found

    def _leads(self) -> list[Hub]:
        ids = [row.id for row in self._rows(sa.select(t.hub.c.id))]
        store = Store(self.engine)
        leads = list(store.hubs(ids).values())
        store.close()
        return leads

    def _last(self, table: sa.Table) -> int:
        return int(self._rows(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0)))[0][0])

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(query))


def _fingerprints(store: Store, rows: list[WriteRow]) -> list[str]:
    names = known_by(store, rows)
    return [fingerprint(row, names) for row in rows]


def _agree(when: str, seen: Seen, expected: Seen) -> None:
    wrong = [
        f"{name}:\n  expected {theirs}\n  but saw  {ours}"
        for name, theirs in vars(expected).items()
        if theirs != (ours := getattr(seen, name))
    ]
    assert not wrong, "\n".join([when, *wrong])


def _expected(step: Step) -> Seen:
    assert {*step.writes} <= {*PLACES}
    writes = {place: sorted(_unfolded(step.writes.get(place, [])), key=_order) for place in PLACES}
    return Seen(
        writes, step.outcome, step.stops, step.errors,
        _spelled(step.open), _spelled(step.conflicts), _spelled(step.stages),
    )  # fmt: skip


def _spelled(lines: list[str]) -> list[str]:
    return sorted(one for line in lines for one, _ in names(line))


def _unfolded(writes: list[Values]) -> Iterator[Values]:
    for write in writes:
        verb, name = next(iter(write.items()))
        for one, values in unfold({str(name): {k: v for k, v in write.items() if k != verb}}):
            yield {verb: one if name is not None else None, **values}


def _order(write: Values) -> str:
    return orjson.dumps(write, option=orjson.OPT_SORT_KEYS).decode()


def _sides(sides: Sides) -> Sides:
    return {place: records(place, sides.get(place, {})) for place in PLACES}


def _tell(report: Report, seen: Seen) -> None:
    seen.outcome = report.outcome
    seen.stops = [f"{stop['code']} {stop['system']}".strip() for stop in report.stops]
    seen.errors = {system: error["code"] for system, error in report.errors.items()}


def _translated(rules: Rules, rows: list[WriteRow]) -> dict[str, list[Values]]:
    found: dict[str, list[Values]] = defaultdict(list)
    for row in rows:
        assert row.kind == "lead", "a plan is told in words for leads alone"
        fields, problems = rules.mappers[row.system].to_remote(row.sent())
        assert not problems
        found[row.system].append({row.operation: row.remote_id, **fields})
    return {system: sorted(writes, key=_order) for system, writes in found.items()}


def _asked(review: Review, leads: Mapping[str, Hub]) -> str:
    """A review as a scenario calls it: `conflict ada title`, `match crm/ada`, `dead_letter crm ada`, `guard`."""
    if review.kind == "guard":
        return "guard"
    if review.kind == "conflict" and review.hub_id:
        return f"conflict {_name(leads[review.hub_id])} {review.detail['field']}"
    if review.kind == "dead_letter" and review.hub_id:
        return f"dead_letter {review.system} {_name(leads[review.hub_id])}"
    where = review.system if review.record_kind == "lead" else f"{review.system} {review.record_kind}"
    return f"{review.kind} {where}/{review.remote_id}"


def _name(lead: Hub) -> str:
    if lead.kind != "lead":
        return f"{lead.kind} {lead.fields.get('name')}"
    seen = {name: value for link in lead.links.values() for name, value in link.side.seen.items()}
    return str(lead.fields.get("email") or seen.get("email") or "nobody").removesuffix("@example.com")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def _base() -> dict[str, Any]:
    yaml = YAML(typ="safe")
    return {name: yaml.load(FOLDER / "project" / file) for name, file in YAML_FILES.items()}


def rules_of(project: Mapping[str, Any]) -> Rules:
    return _compiled(orjson.dumps(project))


@cache
def _compiled(project: bytes) -> Rules:
    """By way of files, as an admin's project comes: what `check` would refuse is refused here."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mappings").mkdir()
        for name, body in orjson.loads(project).items():
            with (Path(folder) / YAML_FILES[name]).open("w") as file:
                YAML(typ="safe").dump(body, file)
        return compile_rules(load_project(folder))
