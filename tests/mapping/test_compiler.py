"""From the files to the rules of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mapping.fields import Policy
from mapping.loader import Project, compile_rules, load_project
from mapping.mapper import Mapper
from mapping.problems import ConfigErrors
from tests.mapping.projects import HUBSPOT, MAIN, SALESFORCE, load, preset_folder
from tests.mapping.test_transforms import HORRORS


def hubspot(project: Project) -> Mapper:
    return compile_rules(project).mappers["hubspot"]


# -- policies ---------------------------------------------------------------------------------------------------------


def test_default_policies(tmp_path: Path) -> None:
    rules = compile_rules(load(tmp_path))
    crm_first = ("salesforce", "hubspot")
    assert rules.policy("stage") == Policy("furthest", crm_first)
    assert rules.policy("opted_out") == Policy("opt_out_wins", crm_first)
    assert rules.policy("tags") == Policy("union", crm_first)
    assert rules.policy("company") == Policy("prefer", crm_first)


def test_roles_stand_for_their_systems_and_those_left_out_follow(tmp_path: Path) -> None:
    main = MAIN.replace("fields:", "  shop: {connector: memory}\n  erp: {connector: memory, role: crm}\nfields:", 1)
    main = main.replace("company: {}", "company: {on_conflict: {prefer: [shop, marketing]}}")
    (tmp_path / "mappings").mkdir()
    for name in ("shop", "erp"):
        (tmp_path / "mappings" / f"{name}.yaml").write_text("fields: {email: {remote: mail}}")
    rules = compile_rules(
        load(
            tmp_path,
            main=main,
            hubspot=HUBSPOT.replace("{remote: employees}", "{remote: n, on_conflict: {owner: crm}}"),
        )
    )
    assert rules.policy("company").systems == ("shop", "hubspot", "erp", "salesforce")
    assert rules.policy("employees") == Policy("owner", ("erp", "salesforce", "hubspot", "shop"))
    assert rules.policy("email").systems == ("erp", "salesforce", "hubspot", "shop")


def test_derived_fields_have_no_policy(tmp_path: Path) -> None:
    rules = compile_rules(load_project(preset_folder(tmp_path, "hubspot", "salesforce")))
    assert not {"score", "score_reason", "sales_qualified", "shared_stage", "do_not_email"} & rules.policies.keys()


def test_systems_may_be_left_out_of_a_run(tmp_path: Path) -> None:
    project = load(tmp_path)
    rules = compile_rules(project, without=["salesforce"])
    assert set(rules.mappers) == {"hubspot"}
    assert rules.policy("company").systems == ("salesforce", "hubspot")
    assert rules.hash == compile_rules(project).hash == project.hash


# -- mappers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "changes"),
    [
        ("{remote: company, direction: both}", False),
        ("{remote: company, transform: text}", False),
        ("{remote: company, on_conflict: review}", False),
        ("{transform: {text: {}}, remote: company}", False),
        ("{remote: company2}", True),
        ("{remote: company, transform: name}", True),
        ("{remote: company, direction: pull}", True),
        ("{remote: company, clears: true}", True),
        ("{remote: company, default: x}", True),
    ],
)
def test_a_spec_changes_when_the_meaning_of_its_entry_does(tmp_path: Path, entry: str, changes: bool) -> None:
    before = hubspot(load(tmp_path / "a"))
    after = hubspot(load(tmp_path / "b", hubspot=HUBSPOT.replace("{remote: company}", entry)))
    assert (before.specs["company"] != after.specs["company"]) is changes
    assert before.specs["email"] == after.specs["email"]
    assert (before.hash != after.hash) is changes


def test_the_region_is_part_of_what_a_phone_means(tmp_path: Path) -> None:
    main = MAIN.replace("  company: {}", "  company: {}\n  phone: {type: phone}")
    text = HUBSPOT + "  phone: {remote: phone}\n"
    one = hubspot(load(tmp_path / "a", main=main + "region: US\n", hubspot=text))
    two = hubspot(load(tmp_path / "b", main=main + "region: FR\n", hubspot=text))
    assert one.specs["phone"] != two.specs["phone"]
    assert one.to_hub({"phone": "(415) 555-2671"})[0] == {"phone": "+14155552671"}
    assert two.to_hub({"phone": "06 12 34 56 78"})[0] == {"phone": "+33612345678"}


def test_a_bad_value_costs_its_field_and_is_told(tmp_path: Path) -> None:
    hub, problems = hubspot(load(tmp_path)).to_hub({"email": "a@b.com", "employees": "many", "company": ""})
    assert hub == {"email": "a@b.com", "company": None}
    assert [(p.field, p.remote, p.value, p.message) for p in problems] == [
        ("employees", "employees", "many", "expected a number")
    ]


def test_a_default_is_written_and_never_read_back(tmp_path: Path) -> None:
    mapper = compile_rules(
        load(tmp_path, salesforce=SALESFORCE.replace("{remote: Company}", '{remote: Company, default: "(none)"}'))
    ).mappers["salesforce"]
    assert mapper.to_hub({"Company": "(None)"})[0] == {"company": None}
    assert mapper.to_create({"email": "a@b.com"}) == ({"Email": "a@b.com", "Company": "(none)"}, [])
    assert mapper.to_remote({"company": None}) == ({"Company": "(none)"}, [])
    assert mapper.to_remote({"email": "a@b.com"}) == ({"Email": "a@b.com"}, [])
    assert mapper.roundtrip("company", None) is None


def test_conditions_decide_what_is_created_and_synced(tmp_path: Path) -> None:
    text = HUBSPOT + "create_when: {company: {present: true}}\nsync_when: {not: {opted_out: true}}\n"
    mapper = hubspot(load(tmp_path, hubspot=text))
    assert mapper.create_when({"company": "x"})
    assert not mapper.create_when({})
    assert mapper.sync_when({})
    assert not mapper.sync_when({"opted_out": True})


def test_computed_fields_are_never_read(tmp_path: Path) -> None:
    mapper = hubspot(load_project(preset_folder(tmp_path, "hubspot", "salesforce")))
    hub, _ = mapper.to_hub(
        {"smarketing_score": "99", "smarketing_sales_qualified": "true", "smarketing_stage": "customer"}
    )
    assert hub == {}


# -- derived fields ---------------------------------------------------------------------------------------------------

DERIVED = """
  full_name: {template: "{first} {last} ({company})"}
  origin: {constant: smarketing}
  copy: {same_as: company}
  label: {fallback: "{first} {last}"}
  first: {}
  last: {}
"""


def test_templates_constants_copies_and_fallbacks(tmp_path: Path) -> None:
    mapped = "".join(f"  {n}: {{remote: {n}, direction: push}}\n" for n in ("full_name", "origin", "copy"))
    derive = compile_rules(
        load(tmp_path, main=MAIN + DERIVED, hubspot=HUBSPOT + mapped + "  label: {remote: label}\n")
    ).derive
    found = derive({"first": "Ada", "last": None, "company": "Acme"})
    assert found == {
        "sales_qualified": False,
        "full_name": "Ada (Acme)",
        "origin": "smarketing",
        "copy": "Acme",
        "label": "Ada",
    }
    assert "label" not in derive({"first": "Ada", "label": "said by the system"})
    assert derive({}) == {"sales_qualified": False, "full_name": None, "origin": "smarketing", "copy": None}


def test_what_no_system_is_sent_is_not_computed(tmp_path: Path) -> None:
    assert compile_rules(load(tmp_path, main=MAIN + DERIVED)).derive({"company": "Acme"}) == {"sales_qualified": False}


def test_sales_qualified_from_sql_on_and_not_off_the_ladder(tmp_path: Path) -> None:
    derive = compile_rules(load(tmp_path)).derive
    stages = ["lead", "sal", "sql", "customer", "recycled", "disqualified", None]
    assert [derive({"stage": stage})["sales_qualified"] for stage in stages] == [
        False,
        False,
        True,
        True,
        False,
        False,
        False,
    ]


# -- promotion --------------------------------------------------------------------------------------------------------

PROMOTE = """
vocabulary:
  promote:
    mql: {score: {at_least: 20}}
    sql: {all: [{score: {at_least: 20}}, {company: Acme}]}
scoring:
  rules:
    - {name: Company, points: 25, when: {company: {present: true}}}
"""


def test_a_score_promotes_with_its_evidence(tmp_path: Path) -> None:
    rules = compile_rules(load(tmp_path, main=MAIN + PROMOTE))

    def promoted(**fields: str) -> tuple[str, str] | None:
        return rules.promote({**fields, **rules.derive({**fields})})

    assert promoted(stage="lead", company="Other") == ("mql", "score is 25")
    assert promoted(stage="lead", company="acme") == ("sql", "score is 25, company is acme")
    assert promoted(stage="mql", company="Other") is None, "already there"
    assert promoted(stage="customer", company="Acme") is None, "never back"
    assert promoted(stage="recycled", company="Acme") is None, "people decide who leaves a side state"
    assert promoted(company="Acme") is None, "nobody calls this person a lead"
    assert promoted(stage="lead") is None


def test_a_project_of_its_own_words(tmp_path: Path) -> None:
    main = (
        MAIN
        + "vocabulary: {sales_qualified: hot, ladder: [{name: cold}, {name: warm}, {name: hot}], side: [{name: gone, moves: [warm], reasons: [moved]}]}\n"
    )
    lifecycle = compile_rules(load(tmp_path, main=main)).lifecycle
    assert lifecycle.stages == ("cold", "warm", "hot", "gone")
    assert lifecycle.allowed("gone", "warm")
    assert not lifecycle.allowed("gone", "hot")
    assert lifecycle.reasons == {"gone": ("moved",)}


def test_guards_become_limits(tmp_path: Path) -> None:
    main = MAIN + "guards: {create_count: 7, canaries: {hubspot: a@b.com}}\n"
    limits = compile_rules(load(tmp_path, main=main)).limits
    assert (limits.create_count, limits.change_share, limits.canaries) == (7, 0.3, {"hubspot": "a@b.com"})


@pytest.mark.parametrize("value", HORRORS, ids=[str(n) for n in range(len(HORRORS))])
def test_no_value_brings_a_mapper_down(tmp_path: Path, value: object) -> None:
    rules = compile_rules(load_project(preset_folder(tmp_path, "hubspot", "salesforce")))
    for mapper in rules.mappers.values():
        hub, problems = mapper.to_hub(dict.fromkeys(mapper.remote_fields, value))
        assert hub.keys() | {problem.field for problem in problems} == mapper.pulled
        assert all(len(problem.value) <= 900 and problem.value.isprintable() for problem in problems)
        rules.derive(hub)
        mapper.to_remote(hub)


# -- who leaves -------------------------------------------------------------------------------------------------------

SCORED = (
    MAIN
    + """
scoring: {rules: [{name: big, points: 10, when: {employees: {at_least: 50}}}]}
"""
)


@pytest.mark.parametrize(
    ("rule", "main", "same"),
    [
        ("{tags: vip}", MAIN, True),
        ("{tags: [vip]}", MAIN, False),
        ("{tags: gold}", MAIN, False),
        ("{tags: vip}", MAIN.replace("  company: {}", "  company: {type: name}"), True),
        ("{tags: vip}", MAIN.replace("{type: multipicklist}", "{type: multipicklist, options: [vip]}"), False),
        ("{tags: vip}", SCORED, True),
    ],
    ids=["the same", "spelled otherwise", "another value", "another field", "its own field", "points"],
)
def test_the_mark_of_a_rule_is_what_it_means(tmp_path: Path, rule: str, main: str, same: bool) -> None:
    def mark(folder: Path, main: str, rule: str) -> bytes | None:
        folder.mkdir()
        return hubspot(load(folder, main, HUBSPOT + f"sync_when: {rule}\non_leave: archive\n")).archives

    before, now = mark(tmp_path / "before", MAIN, "{tags: vip}"), mark(tmp_path / "now", main, rule)
    assert before is not None
    assert (before == now) is same


def test_what_points_count_for_is_part_of_a_rule_over_the_score(tmp_path: Path) -> None:
    marks = set()
    for n, main in enumerate((SCORED, SCORED.replace("points: 10", "points: 20"))):
        (tmp_path / str(n)).mkdir()
        rule = HUBSPOT + "sync_when: {score: {at_least: 10}}\non_leave: archive\n"
        marks.add(hubspot(load(tmp_path / str(n), main, rule)).archives)
    assert len(marks) == 2


def test_without_the_policy_nobody_leaves(tmp_path: Path) -> None:
    mapper = hubspot(load(tmp_path, hubspot=HUBSPOT + "sync_when: {tags: vip}\n"))
    assert mapper.archives is None
    assert mapper.ruled_by == {"tags"}


def test_there_is_nothing_to_leave_without_a_rule(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="nothing to leave"):
        load(tmp_path, hubspot=HUBSPOT + "on_leave: archive\n")


def test_companies_may_leave_too(tmp_path: Path) -> None:
    main = MAIN + "companies: {fields: {domain: {type: domain}, size: {type: integer}}}\n"
    section = "companies: {match: [domain], fields: {domain: {remote: domain}}, sync_when: {size: {at_least: 5}}, on_leave: archive}\n"
    rules = compile_rules(load(tmp_path, main, HUBSPOT + section))
    assert rules.of("company").archives
    assert not rules.archives
