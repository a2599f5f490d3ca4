"""Companies, deals and leads in one run: what refers to what, what waits, what adds up, what becomes one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from connectors.base import Kind
from connectors.memory import Memory
from console.failures import Refusal
from console.reviews import checked
from state import tables as t
from state.database import open_database
from state.history import History
from state.records import Hub
from state.store import Store
from sync.run import Options, preview, sync
from sync.unite import split, unite
from tests.simulation.history import _hubs
from tests.simulation.world import World, rules


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    template = tmp_path / "template.sqlite"
    open_database(f"sqlite:///{template}").dispose()
    world = World(1, tmp_path, template, page_size=50, around=True)
    yield world
    world.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


def run(world: World, **options: Any) -> Any:
    store = world.store()
    try:
        return asyncio.run(
            sync(world.rules, world.connectors(), store, clock=world.clock, options=Options(confirmed=True, **options))
        )
    finally:
        store.close()
        world.clock.tick(10)


def quiet(world: World) -> None:
    """Two runs, and a third that has nothing to do."""
    run(world)
    run(world)
    before = world.writes()
    run(world)
    assert world.writes() == before


def the(world: World, kind: Kind, **fields: Any) -> Hub:
    [found] = [
        hub for hub in _hubs(world) if hub.kind == kind and not hub.merged_into and fields.items() <= hub.fields.items()
    ]
    return found


def held(world: World, system: str, kind: Kind) -> dict[str, dict[str, Any]]:
    return {id_: row.fields for id_, row in world.of(system, kind).live().items()}


def test_who_works_where_is_told_in_every_systems_own_ids(world: World) -> None:
    world.of("crm", "company").create({"domain": "z.x"})  # so that the two systems count differently
    company = world.of("crm", "company").create({"domain": "a.x", "label": "Acme"})
    world.of("crm", "lead").create({"email": "u@x", "employer": company})
    quiet(world)
    [there] = [i for i, fields in held(world, "mkt", "company").items() if fields["domain"] == "a.x"]
    [lead] = held(world, "mkt", "lead").values()
    assert lead["employer"] == there
    assert there != company
    assert the(world, "lead").fields["employer"] == the(world, "company", domain="a.x").id


def test_a_company_and_a_lead_of_the_same_id_are_two(world: World) -> None:
    assert world.of("crm", "company").create({"domain": "a.x"}) == world.of("crm", "lead").create({"email": "u@x"})
    quiet(world)
    assert {hub.kind for hub in _hubs(world)} == {"company", "lead"}


def test_a_field_waits_for_a_record_that_is_not_known_yet(world: World) -> None:
    """The reading of companies fails: who works there is noted once they have been read."""
    company = world.of("crm", "company").create({"domain": "a.x"})
    world.of("crm", "lead").create({"email": "u@x", "employer": company, "name": "Ada"})
    asyncio.run(_sync_without(world, "crm", "company"))
    lead = the(world, "lead")
    assert lead.fields["name"] == "Ada"
    assert "employer" not in lead.fields
    quiet(world)
    assert the(world, "lead").fields["employer"] == the(world, "company").id
    with world.engine.connect() as c:
        assert not c.execute(sa.select(t.waiting)).all()


async def _sync_without(world: World, system: str, kind: Kind) -> None:
    """A run in which one kind of one system cannot be read."""
    from connectors.errors import Misconfigured

    async def fail(point: str) -> None:
        if point == f"{system}: read":
            raise Misconfigured("no right to read this")

    connectors = world.connectors()
    of = connectors[system].of

    def broken(wanted: Kind) -> Memory:
        found = of(wanted)
        if wanted == kind:
            found.hook = fail
        return found

    connectors[system].of = broken  # type: ignore[method-assign]
    store = world.store()
    report = await sync(world.rules, connectors, store, clock=world.clock, options=Options(confirmed=True))
    store.close()
    world.clock.tick(10)
    assert report.outcome == "partial"
    assert set(report.errors) == {f"{system}/{kind}"}


def test_what_a_converted_record_said_last_of_others_is_told_in_our_ids(world: World) -> None:
    crm = world.of("crm", "lead")
    first, second = (world.of("crm", "company").create({"domain": domain}) for domain in ("a.x", "b.x"))
    lead = crm.create({"email": "u@x", "employer": first})
    quiet(world)
    crm.update(lead, {"employer": second})
    heir = crm.convert(lead)
    world.clock.tick()
    crm.delete(heir)  # so that nothing but its last words can be read of it
    world.page_size = 1
    run(world, batch=1)
    assert the(world, "lead", email="u@x").fields["employer"] in {h.id for h in _hubs(world) if h.kind == "company"}


def test_a_system_that_may_not_be_read_for_one_kind_is_read_for_the_others(world: World) -> None:
    world.of("crm", "lead").create({"email": "u@x"})
    asyncio.run(_sync_without(world, "crm", "deal"))
    assert held(world, "mkt", "lead")


def test_a_company_and_who_works_there_are_created_in_one_run(world: World) -> None:
    company = world.of("crm", "company").create({"domain": "a.x"})
    world.of("crm", "lead").create({"email": "u@x", "employer": company})
    run(world)
    [there] = held(world, "mkt", "company")
    [lead] = held(world, "mkt", "lead").values()
    assert lead["employer"] == there


def test_a_plan_shows_all_kinds_and_writes_nothing(world: World) -> None:
    company = world.of("crm", "company").create({"domain": "a.x"})
    world.of("crm", "lead").create({"email": "u@x", "employer": company})
    writes = world.writes()
    store = world.store(dry=True)
    _, planned = asyncio.run(
        preview(world.rules, world.connectors(), store, clock=world.clock, options=Options(dry=True))
    )
    rows = list(planned)
    store.close()
    mine = [(row.kind, row.operation, set(row.sent()) & {"domain", "employer"}) for row in rows if row.system == "mkt"]
    assert mine == [("company", "create", {"domain"}), ("lead", "create", {"employer"})]
    assert world.writes() == writes
    assert not _hubs(world)


def test_only_who_joins_and_who_leaves_is_written(world: World) -> None:
    """Somebody else adds a contact between our reading and our writing: it stays, and everybody hears of it."""
    a, b, c = (world.of("crm", "lead").create({"email": f"{n}@x"}) for n in "abc")
    deal = world.of("crm", "deal").create({"code": "d1", "contacts": [a, b]})
    quiet(world)
    [(there, fields)] = held(world, "mkt", "deal").items()
    people = {fields["email"]: i for i, fields in held(world, "mkt", "lead").items()}
    assert fields["contacts"] == sorted([people["a@x"], people["b@x"]])
    world.of("crm", "deal").edit(deal, {"contacts": [a]})
    vendor = world.of("mkt", "deal")

    async def meddle(point: str) -> None:
        if point == "mkt: write" and people["c@x"] not in vendor.rows[there].fields["contacts"]:
            vendor.edit(there, {"contacts": sorted([*vendor.rows[there].fields["contacts"], people["c@x"]])})

    connectors = world.connectors()
    connectors["mkt"].hook = meddle
    store = world.store()
    asyncio.run(sync(world.rules, connectors, store, clock=world.clock, options=Options(confirmed=True)))
    store.close()
    world.clock.tick(10)
    quiet(world)
    assert held(world, "crm", "deal")[deal]["contacts"] == sorted([a, c])
    assert held(world, "mkt", "deal")[there]["contacts"] == sorted([people["a@x"], people["c@x"]])


def test_a_won_deal_makes_its_people_customers(world: World) -> None:
    lead = world.of("crm", "lead").create({"email": "u@x", "status": "qualified"})
    deal = world.of("crm", "deal").create({"code": "d1", "status": "open", "contacts": [lead]})
    quiet(world)
    assert the(world, "lead").fields["open_deals"] == 1
    world.of("crm", "deal").edit(deal, {"status": "won"})
    quiet(world)
    person = the(world, "lead")
    assert (person.fields["open_deals"], person.fields["won_deals"]) == (0, 1)
    assert person.fields["stage"] == "customer"
    assert held(world, "mkt", "lead").popitem()[1]["status"] == "customer"
    with world.engine.connect() as c:
        [event] = c.execute(sa.select(t.stage_event).where(t.stage_event.c.new == "customer")).all()
    assert event.evidence == "a deal is won"


def test_a_deal_that_is_gone_counts_no_more(world: World) -> None:
    lead = world.of("crm", "lead").create({"email": "u@x"})
    world.of("crm", "deal").create({"code": "d1", "status": "open", "contacts": [lead]})
    quiet(world)
    for system in ("crm", "mkt"):
        for id_ in list(world.of(system, "deal").live()):
            world.of(system, "deal").delete(id_)
    quiet(world)
    assert the(world, "lead").fields["open_deals"] == 0


def test_consent_is_written_before_anything_else_in_every_system(world: World) -> None:
    ids = [world.of("crm", "lead").create({"email": f"{n}@x"}) for n in range(3)]
    quiet(world)
    for id_ in ids:
        world.of("crm", "lead").edit(id_, {"name": "Ada"})
    [last] = [i for i, f in held(world, "mkt", "lead").items() if f["email"] == "2@x"]
    world.of("mkt", "lead").edit(last, {"optout": True})
    calls: list[tuple[str, list[bool]]] = []
    connectors = world.connectors()
    for system, connector in connectors.items():
        connector.can = replace(connector.can, write_batch=2)
        write = connector.write

        async def noted(batch: Any, system: str = system, write: Any = write) -> Any:
            calls.append((system, ["optout" in one.fields for one in batch]))
            return await write(batch)

        connector.write = noted  # type: ignore[method-assign]
    store = world.store()
    asyncio.run(sync(world.rules, connectors, store, clock=world.clock, options=Options(confirmed=True)))
    store.close()
    consent = [n for n, (_, told) in enumerate(calls) if any(told)]
    others = [n for n, (_, told) in enumerate(calls) if not any(told)]
    assert {calls[n][0] for n in consent} == {"crm", "sup"}
    assert all(calls[n][1][0] for n in consent), "first within its call, too"
    assert others
    assert max(consent) < min(others)


# --- two that are one -------------------------------------------------------------------------------------------------


def two_companies(world: World) -> tuple[str, str]:
    """Acme under two domains, known to both systems; somebody works at each. Returns their ids in crm."""
    first = world.of("crm", "company").create({"domain": "a.x", "label": "Acme", "city": "Lima"})
    second = world.of("crm", "company").create({"domain": "b.x", "label": "ACME Inc"})
    for email, company in (("a@x", first), ("b@x", second)):
        world.of("crm", "lead").create({"email": email, "employer": company})
    quiet(world)
    return first, second


def merged_in_crm(world: World, winner: str, loser: str) -> None:
    from tests.simulation import kinds

    kinds.remove(world, "crm", "company", loser, winner)


def test_a_merge_in_one_system_is_a_question(world: World) -> None:
    first, second = two_companies(world)
    merged_in_crm(world, first, second)
    quiet(world)
    with world.engine.connect() as c:
        [review] = c.execute(sa.select(t.review).where(t.review.c.closed_at.is_(None))).all()
    assert (review.kind, review.record_kind) == ("duplicate", "company")
    assert orjson.loads(review.detail)["why"] == "merged"
    assert len([hub for hub in _hubs(world) if hub.kind == "company" and not hub.merged_into]) == 2


def test_a_person_says_that_the_two_are_one(world: World) -> None:
    first, second = two_companies(world)
    merged_in_crm(world, first, second)
    quiet(world)
    store = Store(world.engine)
    [review] = History(store).reviews("duplicate")
    project: Any = None
    store.resolve_review(review.id, checked(review, {"merge": True}, project, store), "ana", world.clock())
    store.commit()
    store.close()
    quiet(world)
    company = the(world, "company")
    assert company.fields["domain"] == "a.x"
    for email in ("a@x", "b@x"):
        assert the(world, "lead", email=email).fields["employer"] == company.id
    with world.engine.connect() as c:
        [review] = c.execute(sa.select(t.review).where(t.review.c.closed_at.is_(None))).all()
    assert orjson.loads(review.detail)["why"] == "two records", "mkt still has both, and a person must merge them there"
    with History(world.engine) as history:
        [review] = history.reviews("duplicate")
        with pytest.raises(Refusal, match="no two to make one of"):
            checked(review, {"merge": True}, project, store)


def test_by_policy_a_merge_is_followed(world: World) -> None:
    world.rules = rules(around=True, follow=True)
    first, second = two_companies(world)
    merged_in_crm(world, first, second)
    quiet(world)
    company = the(world, "company")
    assert company.links["crm"].remote_id == first
    [loser] = [hub for hub in _hubs(world) if hub.merged_into]
    assert loser.merged_into == company.id
    there = loser.links["mkt"].remote_id
    before = dict(held(world, "mkt", "company")[there])
    world.of("crm", "company").edit(first, {"city": "Quito"})
    quiet(world)
    assert held(world, "mkt", "company")[there] == before, "nothing is written to the record that is one too many"
    assert held(world, "mkt", "company")[company.links["mkt"].remote_id]["city"] == "Quito"


def test_a_union_is_taken_apart_again(world: World) -> None:
    two_companies(world)
    pictures = {s: held(world, s, "company") for s in ("crm", "mkt")}
    ids = [the(world, "company", domain=d).id for d in ("a.x", "b.x")]
    before = {hub.id: dict(hub.fields) for hub in _hubs(world)}
    people = {hub.id: hub.fields["employer"] for hub in _hubs(world) if hub.kind == "lead"}
    ctx = _context(world)
    assert unite(ctx, ids[0], ids[1], world.clock(), by="person", rule="said so")
    ctx.store.commit()
    ctx.store.close()
    quiet(world)
    assert {hub.fields["employer"] for hub in _hubs(world) if hub.kind == "lead"} == {ids[0]}
    with world.engine.connect() as c:
        [row] = c.execute(sa.select(t.change).where(t.change.c.kind == "united", t.change.c.hub_id == ids[0])).all()
    ctx = _context(world)
    assert split(ctx, ids[0], orjson.loads(row.detail)["union"], world.clock(), by="person")
    ctx.store.commit()
    ctx.store.close()
    quiet(world)
    after = {hub.id: hub for hub in _hubs(world)}
    assert {i: hub.fields["employer"] for i, hub in after.items() if hub.kind == "lead"} == people
    for i in ids:
        assert after[i].fields == before[i]
        assert not after[i].merged_into
    assert {s: held(world, s, "company") for s in ("crm", "mkt")} == pictures


def test_an_opt_out_of_either_holds_for_both(world: World) -> None:
    world.of("crm", "lead").create({"email": "a@x", "optout": True, "status": "qualified", "tags": ["a"]})
    world.of("mkt", "lead").create({"email": "b@x", "tags": ["b"]})
    quiet(world)
    ids = [the(world, "lead", email=f"{n}@x").id for n in "ba"]
    ctx = _context(world)
    unite(ctx, *ids, world.clock(), by="person", rule="said so")
    ctx.store.commit()
    ctx.store.close()
    quiet(world)
    person = the(world, "lead")
    assert person.fields["email"] == "b@x"
    assert person.fields["opted_out"] is True
    assert person.fields["stage"] == "sql"
    assert person.fields["tags"] == ["a", "b"]


def _context(world: World) -> Any:
    """A run about to do something by hand."""
    from sync.context import Context, Report
    from sync.run import _begin

    store = world.store()
    ctx = Context("r" * 32, world.rules, {}, store, world.clock, Report("r" * 32, "merge", world.clock()))
    ctx.every = {kind: world.rules.of(kind) for kind in world.rules.kinds}
    hub_kinds = {hub.kind for hub in _hubs(world)}
    with world.engine.connect() as c:
        known = c.execute(sa.select(t.run.c.id).where(t.run.c.id == ctx.run_id)).first()
    if known is None:
        _begin(ctx, Options(kind="merge"))
    return ctx.of("company") if "company" in hub_kinds else ctx
