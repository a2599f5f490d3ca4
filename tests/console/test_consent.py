"""consent: what somebody has opted out of, how an act is recorded, and that it is told once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.base import utc_now
from state.database import open_database
from state.lock import Lease
from tests.console.conftest import Call
from tests.console.folder import edit, held

CHANNELS = """\
  opted_out: {type: boolean}
  sms_opted_out: {type: boolean}
  left_lists: {type: multipicklist, options: [news, events], on_conflict: opt_out_wins}
  consent_basis: {type: picklist, options: [consent, contract]}
  consent_at: {type: datetime}
  consent_source: {type: text}
"""
MAPPED = {
    "marketing": "  sms_opted_out: {remote: no_sms}\n  left_lists: {remote: left}\n  consent_basis: {remote: basis}\n"
    "  consent_at: {remote: basis_at}\n  consent_source: {remote: basis_from}\n",
    "crm": "  sms_opted_out: {remote: NoSms}\n  left_lists: {remote: Left}\n  consent_basis: {remote: Basis}\n"
    "  consent_at: {remote: BasisAt}\n  consent_source: {remote: BasisFrom}\n",
}
ADA = "ada@analytical.example"


@pytest.fixture
def synced(smarketing: Call, project: Path) -> Call:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("  opted_out: {type: boolean}\n", CHANNELS))
    for system, more in MAPPED.items():
        mapping = project / "mappings" / f"{system}.yaml"
        mapping.write_text(mapping.read_text().replace("  score: ", more + "  score: ", 1))
    edit(project, "marketing", "1", optout=True, left=["news"])
    assert smarketing("sync", "--confirm").exit == 0
    return smarketing


def opted_in(call: Call, channel: str = "email", *more: str) -> Any:
    note = ("--basis", "consent", "--note", "on the phone", "--by", "Grace")
    return call("consent", ADA, "--opt-in", channel, *note, "--confirm", *more)


def channel(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in told["channels"] if c["name"] == name)


def test_every_channel_and_list_is_shown_with_what_each_system_says(synced: Call) -> None:
    told = synced("consent", ADA, "--json").json
    assert {c["name"]: c["out"] for c in told["channels"]} == {
        "email": True, "sms": False, "news": True, "events": False,
    }  # fmt: skip
    assert channel(told, "email")["systems"] == {"crm": True, "marketing": True}
    assert told["recorded"] is False
    out = synced("consent", ADA).out
    assert "opted out" in out
    assert "crm: out, marketing: out" in out


def test_an_opt_out_reached_every_system_before_anything_else_and_a_refused_claim_is_on_record(
    synced: Call, project: Path
) -> None:
    assert held(project, "crm")["1"]["OptOut"] is True
    edit(project, "crm", "1", OptOut=False)
    synced("sync")
    assert held(project, "crm")["1"]["OptOut"] is True
    history = synced("consent", ADA, "--json").json["history"]
    assert any("crm said no" in event["what"] for event in history)
    assert [e["system"] for e in history if e["what"] == "told: yes" and e["field"] == "opted_out"] == ["crm", "crm"]


def test_an_act_is_carried_to_every_system_once(synced: Call, project: Path) -> None:
    told = opted_in(synced, "email", "--json").json
    assert told["recorded"] is True
    assert told["by_hand"] == []
    assert told["basis"]["consent_basis"] == "consent"
    assert told["basis"]["consent_source"] == "told to Grace"
    [act] = [event for event in told["history"] if event["field"] == "opted_out" and event["by"] == "Grace"]
    assert "on the phone" in act["what"]
    assert held(project, "crm")["1"]["OptOut"] is True, "the command writes to no system"
    assert synced("sync").exit == 0
    assert held(project, "crm")["1"]["OptOut"] is False
    assert held(project, "marketing")["1"]["optout"] is False
    assert held(project, "marketing")["1"]["left"] == ["news"], "the list is another matter"
    for system, name in (("crm", "Basis"), ("marketing", "basis")):
        assert held(project, system)["1"][name] == "consent"
    edit(project, "marketing", "1", optout=True)
    synced("sync")
    synced("sync")
    assert held(project, "crm")["1"]["OptOut"] is True
    assert held(project, "marketing")["1"]["optout"] is True, "an act is about what was said before it"


def test_whoever_opts_out_after_the_act_and_before_the_run_is_heard(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", NoSms=False)
    opted_in(synced, "email")
    opted_in(synced, "sms")
    edit(project, "crm", "1", NoSms=True)
    synced("sync")
    assert held(project, "marketing")["1"]["no_sms"] is True
    assert held(project, "crm")["1"]["NoSms"] is True
    assert held(project, "crm")["1"]["OptOut"] is False


def test_a_list_is_joined_again_alone_and_left_again(synced: Call, project: Path) -> None:
    synced("consent", ADA, "--opt-out", "events", "--by", "Grace")
    synced("sync")
    assert held(project, "crm")["1"]["Left"] == "events;news"
    opted_in(synced, "left_lists:news")
    edit(project, "crm", "1", Phone="020 7946 0999")
    synced("sync")
    assert held(project, "crm")["1"]["Left"] == held(project, "marketing")["1"]["left"] == "events"
    edit(project, "marketing", "1", left="events;news")
    synced("sync")
    assert held(project, "crm")["1"]["Left"] == "events;news"
    edit(project, "marketing", "1", left=None)
    synced("sync")
    assert held(project, "marketing")["1"]["left"] == "events;news"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--opt-in", "email", "--confirm"), "consent", "basis and a note"),
        (("--opt-in", "email", "--basis", "consent", "--note", " "), "consent", "basis and a note"),
        (("--opt-in", "email", "--basis", "consent", "--note", "asked"), "consent", "Nothing is recorded yet"),
        (("--opt-in", "email", "--basis", "a feeling", "--note", "x", "--confirm"), "bad-value", "a feeling"),
        (("--opt-in", "fax"), "usage", "no channel"),
        (("--opt-in", "email", "--opt-out", "sms"), "usage", "One act at a time"),
    ],
)
def test_an_act_that_lacks_something_is_not_recorded(
    synced: Call, words: tuple[str, ...], code: str, said: str
) -> None:
    answer = synced("consent", ADA, *words, "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == code
    assert said in answer.json["error"]["message"]
    assert channel(synced("consent", ADA, "--json").json, "email")["out"] is True


def test_no_act_is_recorded_while_a_run_is_under_way(synced: Call, project: Path) -> None:
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    lease = Lease(engine, "sync", utc_now)
    try:
        assert opted_in(synced, "email", "--json").json["error"]["code"] == "busy"
    finally:
        lease.release()
        engine.dispose()
    assert channel(synced("consent", ADA, "--json").json, "email")["out"] is True


def test_where_no_program_may_opt_in_a_person_is_told_so(synced: Call, project: Path) -> None:
    mapping = project / "mappings/marketing.yaml"
    mapping.write_text(mapping.read_text().replace("{remote: optout}", "{remote: optout, direction: pull}"))
    synced("sync", "--confirm")
    told = opted_in(synced, "email", "--json")
    assert told.json["by_hand"] == ["marketing"]
    synced("sync", "--confirm")
    assert held(project, "crm")["1"]["OptOut"] is False
    assert held(project, "marketing")["1"]["optout"] is True


def test_explain_and_revert_know_the_act(synced: Call, project: Path) -> None:
    opted_in(synced, "email")
    synced("sync")
    assert "recorded by a person" in synced("explain", ADA).out
    [run, *_] = synced("status", "--json").json["runs"]
    synced("revert", run["id"], "--confirm")
    assert held(project, "crm")["1"]["OptOut"] is False
