"""Scoring in the console: what the rules say, how the leads are spread, and what a change would do before it is published."""

from __future__ import annotations

import html
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from console.web.app import create_app
from console.web.scoring_edit import estimated
from console.web.site import Site
from mapping.folder import MAIN, read_files
from mapping.loader import load_project
from mapping.scored import GRADES
from state.drafts import Drafts
from state.facts import Facts
from sync.rescoring import Effect, effect
from tests.console.web import scored_project
from tests.console.web.conftest import Browser, seen
from tests.console.web.counting import count, forbid_counting, waited
from tests.console.web.scored_project import asked, held, opened, sync

SEED = 20260325


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    print(f"seed {SEED}")
    return scored_project.make(tmp_path_factory.mktemp("scored") / "project", SEED)


@pytest.fixture
def folder(scored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scored, tmp_path / "scored"))


DRAFTS = {
    "points, a threshold and a half-life": [
        ("points: 50, when: {job_title", "points: 20, when: {job_title"), ("at_least: 50}}  # agreed", "at_least: 40}}  # agreed"),
        ("half_life: 10", "half_life: 30"),
    ],
    "a rule more, a rule less, another grid": [
        ("      - {name: Size, points: 30, when: {employees: {at_least: 50}}}\n", "      - {name: Person, points: 35, when: {last_name: {present: true}}}\n"),
        ("A2: mql}", "A2: mql, B2: mql, B3: mql}"), ("B: 50, C: 20", "B: 45, C: 30"),
    ],
}  # fmt: skip


def changed(folder: Path, edits: list[tuple[str, str]]) -> str:
    text = (folder / MAIN).read_text()
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def previewed(folder: Path, text: str, size: int | None = None) -> Effect:
    with opened(folder) as engine:
        draft = load_project(folder, {**read_files(folder), MAIN: text})
        return effect(engine, load_project(folder), draft, datetime.now(UTC), size, Random(SEED))


@pytest.mark.parametrize("edits", DRAFTS.values(), ids=DRAFTS)
def test_the_effect_is_what_publishing_does(folder: Path, edits: list[tuple[str, str]]) -> None:
    """Of every lead, by what the hub holds after the next run."""
    before = held(folder)
    text = changed(folder, edits)
    told = previewed(folder, text)
    assert held(folder) == before, "a preview keeps nothing"
    (folder / MAIN).write_text(text)
    sync(folder)
    after = held(folder)
    assert told.looked == told.leads == len(after) == scored_project.LEADS
    for fields, totals, grades in ((before, told.before, told.grades_before), (after, told.after, told.grades_after)):
        assert totals == [sum(one["score"] == n for one in fields.values()) for n in range(101)]
        assert grades == Counter(one["grade"] for one in fields.values())
    moved = Counter((before[id_]["grade"], after[id_]["grade"]) for id_ in after)
    assert told.moved == {pair: n for pair, n in moved.items() if pair[0] != pair[1]}
    assert told.regraded == sum(told.moved.values()) > 0
    assert told.changed == sum(before[id_]["score"] != after[id_]["score"] for id_ in after) > 0
    assert told.earned == Counter(after[i]["stage"] for i in after if after[i]["stage"] != before[i]["stage"])
    assert told.up > 0
    for examples in told.examples.values():
        for one in examples:
            for scored, fields in ((one.before, before[one.hub]), (one.after, after[one.hub])):
                assert (scored.total, scored.grade, scored.stage) == (fields["score"], fields["grade"], fields["stage"])


# -- the pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def scored_site(folder: Path) -> Iterator[tuple[Site, Browser, Browser]]:
    """A viewer and an admin of the scored project."""
    app = create_app(folder)
    yield app.state.site, Browser(app, "viewer"), Browser(app, "admin")
    app.state.site.close()


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of the editor's form as it stands."""
    form = page[page.index('action="/scoring/edit"') :]
    found = {}
    for tag in re.findall(r"<input\b[^>]*>", form):
        said = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if "name" in said and (said.get("type") != "checkbox" or " checked" in tag):
            found[said["name"]] = html.unescape(said.get("value", ""))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        found[name] = (chosen[1] if chosen[1] is not None else chosen[2]) if chosen else ""
        if not chosen and (first := re.search(r'<option value="([^"]*)"', options)):
            found[name] = first[1]
    return found


def test_rules_and_distribution_are_those_of_the_leads(
    scored_site: tuple[Site, Browser, Browser], folder: Path
) -> None:
    _, viewer, _ = scored_site
    count(folder, "scores")
    page = viewer.get("/scoring")
    leads = held(folder)
    for name in ("Decides", "Company known", "Size", "Form", "Visit", "Asked"):
        assert name in seen(page)
    assert "each time; half as much every 10 days; only of the last 60 days" in seen(page)
    rows = re.findall(r'<th scope="row">(\d+)–(\d+)</th><td class="number">(?:<a[^>]*>)?([\d,]+)', page.text)
    assert len(rows) == 20
    for low, high, number in rows:
        assert int(number) == sum(int(low) <= one["score"] <= int(high) for one in leads.values())
    grades = Counter(one["grade"] for one in leads.values())
    shown = dict(
        re.findall(r'href="/scoring/leads\?grade=(\w\d)"><span class="unseen">\w\d: </span>([\d,]+)<', page.text)
    )
    assert {grade: int(number) for grade, number in shown.items()} == grades
    grade = next(one for one in GRADES if grades[one])
    listed = viewer.get(f"/scoring/leads?grade={grade}").text
    assert set(re.findall(r"/records/(\w{32})", listed)) == {id_ for id_, one in leads.items() if one["grade"] == grade}


def test_what_the_outcomes_say_is_what_the_command_says(
    scored_site: tuple[Site, Browser, Browser], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, viewer, _ = scored_site
    told = asked(capsys, folder, "score", "calibrate")
    assert count(folder, "calibration") == {key: value for key, value in told.items() if key not in ("ok", "exit")}
    assert "too few to say anything" in seen(viewer.get("/scoring/outcomes"))


def test_the_form_as_it_stands_changes_nothing(scored_site: tuple[Site, Browser, Browser]) -> None:
    site, _, admin = scored_site
    answer = admin.post("/scoring/edit", fields_of(admin.get("/scoring/edit").text))
    assert "Nothing was changed" in seen(answer)
    assert Drafts(site.engine).all() == []


def test_an_edit_goes_into_the_draft_and_its_effect_is_shown(
    scored_site: tuple[Site, Browser, Browser], folder: Path
) -> None:
    """From the form to the draft, by the job to the page; and the files and the leads are as they were."""
    site, _, admin = scored_site
    files, leads = read_files(folder), held(folder)
    form = fields_of(admin.get("/scoring/edit").text)
    form |= {
        "fit-0-points": "20", "fit-2-drop": "1", "engagement-0-half_life": "30", "threshold": "45", "grade-B": "45",
        "cell-B2": "mql", "new_name": "Is a person", "new_points": "35", "new_axis": "fit", "new_field": "last_name",
        "new_test": "present",
    }  # fmt: skip
    admin.post("/scoring/edit", form)
    [draft] = Drafts(site.engine).all()
    text = draft.files[MAIN]
    assert read_files(folder) == files
    for line in (
        "- {name: Decides, points: 20, when: {job_title: {contains: chief}}}  # who signs",
        "- {name: Is a person, points: 35, when: {last_name: {present: true}}}",
        "- {name: Form, points: 30, on: [form], half_life: 30, cap: 60}",
        "mql: {score: {at_least: 45}}  # agreed in March", "grid: {A1: mql, A2: mql, B2: mql}", "fit: {A: 70, B: 45, C: 20}",
    ):  # fmt: skip
        assert line in text, text
    assert "Size" not in text
    assert waited(site).result == {"kept": True}
    page = admin.get("/scoring/effect")
    told = previewed(folder, text)
    for label, number in (
        ("Leads with another grade", told.regraded), ("Reach mql now", told.up), ("Reach mql no more", told.down),
        ("Become mql", told.earned["mql"]),
    ):  # fmt: skip
        assert f"{label} {number}" in seen(page)
    assert told.regraded > 0
    assert "estimates" not in seen(page)
    assert set(re.findall(r"/records/(\w{32})", page.text)) <= set(leads)
    assert held(folder) == leads
    assert [deed.action for deed in site.accounts.deeds()][:1] == ["draft"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"fit-0-points": "many"}, "Decides: many is no number"),
        ({"fit-0-points": "500"}, "less than or equal to 100"),
        ({"grade-A": "10"}, "overlap"),
        (
            {"new_name": "Big", "new_points": "5", "new_field": "employees", "new_test": "at_least"},
            "Big: say the value",
        ),
        ({"new_name": "Form", "new_points": "5", "new_field": "company", "new_test": "present"}, "Form"),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    scored_site: tuple[Site, Browser, Browser], typed: dict[str, str], said: str
) -> None:
    site, _, admin = scored_site
    answer = admin.post("/scoring/edit", {**fields_of(admin.get("/scoring/edit").text), **typed})
    assert answer.status_code == 422
    assert said in seen(answer)
    assert typed.items() <= fields_of(answer.text).items()
    assert Drafts(site.engine).all() == []


def test_of_two_tabs_none_overwrites_the_other(scored_site: tuple[Site, Browser, Browser]) -> None:
    site, _, admin = scored_site
    first, second = (fields_of(admin.get("/scoring/edit").text) for _ in range(2))
    admin.post("/scoring/edit", {**first, "fit-0-points": "10"})
    answer = admin.post("/scoring/edit", {**second, "fit-1-points": "10"})
    assert answer.status_code == 409
    [draft] = Drafts(site.engine).all()
    assert draft.version == 1


def test_a_sample_is_an_estimate_with_its_uncertainty(folder: Path) -> None:
    text = changed(folder, DRAFTS["points, a threshold and a half-life"])
    some, whole = previewed(folder, text, 60), previewed(folder, text)
    assert (some.looked, some.leads) == (60, scored_project.LEADS)
    with opened(folder) as engine, Facts(engine) as facts:
        drawn = [frozenset(facts.sample("lead", 60, Random(n))[0]) for n in range(200)]
    assert all(len(one) == 60 for one in drawn)
    often = Counter(id_ for one in drawn for id_ in one)
    assert len(often) == scored_project.LEADS, "every lead may be drawn"
    assert max(often.values()) < 3 * min(often.values()), f"each as likely as any other (seeds 0 to 199): {often}"
    estimate = estimated(some.changed, {"looked": some.looked, "leads": some.leads})
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low <= whole.changed <= estimate.high, f"seed {SEED}"


def test_only_admins_edit(scored_site: tuple[Site, Browser, Browser]) -> None:
    _, viewer, _ = scored_site
    for url in ("/scoring/edit", "/scoring/effect"):
        assert viewer.get(url).status_code == 403
    assert viewer.post("/scoring/edit", {}).status_code == 403
    assert "/scoring/edit" not in viewer.get("/scoring").text


def test_no_page_scores_anything_itself(
    scored_site: tuple[Site, Browser, Browser], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _, admin = scored_site
    admin.post("/scoring/edit", {**fields_of(admin.get("/scoring/edit").text), "fit-0-points": "10"})
    waited(site)
    count(folder, "scores")
    count(folder, "calibration")
    forbid_counting(monkeypatch)
    for url in ("/scoring", "/scoring/outcomes", "/scoring/leads?band=3", "/scoring/edit", "/scoring/effect"):
        assert admin.get(url).status_code == 200, url


def test_without_scoring_it_says_how_to_begin(viewer: Browser, project: Path) -> None:
    text = (project / MAIN).read_text()
    (project / MAIN).write_text(
        text[: text.index("scoring:")].replace(
            "    mql: {score: {at_least: 30}}\n", "    mql: {company: {present: true}}\n"
        )
    )
    for file in (project / "mappings").iterdir():
        file.write_text(re.sub(r"  score: .*\n", "", file.read_text()))
    assert "No scores yet" in seen(viewer.get("/scoring"))
    assert "No personas yet" in seen(viewer.get("/personas"))


def test_what_was_seen_is_what_publishing_then_does(scored_site: tuple[Site, Browser, Browser], folder: Path) -> None:
    """The whole way through the console: edited, looked at, published, and the next run."""
    site, _, admin = scored_site
    before = held(folder)
    form = fields_of(admin.get("/scoring/edit").text) | {"fit-1-points": "45", "threshold": "60", "half_life": "20"}
    admin.post("/scoring/edit", form)
    waited(site)
    page = seen(admin.get("/scoring/effect"))
    published = fields_of_publishing(admin.get("/mapping/publish").text)
    assert admin.post("/mapping/publish", {**published, "note": "less for companies"}).status_code == 200
    assert "points: 45" in (folder / MAIN).read_text()
    sync(folder)
    after = held(folder)
    regraded = sum(before[id_]["grade"] != after[id_]["grade"] for id_ in after)
    given = sum(after[id_]["stage"] == "mql" != before[id_]["stage"] for id_ in after)
    assert f"Leads with another grade {regraded}" in page
    assert f"Become mql {given}" in page
    assert regraded > 0
    assert "Your draft changes nothing" in seen(admin.get("/scoring/effect"))


def fields_of_publishing(page: str) -> dict[str, str]:
    """The hidden fields of the form that publishes."""
    form = page[page.index('action="/mapping/publish"') :]
    form = form[: form.index("</form>")]
    tags = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input\b[^>]*>", form)]
    return {one["name"]: html.unescape(one.get("value", "")) for one in tags if one.get("type") == "hidden"}
