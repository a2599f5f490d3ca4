"""Consent: no order of systems opts anybody back in; with an act exactly what it names; a basis is one telling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import ACTS, CONSENT, Fields, Policy, Value
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rules
from state.records import Hub, Link, Side
from sync.consent import act_of, may_send, members, opened
from sync.merge import merge
from sync.plan import news_for, plan_hub
from tests.simulation.world import CHANNELS, SYSTEMS, held_outs, rules
from tests.state.made import AT
from tests.sync.situations import ORDERS, Situation, situations

RUN = "r" * 32


def outs(fields: Fields) -> set[tuple[str, str]]:
    return {(c, m) for c in CHANNELS for m in held_outs(fields.get(c))}


def said_out(side: Side) -> set[tuple[str, str]]:
    """What a system says anew that somebody has opted out of."""
    return outs(side.seen) - outs(side.base_remote)


def acted(situation: Situation, acts: set[tuple[str, str]]) -> Situation:
    """After people have taken back these opt-outs by acts."""
    done = replace(situation, hub=dict(situation.hub))
    for channel, member in acts:
        value = done.hub.get(channel)
        done.hub[channel] = sorted(members(value) - {member}) or None if member else False
    done.hub[ACTS] = sorted(act_of(*one) for one in acts)
    return done


@st.composite
def with_acts(draw: st.DrawFn) -> tuple[Situation, set[tuple[str, str]]]:
    situation = draw(situations(known=True))
    held = sorted(outs(situation.hub))
    return situation, set(draw(st.lists(st.sampled_from(held), unique=True)) if held else [])


@given(situations(), ORDERS)
def test_no_order_of_systems_opts_anybody_back_in(situation: Situation, order: tuple[str, ...]) -> None:
    merged, sides = situation.merge(order)
    assert merged.hub == situation.merge()[0].hub
    assert outs(merged.hub) == outs(situation.hub) | set().union(*(outs(s.seen) for s in situation.sides.values()))
    for system, side in sides.items():
        shown = outs(side.base_remote)
        for name, value in news_for(situation.rules.mappers[system], side, merged.hub):
            assert {one for one in shown if one[0] == name} <= outs({name: value})


@given(with_acts(), ORDERS)
def test_with_an_act_exactly_what_it_names(
    case: tuple[Situation, set[tuple[str, str]]], order: tuple[str, ...]
) -> None:
    before, acts = case
    situation = acted(before, acts)
    merged, sides = situation.merge(order)
    since = set().union(*(said_out(side) for side in situation.sides.values()))
    assert outs(before.hub) - acts <= outs(merged.hub)
    assert outs(merged.hub) & acts == since & acts, "who opts out after the act is heard, and nobody else"
    for system, side in sides.items():
        shown = outs(side.base_remote)
        for name, value in news_for(situation.rules.mappers[system], side, merged.hub):
            back = {one for one in shown if one[0] == name} - outs({name: value})
            assert back <= acts - since


@given(with_acts())
def test_an_act_is_told_once(case: tuple[Situation, set[tuple[str, str]]]) -> None:
    situation = acted(*case)
    merged, sides = situation.merge()
    for system, side in sides.items():
        mapper = situation.rules.mappers[system]
        for name, value in news_for(mapper, side, merged.hub):
            side.absorb(name, mapper.roundtrip(name, value), value)
        assert not [name for name, _ in news_for(mapper, side, merged.hub) if name in CHANNELS]
        side.base_remote["opted_out"] = side.base_hub["opted_out"] = None  # somebody has blanked it since
        assert "opted_out" not in dict(news_for(mapper, side, {**merged.hub, "opted_out": False}))


@given(situations())
def test_what_opts_out_goes_first_and_what_opts_in_does_not(situation: Situation) -> None:
    merged, sides = situation.merge()
    links = {s: Link("1" * 32, s, f"{s}-1", side) for s, side in sides.items()}
    for row in plan_hub(Hub("1" * 32, merged.hub, links=links), SYSTEMS, situation.rules, RUN):
        if row.operation == "update":
            more = outs(row.sent()) - outs(sides[row.system].base_remote)
            assert (row.rank == 0) == bool(more)
        else:
            assert outs(row.sent()) == outs(merged.hub), "a new record is made with its consent"


def test_an_act_ends_with_the_next_opt_out() -> None:
    hub: Fields = {ACTS: ["left:news", "opted_out"], "opted_out": False, "left": ["fairs"]}
    assert opened(hub, "opted_out") == {""}
    assert opened(hub, "left") == {"news"}
    assert opened({**hub, "opted_out": True, "left": ["fairs", "news"]}, "opted_out") == set()
    assert opened({**hub, "left": ["news"]}, "left") == set()


def test_a_copy_goes_by_the_act_on_what_it_copies() -> None:
    copy = Mapper(
        "mkt", [FieldMap("do_not_email", "x", lambda v: v, lambda v: v)], consent={"do_not_email": "opted_out"}
    )
    assert not may_send(copy, "do_not_email", False, True, {"opted_out": False})
    assert may_send(copy, "do_not_email", False, True, {"opted_out": False, ACTS: ["opted_out"]})
    assert not may_send(copy, "do_not_email", False, None, {"opted_out": False, ACTS: ["opted_out"]})


# --- the legal basis ------------------------------------------------------------------------------------------------


def basis_rules(without: dict[str, set[str]] | None = None) -> Rules:
    plain = rules()
    mappers = {}
    for system, mapper in plain.mappers.items():
        names = [name for name in CONSENT if name not in (without or {}).get(system, ())]
        more = [FieldMap(name, name, lambda v: v or None, lambda v: v, clears=True) for name in names]
        mappers[system] = Mapper(system, [*mapper.maps.values(), *more])
    together = dict.fromkeys(CONSENT, Policy("consent", ("crm", "mkt", "sup")))
    return replace(plain, mappers=mappers, policies={**plain.policies, **together})


def told(basis: str | None, at: str | None, source: str | None) -> dict[str, Any]:
    values: dict[str, Value] = {"consent_basis": basis, "consent_at": at, "consent_source": source}
    return values


OLD, NEW = told("contract", "2026-01-01T00:00:00Z", "fair"), told("consent", "2026-02-01T00:00:00Z", "form")
tellings = st.builds(
    told, st.sampled_from(["consent", "contract"]), st.sampled_from([None, "2026-01-01", "2026-02-01"]),
    st.sampled_from([None, "fair", "form"]),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(SYSTEMS), tellings, min_size=1), st.none() | tellings, ORDERS)
def test_a_basis_is_one_telling_whatever_the_order(
    claims: dict[str, dict[str, Any]], held: dict[str, Any] | None, order: tuple[str, ...]
) -> None:
    ours = basis_rules()
    hub = {n: v for n, v in (held or {}).items() if v is not None}
    results = []
    for systems in (order, tuple(sorted(claims))):
        sides = {s: Side(seen=dict(claims[s])) for s in systems if s in claims}
        merged = merge(dict(hub), {"": "sup"} if hub else {}, sides, ours)
        results.append({name: merged.hub.get(name) for name in CONSENT})
        assert not any(side.seen for side in sides.values())
    assert results[0] == results[1]
    assert results[0] in [*claims.values(), *([held] if held else [])]
    assert results[0]["consent_at"] == max(
        (c["consent_at"] for c in [*claims.values(), held or {"consent_at": None}]), key=lambda at: at or ""
    )


def agreed(values: dict[str, Any], seen: dict[str, Any], **more: Any) -> Side:
    return Side(dict(values), dict(values), dict(seen), **more)


def test_the_newer_basis_wins_with_its_date_and_source_and_the_loser_is_on_record() -> None:
    sides = {
        "crm": agreed(OLD, {"consent_basis": "other", "consent_at": "2026-01-15T00:00:00Z"}),
        "mkt": agreed(OLD, NEW),
    }
    merged = merge(dict(OLD), {"": "crm"}, sides, basis_rules())
    assert {name: merged.hub[name] for name in CONSENT} == NEW
    assert merged.conflicts["consent_basis"].winner == "mkt"
    assert merged.conflicts["consent_basis"].claims["crm"] == "other"
    assert dict(news_for(basis_rules().mappers["crm"], sides["crm"], merged.hub)) == NEW


def test_a_source_that_is_not_known_of_the_new_basis_does_not_stay_beside_it() -> None:
    ours = basis_rules({"mkt": {"consent_source"}})
    sides = {"crm": agreed(OLD, {}), "mkt": Side(seen={n: v for n, v in NEW.items() if n != "consent_source"})}
    merged = merge(dict(OLD), {"": "crm"}, sides, ours)
    assert merged.hub["consent_source"] is None
    assert dict(news_for(ours.mappers["crm"], sides["crm"], merged.hub))["consent_source"] is None


@pytest.mark.parametrize(("first", "winner"), [(True, OLD), (False, None)])
def test_a_system_without_a_date_counts_by_its_change_and_not_on_first_sight(
    first: bool, winner: dict[str, Any] | None
) -> None:
    ours = basis_rules({"mkt": {"consent_at", "consent_source"}})
    side = Side(seen={"consent_basis": "consent"}, seen_at=AT)
    if not first:
        side.base_remote = side.base_hub = {"consent_basis": "contract"}
    merged = merge(dict(OLD), {"": "crm"}, {"mkt": side}, ours)
    dated = {"consent_basis": "consent", "consent_at": AT.strftime("%Y-%m-%dT%H:%M:%SZ"), "consent_source": None}
    expected = winner or (dated if str(dated["consent_at"]) > str(OLD["consent_at"]) else OLD)
    assert {name: merged.hub.get(name) for name in CONSENT} == expected


def test_emptying_the_basis_empties_it_nowhere_and_a_withdrawal_leaves_it() -> None:
    sides = {"crm": agreed(OLD, {**dict.fromkeys(CONSENT), "opted_out": True})}
    merged = merge(dict(OLD), {"": "crm"}, sides, basis_rules())
    assert {name: merged.hub[name] for name in CONSENT} == OLD
    assert merged.hub["opted_out"] is True
    assert dict(news_for(basis_rules().mappers["crm"], sides["crm"], merged.hub)) == OLD
