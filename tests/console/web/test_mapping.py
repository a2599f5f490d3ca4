"""The mapping editor as browsers see it: rows, stages and files of a draft, and what is wrong with it; with real files."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.publishing import by_hand
from console.web.site import Site
from mapping.folder import read_files
from tests.console.web.conftest import Browser, seen
from tests.console.web.forms import places, row, version

pytestmark = pytest.mark.usefixtures("no_reading")
PAGES = (
    "/mapping", "/mapping/marketing", "/mapping/crm?kind=lead", "/mapping/stages", "/mapping/yaml/smarketing.yaml",
    "/mapping/yaml/mappings/crm.yaml", "/mapping/publish", "/mapping/history", "/mapping/history/1",
)  # fmt: skip


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


def test_the_live_schema_beside_each_row(admin: Browser, viewer: Browser, site: Site) -> None:
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


def test_every_language(admin: Browser) -> None:
    admin.post("/mapping/crm/field", {**row(admin, "crm", "phone"), "remote": "HomePhone"})
    for language in ("es", "pt"):
        admin.post("/preferences", {"language": language, "theme": "light"})
        for url in (*PAGES, "/mapping/crm?edit=phone", "/mapping/crm?add=1"):
            answer = admin.get(url)
            assert answer.status_code == 200, url
            assert f'lang="{language}"' in answer.text
