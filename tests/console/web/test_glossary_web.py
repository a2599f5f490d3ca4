"""The vocabulary as a page, and the comparison of the systems: the numbers of the command, the leads behind each reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.web.site import LANGUAGES, Site
from tests.console.folder import edit
from tests.console.web.conftest import Browser, seen
from tests.console.web.counting import count, forbid_counting, waited
from tests.console.web.scored_project import asked, sync


def test_every_stage_has_an_anchor_and_its_words(
    viewer: Browser, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = viewer.get("/glossary")
    told = asked(capsys, project, "glossary")
    for entry in told["entries"]:
        assert f'id="{entry["stage"]}"' in page.text
        for called in entry["called"]:
            assert called["word"] is None or called["word"] in seen(page)
    assert "score of 30 or more" in seen(page)
    links = set(re.findall(r'href="#([a-z]+)"', page.text))
    assert links - {"main"} <= {entry["stage"] for entry in told["entries"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_in_the_visitors_language(viewer: Browser, language: str) -> None:
    viewer.post("/preferences", {"language": language, "theme": "light"})
    page = seen(viewer.get("/glossary"))
    assert {"en": "score of 30 or more", "es": "puntuación de 30 o más", "pt": "pontuação de 30 ou mais"}[
        language
    ] in page


def test_the_comparison_is_that_of_the_command(
    viewer: Browser, site: Site, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = viewer.get("/glossary/compare?stage=sal")
    assert "whole history is being counted" in seen(first)
    waited(site)
    page = viewer.get("/glossary/compare?stage=sal")
    told = asked(capsys, project, "compare", "--stage", "sal")
    assert f"{told['cohort']} lead by the shared history" in seen(page)
    for system, one in told["systems"].items():
        line = f"{system} {one['says']} {one['both']} {sum(one['lacks'].values())} {sum(one['beyond'].values())}"
        assert line in seen(page)
    assert told["differences"]
    for one in told["differences"]:
        beyond = "&beyond=1" if one["entered"] is None else ""
        listed = viewer.get(f"/glossary/compare?stage=sal&system={one['system']}&why={one['why']}{beyond}")
        assert one["sentence"] in seen(listed)
        assert not one["hub"] or f"/records/{one['hub']}" in listed.text


def test_who_is_behind_a_difference_is_named_as_now(viewer: Browser, project: Path) -> None:
    told = count(project, "compare", stage="sal", start="", end="")
    assert "ada@analytical.example" not in str(told)
    assert b"Lovelace" not in b"".join(file.read_bytes() for file in (project / "figures").glob("*.npz"))
    [one, *_] = [one for one in told["differences"] if one["hub"]]
    url = f"/glossary/compare?stage=sal&system={one['system']}&why={one['why']}"
    before = seen(viewer.get(url))
    for system, field in (("marketing", "last"), ("crm", "Last")):
        for id_ in ("1", "2"):
            edit(project, system, id_, **{field: "Newname"})
    sync(project)
    assert "Newname" not in before
    assert "Newname" in seen(viewer.get(url))


def test_a_page_counts_nothing_itself(viewer: Browser, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count(project, "compare", stage="sal", start="", end="")
    forbid_counting(monkeypatch)
    assert viewer.get("/glossary").status_code == 200
    assert viewer.get("/glossary/compare").status_code == 200
    assert viewer.get("/glossary/compare?stage=sal").status_code == 200


def test_what_is_no_stage_and_no_day_is_said(viewer: Browser) -> None:
    assert viewer.get("/glossary/compare?stage=nonsense").status_code == 404
    assert viewer.get("/glossary/compare?stage=sal&start=yesterday").status_code == 422
    assert viewer.get("/glossary/compare?stage=sal&start=2026-02-01&end=2026-01-01").status_code == 422


def test_results_that_name_who_is_forgotten_go(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = count(project, "compare", stage="sal", start="", end="")
    count(project, "scores")
    assert len(list((project / "figures").glob("*.npz"))) == 2
    [hub, *_] = [one["hub"] for one in told["differences"] if one["hub"]]
    asked(capsys, project, "forget", hub, "--confirm")
    assert hub.encode() not in b"".join(file.read_bytes() for file in (project / "figures").glob("*.npz"))


def test_whoever_asks_for_much_waits_for_their_turn(viewer: Browser, site: Site) -> None:
    for day in range(1, 8):
        page = viewer.get(f"/glossary/compare?stage=sal&end=2026-02-0{day}")
        assert "whole history is being counted" in seen(page)
        assert 'hx-trigger="live-ended, live-job from:body throttle:1s, every 10s"' in page.text
    running = site.jobs.running()
    assert len(running) == 1
    for job in running:
        site.jobs.stop(job.id)
