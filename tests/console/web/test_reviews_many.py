"""One answer for many questions: for all that match, or for those that were chosen; all of them or none."""

from __future__ import annotations

import html
import re
from pathlib import Path

from console.web.site import Site
from tests.console.conftest import Call
from tests.console.folder import edit, held
from tests.console.web.conftest import Browser, seen
from tests.console.web.test_reviews_web import ADA, audit, crowd, only, reviews

FORM = re.compile(r'<input type="hidden" name="(mark|answer|said|filter|ids|all)" value="([^"]*)"')


def form_of(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in FORM.findall(page)}


def test_one_answer_for_all_that_match(smarketing: Call, project: Path, site: Site, operator: Browser) -> None:
    crowd(project, 12)
    smarketing("sync", "--confirm")
    page = operator.get("/reviews/many?kind=conflict&field=job_title&all=1&answer=take:crm")
    assert "13 questions get this answer" in seen(page)
    assert "Head 0" in seen(page)
    assert [r["resolution"] for r in reviews(project)] == [None] * 13, "looking answers nothing"
    told = operator.post("/reviews/many", form_of(page.text))
    assert "13 answers are noted" in seen(told)
    [(_, who, detail)] = audit(site)
    assert (who, len(detail["reviews"])) == ("operator@example.com", 13)
    smarketing("sync", "--confirm")
    titles = {r["title"] for i, r in held(project, "marketing").items() if i.startswith("c")}
    assert titles == {f"Head {n}" for n in range(12)}


def test_all_of_many_are_taken_back_together(smarketing: Call, project: Path, operator: Browser) -> None:
    crowd(project, 5)
    smarketing("sync", "--confirm")
    operator.post(f"/reviews/{ADA}", {"answer": "take:marketing"})
    page = operator.get("/reviews/many?kind=conflict&all=1&answer=take:crm")
    told = operator.post("/reviews/many", form_of(page.text))
    number = re.search(r'name="number" value="(\d+)"', told.text)
    assert number
    undone = operator.post("/reviews/undo", {"number": number[1], "together": "1"})
    assert "5 answers are taken back" in seen(undone)
    assert [r["id"] for r in reviews(project) if r["resolution"]] == [1], "the one answered before stands"


def test_of_many_all_are_answered_or_none(smarketing: Call, project: Path, operator: Browser, admin: Browser) -> None:
    crowd(project, 4)
    smarketing("sync", "--confirm")
    page = operator.get("/reviews/many?kind=conflict&all=1&answer=take:crm")
    admin.post(f"/reviews/{ADA}", {"answer": "take:marketing"})
    late = operator.post("/reviews/many", form_of(page.text))
    assert late.status_code == 409
    assert "The queue has changed" in seen(late)
    assert [r["id"] for r in reviews(project) if r["resolution"]] == [1]


def test_those_that_do_not_take_the_answer_are_named(smarketing: Call, project: Path, operator: Browser) -> None:
    edit(project, "marketing", "2", size="about a dozen")
    edit(project, "marketing", "7", email="ada@analytical.example", first="Ada", last="L.")
    smarketing("sync")
    bad, double = only(project, "bad_value"), only(project, "duplicate")
    page = operator.get(f"/reviews/many?ids={ADA}&ids={bad}&ids={double}&answer=ignore")
    assert "1 does not take this answer" in seen(page)
    assert "2 questions get this answer" in seen(page)
    assert operator.post("/reviews/many", form_of(page.text)).status_code == 200
    assert [r["id"] for r in reviews(project) if r["resolution"]] == [], "nothing, as long as one of them does not"
    operator.post("/reviews/many", {**form_of(page.text), "some": "1"})
    assert [r["id"] for r in reviews(project) if r["resolution"]] == sorted([bad, double])


def test_a_selection_is_answered_and_no_more(smarketing: Call, project: Path, operator: Browser) -> None:
    crowd(project, 3)
    smarketing("sync", "--confirm")
    chosen = [r["id"] for r in reviews(project)][1:3]
    page = operator.get("/reviews/many", params={"kind": "conflict", "ids": chosen, "answer": "take:marketing"})
    operator.post("/reviews/many", form_of(page.text))
    assert [r["id"] for r in reviews(project) if r["resolution"]] == chosen
    none = operator.get("/reviews/many", params={"ids": chosen, "answer": "take:marketing"})
    assert "None of them takes this answer" in seen(none), "they are answered"
    assert operator.get("/reviews/many?answer=nonsense").status_code == 409


def test_the_command_takes_an_answer_back(smarketing: Call, site: Site) -> None:
    smarketing("review", "resolve", 1, "--take", "crm", "--by", "Ana")
    assert "taken back" in smarketing("review", "undo", 1, "--by", "Luis").out
    assert smarketing("status", "--json").json["answered"] == 0
    assert smarketing("review", "undo", 1, "--json").json["error"]["code"] == "no-answer"
    assert [(action, who) for action, who, _ in audit(site)] == [("review.undo", "Luis"), ("review.answer", "Ana")]
