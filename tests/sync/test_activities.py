"""Activities in whole runs: read last, kept once, found by lead whenever it comes, summed up, and never written."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Cursor, Page, Record
from connectors.errors import Unauthorized, Unavailable
from connectors.memory import LogicalClock, Memory, Vendor
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rollup, Rules, count_activities, latest_activity
from state import tables as t
from state.database import open_database
from state.history import History
from state.store import Store
from state.totals import Counted
from sync import pull
from sync.context import Report
from sync.pull import Window
from sync.run import Options, preview, sync

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SYSTEMS = ("crm", "mkt")


class Crash(Exception):
    """The process died here."""


def mapper(system: str, *more: FieldMap) -> Mapper:
    def text(name: str) -> FieldMap:
        return FieldMap(name, name, lambda v: v or None, lambda v: v, spec=name)

    return Mapper(system, [text("email"), text("city"), *more], match=(("email",),))


def rules(*rollups: Rollup, systems: tuple[str, ...] = SYSTEMS, **more: Any) -> Rules:
    mappers = {system: mapper(system) for system in SYSTEMS}
    return Rules(mappers, hash="activities", rollups=rollups, activities=frozenset(systems), **more)


@dataclass
class World:
    """Two systems in RAM, and a database that outlives any crash. `crash_at`: the step at which a run dies."""

    engine: sa.Engine
    rules: Rules = field(default_factory=rules)
    crash_at: int = -1
    steps: int = 0
    fails: str = ""

    def __post_init__(self) -> None:
        self.clock = LogicalClock(NOON)
        self.happened = {s: Vendor(s, kind="activity", clock=self.clock) for s in SYSTEMS}
        companies = {s: Vendor(s, kind="company", clock=self.clock) for s in SYSTEMS}
        self.companies = companies
        self.leads = {
            s: Vendor(s, clock=self.clock, siblings={"activity": self.happened[s], "company": companies[s]})
            for s in SYSTEMS
        }

    async def step(self, point: str) -> None:
        if self.fails and point == f"{self.fails}: read":
            raise Unavailable(f"{self.fails} is down")
        self.count()

    def count(self) -> None:
        self.steps += 1
        self.clock.tick(0.001)
        if self.steps == self.crash_at:
            raise Crash

    def connectors(self) -> dict[str, Memory]:
        return {s: Memory(self.leads[s], page_size=2, hook=self.step) for s in SYSTEMS}

    def run(self, **options: Any) -> Report:
        store = CrashingStore(self)
        chosen = Options(confirmed=True, batch=3, **options)
        try:
            return asyncio.run(sync(self.rules, self.connectors(), store, options=chosen, clock=self.clock))
        finally:
            store.close()
            with self.engine.begin() as connection:
                connection.execute(t.lock.delete())

    def person(self, system: str, email: str) -> str:
        self.clock.tick()
        return self.leads[system].create({"email": email})

    def happen(self, system: str, type_: str, at: datetime, *leads: str, **more: Any) -> str:
        self.clock.tick()
        return self.happened[system].happen(type_, at, leads, **more)

    def table(self, table: sa.Table) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(table)))

    def by_email(self) -> dict[str, list[tuple[str, str]]]:
        """Whose activities we think they are."""
        store = Store(self.engine)
        hubs = store.hubs({row.hub_id for row in self.table(t.activity_lead)})
        found: dict[str, list[tuple[str, str]]] = {}
        for row in self.table(t.activity_lead):
            found.setdefault(str(hubs[row.hub_id].fields["email"]), []).append((row.system, row.remote_id))
        store.close()
        return {email: sorted(rows) for email, rows in found.items()}

    def counted(self) -> Counted:
        with History(self.engine) as history:
            return history.counted()

    def lead(self, email: str) -> dict[str, Any]:
        [row] = [hub for hub in self.table(t.hub) if f'"{email}"' in hub.fields]
        store = Store(self.engine)
        hub = store.hubs([row.id])[row.id]
        store.close()
        return dict(hub.fields)


class CrashingStore(Store):
    def __init__(self, world: World) -> None:
        super().__init__(world.engine)
        self.world = world

    def commit(self) -> None:
        self.world.count()
        super().commit()
        self.world.count()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("activities") / "template.sqlite"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def world(tmp_path: Path, template: Path) -> Iterator[World]:
    made = _world(tmp_path / "state.sqlite", template)
    yield made
    made.engine.dispose()


def _world(path: Path, template: Path) -> World:
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(template, path)
    return World(open_database(f"sqlite:///{path}", migrate=False))


def test_what_happened_is_kept_with_the_leads_it_happened_to(world: World) -> None:
    ada, bob = world.person("crm", "ada@x"), world.person("crm", "bob@x")
    met = world.happen("crm", "meeting", NOON, ada, bob, subject="Demo", direction="out", status="held", value=3)
    report = world.run()
    assert (report.systems["crm/activity"].read, report.systems["crm/activity"].fresh) == (1, 1)
    assert world.by_email() == {"ada@x": [("crm", met)], "bob@x": [("crm", met)]}
    [row] = world.table(t.activity)
    assert (row.type, row.at, row.run_id) == ("meeting", NOON, report.run_id)
    assert row.rest == '{"subject":"Demo","direction":"out","status":"held","value":3}'
    assert world.counted().activities == {"crm": 1}


def test_the_next_run_finds_nothing_new_and_no_run_writes_any_of_it(world: World) -> None:
    ada = world.person("crm", "ada@x")
    world.run()
    for n in range(7):
        world.happen("crm", "call", NOON - timedelta(days=20 * n), ada)
    assert world.run().systems["crm/activity"].fresh == 7
    report = world.run(full=True)
    assert (report.systems["crm/activity"].read, report.systems["crm/activity"].fresh) == (7, 0)
    assert {vendor.writes for vendor in world.happened.values()} == {0}
    assert {row.kind for row in world.table(t.write)} <= {"lead"}


def test_only_systems_that_the_rules_name_are_asked(world: World) -> None:
    world.rules = rules(systems=("mkt",))
    world.happen("crm", "call", NOON)
    world.happen("mkt", "form", NOON)
    world.run()
    assert world.counted().activities == {"mkt": 1}


def test_a_preview_sees_what_happened_and_keeps_none_of_it(world: World) -> None:
    world.rules = rules(count_activities("calls"))
    world.happen("crm", "call", NOON, world.person("crm", "ada@x"))
    store = Store(world.engine, dry=True)
    connectors = world.connectors()
    report, _ = asyncio.run(preview(world.rules, connectors, store, clock=world.clock))
    with History(store) as history:
        assert history.counted().activities == {"crm": 1}
    store.rollback()
    store.close()
    assert report.systems["crm/activity"].fresh == 1
    assert world.table(t.activity) == world.table(t.cursor) == []


def test_a_system_without_activities_is_told_and_its_leads_are_read(world: World) -> None:
    world.leads["crm"].siblings = {}
    world.person("crm", "ada@x")
    world.happen("mkt", "form", NOON)
    report = world.run()
    assert list(report.errors) == ["crm/activity"]
    assert report.outcome == "partial"
    assert report.systems["crm"].new == 1
    assert world.counted().activities == {"mkt": 1}


def test_a_system_that_is_down_is_left_out(world: World) -> None:
    world.happen("crm", "call", NOON)
    world.happen("mkt", "form", NOON)
    world.fails = "crm"
    report = world.run()
    assert list(report.errors) == ["crm"]
    assert world.counted().activities == {"mkt": 1}
    world.fails = ""
    assert world.run().outcome == "done"
    assert world.counted().activities == {"crm": 1, "mkt": 1}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"type": "seance"}, "no type of activity"),
        ({"at": "yesterday"}, "no time"),
        ({"at": None}, "no time"),
        ({"at": "2026-03-01T10:00:00"}, "no time zone"),
        ({"at": "0026-03-01T10:00:00Z"}, "cannot be right"),
        ({"at": "2206-03-01T10:00:00Z"}, "cannot be right"),
    ],
)
def test_what_cannot_be_read_is_a_question_and_costs_no_other(world: World, wrong: dict[str, Any], said: str) -> None:
    bad = world.happen("crm", "call", NOON)
    world.happen("crm", "call", NOON)
    right = dict(world.happened["crm"].rows[bad].fields)
    world.happened["crm"].update(bad, wrong)
    world.run()
    world.run(full=True)
    [review] = world.table(t.review)
    assert (review.kind, review.subject, review.record_kind) == ("bad_value", f"crm/activity:{bad}", "activity")
    assert said in review.detail
    assert world.counted().activities == {"crm": 1}
    world.clock.tick()
    world.happened["crm"].update(bad, right)
    world.run()
    assert world.counted().activities == {"crm": 2}
    assert world.counted().reviews == {}


def test_a_record_that_the_connector_cannot_read_is_a_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(Memory):
        async def _pages(self) -> Any:
            yield Page([Record("calls.csv:7", {}, problem="Line 7 has no time.")], {"since": NOON.isoformat()})

        def read(self, fields: Any, since: Cursor | None = None) -> Any:
            return self._pages() if self.kind == "activity" else super().read(fields, since)

    monkeypatch.setattr(world, "connectors", lambda: {"crm": Faulty(world.leads["crm"])})
    monkeypatch.setattr(
        Faulty, "of", lambda self, kind: self if kind == self.kind else Faulty(self.vendor.siblings[kind])
    )
    world.run()
    [review] = world.table(t.review)
    assert review.subject == "crm/activity:calls.csv:7"
    assert "Line 7" in review.detail
    with world.engine.begin() as connection:
        connection.execute(t.review.update().values(resolution='{"retry":true}'))
    world.run()
    assert [row.closed_at is None for row in world.table(t.review)] == [False]


# --- whose it is ------------------------------------------------------------------------------------------------------


def test_a_lead_that_comes_later_finds_what_happened_to_it(world: World) -> None:
    world.rules = rules(count_activities("calls"))
    call = world.happen("crm", "call", NOON, "crm-000001")
    form = world.happen("mkt", "form", NOON, email=" ADA@x ")
    world.run()
    assert world.by_email() == {}
    assert {row.target for row in world.table(t.activity_waiting)} == {"lead", "email"}
    world.person("crm", "ada@x")
    world.run()
    assert world.by_email() == {"ada@x": [("crm", call), ("mkt", form)]}
    assert world.table(t.activity_waiting) == []
    assert world.lead("ada@x")["calls"] == 2


def test_an_address_is_kept_nowhere(world: World) -> None:
    world.happen("mkt", "form", NOON, email="secret@x")
    world.run()
    kept = [*world.table(t.activity), *world.table(t.activity_waiting)]
    assert kept
    assert "secret" not in str(kept)


def test_an_address_that_two_leads_have_is_nobodys(world: World) -> None:
    world.person("crm", "ada@x")
    world.run()
    store = Store(world.engine)
    [(key, _)] = [(row.hash, row.hub_id) for row in world.table(t.match_key)]
    store.add_keys([(key, "f" * 32)])
    store.commit()
    store.close()
    world.happen("mkt", "form", NOON, email="ada@x")
    world.run()
    assert world.by_email() == {}
    assert len(world.table(t.activity_waiting)) == 1


def test_a_kind_that_is_synced_from_now_on_has_everything_read_anew(world: World) -> None:
    firm = world.companies["crm"].create({"name": "Engines"})
    world.happen("crm", "call", NOON, company=firm)
    world.run()
    assert [row.company_id for row in world.table(t.activity)] == [None]
    name = FieldMap("name", "name", lambda v: v or None, lambda v: v, spec="name")
    companies = Rules({"crm": Mapper("crm", [name], match=(("name",),))}, kind="company", hash="more")
    world.rules = replace(rules(), others={"company": companies}, hash="more")
    world.run()
    [company] = [row.id for row in world.table(t.hub) if row.kind == "company"]
    assert [row.company_id for row in world.table(t.activity)] == [company]
    assert world.run().systems["crm/activity"].fresh == 0


# --- sums -------------------------------------------------------------------------------------------------------------


def test_counts_follow_what_happens_and_the_days_that_pass(world: World) -> None:
    world.rules = rules(
        count_activities("calls_week", ["call"], days=7),
        count_activities("all_time"),
        latest_activity("last_call", ["call"]),
    )
    ada = world.person("crm", "ada@x")
    world.run()
    assert {name: world.lead("ada@x")[name] for name in ("calls_week", "all_time")} == {"calls_week": 0, "all_time": 0}
    for days in (0, 3, 7, 8):
        world.happen("crm", "call", NOON - timedelta(days=days), ada)
    world.happen("crm", "form", NOON - timedelta(days=100), ada)
    planned = NOON + timedelta(days=2)
    world.happen("crm", "call", planned, ada)
    world.run()
    told = world.lead("ada@x")
    assert (told["calls_week"], told["all_time"], told["last_call"]) == (3, 5, NOON.isoformat())
    world.clock.now = NOON + timedelta(days=1)
    world.run()
    assert world.lead("ada@x")["calls_week"] == 2
    world.clock.now = NOON + timedelta(days=2)
    world.run()
    told = world.lead("ada@x")
    assert (told["calls_week"], told["all_time"], told["last_call"]) == (3, 6, planned.isoformat())


def test_what_is_deleted_in_its_system_is_gone_here_and_counts_no_more(world: World) -> None:
    world.rules = rules(count_activities("calls", ["call"]), latest_activity("last_call", ["call"]))
    ada = world.person("crm", "ada@x")
    first, second = (world.happen("crm", "call", NOON - timedelta(days=days), ada) for days in (40, 3))
    world.happen("crm", "form", NOON, ada)
    world.run()
    assert world.lead("ada@x")["calls"] == 2
    world.happened["crm"].delete(second)
    world.run()
    told = world.lead("ada@x")
    assert (told["calls"], told["last_call"]) == (1, (NOON - timedelta(days=40)).isoformat())
    assert world.counted().activities == {"crm": 2}
    world.happened["crm"].delete(first)
    world.run()
    assert (world.lead("ada@x")["calls"], world.lead("ada@x").get("last_call")) == (0, None)


def test_a_lead_whose_activities_were_kept_before_a_crash_is_summed_up_by_the_next_run(world: World) -> None:
    """It is touched in the commit of its activities; a run that reads the lead itself must not take that for done."""
    world.rules = rules(count_activities("calls"))
    ada = world.person("mkt", "ada@x")
    world.run()
    world.happen("mkt", "call", NOON, ada)
    for step in range(1, 40):
        world.steps, world.crash_at = 0, step
        try:
            world.run()
        except Crash:
            world.clock.tick()
            world.leads["mkt"].update(ada, {"city": f"Kyoto {step}"})
            continue
        break
    world.crash_at = -1
    world.run()
    assert world.lead("ada@x")["calls"] == 1


def test_what_is_older_than_is_kept_goes_and_does_not_come_back(world: World) -> None:
    ada = world.person("crm", "ada@x")
    old = world.happen("crm", "call", NOON - timedelta(days=400), ada)
    new = world.happen("crm", "call", NOON, ada)
    world.run()
    assert world.by_email() == {"ada@x": sorted([("crm", old), ("crm", new)])}
    world.rules = rules(keep_activities=365)
    world.clock.tick(86_400)
    world.run()
    assert world.by_email() == {"ada@x": [("crm", new)]}
    world.run(full=True)
    assert world.by_email() == {"ada@x": [("crm", new)]}


def test_a_backfill_reads_a_window_again_and_leaves_the_cursor_alone(world: World) -> None:
    world.run()
    [before] = [row.value for row in world.table(t.cursor) if (row.system, row.stream) == ("crm", "activity")]
    call = world.happen("crm", "call", NOON, world.person("crm", "ada@x"))
    world.run(window=Window(NOON - timedelta(days=1)))
    assert world.by_email() == {"ada@x": [("crm", call)]}
    rows = {row.stream: row.value for row in world.table(t.cursor) if row.system == "crm"}
    assert rows["activity"] == before
    assert not any(stream.startswith("activity/") for stream in rows)


# --- any crash --------------------------------------------------------------------------------------------------------

happenings = st.lists(
    st.tuples(
        st.sampled_from(SYSTEMS),
        st.sampled_from(["call", "form", "meeting"]),
        st.integers(-70, 3),
        st.lists(st.integers(1, 3), max_size=2, unique=True),
        st.sampled_from([None, "u1@x", "U2@X", "u9@x"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=happenings, crashes=st.lists(st.integers(1, 45), max_size=3))
def test_a_run_that_dies_anywhere_and_runs_again_keeps_what_one_run_keeps(
    tmp_path: Path, template: Path, happened: list[Any], crashes: list[int]
) -> None:
    pictures = []
    for number, dies_at in enumerate(([], crashes)):
        world = _world(tmp_path / f"{number}.sqlite", template)
        world.rules = rules(count_activities("count"), latest_activity("last"))
        for late in (False, True):
            for system, type_, days, people, email, is_late in happened:
                if is_late == late:
                    ids = [f"{system}-{n:06}" for n in people]
                    world.happen(system, type_, NOON + timedelta(days=days), *ids, email=email)
            for step in dies_at:
                world.steps, world.crash_at = 0, step
                with suppress(Crash):
                    world.run()
            world.crash_at = -1
            world.run()
            for n in (1, 2) if not late else (3,):  # they are known only after some of it happened
                for system in SYSTEMS:
                    world.person(system, f"u{n}@x")
        world.run()
        pictures.append(_picture(world))
        world.engine.dispose()
    assert pictures[0] == pictures[1]


def _picture(world: World) -> dict[str, Any]:
    kept = sorted((row.month, row.system, row.remote_id, row.type, row.at, row.rest) for row in world.table(t.activity))
    waits = sorted((row.system, row.remote_id, row.target, row.ref) for row in world.table(t.activity_waiting))
    sums = {
        email: {name: world.lead(email).get(name) for name in ("count", "last")} for email in ("u1@x", "u2@x", "u3@x")
    }
    assert len(kept) == sum(world.counted().activities.values())
    return {"kept": kept, "waits": waits, "whose": world.by_email(), "sums": sums}


async def test_a_batch_that_does_not_come_soon_is_not_waited_for_in_an_open_transaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull, "SOON", 0.01)
    said: list[str] = []

    async def pages() -> AsyncIterator[Page]:
        yield Page([], {"n": 1})
        yield Page([], {"n": 2})
        await asyncio.sleep(0.2)
        yield Page([], {"n": 3})
        raise Unauthorized("no more")

    async def read() -> None:
        async for page in pull.ahead(pages(), waiting=lambda: said.append("commit")):
            said.append(f"{page.cursor['n']}")

    with pytest.raises(Unauthorized):
        await read()
    assert said == ["1", "2", "commit", "3", "commit"]
