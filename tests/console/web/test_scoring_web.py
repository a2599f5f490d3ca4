"""Scoring in the console: what the rules say, how the leads are spread, and what a change would do before it is published."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from mapping.folder import MAIN, read_files
from mapping.loader import load_project, loaded
from sync.rescoring import Effect, effect
from tests.console.web import scored_project
from tests.console.web.scored_project import held, opened, sync

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
        draft = loaded({**read_files(folder), MAIN: text}, folder)
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
