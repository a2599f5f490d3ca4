"""What a draft would do, held against what a real run then does: the same writes, and until then nothing at all."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from console.cli import main
from console.impact import impact
from console.web import impact as page_module
from console.web.draft import published
from console.web.jobs import Job
from console.web.site import Site
from mapping.problems import ConfigErrors
from state.accounts import Accounts
from state.database import open_database
from state.history import History
from tests.console.folder import edit, held
from tests.console.web.conftest import Browser, seen

SILENT = lambda phase, place, count: None  # noqa: E731


def drafted(project: Path, name: str, *changes: tuple[str, str]) -> dict[str, str]:
    files = published(project)
    for old, new in changes:
        assert old in files[name], old
        files[name] = files[name].replace(old, new)
    return files


def publish(project: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (project / name).write_text(text, "utf-8")


def previewed(project: Path, files: dict[str, str]) -> dict[str, Any]:
    return asyncio.run(impact(project, SILENT, {"files": files}))


def traces(project: Path) -> dict[str, str]:
    """Everything that there is: every row of the database (as SQLite spells it), and the systems' files."""
    engine = open_database(f"sqlite:///{project}/state.sqlite")
    with engine.connect() as connection:
        rows = "\n".join(connection.connection.driver_connection.iterdump())  # type: ignore[union-attr]
    engine.dispose()
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in project.glob("*.json")}
    return {"rows": rows, **files}


def really_written(project: Path, files: dict[str, str]) -> dict[tuple[str, str], list[set[str]]]:
    """(system, operation) -> the fields of each write of a real run, after publishing on a copy."""
    copy = Path(shutil.copytree(project, project.parent / "published"))
    publish(copy, files)
    assert main(["sync", "--confirm", "--project", str(copy), "--json"]) in (0, 1)
    engine = open_database(f"sqlite:///{copy}/state.sqlite")
    with History(engine) as history:
        [run] = history.runs(1)
        rows = history.written(run.id)
    engine.dispose()
    assert all(row.state == "done" for row in rows)
    found: dict[tuple[str, str], list[set[str]]] = {}
    for row in rows:
        found.setdefault((row.system, row.operation), []).append(set(row.fields))
    return found


def counted(result: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (one["place"], op): counts["all"] for one in result["places"] for op, counts in one["operations"].items()
    }  # fmt: skip


DRAFTS = {
    "two fields change places": ("mappings/crm.yaml", ("{remote: First}", "{remote: Spare}"), ("{remote: Last}", "{remote: First}"), ("{remote: Spare}", "{remote: Last}")),
    "a field is not read any more": ("mappings/crm.yaml", ("company: {remote: Company}", "company: {remote: Company, direction: push}")),
    "one more field": ("mappings/crm.yaml", ("  score: {", "  employees: {remote: Employees}\n  score: {")),
    "fewer are created": ("mappings/crm.yaml", ("at_least: lead", "at_least: sql")),
    "more are created": ("mappings/crm.yaml", ("create_when: {stage: {at_least: lead}}\n", ""), ("{New: lead", "{New: subscriber")),
    "points": ("smarketing.yaml", ("points: 20", "points: 25"), ("points: 10", "points: 11")),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAFTS)
@pytest.mark.parametrize("pending", [False, True])
def test_the_preview_says_what_a_run_after_publishing_writes(project: Path, name: str, pending: bool) -> None:
    file, *changes = DRAFTS[name]
    if pending:  # what comes anyway: a person's edit, and somebody new
        edit(project, "marketing", "2", last="Hopper-Murray")
        edit(project, "crm", "9", Email="new@x.example", First="New", Last="Person", Status="Working")
    files = drafted(project, str(file), *changes)  # type: ignore[arg-type]
    before = traces(project)
    result = previewed(project, files)
    assert traces(project) == before
    written = really_written(project, files)
    assert counted(result) == {key: len(rows) for key, rows in written.items()}
    for one in result["places"]:
        updates = written.get((one["place"], "update"), [])
        fields = {name: counts["all"] for name, counts in one["fields"].items()}
        assert fields == {name: sum(name in row for row in updates) for row in updates for name in row}
        for counts in one["operations"].values():
            assert counts["due"] <= counts["all"]


def test_what_comes_anyway_is_not_put_down_to_the_draft(project: Path) -> None:
    edit(project, "marketing", "2", last="Hopper-Murray", size=12)
    edit(project, "crm", "9", Email="new@x.example", First="New", Last="Person", Status="Working")
    anyway = really_written(project, {})
    files = drafted(project, "smarketing.yaml", ("points: 10", "points: 11"))
    result = previewed(project, files)
    due = {(o["place"], op): n["due"] for o in result["places"] for op, n in o["operations"].items()}
    total = counted(result)
    assert len(anyway[("marketing", "create")]) == 1
    # everybody with a company gets another score; the newcomer in the CRM has none, and what it is told it is told anyway
    assert due[("marketing", "create")] == 0
    assert total[("marketing", "create")] == 1
    scores = {one["place"]: one["fields"]["score"] for one in result["places"]}
    assert scores["marketing"] == {"all": 3, "due": 3, "blanks": 0}
    assert scores["crm"] == {"all": 3, "due": 2, "blanks": 0}
    for one in result["places"]:
        for field, counts in one["fields"].items():
            if field not in ("score", "score_reason"):
                assert counts["due"] == 0, field
    examples = [one for one in result["examples"] if one["due"]]
    assert {name for one in examples for name in one["due"]} == {"score"}


def test_what_would_not_be_written_any_more_is_told(project: Path) -> None:
    edit(project, "marketing", "1", company="Analytical Engines")
    files = drafted(
        project, "mappings/crm.yaml", ("company: {remote: Company}", "company: {remote: Company, direction: pull}")
    )
    result = previewed(project, files)
    [crm] = [one for one in result["places"] if one["place"] == "crm"]
    assert crm["operations"] == {}
    assert crm["no_more"] == {"update": 1}
    assert crm["fields_no_more"] == {"company": 1}


def test_questions_and_examples_tell_who_and_why(project: Path) -> None:
    files = drafted(
        project,
        "mappings/marketing.yaml",
        ("employees: {remote: size}", "employees: {remote: company}"),
        ("company: {remote: company}", "company: {remote: size}"),
    )
    result = previewed(project, files)
    [row] = [one for one in result["questions"] if one["field"] == "employees"]
    assert row["question"] == "bad_value"
    assert row["due"] == row["all"] == 3
    assert {"Analytical", "Navy", "Bletchley"} == {one["value"] for one in row["examples"]}
    assert result["questions_in_all"]["due"] == 3
    assert held(project, "marketing")["1"]["company"] == "Analytical"


def test_the_guard_would_stop_it(project: Path) -> None:
    text = published(project)["smarketing.yaml"]
    (project / "smarketing.yaml").write_text(f"{text}\nguards: {{floor: 0, change_share: 0.4}}\n")
    assert main(["sync", "--confirm", "--project", str(project), "--json"]) in (0, 1)
    files = drafted(project, "smarketing.yaml", ("points: 10", "points: 11"))
    stops = {(stop["code"], stop["system"]): stop["due"] for stop in previewed(project, files)["stops"]}
    assert stops[("guard-changes", "marketing")] is True
    assert ("guard-rules", "") in stops


def test_nobody_waits_for_a_preview(project: Path) -> None:
    """Pages and runs go on writing to the database while it is under way, and no copy is left behind."""
    engine = open_database(f"sqlite:///{project}/state.sqlite", migrate=False)
    accounts, copies = Accounts(engine), []

    def meanwhile(phase: str, place: str, count: int) -> None:
        copies.append([p for p in project.iterdir() if p.name.startswith(".copy-")])
        accounts.note(datetime.now(UTC), "somebody", "meanwhile", phase)

    (project / ".copy-999999999-dead").mkdir()
    files = drafted(project, "smarketing.yaml", ("points: 10", "points: 11"))
    result = asyncio.run(impact(project, meanwhile, {"files": files}))
    assert counted(result)[("marketing", "update")] == 3
    assert {len(one) for one in copies} == {1}
    assert {one.subject for one in accounts.deeds()} == {"published", "read", "plan"}
    assert not [p for p in project.iterdir() if p.name.startswith(".copy-")]
    engine.dispose()


def test_a_draft_that_means_the_same_changes_nothing(project: Path) -> None:
    files = drafted(project, "smarketing.yaml", ("region: GB", "# a word\nregion: GB"))
    assert previewed(project, files) == {"same": True}


def test_a_draft_that_is_broken_says_where(project: Path) -> None:
    files = drafted(project, "mappings/crm.yaml", ("remote: Email", "remot: Email"))
    with pytest.raises(ConfigErrors, match=r"mappings/crm\.yaml:\d+: fields\.email\.remot"):
        previewed(project, files)


def test_a_system_that_is_down_is_left_out_and_named(project: Path) -> None:
    files = drafted(project, "smarketing.yaml", ("points: 10", "points: 11"))
    env = project / ".env"
    env.write_text(env.read_text().replace("tok-crm-0f9e8d7c6b", "expired"))
    result = previewed(project, files)
    assert result["errors"]["crm"]["code"] == "unauthorized"
    assert [one["place"] for one in result["places"] if one["operations"]] == ["marketing"]


# -- the page ---------------------------------------------------------------------------------------------------------


def ended(site: Site) -> Job:
    [job] = [one for one in site.jobs.all() if one.kind == "impact"]
    until = time.monotonic() + 30
    while job.running and time.monotonic() < until:
        time.sleep(0.02)
    return job


@pytest.fixture
def draft(project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The admin's draft, as the pages see it."""
    files = published(project)
    monkeypatch.setattr(page_module, "draft_of", lambda page: dict(files))
    return files


def test_from_the_start_to_the_result(
    admin: Browser, viewer: Browser, site: Site, project: Path, draft: dict[str, str]
) -> None:
    draft["smarketing.yaml"] = draft["smarketing.yaml"].replace("points: 10", "points: 11")
    empty = seen(admin.get("/mapping/preview"))
    assert "Nothing has been worked out yet" in empty
    before = traces(project)
    started = admin.post("/mapping/preview")
    assert "Work" in seen(started)
    job = ended(site)
    assert job.failure is None
    assert "token" not in str(job.result).lower()
    kept = traces(project)
    assert kept["crm.json"] == before["crm.json"]
    assert kept["marketing.json"] == before["marketing.json"]
    page = admin.get(f"/mapping/preview?job={job.id}&field=score")
    text = seen(page)
    assert "The guard has nothing against it" in text
    assert "the first run asks for a confirmation" in text
    assert "Ada Lovelace" in text
    assert "because of the draft" in text
    assert 'hx-trigger="every 1s"' not in page.text
    others = seen(viewer.get(f"/mapping/preview?job={job.id}"))
    assert "Lovelace" not in others
    assert "Values of people are shown to admins" in others
    [noted] = [row for row in site.accounts.deeds(50) if row.action == "mapping-preview"]
    assert noted.who == "admin@example.com"
    assert "has changed since" not in others + text
    draft["smarketing.yaml"] += "\n# and more\n"
    assert "has changed since" not in seen(viewer.get("/mapping/preview"))
    assert "has changed since this was worked out" in seen(admin.get("/mapping/preview"))


def test_a_broken_draft_is_a_page(admin: Browser, site: Site, draft: dict[str, str]) -> None:
    draft["mappings/crm.yaml"] = draft["mappings/crm.yaml"].replace("remote: Email", "remot: Email")
    admin.post("/mapping/preview")
    assert ended(site).failure is not None
    answer = admin.get("/mapping/preview")
    assert answer.status_code == 200
    assert "mappings/crm.yaml" in seen(answer)
    assert "fields.email.remot" in seen(answer)


def test_only_admins_start_one(viewer: Browser, operator: Browser, app: FastAPI) -> None:
    assert viewer.post("/mapping/preview").status_code == 403
    assert operator.post("/mapping/preview").status_code == 403
    assert app.state.site.jobs.all() == []
    assert "Work it out" not in seen(viewer.get("/mapping/preview"))
