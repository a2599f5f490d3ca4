"""The mapping editor as browsers see it: a draft, its errors, publishing, two admins at once, going back; with real files."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import Response

from console.publishing import by_hand
from console.web.app import create_app
from console.web.site import Site
from mapping.folder import read_files, unfinished
from mapping.loader import load_project
from state.accounts import made
from tests.console.web.conftest import Browser, seen


@pytest.fixture(autouse=True)
def no_reading(request: pytest.FixtureRequest, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking at a table reads the system's schema, by a process of its own; here only where the test is about that."""
    if "schemas" not in request.fixturenames:
        monkeypatch.setattr(site.schemas, "keep_fresh", lambda *_: None)


@pytest.fixture
def schemas() -> None:
    """The systems' schemas are read."""


PAGES = (
    "/mapping", "/mapping/marketing", "/mapping/crm?kind=lead", "/mapping/stages", "/mapping/yaml/smarketing.yaml",
    "/mapping/yaml/mappings/crm.yaml", "/mapping/publish", "/mapping/history", "/mapping/history/1",
)  # fmt: skip


def places(answer: Response, action: str) -> dict[str, str]:
    """What the form that posts to `action` would send as it is."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', answer.text, re.S)
    assert found, f"no form to {action} in: {seen(answer)[:500]}"
    text = found[0]
    said: dict[str, str] = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        name = re.search(r' name="([^"]*)"', tag)
        if not name or (('type="checkbox"' in tag or 'type="radio"' in tag) and " checked" not in tag):
            continue
        value = re.search(r' value="([^"]*)"', tag)
        said[html.unescape(name[1])] = html.unescape(value[1]) if value else ""
    for name_, body in re.findall(r'<select\b[^>]*? name="([^"]*)"[^>]*>(.*?)</select>', text, re.S):
        options = re.findall(r'<option value="([^"]*)"([^>]*)>', body)
        chosen = next((value for value, more in options if "selected" in more), options[0][0] if options else "")
        said[html.unescape(name_)] = html.unescape(chosen)
    for name_, body in re.findall(r'<textarea\b[^>]*? name="([^"]*)"[^>]*>\n?(.*?)</textarea>', text, re.S):
        said[name_] = html.unescape(body)
    said.pop("csrf", None)
    return said


def row(browser: Browser, system: str, field: str, kind: str = "lead") -> dict[str, str]:
    return places(browser.get(f"/mapping/{system}?kind={kind}&edit={field}"), f"/mapping/{system}/field")


def version(browser: Browser) -> dict[str, str]:
    return places(browser.get("/mapping/publish"), "/mapping/publish")


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


def test_what_is_typed_is_checked_before_it_is_saved(admin: Browser, site: Site) -> None:
    form = row(admin, "crm", "email")
    fine = admin.post("/mapping/crm/check", form)
    assert "This fits" in seen(fine)
    taken = admin.post("/mapping/crm/check", {**form, "remote": "Company"})
    assert "Company is taken already" in seen(taken)
    wrong = admin.post("/mapping/crm/check", {**form, "policy": "prefer", "policy_systems": "marketting"})
    assert "there is no system 'marketting'" in seen(wrong)
    assert "Did you mean marketing" in seen(wrong)
    assert site.drafts.all() == [], "only looked at"


def test_a_draft_with_errors_is_marked_and_not_published(admin: Browser, project: Path) -> None:
    before = read_files(project)
    form = row(admin, "crm", "phone")
    admin.post("/mapping/crm/field", {**form, "remote": "Company"})
    table = admin.get("/mapping/crm")
    assert re.search(r'id="row-(phone|company)" class="wrong"', table.text)
    assert "is taken already, on line" in seen(table)
    review = admin.get("/mapping/publish")
    assert "1 error" in seen(review)
    assert 'action="/mapping/publish"' not in review.text
    number = re.search(r'name="version" value="(\d+)"', review.text + admin.get("/mapping").text)
    assert number
    answer = admin.post("/mapping/publish", {"version": number[1], "note": "?"})
    assert answer.status_code == 422
    assert read_files(project) == before
    assert "1 error" in seen(admin.get("/mapping/yaml/mappings/crm.yaml"))


def test_fields_are_added_and_taken_out(admin: Browser, project: Path, site: Site) -> None:
    add = places(admin.get("/mapping/marketing?add=1"), "/mapping/marketing/field")
    answer = admin.post(
        "/mapping/marketing/field",
        {**add, "field": "", "new_name": "website", "new_type": "text", "new_label": "Web site", "remote": "url"},
    )
    assert "Web" in seen(answer)
    assert "website" in seen(admin.get("/mapping/marketing"))
    again = admin.post("/mapping/marketing/field", {**add, "field": "website", "remote": "url2"})
    assert again.status_code == 409
    assert "mapped already" in seen(again)
    form = row(admin, "marketing", "employees")
    admin.post("/mapping/marketing/remove", form)
    admin.post("/mapping/publish", version(admin))
    files = read_files(project)
    assert "  website: {type: text, label: Web site}\n" in files["smarketing.yaml"]
    assert "  website: {remote: url}\n" in files["mappings/marketing.yaml"]
    assert "employees" not in files["mappings/marketing.yaml"]
    assert "employees: {type: integer}" in files["smarketing.yaml"]


def test_options_and_policies_are_written_as_a_person_would(admin: Browser, site: Site) -> None:
    form = row(admin, "crm", "opted_out")
    answer = admin.get("/mapping/crm?kind=lead&edit=opted_out&remote=X&direction=both&transform=boolean")
    assert 'name="o_yes"' in answer.text
    said = {"transform": "boolean", "o_yes": '"Y"', "o_no": '"N"', "o_blank": "false", "policy": "opt_out_wins"}
    answer = admin.post("/mapping/crm/field", {**form, **said})
    assert answer.status_code == 200, seen(answer)
    draft = site.drafts.all()[0]
    assert 'transform: {boolean: {yes: "Y", no: "N", blank: false}}' in draft.files["mappings/crm.yaml"]
    assert "opted_out: {type: boolean, on_conflict: opt_out_wins}" in draft.files["smarketing.yaml"]
    form = row(admin, "crm", "job_title")
    assert form["policy"] == "review"
    admin.post("/mapping/crm/field", {**form, "policy": "prefer", "policy_systems": "crm, marketing"})
    draft = site.drafts.all()[0]
    assert "job_title: {type: text, on_conflict: {prefer: [crm, marketing]}}" in draft.files["smarketing.yaml"]


def test_a_row_that_is_saved_as_it_is_changes_nothing(admin: Browser, site: Site) -> None:
    for system in ("marketing", "crm"):
        for name in re.findall(r'id="row-([a-z_]+)"', admin.get(f"/mapping/{system}").text):
            assert admin.post(f"/mapping/{system}/field", row(admin, system, name)).status_code == 200
    assert site.drafts.all() == []


def test_stage_words_side_by_side(admin: Browser, project: Path, site: Site) -> None:
    form = places(admin.get("/mapping/stages"), "/mapping/stages")
    assert form["v_marketing_sal"] == "mql"
    admin.post("/mapping/stages", form)
    assert site.drafts.all() == [], "saved as it is, nothing has changed"
    free = next(at for at in range(20) if form.get(f"r_marketing_{at}_word") == "")
    said = {"v_marketing_sal": "accepted", f"r_marketing_{free}_word": "warm", f"r_marketing_{free}_stage": "lead"}
    answer = admin.post("/mapping/stages", {**form, **said})
    assert "Stages saved" in seen(answer)
    draft = site.drafts.all()[0]
    before = read_files(project)["mappings/marketing.yaml"]
    assert draft.files["mappings/marketing.yaml"] == before.replace("sal: mql", "sal: accepted").replace(
        "other: null}", "other: null, warm: lead}"
    )
    late = admin.post("/mapping/stages", {**form, "v_marketing_sal": "taken"})
    assert late.status_code == 409
    assert 'value="taken"' in late.text, "what was typed is still there"


def test_the_yaml_is_the_same_draft(admin: Browser, project: Path, site: Site) -> None:
    url = "/mapping/yaml/mappings/crm.yaml"
    form = places(admin.get(url), url)
    before = read_files(project)["mappings/crm.yaml"]
    assert form["text"] == before
    typed = (before + "# a word of mine\n").replace("\n", "\r\n")
    assert "Saved to your draft" in seen(admin.post(url, {**form, "text": typed}))
    assert site.drafts.all()[0].files["mappings/crm.yaml"] == before + "# a word of mine\n"
    broken = admin.post("/mapping/check-yaml/mappings/crm.yaml", {"text": "match: [email\nfields:\n"})
    assert "this is no YAML" in seen(broken)
    assert 'class="wrong"' in broken.text
    stale = admin.post(url, {**form, "text": before + "# another tab\n"})
    assert stale.status_code == 409
    assert "# another tab" in stale.text
    assert "# a word of mine" in stale.text
    row_form = row(admin, "crm", "phone")
    admin.post("/mapping/crm/field", {**row_form, "remote": "MobilePhone"})
    text = site.drafts.all()[0].files["mappings/crm.yaml"]
    assert "# a word of mine" in text
    assert "MobilePhone" in text
    assert admin.get("/mapping/yaml/../../etc/passwd").status_code == 404
    assert admin.post("/mapping/yaml/mappings/none.yaml", {"text": "x", "seen": ""}).status_code == 404


def test_the_version_that_runs_is_undone_by_one_click(admin: Browser, project: Path) -> None:
    before = read_files(project)
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    done = admin.post("/mapping/publish", version(admin))
    answer = admin.post("/mapping/history/1/rollback", places(done, "/mapping/history/1/rollback"))
    assert "Back to version 1" in seen(answer)
    assert read_files(project) == before


def test_the_live_schema_beside_each_row(admin: Browser, viewer: Browser, site: Site, schemas: None) -> None:
    """What the system really has, while one types: type, how full, examples for admins; and what does not fit."""
    job = site.schemas.refresh("crm", "tests")
    deadline = time.monotonic() + 60
    while job.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job.failure is None
    table = seen(viewer.get("/mapping/crm"))
    assert re.search(r"Email Email · text · \d+% filled", table) or "% filled" in table
    form = admin.get("/mapping/crm?edit=email")
    assert re.search(r'<option value="Status">', form.text)
    assert "For example:" in seen(form)
    assert "For example:" not in seen(viewer.get("/mapping/crm?edit=email"))
    doubtful = admin.post("/mapping/crm/check", {**row(admin, "crm", "phone"), "remote": "Phonne"})
    assert "crm has no field Phonne. Is Phone meant?" in seen(doubtful)
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "Phonne"})
    assert "crm has no field Phonne" in seen(admin.get("/mapping/crm"))


def test_two_tabs_of_one_admin(admin: Browser, site: Site) -> None:
    """Each edits what the other has not; and where both edit one row, the second is told, with what was typed."""
    one, other = row(admin, "crm", "phone"), row(admin, "crm", "company")
    same = row(admin, "crm", "phone")
    admin.post("/mapping/crm/field", {**one, "remote": "HomePhone"})
    assert admin.post("/mapping/crm/field", {**other, "remote": "Organisation"}).status_code == 200
    text = site.drafts.all()[0].files["mappings/crm.yaml"]
    assert "HomePhone" in text
    assert "Organisation" in text
    late = admin.post("/mapping/crm/field", {**same, "remote": "MobilePhone"})
    assert late.status_code == 409
    assert "another tab" in seen(late)
    assert "HomePhone" in seen(late)
    form = places(late, "/mapping/crm/field")
    assert form["remote"] == "MobilePhone", "what was typed is still there"
    assert site.drafts.all()[0].files["mappings/crm.yaml"] == text
    publish = version(admin)
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "Fax"})
    stale = admin.post("/mapping/publish", publish)
    assert stale.status_code == 409, "published is only what was looked at"
    assert site.publications.last().number == 1  # type: ignore[union-attr]


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


def test_a_wrong_file_can_be_put_right_here(admin: Browser, project: Path) -> None:
    """The pages are there also while a file of the folder has errors."""
    file = project / "mappings" / "crm.yaml"
    good = file.read_text()
    file.write_text(good.replace("remote: Email", "remot: Email"))
    for url in ("/mapping", "/mapping/crm", "/mapping/stages", "/mapping/publish", "/mapping/yaml/mappings/crm.yaml"):
        answer = admin.get(url)
        assert answer.status_code == 200, url
        assert "error" in seen(answer), url
    url = "/mapping/yaml/mappings/crm.yaml"
    admin.post(url, {**places(admin.get(url), url), "text": good})
    admin.post("/mapping/publish", version(admin))
    assert file.read_text() == good


def test_a_secret_is_kept_nowhere(admin: Browser, viewer: Browser, project: Path, site: Site) -> None:
    url = "/mapping/yaml/smarketing.yaml"
    form = places(admin.get(url), url)
    bare = form["text"].replace('"${CRM_TOKEN}"', "hunter2-secret")
    assert bare != form["text"]
    answer = admin.post(url, {**form, "text": bare})
    assert answer.status_code == 422
    assert "must not stand in a file" in seen(answer)
    assert "${NAME}" in seen(answer)
    assert site.drafts.all() == []
    (project / "smarketing.yaml").write_text(bare)
    assert viewer.get(url).status_code == 403
    for page in ("/mapping", "/mapping/history", "/mapping/publish", "/mapping/crm"):
        assert "hunter2" not in viewer.get(page).text
    assert by_hand(project, site.publications, datetime.now(UTC)) is None
    assert all("hunter2" not in str(one.files) for one in site.publications.newest())


def test_who_may(viewer: Browser, operator: Browser, admin: Browser, site: Site) -> None:
    for url in PAGES:
        assert viewer.get(url).status_code == 200, url
        assert "Save to the draft" not in seen(viewer.get(url)), url
        assert admin.get(url).status_code == 200, url
    posts = (
        "/mapping/crm/field", "/mapping/crm/remove", "/mapping/crm/check", "/mapping/stages", "/mapping/publish",
        "/mapping/discard", "/mapping/merge", "/mapping/history/1/rollback", "/mapping/yaml/smarketing.yaml",
        "/mapping/check-yaml/smarketing.yaml",
    )  # fmt: skip
    for url in posts:
        for browser in (viewer, operator):
            assert browser.post(url, {"version": "0", "seen": "x"}).status_code == 403, url
    assert site.drafts.all() == []
    for url in ("/mapping/none", "/mapping/crm?kind=pet", "/mapping/history/99", "/mapping/yaml/none.yaml"):
        assert viewer.get(url).status_code == 404, url


def test_a_draft_is_discarded(admin: Browser, site: Site) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    form = places(admin.get("/mapping"), "/mapping/discard")
    admin.post("/mapping/crm/field", {**row(admin, "crm", "company"), "remote": "Organisation"})
    assert "another tab" in seen(admin.post("/mapping/discard", form))
    assert len(site.drafts.all()) == 1
    assert "discarded" in seen(admin.post("/mapping/discard", places(admin.get("/mapping"), "/mapping/discard")))
    assert site.drafts.all() == []


def test_every_language(admin: Browser) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    for language in ("es", "pt"):
        admin.post("/preferences", {"language": language, "theme": "light"})
        for url in (*PAGES, "/mapping/crm?edit=phone", "/mapping/crm?add=1"):
            answer = admin.get(url)
            assert answer.status_code == 200, url
            assert f'lang="{language}"' in answer.text


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from console.publishing import publish
from mapping.folder import read_files
from mapping.loader import load_project, resolve_database
from state.database import open_database
from state.drafts import Publications
folder, at, calls = Path(sys.argv[1]), int(sys.argv[2]), 0
real = os.replace
def replace(one, other):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    real(one, other)
publications = Publications(open_database(resolve_database(load_project(folder), os.environ)))
begun = read_files(folder)
files = {name: text.replace("remote: phone", "remote: tel").replace("remote: Phone", "remote: Tel") for name, text in begun.items()}
if at == 9:
    publications.add = lambda publication: os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
publish(folder, publications, begun, files, by="ana@example.com", note="killed", at=datetime.now(UTC))
"""


@pytest.mark.parametrize("at", [1, 2, 3, 9])
def test_a_publication_that_was_killed_is_finished_by_the_next_start(project: Path, app: FastAPI, at: int) -> None:
    """Before its journal is written it never happened; from then on every reader sees all of it, and the next start notes it."""
    site: Site = app.state.site
    before = read_files(project)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(project), str(at)], check=False, env=dict(os.environ))
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
