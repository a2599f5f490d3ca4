"""Who may answer a question, who was first, and how an answer is taken back."""

from __future__ import annotations

from pathlib import Path

from connectors.base import utc_now
from console.web.site import Site
from state.lock import Lease
from tests.console.conftest import Call
from tests.console.folder import held
from tests.console.web.conftest import Browser, seen
from tests.console.web.test_reviews_web import ADA, audit, crowd, reviews

# --- who may, and who was first --------------------------------------------------------------------------------------


def test_who_may_only_look_answers_nothing(project: Path, viewer: Browser) -> None:
    page = viewer.get(f"/reviews/{ADA}")
    assert "Take crm" not in seen(page)
    assert "Answering takes the role" in seen(page)
    for url, form in (
        (f"/reviews/{ADA}", {"answer": "take:crm"}),
        ("/reviews/undo", {"number": ADA}),
        ("/reviews/many", {"mark": "x"}),
    ):
        assert viewer.post(url, form).status_code == 403
    assert viewer.get("/reviews/many?kind=conflict&all=1&answer=take:crm").status_code == 403
    assert reviews(project)[0]["resolution"] is None


def test_an_answer_never_takes_the_place_of_somebody_elses(project: Path, operator: Browser, admin: Browser) -> None:
    operator.post(f"/reviews/{ADA}", {"answer": "take:crm"})
    late = admin.post(f"/reviews/{ADA}", {"answer": "take:marketing"})
    assert late.status_code == 404
    assert "Somebody has answered meanwhile" in seen(late)
    [review] = reviews(project)
    assert (review["resolution"], review["resolved_by"]) == ({"take": "crm"}, "operator@example.com")


def test_after_an_answer_the_next_one_stands_there(smarketing: Call, project: Path, operator: Browser) -> None:
    crowd(project, 3)
    smarketing("sync", "--confirm")
    numbers = [r["id"] for r in reviews(project, "conflict")]
    told = operator.post(f"/reviews/{numbers[1]}", {"answer": "take:crm", "filter": "kind=conflict"})
    assert told.url.path == f"/reviews/{numbers[2]}"
    page = told.text
    assert f'href="/reviews/{numbers[0]}?kind=conflict" rel="prev"' in page
    assert f'href="/reviews/{numbers[3]}?kind=conflict" rel="next"' in page


# --- undo ------------------------------------------------------------------------------------------------------------


def test_an_answer_is_taken_back_before_a_run(smarketing: Call, project: Path, site: Site, operator: Browser) -> None:
    operator.post(f"/reviews/{ADA}", {"answer": "take:crm"})
    told = operator.post("/reviews/undo", {"number": ADA})
    assert "The answer is taken back" in seen(told)
    [review] = reviews(project)
    assert (review["resolution"], review["resolved_by"], review["resolved_at"]) == (None, None, None)
    smarketing("sync")
    assert held(project, "marketing")["1"]["title"] == "Chief Analyst"
    undone, answered = audit(site)
    assert answered[2] == {"reviews": [1], "answer": {"take": "crm"}}
    assert undone[0] == "review.undo"
    assert undone[2]["was"] == {"1": {"answer": {"take": "crm"}, "by": "operator@example.com"}}


def test_what_was_typed_of_somebody_is_not_in_the_audit(site: Site, operator: Browser) -> None:
    """Which stays when they are forgotten."""
    operator.post(f"/reviews/{ADA}", {"answer": "value", "said": "Countess"})
    operator.post("/reviews/undo", {"number": ADA})
    undone, answered = audit(site)
    assert answered[2]["answer"] == {"value": "…"}
    assert "Countess" not in str((undone, answered))


def test_what_a_run_carried_out_says_which_run(smarketing: Call, project: Path, operator: Browser) -> None:
    operator.post(f"/reviews/{ADA}", {"answer": "take:crm"})
    run = smarketing("sync", "--json").json["run_id"]
    smarketing("sync")
    page = operator.get(f"/reviews/{ADA}")
    assert f"smarketing revert {run}" in seen(page)
    assert f'href="/runs/{run}"' in page.text
    assert f'href="/runs/{run}"' in operator.get("/reviews/answered").text
    late = operator.post("/reviews/undo", {"number": ADA})
    assert late.status_code == 404
    assert "has been carried out" in seen(late)
    assert reviews(project)[0]["resolution"] == {"take": "crm"}


def test_nothing_is_taken_back_while_a_run_may_be_carrying_it_out(project: Path, site: Site, operator: Browser) -> None:
    operator.post(f"/reviews/{ADA}", {"answer": "take:crm"})
    lease = Lease(site.engine, "sync", utc_now)
    assert "A run is under way" in seen(operator.post("/reviews/undo", {"number": ADA}))
    assert reviews(project)[0]["resolution"] == {"take": "crm"}
    lease.release()
    operator.post("/reviews/undo", {"number": ADA})
    assert reviews(project)[0]["resolution"] is None
