"""What two states of the files say differently, and how two people's changes come together."""

from __future__ import annotations

import random
from typing import Any

import pytest

from mapping.compared import ABSENT, Change, changes, merged, same
from mapping.editing import data_of, drop_at, set_at
from tests.mapping.projects import PRESETS

MAIN = "smarketing.yaml"
HUBSPOT = "mappings/hubspot.yaml"
FILES = {
    HUBSPOT: (PRESETS / "hubspot.yaml").read_text("utf-8"),
    "mappings/file.yaml": (PRESETS / "file.yaml").read_text("utf-8"),
}


def with_(files: dict[str, str], *loc: str | int, value: Any, file: str = HUBSPOT) -> dict[str, str]:
    return {**files, file: set_at(files[file], loc, value)}


def test_an_entry_is_what_a_person_changes_at_once() -> None:
    after = with_(FILES, "fields", "email", "direction", value="pull")
    after = with_(after, "stage", "values", "sal", value="x")
    after = {**after, HUBSPOT: drop_at(after[HUBSPOT], ("fields", "city"))}
    assert changes(FILES, after) == [
        Change(HUBSPOT, ("fields", "email"), {"remote": "email"}, {"remote": "email", "direction": "pull"}),
        Change(HUBSPOT, ("fields", "city"), {"remote": "city"}, ABSENT),
        Change(HUBSPOT, ("stage", "values", "sal"), "marketingqualifiedlead", "x"),
    ]
    assert changes(FILES, FILES) == []


def test_comments_alone_and_whole_files_are_changes_too() -> None:
    assert changes(FILES, {**FILES, HUBSPOT: FILES[HUBSPOT] + "# more\n"}) == [Change(HUBSPOT, (), ABSENT, ABSENT)]
    less = {HUBSPOT: FILES[HUBSPOT]}
    assert changes(FILES, less) == [Change("mappings/file.yaml", (), FILES["mappings/file.yaml"], ABSENT)]
    assert not same(True, 1)
    assert not same({"a": [1]}, {"a": [1.0]})


def test_disjoint_changes_come_together_with_both_peoples_comments() -> None:
    theirs = {
        **FILES,
        HUBSPOT: FILES[HUBSPOT].replace("  phone: {remote: phone}\n", "  # theirs\n  phone: {remote: tel}\n", 1),
    }
    mine = {
        **FILES,
        HUBSPOT: FILES[HUBSPOT].replace(
            "  industry: {remote: industry}\n", "  # mine\n  industry: {remote: branch}\n", 1
        ),
    }
    found = merged(FILES, theirs, mine)
    assert found.clashes == ()
    assert found.files[HUBSPOT] == theirs[HUBSPOT].replace(
        "  industry: {remote: industry}\n", "  # mine\n  industry: {remote: branch}\n", 1
    )


def test_lines_side_by_side_come_together_entry_by_entry() -> None:
    theirs = with_(FILES, "fields", "phone", "remote", value="tel")
    mine = with_(FILES, "fields", "mobile", "remote", value="cell")
    found = merged(FILES, theirs, mine)
    assert found.clashes == ()
    assert found.files == with_(theirs, "fields", "mobile", "remote", value="cell")


@pytest.mark.parametrize(("choice", "remote"), [("mine", "cell"), ("theirs", "tel")])
def test_what_both_have_changed_is_chosen(choice: Any, remote: str) -> None:
    theirs = with_(FILES, "fields", "phone", value={"remote": "tel", "direction": "pull"})
    mine = with_(with_(FILES, "fields", "phone", "remote", value="cell"), "fields", "city", "remote", value="town")
    found = merged(FILES, theirs, mine)
    [clash] = found.open
    assert (clash.file, clash.key, clash.begun) == (HUBSPOT, "fields.phone", {"remote": "phone"})
    assert data_of(found.files[HUBSPOT])["fields"]["phone"]["remote"] == "tel", "theirs stands until somebody chooses"
    chosen = merged(FILES, theirs, mine, {(HUBSPOT, "fields.phone"): choice})
    assert chosen.open == ()
    fields = data_of(chosen.files[HUBSPOT])["fields"]
    assert fields["phone"]["remote"] == remote
    assert fields["city"]["remote"] == "town"


def test_a_whole_against_a_part_of_it() -> None:
    theirs = {**FILES, HUBSPOT: drop_at(FILES[HUBSPOT], ("companies",))}
    mine = with_(FILES, "companies", "fields", "name", "remote", value="title")
    found = merged(FILES, theirs, mine)
    assert [clash.key for clash in found.open] == ["companies"]
    kept = merged(FILES, theirs, mine, {(HUBSPOT, "companies"): "mine"})
    assert data_of(kept.files[HUBSPOT])["companies"]["fields"]["name"] == {"remote": "title"}
    gone = merged(FILES, {MAIN: "a: 1\n"}, {MAIN: "a: 1\n", **with_(FILES, "id_field", value="x")})
    assert [clash.file for clash in gone.clashes] == [HUBSPOT]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_of_random_changes(seed: int) -> None:
    """Against the plain rule, by hand: of each entry what one side changed, and a clash where both did, differently."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    fields = list(data_of(FILES[HUBSPOT])["fields"])

    def edited() -> dict[str, str]:
        files = FILES
        for name in chance.sample(fields, 6):
            if chance.random() < 0.25:
                files = {**files, HUBSPOT: drop_at(files[HUBSPOT], ("fields", name))}
            else:
                files = with_(files, "fields", name, "remote", value=chance.choice(["a", "b"]))
        return files

    theirs, mine = edited(), edited()
    begun_, theirs_, mine_ = (data_of(files[HUBSPOT])["fields"] for files in (FILES, theirs, mine))
    found = merged(FILES, theirs, mine)
    wanted = {}
    clashes = set()
    for name in fields:
        was, other, own = (side.get(name) for side in (begun_, theirs_, mine_))
        result = own if other == was else other
        if other != was and own not in (was, other):
            clashes.add(f"fields.{name}")
        if result is not None:
            wanted[name] = result
    assert data_of(found.files[HUBSPOT])["fields"] == wanted
    assert {clash.key for clash in found.clashes} == clashes
