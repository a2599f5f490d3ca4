"""An edit of the scoring is a person's edit: what is not edited stays byte for byte, and the result means what was wanted."""

from __future__ import annotations

import difflib
from random import Random

import pytest

from mapping.editing import CannotEdit, data_of
from mapping.folder import MAIN
from mapping.scoring_edit import AXES, ScoringEdit, rules_of, scoring_edit, threshold_of
from tests.mapping.projects import PRESETS

SHORT = """\
scoring:
  rules:  # who counts
    - {name: One, points: 20, when: {email: {present: true}}}
    - name: Two  # on lines of its own
      points: 10
      when: {phone: {present: true}}
vocabulary:
  promote: {mql: {score: {at_least: 30}}}
"""


@pytest.fixture
def preset() -> str:
    return (PRESETS / "smarketing.yaml").read_text("utf-8")


def lines(old: str, new: str) -> list[str]:
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[:1] in "+-"]


def edited(text: str, edit: ScoringEdit) -> str:
    return scoring_edit({MAIN: text, "mappings/x.yaml": "kept"}, edit)[MAIN]


def test_only_the_lines_of_the_edit_change(preset: str) -> None:
    new = edited(preset, ScoringEdit(rules={("fit", 0): {"points": 35}}, threshold=("mql", 55), half_life=20))
    assert len(lines(preset, new)) == 6, lines(preset, new)
    assert threshold_of(new, "mql") == 55


def test_what_is_meant_already_is_not_written(preset: str) -> None:
    same = ScoringEdit(
        rules={("engagement", 2): {"points": 20, "within": None, "half_life": None, "cap": 40}},
        threshold=("mql", threshold_of(preset, "mql")), half_life=30, weights={"fit": 1, "engagement": 1},
        grades={"fit": {"A": 75, "B": 50, "C": 25}, "engagement": {"1": 75, "2": 50, "3": 25}}, grid={},
    )  # fmt: skip
    assert edited(preset, same) == preset
    assert edited(preset, ScoringEdit()) == preset


def test_the_short_form_keeps_its_comments() -> None:
    new = edited(SHORT, ScoringEdit(rules={("fit", 1): {"points": 15}}, drop=frozenset({("fit", 0)})))
    assert new == SHORT.replace("    - {name: One, points: 20, when: {email: {present: true}}}\n", "").replace(
        "10", "15"
    )


def test_the_last_rules_of_an_axis_take_it_with_them(preset: str) -> None:
    every = frozenset(("engagement", n) for n in range(len(rules_of(preset, "engagement"))))
    assert rules_of(edited(preset, ScoringEdit(drop=every)), "engagement") == []  # type: ignore[arg-type]
    assert "engagement" not in data_of(edited(preset, ScoringEdit(drop=every)))["scoring"]  # type: ignore[arg-type]


def test_what_is_not_there_is_refused(preset: str) -> None:
    with pytest.raises(CannotEdit):
        edited(preset, ScoringEdit(rules={("fit", 99): {"points": 1}}))
    with pytest.raises(CannotEdit):
        edited("region: GB\n", ScoringEdit())


@pytest.mark.parametrize("seed", range(6))
def test_any_edit_means_what_was_wanted(preset: str, seed: int) -> None:
    """Against the same change made to the data."""
    dice = Random(seed)
    print(f"seed {seed}")
    rules, drop = {}, set()
    wanted = {axis: rules_of(preset, axis) for axis in AXES}
    for axis in AXES:
        for index, rule in enumerate(rules_of(preset, axis)):
            if index and dice.random() < 0.25:
                drop.add((axis, index))
            elif dice.random() < 0.5:
                rules[axis, index] = {"points": float(dice.randint(-50, 50))}
                if "on" in rule:
                    rules[axis, index]["cap"] = dice.choice([None, 15])
        for (one, index), values in rules.items():
            for name, value in values.items() if one == axis else ():
                wanted[axis][index].pop(name, None)
                if value is not None:
                    wanted[axis][index][name] = value
        wanted[axis] = [rule for index, rule in enumerate(wanted[axis]) if (axis, index) not in drop]
    new = {"name": "New", "points": dice.randint(1, 9), "when": {"email": {"present": True}}}
    wanted["fit"].append(new)
    grid = dict.fromkeys(dice.sample(["A1", "A2", "B1", "B2"], 2), "mql")
    text = edited(preset, ScoringEdit(rules, frozenset(drop), {"fit": [new]}, grid=grid))
    assert {axis: rules_of(text, axis) for axis in AXES} == wanted
    assert data_of(text)["scoring"]["grid"] == grid
    rest = {key: value for key, value in data_of(text).items() if key != "scoring"}
    assert rest == {key: value for key, value in data_of(preset).items() if key != "scoring"}
    kept = [line for line in preset.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in text.splitlines() if line in kept] == kept
