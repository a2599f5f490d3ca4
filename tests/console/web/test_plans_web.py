"""A plan in the browser: what it shows, what is left out of it, and that exactly the rest is written."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI

from console import browsing, plans
from console.choice import Choice
from console.cli import main
from console.failures import Refusal
from console.web.app import create_app
from console.web.jobs import Job
from console.web.site import Site
from console.web.work import WORK
from tests.console.folder import edit, held, make_project
from tests.console.web.conftest import Browser, seen

SOON = 60.0
Systems = dict[str, dict[str, dict[str, Any]]]


def finished(site: Site) -> Job:
    """The newest job, once it has ended."""
    until = time.monotonic() + SOON
    while time.monotonic() < until:
        [job, *_] = site.jobs.all()
        if not job.running:
            return job
        time.sleep(0.02)
    raise AssertionError("the job never ended")


def planned(folder: Path) -> str:
    """A plan, as a command makes one."""
    known = set((folder / "plans").glob("*.json"))
    assert main(["plan", "--project", str(folder), "--json"]) in (0, 3)
    [file] = set((folder / "plans").glob("*.json")) - known
    return file.stem


def pressed(operator: Browser, site: Site, plan: str, **more: str) -> dict[str, Any]:
    """The button on the plan's page, and the process that it starts."""
    operator.post(f"/plans/{plan}/apply", {"mark": mark_of(operator, plan), **more})
    job = finished(site)
    assert job.kind == "apply"
    assert job.result is not None, job.failure
    assert operator.get(f"/jobs/{job.id}?follow=1").url.path == f"/runs/{job.result['run']}"
    return job.result


def applied(operator: Browser, folder: Path, plan: str, **more: Any) -> dict[str, Any]:
    """What that process does, in this one, which is quicker."""
    arguments = {"plan": plan, "mark": mark_of(operator, plan), "confirmed": False, "who": "a@example.com", **more}
    return asyncio.run(WORK["apply"](folder, lambda phase, place, count: None, arguments))


def mark_of(operator: Browser, plan: str) -> str:
    [mark] = re.findall(r'name="mark" value="([0-9a-f]+)"', operator.get(f"/plans/{plan}").text)
    return str(mark)


def systems(folder: Path) -> Systems:
    return {name: held(folder, name) for name in ("marketing", "crm")}


def rows_of(folder: Path, plan: str) -> list[dict[str, Any]]:
    """The plan's own file."""
    found: list[dict[str, Any]] = json.loads((folder / f"plans/{plan}.json").read_text())["writes"]
    return found


def number(rows: list[dict[str, Any]], system: str, who: str) -> int:
    return next(n for n, row in enumerate(rows) if row["system"] == system and row["who"].startswith(who))


def differences(before: Systems, after: Systems) -> dict[tuple[str, str], dict[str, Any]]:
    """(system, id) -> the fields that are other than before, as they are now."""
    found = {}
    for system, records in after.items():
        for id_, fields in records.items():
            old: Mapping[str, Any] = before[system].get(id_, {})
            changed = {name: value for name, value in fields.items() if old.get(name) != value}
            if changed:
                found[system, id_] = changed
    return found


@pytest.fixture
def edited(project: Path) -> Path:
    """Ada and Alan have other names and telephone numbers in the CRM, Grace has in marketing."""
    edit(project, "crm", "1", First="Augusta", Phone="+442079460002")
    edit(project, "crm", "2", First="Alan M.", Phone="+442079460003")
    edit(project, "marketing", "1", company="Analytical Engines")
    return project


def test_it_shows_every_write_with_its_reason(edited: Path, site: Site, operator: Browser, viewer: Browser) -> None:
    plan = planned(edited)
    page = viewer.get(f"/plans/{plan}")
    text = seen(page)
    assert page.status_code == 200
    assert "Augusta" in text
    assert "Analytical becomes Analytical Engines" in text.replace("→ ", "")
    assert "crm · only it changed" in text
    assert "of 3 writes" in text
    assert f"/plans/{plan}/leave" not in page.text
    assert f"/plans/{plan}/apply" not in page.text


def test_what_is_left_out_is_not_written_and_all_else_is(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    rows, before = rows_of(edited, plan), systems(edited)
    ada, alan = (number(rows, "marketing", who) for who in ("Augusta", "Alan"))
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": str(ada), "field": "first_name"})
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": str(alan)})
    page = seen(operator.get(f"/plans/{plan}"))
    assert "2 of 3 writes" in page
    assert "1 is left out" in page
    assert "1 is written without some of its fields" in page
    result = pressed(operator, site, plan)
    assert (result["planned"], result["writes"], result["left_out"]) == (2, 2, 0)
    assert differences(before, systems(edited)) == {
        ("marketing", "1"): {"phone": "+442079460002"},
        ("crm", "1"): {"Company": "Analytical Engines"},
    }
    again = rows_of(edited, planned(edited))  # what was left out is planned again, and nothing else
    assert {(row["system"], row["who"].split()[0], name) for row in again for name in row["fields"]} == {
        ("marketing", "Augusta", "first_name"), ("marketing", "Alan", "first_name"), ("marketing", "Alan", "phone"),
    }  # fmt: skip


def test_a_field_can_be_left_out_everywhere_in_a_system(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    before = systems(edited)
    what = {"system": "marketing", "kind": "lead", "field": "phone"}
    operator.post(f"/plans/{plan}/leave", {"out": "1", **what})
    assert "2 are written without some of their fields" in seen(operator.get(f"/plans/{plan}"))
    operator.post(f"/plans/{plan}/leave", {"out": "1", "system": "crm", "kind": "lead", "field": "company"})
    assert "2 of 3 writes" in seen(operator.get(f"/plans/{plan}"))
    applied(operator, edited, plan)
    assert differences(before, systems(edited)) == {
        ("marketing", "1"): {"first": "Augusta"},
        ("marketing", next(i for i, r in held(edited, "marketing").items() if r["last"] == "Turing")): {
            "first": "Alan M."
        },
    }


def test_what_was_left_out_can_be_taken_in_again(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    for asked in ({"n": "0"}, {"n": "0", "field": "phone"}, {"system": "crm", "kind": "lead", "field": "company"}):
        for out in ("1", "0"):
            operator.post(f"/plans/{plan}/leave", {"out": out, **asked})
    assert Choice.load(edited, plan) == Choice()
    assert applied(operator, edited, plan)["writes"] == 3


def test_all_that_the_filter_shows_can_be_left_out(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    before = systems(edited)
    operator.post(f"/plans/{plan}/leave-all", {"out": "1", "text": "AUGUSTA", "system": "marketing"})
    [deed] = site.accounts.deeds(limit=1)
    assert deed.detail == {"writes": 1, "system": "marketing", "text": True}, "nobody's name is in what stays for good"
    operator.post(f"/plans/{plan}/leave-all", {"out": "1", "field": "company", "change": "changed"})
    applied(operator, edited, plan)
    [(place, changed)] = differences(before, systems(edited)).items()
    assert place[0] == "marketing"
    assert changed == {"first": "Alan M.", "phone": "+442079460003"}


def test_no_record_is_created_without_what_it_cannot_be_without(edited: Path, site: Site, operator: Browser) -> None:
    for id_, who in (("7", "Barbara"), ("8", "Edsger")):
        edit(edited, "crm", id_, Email=f"{who.lower()}@x.example", First=who, Last="X", Status="New", Company="X Ltd")
    plan = planned(edited)
    rows = rows_of(edited, plan)
    barbara, edsger = (number(rows, "marketing", who) for who in ("Barbara", "Edsger"))
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": str(barbara), "field": "email"})
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": str(edsger), "field": "company"})
    assert "It waits as a whole" in seen(operator.get(f"/plans/{plan}?text=barbara"))
    assert "It waits as a whole" not in seen(operator.get(f"/plans/{plan}?text=edsger"))
    applied(operator, edited, plan)
    made = {record["first"]: record for record in held(edited, "marketing").values()}
    assert "Barbara" not in made
    assert made["Edsger"]["email"] == "edsger@x.example"
    assert not made["Edsger"].get("company")
    applied(operator, edited, planned(edited))
    made = {record["first"]: record for record in held(edited, "marketing").values()}
    assert made["Barbara"]["company"] == made["Edsger"]["company"] == "X Ltd"


def test_its_stops_have_to_be_looked_at(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "new")
    app: FastAPI = create_app(folder)
    site: Site = app.state.site
    try:
        operator = Browser(app, "operator")
        plan = planned(folder)
        before = systems(folder)
        text = seen(operator.get(f"/plans/{plan}"))
        assert "This system has never been written to." in text
        assert "If they are right, confirm" in text
        mark = Choice.load(folder, plan).mark
        told = operator.post(f"/plans/{plan}/apply", {"mark": mark})
        assert "Look at what stopped the plan first" in seen(told)
        assert systems(folder) == before
        assert pressed(operator, site, plan, confirmed="1")["writes"] == 5
        assert held(folder, "crm")["1"]["Company"] == "Analytical"
        [(who, answer)] = [(review.resolved_by, review.resolution) for review in _guard_reviews(site)]
        assert (who, answer) == ("operator@example.com", {"confirm": True})
    finally:
        site.close()


def _guard_reviews(site: Site) -> list[Any]:
    with site.history() as history:
        return [one for one in history.reviews_by_id(range(1, 50)).values() if one.kind == "guard"]


def test_a_choice_that_somebody_else_changed_is_shown_again(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    before, mark = systems(edited), Choice.load(edited, plan).mark
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": "0"})
    told = operator.post(f"/plans/{plan}/apply", {"mark": mark})
    assert "Somebody has changed what is left out" in seen(told)
    assert site.jobs.all() == []
    with pytest.raises(Refusal, match="Somebody has changed"):  # whoever starts the work otherwise
        applied(operator, edited, plan, mark=mark)
    assert systems(edited) == before


def test_what_changed_since_is_left_out_and_told(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    edit(edited, "crm", "1", First="Ada Augusta")
    result = pressed(operator, site, plan)
    assert (result["planned"], result["writes"], result["left_out"]) == (3, 2, 1)
    text = seen(operator.get(f"/runs/{result['run']}"))
    assert "1 approved write was left out: it had changed since" in text
    assert "would now be: first_name Ada Augusta" in text
    assert "Ada Augusta" not in {record["first"] for record in held(edited, "marketing").values()}


def test_a_plan_of_another_configuration_cannot_be_written(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    main_ = edited / "smarketing.yaml"
    main_.write_text(main_.read_text().replace("points: 20", "points: 25"))
    page = operator.get(f"/plans/{plan}")
    assert "The configuration has changed since the plan was made." in seen(page)
    assert f"/plans/{plan}/apply" not in page.text


def test_only_operators_choose_and_write(edited: Path, site: Site, operator: Browser, viewer: Browser) -> None:
    plan = planned(edited)
    before, mark = systems(edited), Choice.load(edited, plan).mark
    for url, data in (
        (f"/plans/{plan}/leave", {"out": "1", "n": "0"}),
        (f"/plans/{plan}/leave-all", {"out": "1"}),
        (f"/plans/{plan}/apply", {"mark": mark}),
        ("/runs/start", {"what": "sync"}),
    ):
        assert viewer.post(url, data).status_code == 403
    assert Choice.load(edited, plan) == Choice()
    assert site.jobs.all() == []
    assert systems(edited) == before


def test_who_left_out_and_wrote_what_is_in_the_audit(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": "0", "field": "phone"})
    result = pressed(operator, site, plan)
    deeds = {deed.action: deed for deed in site.accounts.deeds()}
    assert deeds["plan-left-out"].detail == {"field": "phone"} | {"n": 0} or deeds["plan-left-out"].detail == {
        "field": "phone"
    }
    assert (deeds["run"].subject, deeds["run"].who) == (result["run"], "operator@example.com")
    assert deeds["run"].detail["plan"] == plan


def test_it_is_filtered(edited: Path, site: Site, operator: Browser) -> None:
    plan = planned(edited)
    rows = rows_of(edited, plan)

    def shown(query: str) -> set[tuple[str, str]]:
        page = operator.get(f"/plans/{plan}?{query}").text
        ids = [int(n) for n in re.findall(r'id="write-(\d+)"', page)]
        return {(rows[n]["system"], rows[n]["who"].split()[0]) for n in ids}

    everything = {("marketing", "Augusta"), ("marketing", "Alan"), ("crm", "Augusta")}
    assert shown("") == everything
    assert shown("system=crm") == {("crm", "Augusta")}
    assert shown("field=phone") == {("marketing", "Augusta"), ("marketing", "Alan")}
    assert shown("field=phone&change=blanked") == set()
    assert shown("text=7946+0003") == set()
    assert shown("text=460003") == {("marketing", "Alan")}
    assert shown("operation=create") == set()
    assert "No write is like this" in seen(operator.get(f"/plans/{plan}?operation=create"))


def test_a_plan_made_by_a_command_is_shown_too_and_a_large_one_by_a_job(
    project: Path, site: Site, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project, "crm", "1", First="Augusta")
    assert main(["plan", "--project", str(project), "--json"]) == 0
    [file] = (project / "plans").glob("*.json")
    assert "of 1 write" in seen(operator.get(f"/plans/{file.stem}"))
    file.with_suffix(".index").unlink()
    monkeypatch.setattr("console.browsing.SMALL", 10)
    page = operator.get(f"/plans/{file.stem}")
    assert "/jobs/" in str(page.url)
    job = finished(site)
    assert (job.kind, job.result) == ("index", {"plan": file.stem})
    assert "of 1 write" in seen(operator.get(f"/jobs/{job.id}?follow=1"))
    file.write_bytes(file.read_bytes() + b" ")  # another file is another plan
    assert "/jobs/" in str(operator.get(f"/plans/{file.stem}").url)


@pytest.mark.parametrize("id_", ["nothing", "..%2Fsmarketing", "%2e%2e/state", "a.b"])
def test_what_is_no_plan_is_not_found(id_: str, operator: Browser) -> None:
    assert operator.get(f"/plans/{id_}").status_code == 404


def test_a_revert_is_a_plan_first_and_then_carried_out(edited: Path, site: Site, operator: Browser) -> None:
    before = systems(edited)
    result = applied(operator, edited, planned(edited))
    page = operator.get(f"/runs/{result['run']}")
    assert "Take this run back" in seen(page)
    operator.post(f"/runs/{result['run']}/revert")
    job = finished(site)
    assert job.result is not None, job.failure
    plan = str(job.result["plan"])
    written = systems(edited)
    text = seen(operator.get(f"/plans/{plan}"))
    assert "what would be taken back" in text
    assert "The plan takes back what a run wrote." in text
    assert written != before
    alan = number(rows_of(edited, plan), "marketing", "Alan")
    operator.post(f"/plans/{plan}/leave", {"out": "1", "n": str(alan), "field": "phone"})
    back = applied(operator, edited, plan, confirmed=True)
    after = differences(before, systems(edited))
    assert after.pop(("marketing", "1")) == {"phone": "+442079460001"}  # as it was, spelled as we spell it
    [(place, changed)] = after.items()
    assert (place[0], changed) == ("marketing", {"phone": "+442079460003"})  # what was left out of the revert
    assert "It took back this run" in seen(operator.get(f"/runs/{back['run']}"))


def test_a_large_plan_is_looked_through_without_being_read(edited: Path, app: FastAPI) -> None:
    """20,000 writes: a page reads its own rows and no others, also where the plan's file could not be read any more."""
    file = edited / f"plans/{planned(edited)}.json"
    body = orjson.loads(file.read_bytes())
    [one] = [row for row in body["writes"] if row["who"].startswith("Alan")]
    body["writes"] = [{**one, "fingerprint": f"{n:016x}", "who": f"P{n} X"} for n in range(20_000)]
    file.write_bytes(orjson.dumps(body))
    browsing.index(plans.load(file.stem, edited), file)
    seen_ = file.stat()
    file.write_bytes(b"{" + b" " * (seen_.st_size - 1))
    os.utime(file, ns=(seen_.st_atime_ns, seen_.st_mtime_ns))
    operator = Browser(app, "operator")
    assert "20,000 of 20,000 writes" in seen(operator.get(f"/plans/{file.stem}"))
    begun = time.process_time()
    page = seen(operator.get(f"/plans/{file.stem}?text=p19999+x"))
    assert time.process_time() - begun < 0.5
    assert "P19999 X" in page
    assert "P19998 X" not in page
    second = operator.get(f"/plans/{file.stem}?after=29").text
    assert re.findall(r'id="write-(\d+)"', second) == [str(n) for n in range(30, 60)]
