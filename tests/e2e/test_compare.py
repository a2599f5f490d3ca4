"""What every system counts, recomputed from the sandboxes' own records; and why they differ."""

from __future__ import annotations

import csv
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from alignment.journeys import journeys
from alignment.regressions import regressions
from mapping.loader import compile_rules, load_project
from state.database import open_database
from state.facts import Facts
from sync.compare import Comparison, compare_cohort
from sync.compare import compare as compared
from tests.e2e.conftest import MakeWorld
from tests.e2e.world import World

HUBSPOT = {
    "subscriber": "subscriber", "lead": "lead", "marketingqualifiedlead": "mql", "salesqualifiedlead": "sql",
    "opportunity": "opportunity", "customer": "customer", "evangelist": "evangelist",
}  # fmt: skip
SALESFORCE = {"Open - Not Contacted": "lead", "Working - Contacted": "sal", "Closed - Not Converted": "disqualified"}
LADDER = ("subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.e2e.world import world

    with world(tmp_path_factory.mktemp("compare") / "project", business=True) as made:
        made.settled(3)
        yield made


def compare(world: World, stage: str, start: datetime | None = None, end: datetime | None = None) -> Comparison:
    engine = open_database(f"sqlite:///{world.folder / 'state.sqlite'}")
    try:
        return compared(engine, compile_rules(load_project(world.folder)), stage, start, end)
    finally:
        engine.dispose()


def own_counts(world: World, stage: str) -> dict[str, int]:
    """By the vendors' records alone."""
    floor = LADDER.index(stage)
    words = {system: {w for w, s in told.items() if s in LADDER and LADDER.index(s) >= floor}
             for system, told in (("hubspot", HUBSPOT), ("salesforce", SALESFORCE))}  # fmt: skip
    contacts = world.both.hubspot.contacts.live.values()
    return {
        "hubspot": sum(c.values.get("lifecyclestage") in words["hubspot"] for c in contacts),
        "salesforce": sum(row.get("Status") in words["salesforce"] for row in world.rows()),
    }


def told_to_contacts(world: World, stage: str) -> int:
    """A Contact has no Status: what it was told of the stage is all that there is."""
    contacts = {row["Id"] for row in world.rows() if row["object"] == "Contact"}
    floor = LADDER.index(stage)
    links = [lead.links["salesforce"] for lead in world.leads() if "salesforce" in lead.links]
    told = [str(link.side.base_remote.get("stage")) for link in links if link.remote_id in contacts]
    return sum(one in LADDER and LADDER.index(one) >= floor for one in told)


@pytest.mark.parametrize("stage", ["lead", "mql", "sal", "sql", "opportunity", "customer"])
def test_the_totals_are_those_of_the_systems_own_records(settled: World, stage: str) -> None:
    told = compare(settled, stage)
    own = own_counts(settled, stage)
    own["salesforce"] += told_to_contacts(settled, stage)
    assert {system: one.says for system, one in told.systems.items()} == own
    assert told.cohort > 0
    for one in told.systems.values():
        assert told.cohort == one.both + one.lacks.total()
        assert one.says == one.both + one.beyond.total()
    named = Counter((one.system, one.entered is not None) for one in told.differences)
    for system, one in told.systems.items():
        assert (named[system, True], named[system, False]) == (one.lacks.total(), one.beyond.total())


def test_the_cohort_is_who_has_an_event_of_the_stage_or_a_later_one(settled: World) -> None:
    later = ", ".join(f"'{stage}'" for stage in LADDER[LADDER.index("mql") :])
    query = f"SELECT count(DISTINCT hub_id) FROM stage_event WHERE new IN ({later})"
    with closing(sqlite3.connect(settled.folder / "state.sqlite")) as connection:
        assert compare(settled, "mql").cohort == connection.execute(query).fetchone()[0]


def test_periods_add_up_to_the_whole(settled: World) -> None:
    now = datetime.now(UTC)
    edges = [None, *(now - timedelta(days=days) for days in (700, 365, 180, 90, 30, 1)), None]
    parts = [compare(settled, "mql", *pair) for pair in pairwise(edges)]
    assert sum(part.cohort for part in parts) == compare(settled, "mql").cohort
    assert sum(part.cohort > 0 for part in parts) >= 4, "the sandbox's people have a past"
    for part in parts:
        for one in part.systems.values():
            assert part.cohort == one.both + one.lacks.total()
            assert one.says == one.both + one.beyond.total()


def test_stages_are_dated_by_the_vendor_and_never_slip(settled: World) -> None:
    dated = Counter(settled.ask("SELECT dated FROM stage_event"))
    assert dated["vendor"] > dated["changed"] > 0
    assert dated["run"] > 0
    life = compile_rules(load_project(settled.folder)).lifecycle
    engine = open_database(f"sqlite:///{settled.folder / 'state.sqlite'}")
    with Facts(engine) as facts:
        found = regressions(journeys(facts.stage_events(), life), life)
    engine.dispose()
    assert found.slipped == []


def test_every_difference_has_its_reason(make_world: MakeWorld) -> None:
    world = make_world(rewrite=[("mappings/salesforce.yaml", "create_when: {stage: {at_least: lead}}", "create_when: {stage: {at_least: sql}}")])  # fmt: skip
    world.settled()
    told = compare(world, "mql")
    whys = {system: set(one.lacks) for system, one in told.systems.items()}
    assert "absent" in whys["salesforce"]
    assert "cannot_say" in whys["salesforce"]
    absent = [one.sentence for one in told.differences if one.system == "salesforce" and one.why == "absent"]
    assert any("create_when asks that stage is at least sql" in sentence for sentence in absent)
    before = told.systems["hubspot"].says
    gone = next(
        lead for lead in world.leads()
        if lead.links.get("hubspot") and lead.links.get("salesforce") and lead.links["hubspot"].side.base_remote.get("stage") == "mql" and lead.fields["stage"] == "mql"
    )  # fmt: skip
    world.edit("hubspot", "delete", str(gone.fields["email"]))
    world.sync(full=True)
    told = compare(world, "mql")
    assert told.systems["hubspot"].says == before - 1
    [one] = [d for d in told.differences if d.hub == gone.id and d.system == "hubspot"]
    assert (one.why, one.entered is not None) == ("absent", True)
    assert "was deleted there" in one.sentence
    engine = open_database(f"sqlite:///{world.folder / 'state.sqlite'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM stage_event WHERE hub_id = ?", (gone.id,))
    engine.dispose()
    without = compare(world, "mql")
    assert (without.undated, without.cohort) == (1, told.cohort - 1)


def test_the_command_says_it_to_people_programs_and_spreadsheets(settled: World) -> None:
    told = compare(settled, "mql")
    file = settled.folder / "mql.csv"
    shown = settled.cli("compare", "--stage", "mql", "--csv", str(file)).out
    assert f"{told.cohort} leads by the shared history." in shown
    with file.open(newline="") as read:
        lines = list(csv.reader(read))
    assert len(lines) == len(told.differences) + 1
    document = settled.cli("compare", "--stage", "mql", "--json").json
    assert document["cohort"] == told.cohort
    assert document["systems"]["hubspot"]["lacks"] == dict(told.systems["hubspot"].lacks)
    assert settled.cli("compare", "--stage", "lost", code=2).code == 2
    assert settled.cli("compare", "--stage", "mql", "--from", "soon", code=2).code == 2
    assert settled.cli("compare", "--stage", "mql", "--from", "2026-02-01", "--to", "2026-01-01", code=2).code == 2


def test_a_cohort_alone_is_counted_as_among_all(settled: World) -> None:
    engine = open_database(f"sqlite:///{settled.folder / 'state.sqlite'}")
    rules = compile_rules(load_project(settled.folder))
    for stage in ("mql", "opportunity"):
        whole = compared(engine, rules, stage)
        with Facts(engine) as facts:
            told = list(journeys(facts.stage_events(), rules.lifecycle))
        cohort = {one.hub_id: one.entered[stage] for one in told if stage in one.entered}
        alone = compare_cohort(engine, rules, stage, cohort)
        assert len(cohort) == whole.cohort > 0
        for system, one in alone.systems.items():
            assert (one.both, one.lacks) == (whole.systems[system].both, whole.systems[system].lacks)
    engine.dispose()
