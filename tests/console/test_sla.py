"""`smarketing sla`, its status and its tick: a whole project, from the sync of two systems to the mail about a lead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alignment.periods import Period
from console.cli import main
from delivery.clocks import tick_project
from state.database import open_database
from state.ids import new_id
from state.records import Activity, Hub
from state.store import Store
from tests.console.folder import make_project
from tests.delivery.receivers import Mailbox, mail_server, web_server

AT = datetime(2026, 3, 16, 9, 0, tzinfo=UTC)  # a Monday, ten o'clock in Madrid

SLA = """
owners: {fields: {email: {type: email}}}
sla:
  version: 3
  agreed_on: 2026-03-01
  agreed_by: [{name: Marta Ruiz, team: marketing}, {name: Tom Wolfe, team: sales}]
  re_evaluate_on: 2026-06-01
  calendars:
    madrid:
      zone: Europe/Madrid
      hours: {monday: "09:00-18:00", tuesday: "09:00-18:00", wednesday: "09:00-18:00", thursday: "09:00-18:00",
              friday: "09:00-15:00"}
      holidays: {country: ES, subdivision: MD}
  marketing:
    volume: {revenue: 60000, average_deal: 5000, rates: {sal: 0.6, sql: 0.5, customer: 0.4}}
    quality: {at_least: 0.6}
    completeness: {fields: [email, phone], at_least: 0.9}
  sales:
    first_response: {segments: [{name: known, when: {company: {present: true}}, within: 1 h}, {name: others, within: 4 h}]}
    decision: {within: 16 h}
    attempts: {at_least: 3, apart_at_least: 2 h}
    follow_up: {days: 5}
  teams:
    east: {side: sales, members: [ana@sales.example], manager: boss@sales.example}
    west: {side: sales, channels: ["json://${PLACE}/${HOOK}"]}
  alerts: {mail: "${MAIL}", reminders: [0.5]}
"""


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    with mail_server() as opened:
        yield opened


def project(folder: Path, mail: str, place: str) -> Path:
    """Ada is looked after by Ana, and Grace by nobody; both were handed over at ten."""
    make_project(folder)
    with (folder / "smarketing.yaml").open("a") as file:
        file.write(SLA.replace("owners:", "owners:", 1))
    text = (folder / "smarketing.yaml").read_text()
    text = text.replace(
        "  employees: {type: integer}\n", "  employees: {type: integer}\n  owner: {type: reference, to: owner}\n"
    )
    (folder / "smarketing.yaml").write_text(text)
    with (folder / ".env").open("a") as file:
        file.write(f"MAIL={mail}\nPLACE={place}\nHOOK=s3cretHook\n")
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    store = Store(engine)
    ana = Hub(new_id(), {"email": "ana@sales.example"}, {"": "crm"}, kind="owner")
    ada = Hub(
        new_id(),
        {"first_name": "Ada", "company": "Acme\r\nBcc: x", "email": "ada@example.com", "phone": "1", "owner": ana.id},
    )
    grace = Hub(new_id(), {"first_name": "Grace", "email": "grace@example.com"}, {"": "crm"})
    store.of("owner").insert_hubs([ana])
    store.insert_hubs([ada, grace])
    row = {"run_id": "1", "old": None, "system": "crm", "reason": None, "evidence": "", "at": AT}
    store.log_stages([{**row, "hub_id": hub.id, "new": "mql"} for hub in (ada, grace)])
    store.commit()
    store.close()
    engine.dispose()
    return folder


async def ticked(folder: Path, after: timedelta) -> Any:
    return (await tick_project(folder, clock=lambda: AT + after)).sent


async def test_owner_manager_and_team_are_told_once_each_and_in_time(
    tmp_path: Path, mailbox: tuple[Mailbox, str], capsys: pytest.CaptureFixture[str]
) -> None:
    box, mail = mailbox
    with web_server() as (kept, place):
        folder = project(tmp_path / "acme", mail, place)
        minute = timedelta(minutes=1)
        assert (await ticked(folder, 10 * minute)).sent == 0
        await ticked(folder, 31 * minute)
        assert [(to, mail["Subject"]) for to, mail in box.mails] == [
            (["ana@sales.example"], "Ada (Acme  Bcc: x): first response due 2026-03-16 11:00")
        ]
        await ticked(folder, 31 * minute)  # the same moment again
        assert len(box.mails) == 1
        box.refuse = True
        refused = await ticked(folder, 61 * minute)
        assert (refused.sent, refused.failed) == (0, 2)
        box.refuse = False
        assert (await ticked(folder, 61 * minute)).sent == 0  # not before a minute has passed
        assert (await ticked(folder, 63 * minute)).sent == 2
        assert sorted(to[0] for to, _ in box.mails) == ["ana@sales.example", "ana@sales.example", "boss@sales.example"]
        assert kept.posts == []
        await ticked(folder, 121 * minute)
        [(path, body)] = kept.posts
        assert path == "/s3cretHook"
        assert body["title"] == "Grace: first response due 2026-03-16 14:00"
        assert "Owner: nobody" in body["message"]
    assert "s3cret" not in capsys.readouterr().out
    assert b"s3cretHook" not in (folder / "state.sqlite").read_bytes()


def test_status_tells_what_is_open_and_how_promises_are_kept(
    tmp_path: Path, mailbox: tuple[Mailbox, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path / "acme", mailbox[1], "127.0.0.1:9")
    asyncio.run(ticked(folder, timedelta(hours=3)))
    told = ask(capsys, folder, "sla", "status")
    due = [(one["lead"], one["clause"], one["state"]) for one in told["open"]]
    assert due[0] == ("Ada (Acme\r\nBcc: x)", "first_response", "breached")
    assert {clause for _, clause, _ in due} == {"first_response", "decision", "attempts"}
    assert told["alerts"] == {"sent": 2, "failed": 1} or told["alerts"].keys() <= {"sent", "failed", "dropped"}
    assert main(["sla", "status", "--project", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "Open clocks" in shown
    assert "ana@sales.example" in shown


def test_a_response_is_in_the_attainment_of_its_month(
    tmp_path: Path, mailbox: tuple[Mailbox, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "acme", mailbox[1], "127.0.0.1:9")
    engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
    store = Store(engine)
    run, at = new_id(), AT + timedelta(minutes=20)
    store.begin_run(run, "sync", at, "")
    [ada] = [
        i
        for i, hub in store.hubs(store._c.exec_driver_sql("SELECT id FROM hub").scalars()).items()
        if hub.fields.get("phone")
    ]
    store.keep_activities("crm", [Activity("1", "call", at, at, (ada,), None, None, None, "{}")], run, at)
    store.end_run(run, at, "done", {})
    store.commit()
    store.close()
    asyncio.run(ticked(folder, timedelta(minutes=30)))
    from console import pact

    march = Period(date(2026, 3, 1), date(2026, 11, 30), "Europe/Madrid")
    monkeypatch.setattr(pact, "current", lambda unit, now, zone: march)
    told = ask(capsys, folder, "sla", "status")
    [mine] = [one for one in told["attainment"] if one["clause"] == "first_response" and one["owner"]]
    assert (mine["met"], mine["breached"], mine["median_minutes"]) == (1, 0, 20.0)
    assert (mine["team"], mine["period"], mine["interval"][1]) == ("east", "2026-03", 1.0)
    assert (told["marketing"]["leads"], told["marketing"]["complete"]) == (2, 1)
    assert told["target"]["leads"] == 100


def test_the_pact_can_be_read_and_signed(
    tmp_path: Path, mailbox: tuple[Mailbox, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(tmp_path / "acme", mailbox[1], "127.0.0.1:9")
    assert main(["sla", "--project", str(folder)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "version 3",
        "at least 100 leads at the stage mql in each month",
        "Sales must bring in 60,000 in each month.",
        "A won deal brings 5,000 (agreed): 12 deals.",
        "40.0% of sql become customer (agreed): 30 at sql.",
        "60.0% of mql become sal (agreed): 100 at mql.",
        "known: within 1 h of business time, where company is filled in",
        "at least 3 attempts",
        "never more than 5 business days without",
        "public holidays of ES-MD are free",
        "sales: Tom Wolfe",
        "days ago",
    ):
        assert words in text, words
    assert ask(capsys, folder, "sla")["target"]["leads"] == 100


def test_without_a_pact_or_a_version_it_is_refused(
    tmp_path: Path, mailbox: tuple[Mailbox, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_project(tmp_path / "none")
    assert main(["sla", "status", "--json", "--project", str(folder)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no-pact"
    folder = project(tmp_path / "acme", mailbox[1], "127.0.0.1:9")
    assert ask(capsys, folder, "sla", "tick")["ok"]
    text = (folder / "smarketing.yaml").read_text()
    (folder / "smarketing.yaml").write_text(text.replace("within: 16 h", "within: 1 h"))
    assert main(["sla", "tick", "--json", "--project", str(folder)]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "pact-version"


def ask(capsys: pytest.CaptureFixture[str], folder: Path, *command: str) -> Any:
    capsys.readouterr()
    main([*command, "--json", "--project", str(folder)])
    return json.loads(capsys.readouterr().out)
