"""Companies, deals and owners in the admin's files: what is compiled from them, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mapping.fields import Fields
from mapping.loader import compile_rules, load_project, restore
from mapping.rules import Rules
from tests.mapping.projects import errors, errors_of, load, preset_folder

MAIN = """
systems:
  hubspot: {connector: hubspot, role: marketing, settings: {access_token: "${HUBSPOT_TOKEN}"}}
  salesforce: {connector: salesforce, role: crm}
vocabulary:
  promote:
    customer: {won_deals: {at_least: 1}}
  leave:
    lost: {when: {lost_deals: {at_least: 1}, won_deals: 0}, reason: price}
fields:
  email: {type: email}
  employer: {type: reference, to: company}
  won_deals: {type: integer, rollup: {count: deals, via: contacts, when: {stage: won}}}
  lost_deals: {type: integer, rollup: {count: deals, via: contacts, when: {stage: lost}}}
  won_amount: {type: number, rollup: {sum: amount, of: deals, via: contacts, when: {stage: won}}}
  last_close: {type: date, rollup: {latest: close_date, of: deals, via: contacts}}
companies:
  fields:
    name: {}
    domain: {type: domain}
    size: {type: integer, rollup: {count: leads, via: employer}}
deals:
  fields:
    name: {}
    stage: {type: picklist, options: [open, won, lost]}
    amount: {type: number}
    close_date: {type: date}
    company: {type: reference, to: company}
    contacts: {type: reference, to: lead, many: true}
    owner: {type: reference, to: owner}
owners:
  fields:
    email: {type: email}
  table:
    - {hubspot: "11", salesforce: 005A}
"""
HUBSPOT = """
fields:
  email: {remote: email}
  employer: {remote: associations.company}
companies:
  match: [domain]
  propose: [name]
  fields:
    name: {remote: name}
    domain: {remote: domain}
    size: {remote: people, direction: push}
deals:
  match: [[name, company]]
  fields:
    name: {remote: dealname}
    stage:
      remote: dealstage
      transform: {picklist: {values: {open: a, won: b, lost: c}, reads: {x: open}}}
    company: {remote: associations.company}
    contacts: {remote: associations.contacts}
    owner: {remote: hubspot_owner_id}
owners:
  match: [email]
  fields:
    email: {remote: email}
"""
SALESFORCE = """
fields:
  email: {remote: Email}
owners:
  match: [email]
  fields:
    email: {remote: Email}
"""


def rules(folder: Path) -> Rules:
    return compile_rules(load(folder, MAIN, HUBSPOT, SALESFORCE))


def test_every_kind_that_some_system_has_gets_rules_of_its_own(tmp_path: Path) -> None:
    made = rules(tmp_path)
    assert made.kinds == ("owner", "company", "lead", "deal")
    assert list(made.of("deal").mappers) == ["hubspot"]
    assert list(made.of("owner").mappers) == ["hubspot", "salesforce"]
    assert made.of("company").mappers["hubspot"].propose == (("name",),)
    assert made.of("deal").mappers["hubspot"].match == (("name", "company"),)


def test_what_refers_to_what_and_what_is_summed_up_is_known_of_each_kind(tmp_path: Path) -> None:
    made = rules(tmp_path)
    deal = made.of("deal")
    assert deal.references == ("company", "contacts", "owner")
    assert made.references == ("employer",)
    assert deal.summed == {"contacts"}
    assert made.summed == {"employer"}
    assert {kind: made.of(kind).referred for kind in made.kinds} == {
        "owner": True, "company": True, "lead": True, "deal": False,
    }  # fmt: skip


def test_a_reference_to_many_is_united_and_to_leave_travels(tmp_path: Path) -> None:
    deal = rules(tmp_path).of("deal")
    mapper = deal.mappers["hubspot"]
    assert deal.policy("contacts").kind == "union"
    assert deal.policy("company").kind == "prefer"
    assert mapper.clears == {"contacts"}
    hub, problems = mapper.to_hub({"associations.contacts": ["9", "7", "9"], "associations.company": "3"})
    assert (hub, problems) == ({"contacts": ["7", "9"], "company": "3"}, [])
    assert mapper.to_hub({"associations.contacts": []})[0] == {"contacts": None}


def test_many_stages_of_a_pipeline_are_read_as_one(tmp_path: Path) -> None:
    deal = rules(tmp_path).of("deal")
    mapper = deal.mappers["hubspot"]
    assert [mapper.to_hub({"dealstage": word})[0]["stage"] for word in "axbc"] == ["open", "open", "won", "lost"]
    assert mapper.same("stage", "open", "open")
    assert deal.policy("stage").kind == "prefer"


def test_owners_are_never_written(tmp_path: Path) -> None:
    for mapper in rules(tmp_path).of("owner").mappers.values():
        assert not mapper.pushed
        assert mapper.pulled == {"email"}


def test_the_table_of_owners_is_known_to_each_of_its_systems(tmp_path: Path) -> None:
    owners = rules(tmp_path).of("owner").mappers
    assert owners["hubspot"].known_as == {"11": (("salesforce", "005A"),)}
    assert owners["salesforce"].known_as == {"005A": (("hubspot", "11"),)}


def test_roll_ups(tmp_path: Path) -> None:
    folds = {rollup.name: rollup.fold for rollup in rules(tmp_path).rollups}
    deals: list[Fields] = [
        {"stage": "won", "amount": 10.1, "close_date": "2026-01-31"},
        {"stage": "won", "amount": 20.2, "close_date": "2025-12-31"},
        {"stage": "lost", "amount": 500, "close_date": "2026-02-01"},
        {"stage": "open"},
    ]
    assert {name: fold(deals) for name, fold in folds.items()} == {
        "won_deals": 2, "lost_deals": 1, "won_amount": 30.3, "last_close": "2026-02-01",
    }  # fmt: skip
    assert {name: fold([]) for name, fold in folds.items()} == {
        "won_deals": 0, "lost_deals": 0, "won_amount": 0, "last_close": None,
    }  # fmt: skip


def test_a_roll_up_earns_a_stage(tmp_path: Path) -> None:
    promote = rules(tmp_path).promote
    assert promote({"stage": "lead", "won_deals": 1}) == ("customer", "won_deals is 1")
    assert promote({"stage": "lead", "won_deals": 0}) is None
    assert promote({"won_deals": 1}) == ("customer", "won_deals is 1"), "who has bought is a customer, lead or not"
    assert promote({"stage": "recycled", "won_deals": 1}) is None


def test_a_published_project_is_the_same_again(tmp_path: Path) -> None:
    project = load(tmp_path, MAIN, HUBSPOT, SALESFORCE)
    again = restore(project.dump())
    assert again.hash == project.hash
    assert (
        compile_rules(again).of("deal").mappers["hubspot"].hash
        == compile_rules(project).of("deal").mappers["hubspot"].hash
    )


def test_a_project_of_leads_alone_has_no_other_kinds(tmp_path: Path) -> None:
    assert compile_rules(load(tmp_path)).kinds == ("lead",)


CRM_ONLY = "smarketing.yaml"
SLIPS: list[tuple[str, str, str, str, str]] = [
    ("main", "to: company}\n  won", "to: deal}\n  won", "fields.employer.to", "a lead cannot refer to a deal"),
    ("main", "via: contacts, when: {stage: won}}}\n  lost", "via: contcats, when: {stage: won}}}\n  lost", "fields.won_deals.rollup.via", "no shared field 'contcats' of deals"),
    ("main", "via: contacts, when: {stage: won}}}\n  lost", "via: company, when: {stage: won}}}\n  lost", "fields.won_deals.rollup.via", "does not refer to a lead"),
    ("main", "{stage: won}}}\n  lost", "{stage: wonn}}}\n  lost", "fields.won_deals.rollup.when.stage", "no option 'wonn'"),
    ("main", "{stage: won}}}\n  lost", "{stage: {at_least: won}}}}\n  lost", "fields.won_deals.rollup.when.stage", "has no order"),
    ("main", "sum: amount", "sum: name", "fields.won_amount.rollup.sum", "there is no sum"),
    ("main", "latest: close_date", "latest: amount", "fields.last_close.rollup.latest", "there is no latest"),
    ("main", "last_close: {type: date", "last_close: {type: integer", "fields.last_close.type", "not that of the roll-up"),
    ("main", "lost_deals: {at_least: 1}, won_deals: 0", "stage: mql", "vocabulary.leave.lost.when", "it asks for no roll-up"),
    ("main", "    lost: {when", "    customer: {when", "vocabulary.leave.customer", "no side state 'customer'"),
    ("main", "{hubspot: \"11\", salesforce: 005A}", "{hubspot: \"11\"}", "owners.table[0]", "one user alone"),
    ("main", "salesforce: 005A", "salesforec: 005A", "owners.table[0].salesforec", "no such system"),
    ("main", "many: true}", "many: true, on_conflict: furthest}", "deals.fields.contacts.on_conflict", "only the stage"),
    ("main", "    stage: {type: picklist, options: [open, won, lost]}", "    stage: {type: picklist, options: [open, won, lost], on_conflict: furthest}", "deals.fields.stage.on_conflict", "only the stage"),
    ("hubspot", "match: [domain]", "match: [domian]", "companies.match[0]", "no shared field 'domian' of companies"),
    ("hubspot", "propose: [name]", "propose: [size]", "companies.propose[0]", "never read from this system"),
    ("hubspot", "match: [[name, company]]", "match: [[name, contacts]]", "deals.match[0][1]", "refers to many"),
    ("hubspot", "    company: {remote: associations.company}", "    company: {remote: associations.company, transform: text}", "deals.fields.company.transform", "by its id as it is"),
    ("hubspot", "    size: {remote: people, direction: push}", "    size: {remote: people}", "companies.fields.size.direction", "is computed"),
    ("hubspot", "values: {open: a, won: b, lost: c}", "values: {open: a, won: b}", "deals.fields.stage.transform.picklist.values", "no word for lost"),
    ("hubspot", "    owner: {remote: hubspot_owner_id}", "    owner: {remote: dealname}", "deals.fields.owner.remote", "taken already"),
    ("salesforce", "    email: {remote: Email}", "    email: {remote: Email, direction: push}", "owners.fields.email.direction", "only ever read"),
    ("salesforce", "owners:\n  match: [email]", "owners:\n  id_field: Ours__c\n  match: [email]", "owners.id_field", "only ever read"),
    ("salesforce", "owners:\n  match: [email]\n", "owners:\n", "owners", "by what an unknown record is recognised"),
    ("salesforce", "owners:\n", "deals:\n", "deals.fields.email", "no shared field 'email' of deals"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "key", "message"), SLIPS)
def test_a_slip_is_told_where_it_stands(tmp_path: Path, file: str, old: str, new: str, key: str, message: str) -> None:
    texts = {"main": MAIN, "hubspot": HUBSPOT, "salesforce": SALESFORCE}
    assert texts[file].count(old) == 1
    texts[file] = texts[file].replace(old, new)
    found = errors(tmp_path, texts["main"], texts["hubspot"], texts["salesforce"])
    assert [error for error in found if error.key == key and message in error.message], found
    assert all(error.line for error in found)


def test_a_kind_that_the_project_does_not_share_is_told_in_the_mapping(tmp_path: Path) -> None:
    main = MAIN[: MAIN.index("owners:")].replace("    owner: {type: reference, to: owner}\n", "")
    hubspot = HUBSPOT[: HUBSPOT.index("owners:")].replace("    owner: {remote: hubspot_owner_id}\n", "")
    [error] = errors(tmp_path, main, hubspot, SALESFORCE)
    assert (error.file, error.key) == ("mappings/salesforce.yaml", "owners")
    assert "says nothing of owners" in error.message


def test_a_reference_to_a_kind_that_is_not_shared_is_told(tmp_path: Path) -> None:
    main = MAIN[: MAIN.index("owners:")]
    hubspot = HUBSPOT[: HUBSPOT.index("owners:")]
    crm = SALESFORCE[: SALESFORCE.index("owners:")]
    [error] = errors(tmp_path, main, hubspot, crm)
    assert (error.key, error.message) == ("deals.fields.owner.to", "owners are not synced")


@pytest.mark.parametrize("preset", [("hubspot", "salesforce"), ("hubspot", "tryton")])
def test_the_presets_sync_companies_deals_and_owners(tmp_path: Path, preset: tuple[str, ...]) -> None:
    folder = preset_folder(tmp_path, *preset)
    assert errors_of(folder) == []
    made = compile_rules(load_project(folder))
    assert made.kinds == ("owner", "company", "lead", "deal")
    held: dict[str, Any] = {"domain": "https://www.acme.com/", "name": "Acme"}
    assert made.of("company").mappers["hubspot"].to_hub(held)[0] == {"domain": "acme.com", "name": "Acme"}
