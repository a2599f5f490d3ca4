"""Edits of YAML texts: what nobody touched stays to the byte, and what is written looks as a person would have written it."""

from __future__ import annotations

import copy
import json
from difflib import SequenceMatcher
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.editing import CannotEdit, data_of, drop_at, rename, set_at
from mapping.source import Loc
from tests.mapping.projects import PRESETS

TEXTS = {path.stem: path.read_text("utf-8") for path in sorted(PRESETS.glob("*.yaml"))}
TRICKY = """\
# Of somebody who writes YAML in their own way.
systems:   {a: {connector: memory , settings: { file: "a.json" }},   # one
            b: {connector: memory}}


vocabulary:
    # four columns
    promote: {mql: {score: {at_least: 50}}}
    ladder:
    - name: "lead"   # the first
      means: Asks, and wants (a, b) 'to know'
    - {name: mql, means: 'it''s scored'}

    - name: sql
      means: |
        Talked to.

        Twice.

    # about nothing below


    sales_qualified: sql
fields:
    email: {type: email}   # by this
    empty:
    tags: [a,b , "c"]
    long: {type: text, label: "Ünï – 名"}
"""
EDITED = {
    "hubspot": TEXTS["hubspot"][: TEXTS["hubspot"].index("# Companies, by")],
    "tricky": TRICKY,
    "file": TEXTS["file"],
}


def test_nothing_changes_where_nothing_is_changed() -> None:
    for name, text in TEXTS.items():
        data = data_of(text)
        for key, value in data.items():
            assert set_at(text, (key,), value) == text, f"{name}: {key}"


HUBSPOT = TEXTS["hubspot"]


@pytest.mark.parametrize(
    ("loc", "value", "before", "after"),
    [
        (("fields", "email", "remote"), "work_email", "email: {remote: email}", "email: {remote: work_email}"),
        (
            ("fields", "email"), {"remote": "email", "direction": "pull"},
            "email: {remote: email}", "email: {remote: email, direction: pull}",
        ),
        (
            ("fields", "country", "transform"), {"country": {"style": "alpha3"}},
            "transform: {country: {style: name}}}\n  industry", "transform: {country: {style: alpha3}}}\n  industry",
        ),
        (("fields", "country"), {"remote": "country"}, ", transform: {country: {style: name}}}\n  industry", "}\n  industry"),
        (("fields", "employees", "direction"), "both", "direction: push\n    transform: {band", "direction: both\n    transform: {band"),
        (("fields", "employees", "clears"), True, "500-1000, 1000+]}}\n", "500-1000, 1000+]}}\n    clears: true\n"),
        (("stage", "values", "sal"), "other", "    sal: marketingqualifiedlead\n", "    sal: other\n"),
        (("stage", "reads", "7"), None, "    other: null\n", '    other: null\n    7: null\n'),
        (("match",), ["email", ["phone", "company"]], "match: [email]\nid", "match: [email, [phone, company]]\nid"),
        (
            ("fields", "do_not_email", "transform", "boolean", "yes"), "no",
            '{yes: "true", no: "false"}}}\n\n', '{yes: "no", no: "false"}}}\n\n',
        ),
    ],
)  # fmt: skip
def test_an_edit_is_what_a_person_would_have_written(loc: Loc, value: Any, before: str, after: str) -> None:
    assert before in HUBSPOT
    assert set_at(HUBSPOT, loc, value) == HUBSPOT.replace(before, after, 1)


def test_a_new_entry_stands_where_it_belongs_in_the_style_of_its_neighbours() -> None:
    order = ["email", "first_name", "middle_name", "last_name"]
    edited = set_at(HUBSPOT, ("fields", "middle_name"), {"remote": "middle"}, order=order)
    assert edited == HUBSPOT.replace(
        "firstname}\n  last_name", "firstname}\n  middle_name: {remote: middle}\n  last_name", 1
    )
    last = set_at(HUBSPOT, ("owners", "fields", "phone"), {"remote": "tel: work"})
    assert last == HUBSPOT + '    phone: {remote: "tel: work"}\n'
    first = set_at(HUBSPOT, ("fields", "salutation"), {"remote": "salutation"}, order=["salutation", *order])
    assert "fields:\n  salutation: {remote: salutation}\n  email: " in first


def test_a_line_that_grows_too_long_is_broken_up() -> None:
    words = {"values": {f"value_{n}": f"Words of the vendor, number {n}" for n in range(6)}}
    edited = set_at(HUBSPOT, ("fields", "industry", "transform"), {"picklist": words})
    start = "  industry:\n    remote: industry\n    transform:\n      picklist:\n        values:\n"
    assert start + '          value_0: "Words' in edited
    assert max(map(len, edited.splitlines())) <= 120
    assert data_of(edited)["fields"]["industry"]["transform"] == {"picklist": words}


def test_a_section_that_was_not_there_is_made() -> None:
    assert set_at("a: 1", ("b", "c", "d"), "x") == "a: 1\nb:\n  c: {d: x}\n"
    assert set_at("# nothing yet\n", ("a",), 1) == "# nothing yet\na: 1\n"
    assert set_at("fields:\n# none\n", ("fields", "email"), {"remote": "e"}).startswith("fields:")
    assert data_of(set_at("fields: {}\nx: 1\n", ("fields", "email"), {"remote": "e"})) == {
        "fields": {"email": {"remote": "e"}}, "x": 1,
    }  # fmt: skip


def test_a_comment_goes_with_the_one_entry_that_it_is_about() -> None:
    edited = drop_at(HUBSPOT, ("fields", "employees"))
    start, end = HUBSPOT.index("  # HubSpot keeps the size"), HUBSPOT.index('  # "Unsubscribed')
    assert edited == HUBSPOT[:start] + HUBSPOT[end:]
    kept = drop_at(HUBSPOT, ("fields", "opted_out"))
    line = next(line for line in HUBSPOT.splitlines(keepends=True) if line.startswith("  opted_out:"))
    assert kept == HUBSPOT.replace(line, "", 1), "the comment is about the entry below, too"


def test_the_last_entry_leaves_an_empty_group() -> None:
    assert drop_at("a:\n  b: 1 # one\nc: 2\n", ("a", "b")) == "a: {} # one\nc: 2\n"
    assert drop_at("a: {b: [1]}\n", ("a", "b", 0)) == "a: {b: []}\n"


def test_an_entry_is_renamed_in_its_place() -> None:
    assert rename(HUBSPOT, ("fields", "city"), "town") == HUBSPOT.replace(
        "  city: {remote: city}", "  town: {remote: city}", 1
    )
    with pytest.raises(CannotEdit):
        rename(HUBSPOT, ("fields", "city"), "phone")


def test_items_of_lists() -> None:
    text = "rules:\n  # the first\n  - {name: a, points: 1}  # one\n  - name: b\n    points: 2\n\n# end\n"
    assert drop_at(text, ("rules", 0)) == "rules:\n  # the first\n  - name: b\n    points: 2\n\n# end\n"
    assert drop_at(text, ("rules", 1, "name")) == text.replace("- name: b\n    points", "- points")
    more = set_at(text, ("rules",), [*data_of(text)["rules"], {"name": "c"}])
    assert more == text.replace("points: 2\n", "points: 2\n  - {name: c}\n")
    between = set_at(text, ("rules",), [{"name": "a", "points": 1}, {"name": "z"}, {"name": "b", "points": 2}])
    assert between == text.replace("# one\n", "# one\n  - {name: z}\n")


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x\n", "a: [1\n", "a: 1\na: 2\n", "- 1\n", "a: &x 1\nb: *x\n"])
def test_what_only_a_person_can_edit_is_refused(text: str) -> None:
    for loc in (("c", "b"), ("a",), ("b",)):
        try:
            edited = set_at(text, loc, 7)
        except CannotEdit:
            continue
        assert "*x" not in text or data_of(edited)["a" if loc != ("a",) else "c"] in (1, {"b": 1}), edited
    with pytest.raises(CannotEdit):
        set_at("a: &x {b: 1}\nc: *x\n", ("c", "b"), 2)


# -- by property ------------------------------------------------------------------------------------------------------

words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["yes", "No", "null", "~", "1", "1.5", "0x1", "2026-01-31", "a: b", "a #b", "- x", "{", "é", "", " x", "x:", "'", '"', "*a", "&a", "!t", "%", "@", "`", "|", ">", "?", "a,b", "[x]", "\u2028", "\x85", "#x", "=", "<<", "12:30", "1_000", "1e3", ".inf", ".nan"]),
)  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), words)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc:# é1", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(data: Any, loc: Loc = ()) -> list[Loc]:
    found = [loc] if loc else []
    if isinstance(data, dict | list):
        for part, inner in data.items() if isinstance(data, dict) else enumerate(data):
            found += places(inner, (*loc, part))
    return found


def at(data: Any, loc: Loc) -> Any:
    for part in loc:
        data = data[part]
    return data


PLACES = [(name, loc) for name, text in EDITED.items() for loc in places(data_of(text))]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), values)
def test_an_edit_changes_its_entry_and_no_other_byte(place: tuple[str, Loc], value: Any) -> None:
    name, loc = place
    text = EDITED[name]
    edited = set_at(text, loc, value)
    wanted = copy.deepcopy(data_of(text))
    at(wanted, loc[:-1])[loc[-1]] = value
    assert json.dumps(data_of(edited), sort_keys=True) == json.dumps(wanted, sort_keys=True)
    outside_stays(text, edited, loc)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PLACES))
def test_dropping_takes_its_lines_and_no_others(place: tuple[str, Loc]) -> None:
    name, loc = place
    text = EDITED[name]
    edited = drop_at(text, loc)
    wanted = copy.deepcopy(data_of(text))
    del at(wanted, loc[:-1])[loc[-1]]
    assert json.dumps(data_of(edited), sort_keys=True) == json.dumps(wanted, sort_keys=True)
    outside_stays(text, edited, loc)


SCALARS = [(name, loc) for name, loc in PLACES if not isinstance(at(data_of(EDITED[name]), loc), dict | list)]
GROUPS = [(name, loc) for name, loc in PLACES if isinstance(at(data_of(EDITED[name]), loc), dict)]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SCALARS), scalars)
def test_setting_a_value_and_setting_it_back_gives_the_text_back(place: tuple[str, Loc], value: Any) -> None:
    name, loc = place
    text = EDITED[name]
    edited = set_at(text, loc, value)
    back = set_at(edited, loc, at(data_of(text), loc))
    was = at(data_of(text), loc)
    spelled = was.replace("'", "''") if isinstance(was, str) else ""
    quoted = isinstance(was, str) and (f"'{spelled}'" in text or f'"{was}"' in text)
    if edited.count("\n") == text.count("\n") and not quoted:  # else a line was broken up, or quotes were nobody's need
        assert back == text
    assert data_of(back) == data_of(text)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(GROUPS), st.text("abcdef", min_size=1), values)
def test_adding_an_entry_and_dropping_it_gives_the_text_back(place: tuple[str, Loc], key: str, value: Any) -> None:
    name, loc = place
    text = EDITED[name]
    if key in at(data_of(text), loc):
        return
    added = set_at(text, (*loc, key), value)
    back = drop_at(added, (*loc, key))
    long = max(map(len, added.splitlines())) > 120 or len(added.splitlines()) > len(text.splitlines()) + 1
    assert back == text or (long and data_of(back) == data_of(text))


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(SCALARS), scalars)
def test_line_ends_and_byte_order_marks_stay(place: tuple[str, Loc], value: Any) -> None:
    name, loc = place
    plain = set_at(EDITED[name], loc, value)
    for mark, end in (("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")):
        assert set_at(mark + EDITED[name].replace("\n", end), loc, value) == mark + plain.replace("\n", end)


def outside_stays(text: str, edited: str, loc: Loc) -> None:
    """The lines that differ are one stretch, and it lies within the entry's own lines (and the comment right above it, and
    the group on one line that it is in)."""
    old, new = text.splitlines(), edited.splitlines()
    changes = [code for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"]
    if not changes:
        return
    from mapping.source import read_bytes

    lines = read_bytes(text.encode(), "x").lines
    whole = loc
    while len(whole) > 1 and lines[whole] == lines[whole[:-1]]:  # a group on one line
        whole = whole[:-1]
    inside = {line for place, line in lines.items() if place[: len(whole)] == whole}
    parent = lines[whole[:-1]] if len(whole) > 1 else min(inside)
    first = min(inside)
    last = min((line for line in lines.values() if line > max(inside)), default=len(old) + 1) - 1
    assert changes[-1][2] <= last, f"{loc}: changed below its lines {first} to {last}: {changes}"
    floor = min(first, parent)
    while floor > 1 and (old[floor - 2].lstrip().startswith("#") or not old[floor - 2].strip()):
        floor -= 1
    assert changes[0][1] + 1 >= floor, f"{loc}: changed above its lines {first} to {last}: {changes}"
