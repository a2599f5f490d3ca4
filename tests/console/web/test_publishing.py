"""From a draft to what runs, and back: publishing, two admins at once, files edited by hand, a process that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

from console.web.app import create_app
from console.web.site import Site
from mapping.folder import read_files, unfinished
from mapping.loader import load_project
from state.accounts import made
from tests.console.web.conftest import Browser, seen
from tests.console.web.forms import places, row, version
from tests.mapping.test_folder import DYING

pytestmark = pytest.mark.usefixtures("no_reading")


@pytest.fixture
def second(app: FastAPI, site: Site) -> Browser:
    """Another admin."""
    bo = Browser(app, None)
    now = datetime.now(UTC)
    account = made("bo@example.com", "Bo", "admin", now)
    site.accounts.add(account)
    site.accounts.begin(account.id, "bo-key", "bo-csrf", now, now.replace(year=now.year + 1), "tests")
    bo.client.cookies.set("smarketing_session", "bo-key")
    bo.csrf = "bo-csrf"
    return bo


def test_where_secrets_will_go_is_said_before(admin: Browser, project: Path) -> None:
    main = (project / "smarketing.yaml").read_text("utf-8")
    assert "file: crm.json" in main
    page = admin.get("/mapping/yaml/smarketing.yaml")
    form = {**places(page, "/mapping/yaml/smarketing.yaml"), "text": main.replace("file: crm.json", "file: other.json")}
    assert "saved" in seen(admin.post("/mapping/yaml/smarketing.yaml", form)).lower()
    assert "crm is connected otherwise from the next run on" in seen(admin.get("/mapping/publish"))
    assert "connected otherwise" not in seen(admin.get("/mapping"))


def test_from_a_draft_to_what_runs_and_back(admin: Browser, viewer: Browser, site: Site, project: Path) -> None:
    """The whole story, as somebody does it who has never seen the program."""
    before = read_files(project)
    file = project / "mappings" / "marketing.yaml"
    told = "  phone: {remote: phone}\n"
    assert told in before["mappings/marketing.yaml"]

    form = row(admin, "marketing", "phone")
    assert form["remote"] == "phone"
    answer = admin.post("/mapping/marketing/field", {**form, "remote": "work_phone", "direction": "pull"})
    assert "saved to your draft" in seen(answer)
    assert "1 change" in seen(answer)
    assert read_files(project) == before, "nothing runs yet"
    assert "1 change" not in seen(viewer.get("/mapping")), "a draft is its author's"

    page = admin.get("/mapping/publish")
    assert "work_phone" in seen(page)
    assert "+ phone: {remote: work_phone, direction: pull}" in seen(page)
    answer = admin.post("/mapping/publish", {**version(admin), "note": "Phones of work"})
    assert "Version 2 is published" in seen(answer)
    assert file.read_text() == before["mappings/marketing.yaml"].replace(
        told, "  phone: {remote: work_phone, direction: pull}\n"
    )
    assert load_project(project).mappings["marketing"].fields["phone"].remote == "work_phone"
    last = site.publications.last()
    assert last is not None
    assert (last.number, last.by, last.note, last.how) == (2, "admin@example.com", "Phones of work", "draft")
    assert last.rules_hash == load_project(project).hash
    assert site.drafts.all() == []

    history = seen(viewer.get("/mapping/history"))
    assert "Phones of work" in history
    first = admin.get("/mapping/history/1")
    assert "Going back would change 1 entry" in seen(first)
    answer = admin.post("/mapping/history/1/rollback", places(first, "/mapping/history/1/rollback"))
    assert "Back to version 1; it is now version 3" in seen(answer)
    assert read_files(project) == before
    back = site.publications.last()
    assert back is not None
    assert (back.how, back.rolls_back, back.files) == ("rollback", 1, before)
    actions = [deed.action for deed in site.accounts.deeds()]
    assert actions[:3] == ["rollback", "publish", "draft"]


def test_the_version_that_runs_is_undone_by_one_click(admin: Browser, project: Path) -> None:
    before = read_files(project)
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    done = admin.post("/mapping/publish", version(admin))
    answer = admin.post("/mapping/history/1/rollback", places(done, "/mapping/history/1/rollback"))
    assert "Back to version 1" in seen(answer)
    assert read_files(project) == before


def test_two_admins_who_changed_different_entries(admin: Browser, second: Browser, project: Path, site: Site) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    second.post("/mapping/crm/field", {**row(second, "crm", "company"), "remote": "Organisation"})
    assert "Admin is working on a draft" in seen(second.get("/mapping"))
    publish = version(admin)
    second.post("/mapping/publish", {**version(second), "note": "Org"})
    answer = admin.post("/mapping/publish", publish)
    assert str(answer.url).endswith("/mapping/merge")
    page = seen(answer)
    assert "bo@example.com has published version 2" in page
    assert "Organisation" in page
    assert "HomePhone" in page
    assert "You have changed different entries" in page
    answer = admin.post("/mapping/merge", places(answer, "/mapping/merge"))
    assert "Both are together" in seen(answer)
    admin.post("/mapping/publish", version(admin))
    text = read_files(project)["mappings/crm.yaml"]
    assert "HomePhone" in text
    assert "Organisation" in text
    assert [one.by for one in site.publications.newest()] == ["admin@example.com", "bo@example.com", ""]


@pytest.mark.parametrize(("choice", "kept"), [("mine", "HomePhone"), ("theirs", "WorkPhone")])
def test_two_admins_who_changed_the_same_entry(
    admin: Browser, second: Browser, project: Path, choice: str, kept: str
) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    admin.post("/mapping/crm/field", {**row(admin, "crm", "company"), "remote": "Organisation"})
    second.post("/mapping/crm/field", {**row(second, "crm", "phone"), "remote": "WorkPhone"})
    second.post("/mapping/publish", version(second))
    page = admin.get("/mapping/merge")
    assert "1 entry that both have changed" in seen(page)
    form = places(page, "/mapping/merge")
    nobody = admin.post("/mapping/merge", form)
    assert nobody.status_code == 422, "nothing is decided by itself"
    answer = admin.post("/mapping/merge", {**form, "choose mappings/crm.yaml fields.phone": choice})
    assert "Both are together" in seen(answer)
    admin.post("/mapping/publish", version(admin))
    fields = load_project(project).mappings["crm"].fields
    assert (fields["phone"].remote, fields["company"].remote) == (kept, "Organisation")


def test_files_edited_by_hand_are_seen(admin: Browser, viewer: Browser, project: Path, site: Site) -> None:
    file = project / "mappings" / "crm.yaml"
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    file.write_text(file.read_text() + "# by hand\n")
    assert "edited by hand since" in seen(viewer.get("/mapping/history"))
    assert site.publications.last().number == 1  # type: ignore[union-attr]
    answer = admin.post("/mapping/publish", {"version": "1", "note": ""})
    assert str(answer.url).endswith("/mapping/merge")
    admin.post("/mapping/merge", places(answer, "/mapping/merge"))
    admin.post("/mapping/publish", version(admin))
    text = file.read_text()
    assert text.endswith("# by hand\n")
    assert "HomePhone" in text
    assert [(one.number, one.how) for one in site.publications.newest()] == [(3, "draft"), (2, "hand"), (1, "hand")]
    assert "HomePhone" not in site.publications.get(2).files["mappings/crm.yaml"]  # type: ignore[union-attr]


def test_an_old_state_is_not_put_over_a_new_one_unseen(admin: Browser, project: Path) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    admin.post("/mapping/publish", version(admin))
    back = places(admin.get("/mapping/history/1"), "/mapping/history/1/rollback")
    file = project / "mappings" / "crm.yaml"
    file.write_text(file.read_text() + "# by hand\n")
    now = read_files(project)
    assert "nothing was taken back" in seen(admin.post("/mapping/history/1/rollback", back))
    assert read_files(project) == now


def test_a_draft_is_discarded(admin: Browser, site: Site) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    form = places(admin.get("/mapping"), "/mapping/discard")
    admin.post("/mapping/crm/field", {**row(admin, "crm", "company"), "remote": "Organisation"})
    assert "another tab" in seen(admin.post("/mapping/discard", form))
    assert len(site.drafts.all()) == 1
    assert "discarded" in seen(admin.post("/mapping/discard", places(admin.get("/mapping"), "/mapping/discard")))
    assert site.drafts.all() == []


KILLED = f"""{DYING}
from datetime import UTC, datetime
from console.publishing import publish
from mapping.folder import read_files
from mapping.loader import load_project, resolve_database
from state.database import open_database
from state.drafts import Publications
publications = Publications(open_database(resolve_database(load_project(folder), os.environ)))
begun = read_files(folder)
files = {{n: text.replace("remote: phone", "remote: tel").replace("remote: Phone", "remote: Tel") for n, text in begun.items()}}
if at == 9:
    publications.add = lambda publication: os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
publish(folder, publications, begun, files, by="ana@example.com", note="killed", at=datetime.now(UTC))
"""


@pytest.mark.parametrize("at", [1, 2, 9])
def test_a_publication_that_was_killed_is_finished_by_the_next_start(project: Path, app: FastAPI, at: int) -> None:
    """Before its journal is written it never happened; from then on every reader sees all of it, and the next start notes it."""
    site: Site = app.state.site
    before = read_files(project)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(at), str(project)], check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    texts = read_files(project)
    assert (texts == before) == (at == 1)
    if at > 1:
        assert all(("tel" in text) or ("Tel" in text) for name, text in texts.items() if name != "smarketing.yaml")
        assert unfinished(project) is not None
    assert load_project(project)
    assert site.publications.last().number == 1  # type: ignore[union-attr]
    again: Callable[[Path], FastAPI] = create_app
    other = again(project)
    try:
        assert unfinished(project) is None
        assert read_files(project) == texts
        last = other.state.site.publications.last()
        assert (last.number, last.note) == ((1, "") if at == 1 else (2, "killed"))
        assert last.files == texts
    finally:
        other.state.site.close()
