"""The pages of the reviews: what is asked is shown, what is answered is carried out by the next run, and can be taken back before."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.web.site import Site
from state.records import Hub, Link, Review, Side
from state.store import Store
from tests.console.conftest import Call
from tests.console.folder import edit, held
from tests.console.web.conftest import Browser, seen

ADA = "1"
"""The only review of the project as it is synced: two job titles."""


@contextmanager
def rows(project: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(project / "state.sqlite")
    try:
        yield connection
    finally:
        connection.close()


def reviews(project: Path, kind: str = "") -> list[dict[str, Any]]:
    """As they lie in the database."""
    with rows(project) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("select * from review where ? in ('', kind) order by id", (kind,)).fetchall()
    return [
        {**dict(r), "detail": json.loads(r["detail"]), "resolution": json.loads(r["resolution"] or "null")}
        for r in found
    ]


def only(project: Path, kind: str) -> int:
    [review] = [r for r in reviews(project, kind) if r["closed_at"] is None]
    return int(review["id"])


def audit(site: Site) -> list[tuple[str, str, dict[str, Any]]]:
    return [(deed.action, deed.who, deed.detail) for deed in site.accounts.deeds() if deed.action.startswith("review")]


def crowd(project: Path, count: int, titles: tuple[str, str] = ("Boss", "Head")) -> None:
    """So many more people in both systems, each with two job titles."""
    for system, names, title in (
        ("marketing", ("email", "first", "title"), titles[0]),
        ("crm", ("Email", "First", "Title"), titles[1]),
    ):
        path = project / f"{system}.json"
        body = json.loads(path.read_text())
        for n in range(count):
            email, first, job = names
            fields = {email: f"p{n}@crowd.example", first: f"Person {n}", job: f"{title} {n}"}
            fields |= {"stage": "lead"} if system == "marketing" else {"Status": "New"}
            body["records"][f"c{n}"] = {"fields": fields, "changed_at": datetime.now(UTC).isoformat()}
        path.write_text(json.dumps(body))


# --- the queue -------------------------------------------------------------------------------------------------------


def test_the_queue_says_what_is_asked(viewer: Browser) -> None:
    answer = viewer.get("/reviews")
    page = seen(answer)
    assert "Ada Lovelace" in page
    assert "Job title: “Analyst” (crm) or “Chief Analyst” (marketing)" in page
    assert "Conflicts 1" in page
    assert 'type="checkbox"' not in answer.text, "who may only look has nothing to select"


def test_it_says_so_in_three_languages(viewer: Browser) -> None:
    for language, title in (("es", "Conflictos"), ("pt", "Conflitos")):
        viewer.post("/preferences", {"language": language, "theme": "system"})
        for url in ("/reviews", "/reviews/1", "/reviews/answered", "/reviews/rules", "/reviews/rules/lead/job_title"):
            assert viewer.get(url).status_code == 200, url
        assert title in seen(viewer.get("/reviews"))


def test_every_question_is_on_one_page_and_one_alone(smarketing: Call, project: Path, operator: Browser) -> None:
    crowd(project, 120)
    smarketing("sync", "--confirm")
    met: list[str] = []
    url = "/reviews?kind=conflict"
    while url:
        page = operator.get(url).text
        met += re.findall(r'href="/reviews/(\d+)\?kind=conflict"', page)
        found = re.search(r'href="([^"]+)" rel="next"', page)
        url = html.unescape(found[1]) if found else ""
    assert met == [str(r["id"]) for r in reviews(project, "conflict")]
    assert len(met) == 121
    last = operator.get(f"/reviews?kind=conflict&before={met[-1]}").text
    assert re.findall(r'href="/reviews/(\d+)\?kind=conflict"', last) == met[-51:-1]
    first = operator.get(f"/reviews?kind=conflict&before={met[10]}").text
    assert re.findall(r'href="/reviews/(\d+)\?kind=conflict"', first) == met[:10]
    assert 'rel="prev"' not in first


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("kind=conflict", True), ("kind=match", False), ("system=crm", True), ("system=marketing", True), ("of=lead", True),
        ("of=deal", False), ("field=job_title", True), ("field=phone", False), ("age=1", False), ("age=x&of=%3Cb%3E", True),
        ("after=1", False), ("field=a'b", True),
    ],
)  # fmt: skip
def test_the_queue_is_narrowed(viewer: Browser, query: str, shown: bool) -> None:
    assert ("Ada Lovelace" in seen(viewer.get(f"/reviews?{query}"))) == shown


def test_nothing_open_says_what_is_next(smarketing: Call, operator: Browser) -> None:
    operator.post(f"/reviews/{ADA}", {"answer": "take:crm"})
    smarketing("sync")
    assert "No question is open" in seen(operator.get("/reviews"))
    assert operator.get("/reviews/99").status_code == 404


# --- one question ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "title"),
    [
        ({"answer": "take:marketing"}, "Chief Analyst"),
        ({"answer": "take:crm"}, "Analyst"),
        ({"answer": "value", "said": " Countess "}, "Countess"),
    ],
)
def test_a_conflict_is_settled_by_the_next_run(
    smarketing: Call, project: Path, site: Site, operator: Browser, form: dict[str, str], title: str
) -> None:
    page = seen(operator.get(f"/reviews/{ADA}"))
    assert "Take crm’s" in page
    assert "By the order of the systems, crm would count: “Analyst”" in page
    told = operator.post(f"/reviews/{ADA}", form)
    assert "The answer is noted" in seen(told)
    assert "Undo" in seen(told)
    assert held(project, "crm")["1"]["Title"] == "Analyst", "nothing moves before the run"
    assert "operator@example.com" in seen(operator.get("/reviews/answered"))
    smarketing("sync")
    assert held(project, "crm")["1"]["Title"] == held(project, "marketing")["1"]["title"] == title
    [(action, who, detail)] = audit(site)
    assert (action, who, detail["reviews"]) == ("review.answer", "operator@example.com", [1])


def test_a_value_is_made_to_fit_its_field(smarketing: Call, project: Path, operator: Browser) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("phone: {type: phone}", "phone: {type: phone, on_conflict: review}"))
    edit(project, "crm", "1", Phone="+44 20 7946 0002")
    edit(project, "marketing", "1", phone="+44 20 7946 0005")
    smarketing("sync", "--confirm")
    [number] = [r["id"] for r in reviews(project, "conflict") if "phone" in r["subject"]]
    wrong = operator.post(f"/reviews/{number}", {"answer": "value", "said": "call <me>"})
    assert wrong.status_code == 422
    assert "cannot be 'call <me>'" in seen(wrong)
    assert 'value="call &lt;me&gt;"' in wrong.text, "what was typed is still there"
    operator.post(f"/reviews/{number}", {"answer": "value", "said": "020 7946 0003"})
    assert [r["resolution"] for r in reviews(project) if r["id"] == number] == [{"value": "+442079460003"}]


def ambiguous(call: Call, project: Path) -> int:
    """A record of the CRM with a telephone number that two leads have."""
    for system in ("marketing", "crm"):
        path = project / f"mappings/{system}.yaml"
        path.write_text(path.read_text().replace("match: [email]", "match: [email, phone]"))
    edit(
        project,
        "marketing",
        "8",
        email="jo@one.example",
        first="Jo",
        last="Field",
        phone="020 7946 0077",
        stage="subscriber",
    )
    edit(
        project,
        "marketing",
        "9",
        email="joe@two.example",
        first="Joe",
        last="Fields",
        phone="020 7946 0088",
        stage="subscriber",
    )
    call("sync", "--confirm")
    edit(project, "marketing", "9", phone="020 7946 0077")
    call("sync", "--confirm")
    edit(project, "crm", "20", First="Joe", Last="Fields", Phone="020 7946 0077", Status="New")
    call("sync", "--confirm")
    return only(project, "match")


def test_candidates_stand_side_by_side_with_what_agrees(smarketing: Call, project: Path, operator: Browser) -> None:
    number = ambiguous(smarketing, project)
    answer = operator.get(f"/reviews/{number}")
    page = seen(answer)
    assert "2 records with the same telephone number" in page
    assert "Jo Field <jo@one.example>" in page
    assert "Joe Fields <joe@two.example>" in page
    assert page.count("Same telephone number") == 2
    assert "First name Joe Joe equal" in page, "the likelier one stands first"
    chosen = re.findall(r'value="(lead:[0-9a-f]{32})"', answer.text)
    assert len(chosen) == 2
    operator.post(f"/reviews/{number}", {"answer": chosen[0]})
    smarketing("sync", "--confirm")
    assert held(project, "crm")["20"]["Email"] == "joe@two.example"


def test_it_may_be_none_of_them(smarketing: Call, project: Path, operator: Browser) -> None:
    number = ambiguous(smarketing, project)
    refused = operator.post(f"/reviews/{number}", {"answer": "merge"})
    assert refused.status_code == 409
    operator.post(f"/reviews/{number}", {"answer": "new"})
    smarketing("sync", "--confirm")
    with rows(project) as database:
        [[owners]] = database.execute("select count(*) from link where system = 'crm' and remote_id = '20'")
    assert owners == 1
    assert "Email" not in held(project, "crm")["20"]


def test_it_may_be_one_that_was_not_thought_of(smarketing: Call, project: Path, operator: Browser) -> None:
    number = ambiguous(smarketing, project)
    wrong = operator.post(f"/reviews/{number}", {"answer": "lead", "said": "nobody@x.example"})
    assert wrong.status_code == 422
    assert "Nobody and nothing is known as" in seen(wrong)
    operator.post(f"/reviews/{number}", {"answer": "lead", "said": "Grace@navy.example"})
    smarketing("sync", "--confirm")
    with rows(project) as database:
        query = "select json_extract(fields, '$.email') from hub join link on hub_id = id where system = 'crm' and remote_id = '20'"
        assert database.execute(query).fetchall() == [("grace@navy.example",)]


def test_a_duplicate_is_left_alone(smarketing: Call, project: Path, operator: Browser) -> None:
    edit(project, "marketing", "7", email="ada@analytical.example", first="Ada", last="L.")
    smarketing("sync")
    number = only(project, "duplicate")
    page = seen(operator.get(f"/reviews/{number}"))
    assert "Same e-mail address as a record that is in marketing already" in page
    assert "alike," in page or "different," in page
    operator.post(f"/reviews/{number}", {"answer": "ignore"})
    smarketing("sync")
    smarketing("sync")
    assert [r["id"] for r in reviews(project, "duplicate") if r["closed_at"] is None] == []


def test_a_refused_write_says_what_to_do_and_is_tried_again(smarketing: Call, project: Path, operator: Browser) -> None:
    edit(project, "marketing", "1", email="alan@bletchley.example")
    smarketing("sync")
    number = only(project, "dead_letter")
    answer = operator.get(f"/reviews/{number}")
    page = seen(answer)
    assert "crm refused what we wrote" in page
    assert "What to do:" in page
    assert "alan@bletchley.example" in page
    assert 'href="/mapping/crm?kind=lead&amp;edit=email"' in answer.text
    edit(project, "crm", "2", Email="alan.turing@bletchley.example")
    operator.post(f"/reviews/{number}", {"answer": "retry"})
    smarketing("sync")
    assert held(project, "crm")["1"]["Email"] == "alan@bletchley.example"


def test_a_bad_value_is_shown_and_does_nothing(smarketing: Call, project: Path, operator: Browser) -> None:
    edit(project, "marketing", "2", size="<script>alert(1)</script>\u202eevil\x1b[31m")
    smarketing("sync")
    answer = operator.get(f"/reviews/{only(project, 'bad_value')}")
    assert "<script>alert" not in answer.text
    assert "\u202e" not in answer.text
    assert "\x1b" not in answer.text
    assert "<script>alert(1)</script>\\u202eevil\\x1b[31m" in seen(answer)
    edit(project, "marketing", "2", size=12)
    operator.post(f"/reviews/{only(project, 'bad_value')}", {"answer": "retry"})
    smarketing("sync")
    assert [r["id"] for r in reviews(project, "bad_value") if r["closed_at"] is None] == []


def test_a_stopped_plan_runs_once_it_is_confirmed(smarketing: Call, project: Path, operator: Browser) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("points: 20", "points: 25"))
    edit(project, "marketing", "1", company="Engines")
    assert smarketing("sync").exit == 3
    number = only(project, "guard")
    page = seen(operator.get(f"/reviews/{number}"))
    assert "The configuration has changed" in page
    assert "Make a plan and look at it" in page
    operator.post(f"/reviews/{number}", {"answer": "confirm"})
    smarketing("sync")
    assert held(project, "crm")["1"]["Company"] == "Engines"


def test_an_owner_hands_over_to_somebody_who_is_there(project: Path, site: Site, operator: Browser) -> None:
    old, heir, gone = "a" * 32, "b" * 32, "c" * 32
    store = Store(site.engine).of("owner")
    people = {
        old: ("Olga", "olga@x.example", False),
        heir: ("Hana", "hana@x.example", True),
        gone: ("Gil", "gil@x.example", False),
    }
    store.insert_hubs([Hub(i, {"email": e, "first_name": n}, kind="owner") for i, (n, e, _) in people.items()])
    store.insert_links(
        [
            Link(i, "crm", f"u{n}", Side({"active": on}), kind="owner")
            for n, (i, (_, _, on)) in enumerate(people.items())
        ]
    )
    detail = {"left": {"crm": "inactive"}, "counts": {"lead": 40, "deal": 1}}
    store.open_reviews([Review("owner", old, detail, old, record_kind="owner")], "0" * 32, datetime.now(UTC))
    store.commit()
    store.close()
    number = only(project, "owner")
    answer = operator.get(f"/reviews/{number}")
    assert "40 leads" in seen(answer)
    assert "1 open deal" in seen(answer)
    assert re.findall(r'<option value="(\w+@x.example)"', answer.text) == ["hana@x.example"]
    assert operator.post(f"/reviews/{number}", {"answer": "to", "said": "gil@x.example"}).status_code == 422
    operator.post(f"/reviews/{number}", {"answer": "to", "said": "hana@x.example"})
    assert [r["resolution"] for r in reviews(project, "owner")] == [{"hub": heir}]
