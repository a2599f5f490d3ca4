"""Why a record is not in a system: what is told is what the plan does, and it is told in full."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Capabilities
from connectors.errors import Misconfigured
from connectors.memory import Memory, Vendor
from mapping.fields import Fields
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rules
from state.records import Hub, Link, LinkState, Side
from sync.archive import check_archives
from sync.inclusion import _SENTENCES, Code, Standing, Waits, standing
from sync.plan import fingerprint, plan_hub
from sync.reconcile import has_news
from tests.simulation.world import STAYS_IN, SYSTEMS, rules
from tests.sync.situations import Situation, situations

RULES = rules(archives=True)
MARK = RULES.mappers["mkt"].archives
WRITES = {"create", "update", "archive"}


@st.composite
def hubs(draw: st.DrawFn) -> Hub:
    """Any lead, whose records may have gone any way."""
    situation: Situation = draw(situations())
    hub = situation.lead()
    for link in hub.links.values():
        link.state = draw(st.sampled_from(["live", "live", "live", *get_args(LinkState)]))
        link.within = draw(st.sampled_from([MARK, None, b"another"]))
    hub.touched = draw(st.booleans())
    hub.merged_into = draw(st.sampled_from([None, None, None, "2" * 32]))
    return hub


@given(hubs(), st.data())
def test_what_is_told_is_what_the_plan_does(hub: Hub, data: st.DataObject) -> None:
    questions = dict.fromkeys(data.draw(st.sets(st.sampled_from(SYSTEMS))), 7)
    needed = {system: {hub.id} for system in data.draw(st.sets(st.sampled_from(SYSTEMS)))}
    held = {(hub.id, system) for system in questions}
    first = plan_hub(hub, SYSTEMS, RULES, "", held, {}, {}, needed)
    refused = {row.system for row in first if data.draw(st.booleans())}
    parked = {(hub.id, row.system): {fingerprint(row)} for row in first if row.system in refused}
    rows = {row.system: row.operation for row in plan_hub(hub, SYSTEMS, RULES, "", held, parked, {}, needed)}
    waits = Waits(questions, dict.fromkeys(SYSTEMS, 9), (), parked, {}, needed)
    for system in SYSTEMS:
        told = standing(hub, system, RULES, waits)
        assert rows.get(system) == (told.code if told.code in WRITES else None)
        assert (told.code == "refused") is (system in refused)
        assert (told.review is not None) is (told.code in ("refused", "question"))
        assert told.sentence
    if rows or first:
        assert has_news(hub, RULES)


@given(hubs())
def test_nothing_is_archived_on_less_than_full_evidence(hub: Hub) -> None:
    for row in plan_hub(hub, SYSTEMS, RULES, ""):
        if row.operation != "archive":
            continue
        assert (row.system, row.fields) == ("mkt", {})
        assert hub.links["mkt"].within == MARK
        assert hub.fields["stage"] == "disqualified"
        assert not hub.touched
        assert not any("stage" in link.side.seen for link in hub.links.values())
        assert any(link.state == "live" for of, link in hub.links.items() if of != "mkt")


def lead(fields: Fields, **links: Link) -> Hub:
    return Hub("1" * 32, fields, links=links)


def link(system: str, state: LinkState = "live", within: bytes | None = MARK, **base: object) -> Link:
    side = Side(dict(base), dict(base))  # type: ignore[arg-type]
    return Link("1" * 32, system, f"{system}-1", side, state, within=within)


def at_rest(system: str, fields: Fields, state: LinkState = "live") -> Link:
    made, mapper = link(system, state), RULES.mappers[system]
    for name, value in {**fields, "score": None}.items():
        made.side.absorb(name, mapper.roundtrip(name, value), value)
    return made


OUT: Fields = {"email": "a@x", "stage": "disqualified"}
CASES: dict[str, tuple[Hub, str]] = {
    "archive": (lead(OUT, mkt=link("mkt"), crm=link("crm")), "the next run archives it: it has left sync_when"),
    "left_never": (
        lead(OUT, mkt=link("mkt", within=None), crm=link("crm")),
        "it is there, and left alone, since it never was inside the rule as it stands: "
        "sync_when asks that not (stage is disqualified); here stage is disqualified",
    ),
    "left_last": (
        lead(OUT, mkt=link("mkt")),
        "it is there, and would be archived, but it is the last record of it that there is: "
        "sync_when asks that not (stage is disqualified); here stage is disqualified",
    ),
    "archived": (
        lead(OUT, mkt=link("mkt", "archived"), crm=link("crm")),
        "it was archived there, and is created anew once the rule holds again: "
        "sync_when asks that not (stage is disqualified); here stage is disqualified",
    ),
    "create": (lead({"email": "a@x", "stage": "lead"}, mkt=link("mkt", "archived"), crm=link("crm")), "the next run creates it"),
    "sync_when": (
        lead(OUT, crm=link("crm")), "sync_when asks that not (stage is disqualified); here stage is disqualified"
    ),
    "deleted": (
        lead({"stage": "lead"}, mkt=link("mkt", "deleted"), crm=link("crm")),
        "its record mkt-1 was deleted there; it is not created again",
    ),
    "merged": (
        lead({}, mkt=link("mkt", "merged"), crm=link("crm")),
        "its record mkt-1 was merged into another there; it is not created again",
    ),
    "ignored": (
        lead({}, mkt=link("mkt", "ignored"), crm=link("crm")), "its record mkt-1 was set aside; it is not created again"
    ),
    "nowhere": (
        lead({"email": "a@x"}, crm=link("crm", "deleted")), "its records are gone from every system, so it is created in none"
    ),
    "merged_into": (replace(lead({}, crm=link("crm")), merged_into="2" * 32), "merged into another lead"),
    "in_line": (lead({"stage": "lead"}, mkt=at_rest("mkt", {"stage": "lead"})), "it is there, and in line"),
}  # fmt: skip


@pytest.mark.parametrize("code", CASES)
def test_every_reason_has_its_words(code: str) -> None:
    hub, sentence = CASES[code]
    told = standing(hub, "mkt", RULES)
    assert (told.code, told.sentence) == (code, sentence)


def test_a_lead_that_others_there_refer_to_stays() -> None:
    told = standing(CASES["archive"][0], "mkt", RULES, Waits(needed={"mkt": {"1" * 32}}))
    assert told.code == "left_needed"
    assert "other records there refer to it" in told.sentence


def test_a_rule_over_a_field_that_nobody_has_read_is_not_left() -> None:
    hub = lead({"email": "a@x"}, mkt=link("mkt"), crm=link("crm"))
    asks = Rules({**RULES.mappers, "mkt": _asking_for_stage()}, lifecycle=RULES.lifecycle)
    assert standing(hub, "mkt", asks).code == "left_undecided"
    hub.links["crm"].side.absorb("stage", None, None)  # read, and blank
    assert standing(hub, "mkt", asks).code == "archive"


def _asking_for_stage() -> Mapper:
    mapper = RULES.mappers["mkt"]
    return Mapper(
        "mkt", list(mapper.maps.values()), id_field="ext", sync_when=lambda hub: hub.get("stage") == "lead",
        asks=mapper.asks, archives=MARK,
    )  # fmt: skip


def test_what_waits_is_named_by_its_review() -> None:
    hub = lead({"email": "a@x", "stage": "lead"}, crm=link("crm"))
    told = standing(hub, "mkt", RULES, Waits(questions={"mkt": 12}))
    assert told == Standing("question", "it may be a record there already: answer review 12 first", (), 12)
    [row] = plan_hub(hub, ["mkt"], RULES, "")
    told = standing(hub, "mkt", RULES, Waits(letters={"mkt": 13}, parked={(hub.id, "mkt"): {fingerprint(row)}}))
    assert told == Standing("refused", "mkt refused it: see review 13", (), 13)
    assert standing(hub, "mkt", RULES, Waits(doubtful={"mkt"})).code == "in_doubt"
    assert standing(hub, "erp", RULES).code == "no_kind"


def test_what_it_refers_to_is_said_to_be_awaited() -> None:
    maps = [FieldMap("employer", "employer", lambda v: v, lambda v: v, refers="company")]
    asks = Rules({"mkt": Mapper("mkt", maps)})
    hub = lead({"employer": "c" * 32}, mkt=link("mkt"))
    told = standing(hub, "mkt", asks)
    assert (told.code, told.sentence) == (
        "references",
        "it is there; its employer will follow once mkt has that record",
    )
    assert standing(hub, "mkt", asks, Waits(there={"mkt": {"c" * 32}})).code == "update"


def test_what_could_not_be_found_again_and_what_is_never_written() -> None:
    name = FieldMap("name", "name", lambda v: v, lambda v: v)
    hub = lead({"name": "Ann"}, crm=link("crm"))
    told = standing(hub, "mkt", Rules({"mkt": Mapper("mkt", [name], match=(("email",), ("name", "phone")))}))
    assert told.sentence == "it has no email or name+phone, so that it could not be found again there"
    told = standing(hub, "mkt", Rules({"mkt": Mapper("mkt", [replace(name, push=False)])}))
    assert (told.code, told.sentence) == ("silent", "nothing is ever written there")


def test_every_code_of_the_plan_has_a_sentence() -> None:
    outside = {"create_when", "sync_when", "archived", "references", "no_kind"}
    codes = {code for part in get_args(Code) for code in (get_args(part) or (part,))}
    assert {code for code in codes if not code.startswith("left")} == _SENTENCES.keys() | outside


def test_a_system_that_cannot_archive_is_told_before_anything_is_read() -> None:
    memory = Memory(Vendor("mkt"), can=Capabilities(archive=False))
    with pytest.raises(Misconfigured, match="mkt cannot archive"):
        check_archives(RULES, {"mkt": memory})
    check_archives(RULES, {"mkt": Memory(Vendor("mkt"))})
    check_archives(rules(), {"mkt": memory})


def test_the_rule_of_the_simulation_is_the_one_told_here() -> None:
    assert RULES.mappers["mkt"].asks == {"sync_when": STAYS_IN}
