"""Rules out of what people decided: every figure is what the files of the systems show once the rule is in force."""

from __future__ import annotations

import html
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from ruamel.yaml import YAML

from console import ruling
from console.web.site import Site
from mapping.config import OnConflict
from mapping.folder import read_files
from mapping.loader import load_project
from state.drafts import Drafts
from state.store import Store
from tests.console.conftest import Call
from tests.console.folder import edit, held
from tests.console.web.conftest import Browser, seen
from tests.console.web.test_reviews_web import crowd, reviews


def apply(project: Path, edit: ruling.Edit) -> None:
    """As somebody would type it."""
    yaml = YAML()
    file = project / edit.file
    data = yaml.load(file.read_text("utf-8"))
    place: Any = data
    for key in edit.loc[:-1]:
        place = place[key]
    place[edit.loc[-1]] = edit.value
    with file.open("w", encoding="utf-8") as out:
        yaml.dump(data, out)


def titled(project: Path, chance: random.Random) -> None:
    """Some of the crowd differ in capitals alone; the fuller spelling wins there, whatever the order."""
    for system, name in (("marketing", "title"), ("crm", "Title")):
        path = project / f"{system}.json"
        body = json.loads(path.read_text())
        for id_, record in body["records"].items():
            if id_.startswith("c") and int(id_[1:]) % 5 == 0:
                text = f"Boss {id_[1:]}"
                record["fields"][name] = text.upper() if (system == "crm") == (int(id_[1:]) % 2 == 0) else text
        path.write_text(json.dumps(body))


@pytest.fixture
def decided(smarketing: Call, project: Path, operator: Browser) -> dict[int, str]:
    """Review -> what was answered, of some of thirty conflicts; half of the answers are carried out."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    crowd(project, 30)
    titled(project, chance)
    smarketing("sync", "--confirm")
    numbers = [r["id"] for r in reviews(project, "conflict")]
    chance.shuffle(numbers)
    said: dict[int, str] = {}
    for n, number in enumerate(numbers[:14]):
        said[number] = chance.choice(["take:crm", "take:crm", "take:marketing", "value"])
        operator.post(f"/reviews/{number}", {"answer": said[number], "said": "Somebody"})
        if n == 7:
            smarketing("sync", "--confirm")
    return said


def winner(claims: dict[str, str], first: str) -> str:
    """What a preference comes to, written down once more."""
    second = next(system for system in claims if system != first)
    ours, theirs = claims[first], claims[second]
    if ours.casefold() == theirs.casefold():
        return theirs if ours.isupper() and not theirs.isupper() else ours
    return ours


@pytest.mark.parametrize(("way", "first"), [("prefer", "crm"), ("owner", "marketing")])
def test_a_rule_does_what_it_said_it_would(
    smarketing: Call, project: Path, site: Site, operator: Browser, decided: dict[int, str], first: str, way: str
) -> None:
    said = OnConflict(prefer=(first,)) if way == "prefer" else OnConflict(owner=first)
    store = Store(site.engine, dry=True)
    found = ruling.proposals(site.opened.project, site.opened.rules, store, "lead", "job_title")
    store.close()
    [rule] = [one for one in found if one.said == said]
    rows = reviews(project, "conflict")
    waiting = [r for r in rows if r["resolution"] is None]
    expected = {r["id"]: winner(r["detail"]["claims"], first) for r in rows}
    agrees = 0
    for r in rows:
        if r["id"] in decided:
            name, _, system = decided[r["id"]].partition(":")
            chosen = "Somebody" if name == "value" else r["detail"]["claims"][system]
            agrees += chosen == expected[r["id"]]
    assert (rule.agrees, rule.differs) == (agrees, len(decided) - agrees)
    assert rule.open == len(waiting) == 31 - len(decided)
    page = seen(operator.get("/reviews/rules/lead/job_title"))
    assert f" {agrees} (" in page
    assert ruling.yaml_lines(rule.edit).splitlines()[-1].strip() in page
    for review in list(decided):  # the rest of the answers is withdrawn, so that the rule is all that decides
        operator.post("/reviews/undo", {"number": review})
    apply(project, rule.edit)
    smarketing("sync", "--confirm")
    for r in waiting:
        record = r["subject"].partition(":")[0]
        shown = titles_of(project, site, record)
        assert shown == {expected[r["id"]]}, r
    assert [r for r in reviews(project, "conflict") if r["closed_at"] is None] == []


def titles_of(project: Path, site: Site, hub_id: str) -> set[Any]:
    store = Store(site.engine, dry=True)
    links = store.hubs([hub_id])[hub_id].links
    store.close()
    names = {"crm": "Title", "marketing": "title"}
    return {held(project, system)[link.remote_id].get(names[system]) for system, link in links.items()}


def test_the_edit_stands_where_the_policy_stands(project: Path) -> None:
    said = OnConflict(prefer=("crm",))
    loaded = load_project(project)
    assert ruling.rule_edit(loaded, "lead", "job_title", said) == (
        "smarketing.yaml", ("fields", "job_title", "on_conflict"), {"prefer": ["crm"]},
    )  # fmt: skip
    assert ruling.rule_edit(loaded, "lead", "phone", OnConflict(owner="crm")).value == {"owner": "crm"}
    assert ruling.rule_edit(loaded, "lead", "stage", OnConflict(rule="furthest")) == (
        "mappings/crm.yaml", ("stage", "on_conflict"), "furthest",
    )  # fmt: skip
    file = project / "mappings/marketing.yaml"
    file.write_text(file.read_text().replace("phone: {remote: phone}", "phone: {remote: phone, on_conflict: review}"))
    edit = ruling.rule_edit(load_project(project), "lead", "phone", said)
    assert edit[:2] == ("mappings/marketing.yaml", ("fields", "phone", "on_conflict"))
    apply(project, edit)
    assert load_project(project).mappings["marketing"].fields["phone"].on_conflict == said


def test_a_value_left_alone_again_and_again_is_proposed_as_a_placeholder(
    smarketing: Call, project: Path, site: Site, operator: Browser
) -> None:
    for n, size in enumerate(["tbd: ask", "TBD: ask ", "tbd: ask", "tbd: ask", "a dozen", "a dozen"]):
        edit(project, "marketing", f"v{n}", email=f"v{n}@x.example", size=size, stage="subscriber")
    smarketing("sync", "--confirm")
    numbers = [r["id"] for r in reviews(project, "bad_value")]
    assert len(numbers) == 6
    for number in (*numbers[:2], numbers[4], numbers[5]):
        operator.post(f"/reviews/{number}", {"answer": "ignore"})
    assert "often enough" in seen(operator.get("/reviews/rules")), "twice is not often"
    operator.post(f"/reviews/{numbers[2]}", {"answer": "ignore"})
    page = operator.get("/reviews/rules")
    assert "Left alone 3 · Open 1" in seen(page)
    assert "a dozen" not in seen(page)
    store = Store(site.engine, dry=True)
    [one] = ruling.placeholders(site.opened.project, store)
    store.close()
    apply(project, one.edit)
    smarketing("sync", "--confirm", "--full")
    assert numbers[3] not in [r["id"] for r in reviews(project, "bad_value") if r["closed_at"] is None]
    assert "tbd: ask" not in seen(operator.get("/reviews/rules")), "it is one now"


def button(page: Response, name: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(rf'name="{name}" value="([^"]*)"', page.text)]


def test_an_admin_takes_a_rule_into_the_draft(
    project: Path, site: Site, operator: Browser, admin: Browser, decided: dict[int, str]
) -> None:
    url, files = "/reviews/rules/lead/job_title", read_files(project)
    assert button(operator.get(url), "rule") == []
    marks = button(admin.get(url), "rule")
    with site.reading() as store:
        found = ruling.proposals(site.opened.project, site.opened.rules, store, "lead", "job_title")
    assert len(marks) == len(found) > 1
    assert operator.post(url, {"rule": marks[0]}).status_code == 403
    assert admin.post(url, {"rule": "another"}).status_code == 404
    assert Drafts(site.engine).all() == []
    answer = admin.post(url, {"rule": marks[0]})
    assert answer.url.path == "/mapping/preview"
    assert "The rule is in your draft" in seen(answer)
    [draft] = Drafts(site.engine).all()
    drafted = load_project(project, draft.files)
    assert drafted.config.fields["job_title"].on_conflict == found[0].said
    assert read_files(project) == files, "published by an admin alone"
    assert [one.subject for one in site.accounts.deeds() if one.action == "draft"] == ["fields.job_title.on_conflict"]
    admin.post(url, {"rule": marks[1]})
    [draft] = Drafts(site.engine).all()
    assert load_project(project, draft.files).config.fields["job_title"].on_conflict == found[1].said


def test_an_admin_takes_placeholders_into_the_draft(
    smarketing: Call, project: Path, site: Site, operator: Browser, admin: Browser
) -> None:
    for n, size in enumerate(["tbd: ask"] * 3 + ["a dozen"] * 3):
        edit(project, "marketing", f"v{n}", email=f"v{n}@x.example", size=size, stage="subscriber")
    smarketing("sync", "--confirm")
    for review in reviews(project, "bad_value"):
        operator.post(f"/reviews/{review['id']}", {"answer": "ignore"})
    values = button(admin.get("/reviews/rules"), "value")
    assert sorted(values) == ["a dozen", "tbd: ask"]
    assert admin.post("/reviews/rules", {"value": "whatever"}).status_code == 404
    for value in values:
        assert admin.post("/reviews/rules", {"value": value}).url.path == "/mapping/preview"
    [draft] = Drafts(site.engine).all()
    known = site.opened.project.config.placeholders
    assert load_project(project, draft.files).config.placeholders == (*known, *values)


def test_there_is_no_rule_for_what_cannot_be_in_conflict(operator: Browser) -> None:
    assert operator.get("/reviews/rules/lead/nothing").status_code == 404
    assert operator.get("/reviews/rules/activity/email").status_code == 422, "no kind of hub record"


@pytest.mark.parametrize("text", ["n/a", "yes", "- x", "a: b", 'say "no"', "ñandú", "7", "null", "#", "plain_word"])
def test_the_lines_mean_the_edit(text: str) -> None:
    edit = ruling.Edit("smarketing.yaml", ("placeholders",), ["unknown", text])
    assert YAML(typ="safe").load(ruling.yaml_lines(edit)) == {"placeholders": ["unknown", text]}
    longer = edit._replace(value=["unknown", "none", "nobody", "?", text])
    assert YAML(typ="safe").load(ruling.yaml_lines(longer)) == {"placeholders": longer.value}
    rule = ruling.Edit("smarketing.yaml", ("companies", "fields", "name", "on_conflict"), {"prefer": ["crm"]})
    assert YAML(typ="safe").load(ruling.yaml_lines(rule)) == {
        "companies": {"fields": {"name": {"on_conflict": {"prefer": ["crm"]}}}}
    }
