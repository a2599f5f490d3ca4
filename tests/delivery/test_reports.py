"""Reports against a real mail server and a real web server: who gets what, and nobody twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from alignment.scoring.calibration import Calibration, Rate, RuleWorth
from alignment.scoring.note import note
from alignment.words import Words
from delivery import reports as sending
from delivery.reports import due, last_hour, send_report
from flows.calibration import calibration
from flows.reports import reports
from mapping.agreement.reports import Reports
from state.clocks import Clocks
from sync.project import open_project
from tests.console.conftest import Call, call, terminal  # noqa: F401  fixtures
from tests.console.folder import make_project
from tests.delivery.receivers import Mailbox, Posts, mail_server, web_server

SECTION = """
languages: [en, es]
reports:
  mail: "${MAIL}"
  weekly:
    to:
      - {language: es, people: [ana@acme.example, luis@acme.example], channels: ["json://${PLACE}/s3cretHook"]}
      - {people: [tom@acme.example]}
  monthly: {day: 5, hour: 6, to: [{people: [boss@acme.example]}]}
"""


@pytest.fixture
def receivers() -> Iterator[tuple[Mailbox, str, Posts, str]]:
    with mail_server() as (box, mail), web_server() as (posts, place):
        yield box, mail, posts, place


@pytest.fixture
def folder(tmp_path: Path, receivers: tuple[Mailbox, str, Posts, str]) -> Path:
    made = make_project(tmp_path / "acme")
    with (made / "smarketing.yaml").open("a") as file:
        file.write(SECTION)
    with (made / ".env").open("a") as file:
        file.write(f"MAIL={receivers[1]}\nPLACE={receivers[3]}\n")
    return made


def test_people_get_all_of_it_in_their_language_and_chats_a_summary_once(
    folder: Path, receivers: tuple[Mailbox, str, Posts, str], call: Call  # noqa: F811
) -> None:  # fmt: skip
    box, _, posts, _ = receivers
    first = call("report", "send", "weekly", "--project", folder, "--json").json
    assert sorted(first["sent"])[::2] == ["ana@acme.example", "luis@acme.example"]
    assert len(first["sent"]) == 4
    mails = {to[0]: mail for to, mail in box.mails}
    assert mails.keys() == {"ana@acme.example", "luis@acme.example", "tom@acme.example"}
    assert "Weekly report" in mails["tom@acme.example"]["Subject"]
    assert "Informe semanal" in mails["ana@acme.example"]["Subject"]
    page = mails["ana@acme.example"].get_body(("html",))
    assert page is not None
    assert "Informe semanal" in page.get_content()
    [paper] = mails["ana@acme.example"].iter_attachments()
    assert paper.get_content().startswith(b"%PDF")
    [(path, body)] = posts.posts
    assert path == "/s3cretHook"
    assert "Informe semanal" in body["title"]
    again = call("report", "send", "weekly", "--project", folder, "--json").json
    assert (again["sent"], len(again["before"])) == ([], 4)
    assert (len(box.mails), len(posts.posts)) == (3, 1)
    assert b"s3cretHook" not in (folder / "state.sqlite").read_bytes()
    assert call("report", "send", "daily", "--project", folder, "--json").json["error"]["code"] == "usage"


def test_what_was_refused_is_tried_again_for_those_who_lack_it(
    folder: Path, receivers: tuple[Mailbox, str, Posts, str], call: Call  # noqa: F811
) -> None:  # fmt: skip
    box = receivers[0]
    box.refuse = True
    refused = call("report", "send", "weekly", "--project", folder, "--json")
    assert refused.exit == 1
    assert refused.json["failed"].keys() == {"ana@acme.example", "luis@acme.example", "tom@acme.example"}
    assert "s3cret" not in refused.out
    box.refuse = False
    assert len(call("report", "send", "weekly", "--project", folder, "--json").json["sent"]) == 3
    assert len(receivers[2].posts) == 1


async def test_killed_while_sending_nobody_gets_it_twice(
    folder: Path, receivers: tuple[Mailbox, str, Posts, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sending.send

    def dies(channels: Any, *message: Any, **others: Any) -> Any:
        real(channels, *message, **others)
        raise KeyboardInterrupt

    async with open_project(folder, systems=()) as opened:
        with monkeypatch.context() as patched:
            patched.setattr(sending, "send", dies)
            with pytest.raises(KeyboardInterrupt):
                send_report(opened, "weekly")
        assert len(receivers[0].mails) == 1
        [to], _ = receivers[0].mails[0]
        after = send_report(opened, "weekly")
        assert after.unknown == [to]
        assert len(after.sent) == 3
        assert sorted(to for [to], _ in receivers[0].mails) == [
            "ana@acme.example",
            "luis@acme.example",
            "tom@acme.example",
        ]
        with Clocks(opened.engine) as clocks:
            assert clocks.to_send(datetime.now(UTC) + timedelta(days=9)) == []  # not for the ticks of the clocks
            assert clocks.counted_alerts() == {}


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-03-02T06:59", []),  # a Monday, in Madrid an hour later
        ("2026-03-02T07:00", ["weekly"]),
        ("2026-03-03T06:59", ["weekly"]),
        ("2026-03-03T07:00", []),
        ("2026-03-05T05:00", ["monthly"]),
        ("2026-03-30T05:59", []),
        ("2026-03-30T06:00", ["weekly"]),  # in summer the clocks are an hour ahead
    ],
)
def test_each_goes_out_on_its_day_from_its_hour_on(now: str, wanted: list[str]) -> None:
    to = [{"people": ["a@acme.example"]}]
    said = Reports.model_validate(
        {"mail": "mailto://x", "weekly": {"to": to}, "monthly": {"day": 5, "hour": 6, "to": to}}
    )
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert due(said, at, "Europe/Madrid") == wanted
    assert due(None, at, "Europe/Madrid") == []
    assert last_hour(Reports(), "weekly", at, "UTC") is None


async def test_the_schedule_sends_what_is_due_and_says_so(
    folder: Path, receivers: tuple[Mailbox, str, Posts, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monday = datetime(2026, 3, 2, 9, tzinfo=UTC)
    monkeypatch.setattr("flows.reports.utc_now", lambda: monday)
    with disable_run_logger():
        assert (await reports.fn(folder)).name == "Completed"
        assert len(receivers[0].mails) == 3
        again = await reports.fn(folder)
        assert (again.name, again.message) == ("Completed", "weekly: sent to 0.")
        monkeypatch.setattr("flows.reports.utc_now", lambda: monday + timedelta(days=2))
        assert (await reports.fn(folder)).name == "Skipped"
        env = (folder / ".env").read_text()
        (folder / ".env").write_text("".join(line for line in env.splitlines(True) if not line.startswith("PLACE")))
        monkeypatch.setattr("flows.reports.utc_now", lambda: monday)
        unset = await reports.fn(folder)
    assert (unset.name, "PLACE" in str(unset.message)) == ("Failed", True)


def test_people_need_a_mail_server(tmp_path: Path, call: Call) -> None:  # noqa: F811
    made = make_project(tmp_path / "acme")
    text = (made / "smarketing.yaml").read_text()
    (made / "smarketing.yaml").write_text(text + "reports: {weekly: {to: [{people: [a@acme.example]}]}}\n")
    answer = call("report", "send", "weekly", "--project", made, "--json")
    assert answer.exit == 2
    assert "mail server" in json.dumps(answer.json)
    (made / "smarketing.yaml").write_text(text)
    assert call("report", "send", "weekly", "--project", made, "--json").json["error"]["code"] == "no-recipients"


async def test_what_the_outcomes_say_is_kept_and_sent_once_a_quarter(
    folder: Path, receivers: tuple[Mailbox, str, Posts, str]
) -> None:
    with disable_run_logger():
        first, again = await calibration.fn(folder), await calibration.fn(folder)
    assert (first.name, again.name) == ("Completed", "Completed")
    [(to, mail)] = receivers[0].mails
    assert to == ["boss@acme.example"]
    [kept] = (folder / "reports").glob("calibration-*.md")
    assert "too few" in kept.read_text()
    [paper] = mail.iter_attachments()
    assert paper.get_filename() == kept.name
    text = (folder / "smarketing.yaml").read_text()
    (folder / "smarketing.yaml").write_text(text[: text.index("reports:")])
    with disable_run_logger():
        assert "sent to 0" in str((await calibration.fn(folder)).message)


def test_the_note_tells_every_rule_in_three_languages() -> None:
    rate, other = Rate(40, 20, 0.5, 0.35, 0.65), Rate(60, 6, 0.1, 0.05, 0.2)
    told = Calibration(100, 26, rules=[RuleWorth("A | B", "fit", 10, rate, other, 5.0, 16)])
    pages = [note(told, Words(language)) for language in ("en", "es", "pt")]
    assert len(set(pages)) == 3
    for page in pages:
        assert "A \\| B | +10 |" in page
        assert "| +16 |" in page
    assert "50% of 40 (35% to 65%)" in pages[0]
