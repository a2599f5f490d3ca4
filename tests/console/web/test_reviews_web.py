"""The pages of the reviews: what is asked is shown, what is answered is carried out by the next run, and can be taken back before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.console.conftest import Call
from tests.console.folder import edit, held
from tests.console.web.conftest import Browser, seen

ONE = re.compile(r'href="/reviews/(\d+)')


def test_the_queue_says_what_is_asked(viewer: Browser) -> None:
    page = seen(viewer.get("/reviews"))
    assert "Ada Lovelace" in page
    assert "Job title: “Analyst” (crm) or “Chief Analyst” (marketing)" in page
    assert "Conflicts 1" in page


def test_one(operator: Browser) -> None:
    answer = operator.get("/reviews/1")
    assert answer.status_code == 200, seen(answer)
    print(seen(answer))
    print(seen(operator.get("/reviews/rules")))
    print(seen(operator.get("/reviews/rules/lead/job_title")))
    print(seen(operator.get("/reviews/answered")))
    print(seen(operator.get("/reviews/many?kind=conflict&all=1&answer=take:crm")))
