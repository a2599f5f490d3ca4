"""review list, show, resolve: every question can be answered, and no answer is taken that answers nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import Call
from tests.console.folder import edit, held


@pytest.fixture
def asked(smarketing: Call) -> Call:
    """Review 1: Ada has two job titles."""
    smarketing("sync", "--confirm")
    return smarketing


def only(call: Call, kind: str) -> dict[str, Any]:
    [review] = call("review", "list", "--kind", kind, "--json").json["reviews"]
    found: dict[str, Any] = review
    return found


def test_what_is_open_is_listed_with_what_is_asked(asked: Call) -> None:
    out = asked("review", "list").out
    assert "Ada Lovelace" in out
    assert "job_title: Analyst (crm) or" in out
    assert asked("review", "list", "--kind", "match", "--json").json["open"] == 0


def test_one_in_full_shows_the_commands_that_answer_it(asked: Call) -> None:
    out = asked("review", "show", 1).out
    assert "smarketing review resolve 1 --take crm" in out
    assert "smarketing review resolve 1 --value TEXT" in out


@pytest.mark.parametrize(
    ("answer", "title"),
    [(("--take", "marketing"), "Chief Analyst"), (("--take", "crm"), "Analyst"), (("--value", "Countess"), "Countess")],
)
def test_a_conflict_is_settled_by_the_next_run(asked: Call, project: Path, answer: tuple[str, str], title: str) -> None:
    assert asked("review", "resolve", 1, *answer, "--by", "Charles").exit == 0
    assert "Charles" in asked("review", "list").out
    assert asked("sync").exit == 0
    assert held(project, "crm")["1"]["Title"] == held(project, "marketing")["1"]["title"] == title
    assert asked("review", "list", "--json").json["open"] == 0
    assert asked("review", "resolve", 1, *answer, "--json").json["error"]["code"] == "no-review"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((1,), "usage"),
        ((1, "--retry"), "usage"),
        ((1, "--take", "crm", "--value", "x"), "usage"),
        ((1, "--take", "tryton"), "usage"),
        ((99, "--take", "crm"), "no-review"),
        ((1, 99, "--take", "crm"), "no-review"),
    ],
)
def test_an_answer_to_another_question_is_refused(asked: Call, words: tuple[object, ...], code: str) -> None:
    answer = asked("review", "resolve", *words, "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == code
    assert asked("status", "--json").json["answered"] == 0


def test_a_value_is_made_to_fit_its_field(smarketing: Call, project: Path) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("phone: {type: phone}", "phone: {type: phone, on_conflict: review}"))
    edit(project, "crm", "1", Phone="+44 20 7946 0002")
    smarketing("sync", "--confirm")
    number = next(r["id"] for r in smarketing("review", "list", "--json").json["reviews"] if "phone" in r["subject"])
    refused = smarketing("review", "resolve", number, "--value", "call me", "--json")
    assert refused.json["error"]["code"] == "bad-value"
    answer = smarketing("review", "resolve", number, "--value", "020 7946 0003", "--json").json
    assert answer["answered"][0]["resolution"] == {"value": "+442079460003"}


def double(call: Call, project: Path) -> int:
    """A second record of Ada in marketing."""
    edit(project, "marketing", "7", email="ada@analytical.example", first="Ada", last="L.")
    call("sync")
    return int(only(call, "duplicate")["id"])


def test_a_duplicate_may_be_a_lead_of_its_own(asked: Call, project: Path) -> None:
    number = double(asked, project)
    out = asked("review", "show", number).out
    assert "% alike" in out
    asked("review", "resolve", number, "--new")
    asked("sync", "--confirm")
    assert asked("explain", "marketing:7").exit == 0


def test_a_duplicate_may_be_left_alone(asked: Call, project: Path) -> None:
    asked("review", "resolve", double(asked, project), "--ignore")
    asked("sync")
    asked("sync")
    assert asked("review", "list", "--kind", "duplicate", "--json").json["open"] == 0


def test_a_duplicate_is_given_to_a_lead_that_there_is(asked: Call, project: Path) -> None:
    number = double(asked, project)
    nobody = asked("review", "resolve", number, "--lead", "0" * 32, "--json")
    assert nobody.json["error"]["code"] == "no-lead"
    [candidate] = only(asked, "duplicate")["detail"]["candidates"]
    assert asked("review", "resolve", number, "--lead", candidate["hub"]).exit == 0


def test_a_value_that_cannot_be_read_goes_on_once_it_is_mended(asked: Call, project: Path) -> None:
    edit(project, "marketing", "2", size="about a dozen")
    asked("sync")
    number = only(asked, "bad_value")["id"]
    assert "about a dozen" in asked("review", "show", number).out
    edit(project, "marketing", "2", size=12)
    asked("review", "resolve", number, "--retry")
    asked("sync")
    assert asked("review", "list", "--kind", "bad_value", "--json").json["open"] == 0


def test_a_refused_write_is_tried_again(asked: Call, project: Path) -> None:
    edit(project, "marketing", "1", email="alan@bletchley.example")
    asked("sync")
    number = only(asked, "dead_letter")["id"]
    edit(project, "crm", "2", Email="alan.turing@bletchley.example")
    asked("review", "resolve", number, "--retry")
    asked("sync")
    assert held(project, "crm")["1"]["Email"] == "alan@bletchley.example"


def test_a_stopped_plan_runs_once_it_is_confirmed(smarketing: Call, project: Path) -> None:
    smarketing("sync")
    number = only(smarketing, "guard")["id"]
    assert "first write" in smarketing("review", "show", number).out
    smarketing("review", "resolve", number, "--confirm")
    assert smarketing("sync").exit == 0
    assert held(project, "crm")["1"]["Company"] == "Analytical"


def test_several_at_once_or_none(asked: Call, project: Path) -> None:
    edit(project, "crm", "1", Title="Analyst II")
    number = double(asked, project)
    answer = asked("review", "resolve", 1, number, "--ignore", "--json")
    assert answer.exit == 2
    assert asked("status", "--json").json["answered"] == 0
