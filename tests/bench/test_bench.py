"""`python -m bench` runs and writes what it promises. Not whether it is fast: no figure is judged here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.contacts import PAGE, contacts, write_pages
from bench.figures import Figure

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    out = tmp_path_factory.mktemp("bench") / "results.json"
    command = [sys.executable, "-m", "bench", "--quick", "-n", "2000", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    loaded: list[dict[str, Any]] = orjson.loads(out.read_bytes())
    return loaded


@pytest.mark.e2e
@pytest.mark.xdist_group("bench")
def test_results_are_a_list_of_figures_with_targets(results: list[dict[str, Any]]) -> None:
    for figure in results:
        assert list(figure) == ["name", "value", "unit", "target", "better"]
        assert isinstance(figure["value"], int | float)
        assert figure["target"] is None or isinstance(figure["target"], int | float)
        assert figure["better"] in ("higher", "lower")
    assert len({figure["name"] for figure in results}) == len(results)


@pytest.mark.e2e
@pytest.mark.xdist_group("bench")
def test_every_promise_on_speed_is_measured(results: list[dict[str, Any]]) -> None:
    targets = {figure["name"]: figure["target"] for figure in results if figure["target"] is not None}
    assert targets["first load, 2,000 leads"] == 15_000
    assert targets["rescan, nothing changed, 2,000 leads"] == 60_000
    assert targets["peak memory of a first load, 2,000 leads"] == 250
    assert targets["database per lead and system"] == 1_500
    assert targets["activities, 20,000 more with 200,000 there"] == 30_000
    assert targets["activities, with 200,000 there / at first"] == 0.8
    assert targets["sync of 200 changed leads, with 200,000 there / without"] == 1.2
    assert {"dlt into SQLite, merge", "bare httpx and orjson loop"} <= {figure["name"] for figure in results}


@pytest.mark.e2e
@pytest.mark.xdist_group("bench")
def test_calls_are_the_fewest_that_batch_sizes_allow(results: list[dict[str, Any]]) -> None:
    """The one kind of figure that no busy machine can change."""
    counted = [figure for figure in results if figure["unit"] == "calls"]
    assert len(counted) == 7
    assert [figure for figure in counted if figure["value"] > figure["target"]] == []


@pytest.mark.e2e
@pytest.mark.xdist_group("bench")
def test_no_429_was_avoidable(results: list[dict[str, Any]]) -> None:
    [refused] = [figure for figure in results if figure["name"] == "429s that were avoidable"]
    assert refused["value"] == 0


def test_the_contacts_are_the_same_every_time_and_no_two_alike() -> None:
    first, again = list(contacts(500)), list(contacts(500))
    assert first == again
    emails: set[str] = {contact["properties"]["email"].lower() for contact in first}  # type: ignore[index]
    assert len(emails) == 500


def test_pages_hold_a_hundred_and_lead_to_the_next(tmp_path: Path) -> None:
    pages = write_pages(tmp_path / "pages.bin", 250)
    content = pages.path.read_bytes()
    bodies = [orjson.loads(content[a:b]) for a, b in zip(pages.offsets, pages.offsets[1:], strict=False)]
    assert [len(body["results"]) for body in bodies] == [PAGE, PAGE, 50]
    assert [body.get("paging", {}).get("next", {}).get("after") for body in bodies] == ["100", "200", None]


@pytest.mark.parametrize(
    ("value", "target", "better", "met"),
    [(16, 15, "higher", True), (14, 15, "higher", False), (14, 15, "lower", True), (16, 15, "lower", False)],
)
def test_a_figure_knows_whether_it_meets_its_target(value: float, target: float, better: Any, met: bool) -> None:
    assert Figure("", value, "", target, better).met is met
    assert Figure("", value, "").met is None


@pytest.mark.e2e
def test_figures_of_alignment_are_measured(results: list[dict[str, Any]]) -> None:
    targets = {figure["name"]: figure["target"] for figure in results if figure["target"] is not None}
    assert targets["funnel of a quarter with all cuts, 20,000 leads, processor time"] == 10
    assert targets["funnel of two years with all cuts, 20,000 leads, processor time"] == 10
    assert targets["report of a month, 20,000 leads, processor time"] == 20
    assert targets["scored anew, 200 of 20,000 leads, processor time"] == 2
    assert [name for name in targets if name.startswith("tick ") and targets[name] == 2]


def test_a_past_is_scored_and_its_clocks_tick(tmp_path: Path) -> None:
    """Each step fails by itself where it did not do what was to be measured."""

    def step(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = orjson.loads(done.stdout)
        return told

    database = str(tmp_path / "scores.sqlite")
    assert step("bench.past", database, "1000")["activity"] == 10_000
    assert step("bench.alignment", database, "years")["cpu"] > 0
    adopted = step("bench.scores", str(tmp_path), "adopt", "50")["history"]
    assert adopted == 1_000
    scored = step("bench.scores", str(tmp_path), "rescore", "50")
    assert (scored["leads"], scored["history"] > adopted) == (50, True)
    ticked = step("bench.clocks", database, "200", "20")
    assert (ticked["calls"], ticked["running"] > ticked["open"] > 0) == (20, True)
    assert step("bench.reports", database, "200")["leads"] == 1_000


def test_scores_are_measured(tmp_path: Path) -> None:
    def step(*words: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "bench.scores", str(tmp_path), *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
        told: dict[str, Any] = orjson.loads(done.stdout)
        return told

    assert step("make", "300", "3000")["history"] == 300
    assert step("rescore", "50")["leads"] == 50
    aged = step("age", "1")
    assert 0 < aged["leads"] < 300
    assert aged["history"] > 300, "each that was due has another score"
