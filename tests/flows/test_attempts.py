"""A flow's run without Prefect: what it comes to, when it is tried again, what it never says."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import utc_now
from connectors.errors import ConnectorError, Unauthorized, Unavailable
from flows import attempts
from flows.attempts import EVERY, HURRIED, PATIENT, Steps, Wanted, attempt
from flows.backfill import window
from flows.outcome import Name, Outcome, page
from state.history import History
from state.lock import Lease
from sync.context import Counts, Report
from sync.project import Opened, open_project
from sync.run import Options
from tests.console.folder import ADA, GRACE, TOKENS, edit, held, make_project

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path / "acme")


class Lines(list[str]):
    """What was said, and how long was waited."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.waits: list[float] = []
        self.then = then

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.then()


async def run(folder: Path, said: Lines | None = None, *, patient: bool = False, **options: Any) -> Outcome:
    said = Lines() if said is None else said
    return await attempt(Wanted(folder, Options(**options), patient=patient), said.append, sleep=said.sleep)


async def rescan(folder: Path, said: Lines | None = None, **options: Any) -> Outcome:
    return await run(folder, said, patient=True, kind="rescan", full=True, **options)


# --- what it comes to -------------------------------------------------------------------------------------------------


async def test_first_write_waits_for_a_person_and_says_how_to_go_on(folder: Path) -> None:
    before = held(folder, "marketing"), held(folder, "crm")
    outcome = await run(folder)
    assert outcome.name == Name.STOPPED
    assert "marketing: first write to this system: 1 creates" in outcome.message
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            [question] = history.reviews("guard")
    assert f"smarketing review resolve {question.id} --confirm --project {folder}" in outcome.told
    assert "confirm=true" in outcome.told
    assert (held(folder, "marketing"), held(folder, "crm")) == before


async def test_confirmed_run_syncs_and_the_next_one_writes_nothing(folder: Path) -> None:
    first = await run(folder, confirmed=True)
    assert (first.name, first.summary["outcome"]) == (Name.COMPLETED, "done")
    assert first.summary["systems"]["marketing"]["created"] == 1
    assert any(p["email"] == "alan@bletchley.example" for p in held(folder, "marketing").values())
    second = await run(folder)
    assert (second.name, second.summary["writes"]) == (Name.COMPLETED, 0)


async def test_rescan_that_is_stopped_asks_to_be_run_again_since_the_next_sync_would_take_its_answer(
    folder: Path,
) -> None:
    outcome = await rescan(folder)
    assert outcome.name == Name.STOPPED
    assert f"smarketing plan --full --project {folder}" in outcome.told
    assert "run this deployment once more with confirm=true" in outcome.told
    assert "review resolve" not in outcome.told


async def test_answer_to_the_guard_is_carried_out_by_the_next_run(folder: Path) -> None:
    await run(folder)
    async with open_project(folder, systems=(), reading=True) as opened:
        with opened.store() as store, History(store) as history:
            [question] = history.reviews("guard")
            store.resolve_review(question.id, {"confirm": True}, "ann", NOW)
            store.commit()
    outcome = await run(folder)
    assert outcome.name == Name.COMPLETED
    assert outcome.summary["writes"] > 0


async def test_rescan_finds_a_deletion_that_left_no_trace(folder: Path) -> None:
    await run(folder, confirmed=True)
    body = json.loads((folder / "marketing.json").read_text())
    body["records"] = {i: r for i, r in body["records"].items() if r["fields"]["email"] != ADA["email"]}
    (folder / "marketing.json").write_text(json.dumps(body))
    assert (await run(folder)).summary["systems"]["marketing"]["vanished"] == 0
    outcome = await rescan(folder)
    assert outcome.summary["systems"]["marketing"]["vanished"] == 1
    assert outcome.summary["kind"] == "rescan"


async def test_backfill_reads_its_days_again_and_leaves_no_checkpoint(folder: Path) -> None:
    await run(folder, confirmed=True)
    today = datetime.now().astimezone().date()
    outcome = await run(folder, kind="backfill", window=window(date(2025, 12, 31), today), patient=True)
    assert (outcome.name, outcome.summary["writes"]) == (Name.COMPLETED, 0)
    assert outcome.summary["systems"]["marketing"]["read"] >= 2
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            assert {p.stream for p in history.counted().positions} == {"lead"}


async def test_system_that_is_not_there_is_named(folder: Path) -> None:
    said = Lines()
    outcome = await attempt(Wanted(folder, Options(), ["markting"]), said.append, sleep=said.sleep)
    assert outcome.name == Name.FAILED
    assert "markting" in outcome.message
    assert "Did you mean marketing?" in outcome.told
    assert said.waits == []


async def test_every_error_of_the_configuration_is_told_at_once(folder: Path) -> None:
    (folder / "mappings/crm.yaml").write_text("match: [email]\nfields: {emial: {remote: Email}}\ncreate_wen: 1\n")
    said = Lines()
    outcome = await run(folder, said, patient=True)
    assert outcome.name == Name.FAILED
    assert "emial" in outcome.message
    assert "create_wen" in outcome.message
    assert "smarketing check" in outcome.told
    assert said.waits == []


async def test_folder_without_a_project_is_an_error_with_its_path(tmp_path: Path) -> None:
    outcome = await run(tmp_path)
    assert outcome.name == Name.FAILED
    assert "smarketing.yaml" in outcome.message


# --- another run is under way -----------------------------------------------------------------------------------------


@asynccontextmanager
async def another_run(folder: Path) -> AsyncIterator[Lease]:
    async with open_project(folder, systems=()) as opened:
        lease = Lease(opened.engine, "sync", utc_now)
        yield lease
        lease.release()


async def test_sync_beside_another_run_is_skipped_at_once(folder: Path) -> None:
    said = Lines()
    async with another_run(folder):
        outcome = await run(folder, said)
    assert outcome.name == Name.SKIPPED
    assert outcome.name.good
    assert "Another run is under way" in outcome.message
    assert said.waits == []


async def test_rescan_waits_for_another_run(folder: Path) -> None:
    await run(folder, confirmed=True)
    async with another_run(folder) as lease:
        said = Lines(then=lease.release)
        outcome = await rescan(folder, said)
    assert (outcome.name, said.waits) == (Name.COMPLETED, [30])
    assert "Another run is under way" in said[0]
    assert "Trying again in 30 s." in said[0]


async def test_rescan_gives_up_after_a_quarter_of_an_hour(folder: Path) -> None:
    said = Lines()
    async with another_run(folder):
        outcome = await rescan(folder, said)
    assert outcome.name == Name.FAILED
    assert said.waits == [30, 60, 120, 240, 480]
    assert len(said.waits) == PATIENT - 1


# --- a system fails ---------------------------------------------------------------------------------------------------


def engine(monkeypatch: pytest.MonkeyPatch, *ends: Report | BaseException) -> None:
    """The engine, as it ends one time after the other; the last way for ever."""
    left = list(ends)

    async def run_opened(opened: Opened, options: Options, **_: Any) -> Report:
        end = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr(attempts, "run_opened", run_opened)


def report(error: ConnectorError | None = None, **counts: int) -> Report:
    made = Report("0" * 32, "sync", NOW, systems={"crm": Counts(**counts)})
    if error:
        made.outcome = "partial"
        made.errors["crm"] = {"code": error.code, "message": error.message, "hint": error.hint}
    return made


async def test_run_is_repeated_as_a_whole_when_a_system_was_down(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, report(Unavailable("crm answered 503.")), report(read=5))
    said = Lines()
    outcome = await run(folder, said)
    assert (outcome.name, said.waits) == (Name.COMPLETED, [30])
    assert "crm answered 503." in said[0]


async def test_system_that_stays_down_leaves_a_partial_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, report(Unavailable("crm answered 503.")))
    said = Lines()
    outcome = await run(folder, said)
    assert (outcome.name, len(said.waits)) == (Name.PARTIAL, HURRIED - 1)
    assert "crm: crm answered 503." in outcome.message
    assert "The next run catches up." in outcome.told


async def test_refused_credentials_are_not_tried_again(folder: Path) -> None:
    env = folder / ".env"
    env.write_text(env.read_text().replace(TOKENS["CRM_TOKEN"], "tok-wrong-1111"))
    said = Lines()
    outcome = await rescan(folder, said, confirmed=True)
    assert (outcome.name, said.waits) == (Name.PARTIAL, [])
    assert outcome.summary["errors"]["crm"]["code"] == Unauthorized.code
    assert outcome.summary["systems"]["marketing"]["read"] == 2


async def test_guard_is_not_overrun_by_trying_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = report(Unavailable("marketing answered 503."))
    stopped.outcome, stopped.stops = (
        "stopped",
        [{"code": "guard-creates", "system": "crm", "message": "crm: 900 creates."}],
    )
    engine(monkeypatch, stopped)
    said = Lines()
    outcome = await rescan(folder, said)
    assert (outcome.name, said.waits) == (Name.STOPPED, [])
    assert "crm: 900 creates." in outcome.message
    assert "marketing answered 503." in outcome.message


async def test_too_many_refusals_lead_to_the_dead_letters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = report()
    stopped.outcome, stopped.stops = (
        "stopped",
        [{"code": "guard-errors", "system": "crm", "message": "crm: 10 refused."}],
    )
    engine(monkeypatch, stopped)
    outcome = await run(folder)
    assert "review list --kind dead_letter" in outcome.told
    assert "--confirm" not in outcome.told


async def test_refused_records_are_told_and_fail_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, report(read=10, rejected=2, unknown=1))
    outcome = await run(folder)
    assert outcome.name == Name.COMPLETED
    assert "3 were refused" in outcome.told


# --- what it never says -----------------------------------------------------------------------------------------------


async def test_no_record_and_no_secret_in_what_prefect_keeps(folder: Path) -> None:
    edit(folder, "crm", "1", Title="Countess")
    said = Lines()
    kept = []
    for options in ({}, {"confirmed": True}, {"full": True}):
        outcome = await run(folder, said, **options)
        kept += [outcome.told, page(outcome), json.dumps(outcome.summary), *said]
    text = "\n".join(kept).casefold()
    people = {str(v).casefold() for person in (ADA, GRACE) for v in person.values() if v not in ("lead", "subscriber")}
    assert len(people) > 8
    assert not [word for word in (*people, *TOKENS.values()) if word in text]


async def test_secret_in_a_vendors_message_is_taken_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, report(Unauthorized(f"refused {TOKENS['CRM_TOKEN']}", hint=f"not {TOKENS['CRM_TOKEN']}")))
    outcome = await run(folder)
    assert TOKENS["CRM_TOKEN"] not in outcome.told + json.dumps(outcome.summary)
    assert "refused ***" in outcome.message


async def test_error_nobody_foresaw_tells_where_and_no_values(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, KeyError("ada@analytical.example"))
    outcome = await run(folder)
    assert outcome.name == Name.FAILED
    assert "KeyError" in outcome.message
    assert any("test_attempts.py" in place and "run_opened" in place for place in outcome.trace)
    assert "ada@" not in outcome.told + json.dumps(outcome.summary) + "".join(outcome.trace)


async def test_database_errors_are_told_without_their_statement(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, sqlite3.OperationalError("disk is full: INSERT ada@analytical.example"))
    outcome = await run(folder)
    assert outcome.summary["outcome"] == "database-full"
    assert "ada@" not in outcome.told


async def test_cancelled_run_is_cancelled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await run(folder)


# --- progress ---------------------------------------------------------------------------------------------------------


def test_log_has_a_sum_for_each_phase_and_a_line_now_and_then() -> None:
    said: list[str] = []
    now = 0.0
    steps = Steps(said.append, lambda: now)
    for count in (1000, 2000):
        steps("read", "crm", count)
    assert said == []
    now = EVERY
    steps("read", "crm", 3000)
    assert said == ["crm: 3,000 records read so far"]
    steps("read", "crm", 3500)
    steps("plan", "", 12)
    steps("write", "crm", 8)
    steps("write", "marketing", 4)
    steps.end()
    assert said[1:] == [
        "crm: 3,500 records read",
        "12 writes planned",
        "crm: 8 records written",
        "marketing: 4 records written",
    ]


def test_page_has_a_row_for_every_system() -> None:
    summary = {"project": "acme", "kind": "sync", "systems": {"crm": vars(Counts(read=1200, rejected=1, unknown=2))}}
    told = page(Outcome(Name.COMPLETED, "1,200 records read.", ("3 were refused.",), summary))
    assert told.startswith("# acme: sync completed\n")
    assert "- 3 were refused." in told
    [row] = [line for line in told.splitlines() if line.startswith("| crm ")]
    assert row.split(" | ")[1] == "1,200"
    assert row.split(" | ")[11] == "3"
