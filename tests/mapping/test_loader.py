"""A project folder: every error at once, with its place; a digest that stands for the meaning alone; no secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.loader import (
    MAIN,
    compile_rules,
    json_schema,
    load_project,
    resolve_database,
    resolve_secrets,
    restore,
    variables,
)
from mapping.problems import ConfigError, ConfigErrors
from mapping.source import read_bytes
from tests.console.folder import make_project
from tests.mapping.projects import HUBSPOT, SALESFORCE, errors, errors_of, load, preset_folder, write
from tests.mapping.projects import MAIN as MAIN_TEXT

BROKEN = Path(__file__).parent / "broken"


def test_a_badly_broken_folder_gives_every_error_at_once() -> None:
    """The golden list. After a wanted change: print(found) into expected.txt, and read the difference."""
    with pytest.raises(ConfigErrors) as caught:
        load_project(BROKEN)
    found = str(caught.value)
    assert found.splitlines() == (BROKEN / "expected.txt").read_text().splitlines()
    assert "hunter2" not in found
    assert "pat-eu1" not in found


def test_an_error_tells_its_place_what_was_expected_and_the_nearest_name(tmp_path: Path) -> None:
    found = errors(tmp_path, hubspot=HUBSPOT.replace("company: {remote", "compnay: {remote"))
    assert found == [
        ConfigError(
            file="mappings/hubspot.yaml",
            line=4,
            key="fields.compnay",
            message="there is no shared field 'compnay'",
            expected="one of: email, company, employees, tags, opted_out, stage, stage_reason, score, score_reason, "
            "fit_score, engagement_score, grade, predicted_score, sales_qualified, persona",
            nearest="company",
        )
    ]
    assert str(found[0]).startswith("mappings/hubspot.yaml:4: fields.compnay: there is no shared field")


def test_a_good_folder_has_no_errors(tmp_path: Path) -> None:
    project = load(tmp_path)
    assert sorted(project.mappings) == ["hubspot", "salesforce"]
    assert project.folder == tmp_path


# -- files that are no YAML -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        (b"", 1, "empty"),
        (b"# only a comment\n", 1, "empty"),
        (b"a: 1\nb: \x00\n", 2, "NUL"),
        (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
        (b"a: 1\n b: 2\n", 2, "no YAML"),
        (b"a: [1, 2\n", 2, "no YAML"),
        (b"a: 'x\n", 2, "no YAML"),
        (b"a: 1\nb: \x07\n", 0, "no YAML"),
        (b"- a\n- b\n", 1, "no group of keys"),
        (b"just text\n", 1, "no group of keys"),
        (b"a: 1\n---\nb: 2\n", 2, "no YAML"),
        (b"a: &x [*x]\n", 1, "alias contains itself"),
        (b"a: " + b"[" * 100 + b"]" * 100 + b"\n", 1, "nest"),
        (b"a: " + b"[" * 5000 + b"]" * 5000 + b"\n", 0, "nested too deeply"),
        (b"x: " + b"a" * 1_100_000, 0, "1,100,003 bytes"),
        (b"a: !!python/object:os.system x\n", 1, "has no meaning here"),
        (b"a: 1\nb: 2\na: 3\n", 3, "said twice; the first is on line 1"),
        (b"? [a]\n: 1\n", 1, "a key must be a single word"),
    ],
)
def test_a_file_that_is_no_good_yaml_is_told_by_line(raw: bytes, line: int, message: str) -> None:
    source = read_bytes(raw, "smarketing.yaml")
    assert [error.line for error in source.errors] == [line]
    assert message in source.errors[0].message


def test_aliases_that_unfold_without_end_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    source = read_bytes("\n".join(lines).encode(), "smarketing.yaml")
    assert "unfolds to more than" in source.errors[0].message


def test_a_missing_folder_file_or_mapping_is_said(tmp_path: Path) -> None:
    assert [e.message for e in errors_of(tmp_path / "nowhere")] == ["there is no such file"]
    write(tmp_path)
    (tmp_path / "mappings" / "salesforce.yaml").rename(tmp_path / "mappings" / "salesforc.yaml")
    found = errors_of(tmp_path)
    assert [(e.file, e.nearest) for e in found] == [
        ("smarketing.yaml", "mappings/salesforc.yaml"),
        ("mappings/salesforc.yaml", "salesforce"),
    ]


def test_a_folder_in_the_place_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / MAIN).mkdir()
    assert "cannot be read" in errors_of(tmp_path)[0].message


words = st.sampled_from(
    [*"abc", "email", "fields", "remote", "stage", "all", "not", "{}", "[]", "null", "1", "&a", "*a", "<<"]
)
yaml_like = st.recursive(
    words | st.text(max_size=5) | st.none() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(data=yaml_like, which=st.sampled_from(["systems", "fields", "vocabulary", "scoring", "guards", "placeholders"]))
def test_whatever_stands_in_smarketing_yaml_gives_errors_or_a_project(
    tmp_path_factory: pytest.TempPathFactory, data: object, which: str
) -> None:
    folder = tmp_path_factory.mktemp("project")
    body = {"systems": {"hubspot": {"connector": "memory"}}, "fields": {"email": {"type": "email"}}, which: data}
    (folder / MAIN).write_text(json.dumps(body))
    if not errors_of(folder):
        compile_rules(load_project(folder))


@settings(max_examples=150, deadline=None)
@given(data=yaml_like, which=st.sampled_from(["match", "fields", "stage", "create_when", "id_field"]))
def test_whatever_stands_in_a_mapping_gives_errors_or_a_project(
    tmp_path_factory: pytest.TempPathFactory, data: object, which: str
) -> None:
    folder = write(tmp_path_factory.mktemp("project"))
    body = {"fields": {"email": {"remote": "email"}}, which: data}
    (folder / "mappings" / "hubspot.yaml").write_text(json.dumps(body))
    if not errors_of(folder):
        compile_rules(load_project(folder))


# -- one error each ---------------------------------------------------------------------------------------------------

STAGE = """
stage:
  remote: s
  values: {subscriber: s, lead: l, mql: m, sal: a, sql: q, opportunity: o, customer: c, evangelist: e, recycled: r, disqualified: d, lost: x}
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("hubspot", "fields:\n", "match: [opted_out]\nfields:\n", "opted_out is not mapped here"),
        ("hubspot", "{remote: email}", "{remote: email, direction: push}", "email is never read from this system"),
        ("hubspot", "{remote: employees}", "{remote: email}", "email is taken already, on line 3"),
        ("hubspot", "{remote: employees}", "{remote: n, transform: e164}", "e164 does not give what employees holds"),
        ("hubspot", "{remote: employees}", "{remote: n, transform: [integer]}", "wrong type"),
        ("hubspot", "{remote: employees}", "{remote: n, transform: {integer: {}, number: {}}}", "exactly one transform"),
        ("hubspot", "{remote: employees}", "{remote: n, transform: {band: {bands: [5-1]}}}", "from the lowest to the highest"),
        ("hubspot", "{remote: employees}", "{remote: n, transform: {band: {bands: [few]}}}", 'such as "25-50"'),
        ("hubspot", "{remote: employees}", "{remote: n, on_conflict: {prefer: [crm], owner: crm}}", "say one of"),
        ("hubspot", "{remote: employees}", "{remote: n, on_conflict: opt_out_wins}", "only yes or no"),
        ("hubspot", "  company", "  score: {remote: score, direction: push}\n  company", "there is no score to send"),
        ("hubspot", "  company", "  sales_qualified: {remote: sq}\n  company", "sales_qualified is computed"),
        ("hubspot", "  company", "  stage: {remote: s}\n  company", "the stage has a section of its own"),
        ("hubspot", "  company", "  x: {remote: s}\n  company", "there is no shared field 'x'"),
        ("hubspot", "fields:\n", "create_when: {}\nfields:\n", "the condition is empty"),
        ("hubspot", "fields:\n", "create_when: {employees: {at_least: many}}\nfields:\n", "wrong kind of value"),
        ("hubspot", "fields:\n", "create_when: {company: {at_least: 5}}\nfields:\n", "company has no order"),
        ("hubspot", "fields:\n", "create_when: {opted_out: 'yes'}\nfields:\n", "wrong kind of value"),
        ("hubspot", "fields:\n", "sync_when: {any: [{not: {stage: lost2}}]}\nfields:\n", "there is no stage 'lost2'"),
        ("hubspot", "fields:\n", STAGE.replace("lead: l,", "") + "fields:\n", "there is no word for lead"),
        ("hubspot", "fields:\n", STAGE.replace("lead: l,", "lead: s,") + "fields:\n", "stands for subscriber, lead"),
        ("hubspot", "fields:\n", STAGE + "  reads: {l: mql}\nfields:\n", "read it as mql, and would then write 'm'"),
        ("hubspot", "fields:\n", STAGE.replace("lead: l", "lead: m") + "  reads: {m: mql}\nfields:\n", "for lead, and would read it as mql"),
        ("hubspot", "fields:\n", STAGE.replace("lead: l", "lead: x") + "  reads: {x: lost}\nfields:\n", "for lead, and would read it as lost"),
        ("hubspot", "fields:\n", STAGE + "  reads: {zz: mqll}\nfields:\n", "the stage is never 'mqll'"),
        ("hubspot", "fields:\n", STAGE.replace("m,", "m, mqql: z,") + "fields:\n", "the stage is never 'mqql'"),
        ("main", "fields:\n", "region: XX\nfields:\n", "there is no country 'XX'"),
        ("main", "fields:\n", "region: usa\nfields:\n", "this name does not fit"),
        ("main", "fields:\n", "database: postgresql://u:pw@h/d\nfields:\n", "the password stands in the file"),
        ("main", '"${HUBSPOT_TOKEN}"', "pat-na1-123", "a secret stands in the file"),
        ("main", "fields:\n", "guards: {canaries: {hubspott: a@b.com}}\nfields:\n", "there is no such system"),
        ("main", "company: {}", "company: {type: picklist}", "a picklist needs its options"),
        ("main", "company: {}", "company: {template: '{nme}'}", "there is no shared field 'nme'"),
        ("main", "company: {}", "company: {template: '{score}'}", "score is itself computed"),
        ("main", "company: {}", "company: {same_as: employees}", "employees is of another type"),
        ("main", "company: {}", "company: {template: x, constant: y}", "derived in one way"),
        ("main", "company: {}", "company: {on_conflict: furthest}", "only the stage"),
        ("main", "company: {}", "company: {on_conflict: nwest}", "not known"),
        ("main", "company: {}", "company: {}\n  all: {}", "has a meaning in conditions"),
        ("main", "company: {}", "company: {}\n  stage: {}", "every project has this field by itself"),
        ("main", "type: boolean", "type: text", "a matter of yes or no"),
        ("main", "fields:\n", "vocabulary: {sales_qualified: won}\nfields:\n", "no step of the ladder 'won'"),
        ("main", "fields:\n", "vocabulary: {promote: {recycled: {company: x}}}\nfields:\n", "no step of the ladder 'recycled'"),
        ("main", "fields:\n", "scoring: {rules: []}\nfields:\n", "wrong type"),
        ("main", "fields:\n", "scoring: {rules: [{name: a, points: 1, when: {score: {at_least: 1}}}]}\nfields:\n", "itself computed"),
    ],
)  # fmt: skip
def test_one_slip_gives_one_error(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    texts = {"main": MAIN_TEXT, "hubspot": HUBSPOT, "salesforce": SALESFORCE}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new, 1)
    found = errors(tmp_path, **texts)
    told = [f"{error.message} {error.expected}" for error in found]
    assert any(message in text for text in told), told
    derived = {"company: {same_as", "company: {template"}
    if not any(new.startswith(start) for start in derived):  # these make the mapping wrong, too
        assert len(found) == 1, told
    assert all(error.line for error in found)


def test_two_policies_for_one_field_are_an_error_that_names_both_places(tmp_path: Path) -> None:
    found = errors(
        tmp_path,
        hubspot=HUBSPOT.replace("{remote: company}", "{remote: company, on_conflict: {owner: crm}}"),
        salesforce=SALESFORCE.replace("{remote: Company}", "{remote: Company, on_conflict: review}"),
    )
    assert [(e.file, e.line, e.message) for e in found] == [
        ("mappings/salesforce.yaml", 4, "company has another conflict policy at mappings/hubspot.yaml:4")
    ]


def test_the_same_policy_may_stand_twice(tmp_path: Path) -> None:
    owner = "on_conflict: {owner: crm}"
    project = load(
        tmp_path,
        hubspot=HUBSPOT.replace("{remote: company}", f"{{remote: company, {owner}}}"),
        salesforce=SALESFORCE.replace("{remote: Company}", f"{{remote: Company, {owner}}}"),
    )
    assert compile_rules(project).policy("company").kind == "owner"


# -- hash and canonical text ------------------------------------------------------------------------------------------


def test_the_hash_is_of_the_meaning(tmp_path: Path) -> None:
    first = load(tmp_path / "a")
    commented = load(
        tmp_path / "b",
        main="# a comment\n"
        + MAIN_TEXT.replace("  company: {}\n", "").replace("fields:\n", "fields:\n  company: {  type:   text }\n"),
        hubspot="match: [[email]]\nfields:\n    company: {remote: company, direction: both, clears: false}\n"
        "    employees:\n        remote: employees\n    email: {remote: email}\n",
    )
    assert commented.hash == first.hash
    assert commented.dump() == first.dump()
    other = load(tmp_path / "c", hubspot=HUBSPOT.replace("{remote: company}", "{remote: company, clears: true}"))
    assert other.hash != first.hash


def test_the_order_of_the_ladder_is_meaning(tmp_path: Path) -> None:
    one = "vocabulary: {sales_qualified: b, ladder: [{name: a}, {name: b}]}\n"
    two = "vocabulary: {sales_qualified: b, ladder: [{name: b}, {name: a}]}\n"
    assert load(tmp_path / "a", main=MAIN_TEXT + one).hash != load(tmp_path / "b", main=MAIN_TEXT + two).hash


@pytest.mark.parametrize("systems", [("hubspot", "salesforce"), ("hubspot", "tryton")])
def test_a_published_project_comes_back_as_it_was(tmp_path: Path, systems: tuple[str, ...]) -> None:
    project = load_project(preset_folder(tmp_path, *systems))
    again = restore(project.dump(), tmp_path)
    assert again == project
    first, second = compile_rules(project), compile_rules(again)
    assert {n: m.specs for n, m in first.mappers.items()} == {n: m.specs for n, m in second.mappers.items()}


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_are_resolved_only_when_asked_for(tmp_path: Path) -> None:
    project = load(tmp_path)
    spec = project.config.systems["hubspot"].settings
    assert variables(spec) == {"HUBSPOT_TOKEN"}
    resolved = resolve_secrets(spec, {"HUBSPOT_TOKEN": "s3cr3t"})
    assert resolved == {"access_token": "s3cr3t"}
    everything = repr(project) + project.dump() + str(project.config) + json.dumps(json_schema())
    assert "s3cr3t" not in everything
    assert spec == {"access_token": "${HUBSPOT_TOKEN}"}


def test_a_missing_variable_is_reported_by_name_and_all_of_them_at_once() -> None:
    asked = {"token": "${A_TOKEN}", "nested": {"key": ["x${B_KEY}y"]}, "plain": 3}
    with pytest.raises(ConfigErrors) as caught:
        resolve_secrets(asked, {"C": "c"}, where="systems.x.settings")
    assert [e.message for e in caught.value.errors] == [
        "the environment variable A_TOKEN is not set",
        "the environment variable B_KEY is not set",
    ]
    assert resolve_secrets(asked, {"A_TOKEN": "a", "B_KEY": "b"}) == {
        "token": "a",
        "nested": {"key": ["xby"]},
        "plain": 3,
    }


def test_a_secret_typed_into_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = errors(tmp_path, main=MAIN_TEXT.replace("${HUBSPOT_TOKEN}", "pat-eu1-very-secret"))
    assert [e.key for e in found] == ["systems.hubspot.settings.access_token"]
    assert "very-secret" not in str(ConfigErrors(found))


def test_the_database_stands_in_the_project_folder(tmp_path: Path) -> None:
    project = load(tmp_path)
    assert resolve_database(project, {}) == f"sqlite:///{tmp_path / 'state.sqlite'}"
    postgres = load(tmp_path / "pg", main="database: 'postgresql+psycopg://u:${PW}@h/d'\n" + MAIN_TEXT)
    assert resolve_database(postgres, {"PW": "x"}) == "postgresql+psycopg://u:x@h/d"
    absolute = load(tmp_path / "abs", main="database: sqlite:////var/lib/s.sqlite\n" + MAIN_TEXT)
    assert resolve_database(absolute, {}) == "sqlite:////var/lib/s.sqlite"


def test_editors_get_a_schema() -> None:
    schema = json_schema()
    assert set(schema) == {"smarketing.yaml", "mappings/*.yaml"}
    assert set(schema["mappings/*.yaml"]["properties"]) == {
        "match",
        "propose",
        "id_field",
        "create_when",
        "sync_when",
        "on_leave",
        "fields",
        "stage",
        "companies",
        "deals",
        "owners",
        "activities",
    }
    json.dumps(schema)


def test_a_draft_is_read_like_the_folder(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "p")
    files = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*.yaml")}
    assert load_project(folder, files) == load_project(folder)
    wrong = {**files, "mappings/crm.yaml": files["mappings/crm.yaml"].replace("{remote: Email}", "{remot: Email}")}
    for _ in range(2):  # what was found wrong the first time is not found once more the second
        with pytest.raises(ConfigErrors) as caught:
            load_project(folder, wrong)
        (folder / "mappings/crm.yaml").write_text(wrong["mappings/crm.yaml"])
        with pytest.raises(ConfigErrors) as on_disk:
            load_project(folder)
        assert caught.value.errors == on_disk.value.errors
    assert load_project(folder, files).hash
    with pytest.raises(ConfigErrors, match=r"smarketing\.yaml: there is no such file"):
        load_project(folder, {})
