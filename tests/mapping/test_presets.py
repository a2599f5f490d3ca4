"""The presets work as they are: they compile, and sample records come through them unharmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from console.folders import SYSTEMS, make
from mapping.loader import Project, compile_rules, load_project
from mapping.rules import Rules
from tests.mapping.projects import preset_folder

HUBSPOT: dict[str, Any] = {
    "email": "Ada.Lovelace@Example.com", "firstname": "ADA", "lastname": "lovelace", "phone": "(415) 555-2671",
    "mobilephone": "+44 7911 123456", "company": "Analytical Engines", "jobtitle": "Director", "website": "https://example.com",
    "address": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH", "country": "United Kingdom",
    "industry": "COMPUTER_SOFTWARE", "numemployees": "25-50", "hs_email_optout": "false",
    "lifecyclestage": "salesqualifiedlead", "smarketing_id": None, "smarketing_stage_reason": "",
}  # fmt: skip
SALESFORCE: dict[str, Any] = {
    "Email": "ada.lovelace@example.com", "FirstName": "Ada", "LastName": "[not provided]", "Phone": "+1 415 555 2671",
    "MobilePhone": None, "Company": "Analytical Engines", "Title": "Director", "Website": "https://example.com",
    "Street": "12 St James's Square", "City": "London", "PostalCode": "SW1Y 4JH", "Country": "UK", "Industry": "Technology",
    "NumberOfEmployees": 40, "LeadSource": "Web", "HasOptedOutOfEmail": False, "Status": "Working - Contacted",
    "Smarketing_Id__c": None, "Smarketing_Stage_Reason__c": None,
}  # fmt: skip
TRYTON: dict[str, Any] = {
    "email": "ada@example.com", "phone": "+14155552671", "mobile": None, "name": "Ada Lovelace", "website": None,
    "street": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
    "conversion_probability": 0.5, "state": "opportunity", "smarketing_id": None,
}  # fmt: skip


@pytest.fixture(params=["salesforce", "tryton"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    return load_project(preset_folder(tmp_path, "hubspot", request.param))


def rules_for(tmp_path: Path, crm: str) -> Rules:
    return compile_rules(load_project(preset_folder(tmp_path, "hubspot", crm)))


def test_presets_compile(project: Project) -> None:
    rules = compile_rules(project)
    assert len(rules.mappers) == 2
    assert rules.promote({"stage": "lead", "score": 60}) == ("mql", "score is 60")


def test_a_hubspot_contact(tmp_path: Path) -> None:
    hub, problems = rules_for(tmp_path, "salesforce").mappers["hubspot"].to_hub(HUBSPOT)
    assert problems == []
    assert hub == {
        "email": "ada.lovelace@example.com", "first_name": "Ada", "last_name": "Lovelace", "phone": "+14155552671",
        "mobile": "+447911123456", "company": "Analytical Engines", "job_title": "Director", "website": "https://example.com",
        "street": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB",
        "industry": "COMPUTER_SOFTWARE", "opted_out": False, "stage": "sql", "stage_reason": None,
    }  # fmt: skip


def test_a_salesforce_lead(tmp_path: Path) -> None:
    hub, problems = rules_for(tmp_path, "salesforce").mappers["salesforce"].to_hub(SALESFORCE)
    assert problems == []
    assert hub == {
        "email": "ada.lovelace@example.com", "first_name": "Ada", "last_name": None, "phone": "+14155552671", "mobile": None,
        "company": "Analytical Engines", "job_title": "Director", "website": "https://example.com",
        "street": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB", "industry": "Technology",
        "employees": 40, "source": "Web", "opted_out": False, "stage": "sal", "stage_reason": None,
    }  # fmt: skip


def test_a_tryton_lead(tmp_path: Path) -> None:
    hub, problems = rules_for(tmp_path, "tryton").mappers["tryton"].to_hub(TRYTON)
    assert problems == []
    assert hub["stage"] == "sql"
    assert hub["full_name"] == "Ada Lovelace"
    assert "score" not in hub


@pytest.mark.parametrize(("system", "record"), [("hubspot", HUBSPOT), ("salesforce", SALESFORCE), ("tryton", TRYTON)])
def test_what_is_read_and_written_back_changes_nothing(tmp_path: Path, system: str, record: dict[str, Any]) -> None:
    mapper = rules_for(tmp_path, "tryton" if system == "tryton" else "salesforce").mappers[system]
    hub, _ = mapper.to_hub(record)
    remote, problems = mapper.to_remote(hub)
    assert problems == []
    again, _ = mapper.to_hub({**record, **remote})
    assert again == hub
    assert mapper.to_remote(again)[0] == remote
    assert all(mapper.same(name, again[name], hub[name]) for name in hub)


def test_every_stage_has_a_word_in_every_system_and_never_reads_further_than_it_is(project: Project) -> None:
    rules = compile_rules(project)
    for mapper in rules.mappers.values():
        for stage in rules.lifecycle.stages:
            word = mapper.to_remote({"stage": stage})[0][mapper.maps["stage"].remote]
            back = mapper.roundtrip("stage", stage)
            assert back is None or mapper.to_remote({"stage": back})[0] == {mapper.maps["stage"].remote: word}
            if stage in rules.lifecycle.ladder[1:]:
                assert rules.lifecycle.rank(back) <= rules.lifecycle.rank(stage)


def test_a_number_without_a_country_code_is_read_by_its_records_country(tmp_path: Path) -> None:
    to_hub = rules_for(tmp_path, "salesforce").mappers["hubspot"].to_hub
    french = {"phone": "06 12 34 56 78", "country": "France"}
    assert to_hub(french)[0] == {"phone": "+33612345678", "country": "FR"}
    assert to_hub({"phone": "(415) 555-2671", "country": "France"})[0]["phone"] == "+14155552671", "else by the region"
    assert to_hub({"phone": "415 555 2671", "country": "UK"})[0]["phone"] == "+14155552671", (
        "possible there, valid here"
    )
    assert [p.field for p in to_hub({"phone": "06 12 34 56 78"})[1]] == ["phone"]
    assert [p.field for p in to_hub({"phone": "06 12 34 56 78", "country": "Nowhere"})[1]] == ["country", "phone"]


def test_hubspot_bands_are_written_and_not_read(tmp_path: Path) -> None:
    mapper = rules_for(tmp_path, "salesforce").mappers["hubspot"]
    assert mapper.to_remote({"employees": 40})[0] == {"numemployees": "25-50"}
    assert "employees" not in mapper.pulled


def test_an_opt_out_from_elsewhere_is_shown_where_hubspot_lets_it(tmp_path: Path) -> None:
    rules = rules_for(tmp_path, "salesforce")
    mapper = rules.mappers["hubspot"]
    assert "opted_out" not in mapper.pushed, "hs_email_optout is read-only"
    assert mapper.to_hub({"hs_email_optout": "true"})[0] == {"opted_out": True}
    assert mapper.to_remote(rules.derive({"opted_out": True}))[0]["smarketing_opted_out"] == "true"
    assert rules.mappers["salesforce"].to_remote({"opted_out": True})[0] == {"HasOptedOutOfEmail": True}


def test_salesforce_insists_on_a_last_name_and_a_company(tmp_path: Path) -> None:
    mapper = rules_for(tmp_path, "salesforce").mappers["salesforce"]
    remote, _ = mapper.to_create({"email": "ada@example.com", "stage": "lead"})
    assert remote == {
        "Email": "ada@example.com",
        "Status": "Open - Not Contacted",
        "LastName": "[not provided]",
        "Company": "[not provided]",
    }


def test_closed_converted_is_read_and_never_written(tmp_path: Path) -> None:
    mapper = rules_for(tmp_path, "salesforce").mappers["salesforce"]
    assert mapper.to_hub({"Status": "Closed - Converted"})[0] == {"stage": "opportunity"}
    assert mapper.to_remote({"stage": "customer"})[0] == {"Status": "Working - Contacted"}


def test_subscribers_are_not_for_sales(tmp_path: Path) -> None:
    mapper = rules_for(tmp_path, "salesforce").mappers["salesforce"]
    assert [mapper.create_when({"stage": s}) for s in ("subscriber", "lead", "customer", "lost", None)] == [
        False,
        True,
        True,
        False,
        False,
    ]


def test_a_name_in_one_piece_is_filled_in_and_then_trytons_own(tmp_path: Path) -> None:
    rules = rules_for(tmp_path, "tryton")
    assert rules.derive({"first_name": "Ada", "last_name": "Lovelace"})["full_name"] == "Ada Lovelace"
    assert "full_name" not in rules.derive({"first_name": "Ada", "full_name": "Analytical Engines Ltd"})


def test_a_line_of_a_list_is_read_and_nothing_is_ever_written_to_it(tmp_path: Path) -> None:
    make(tmp_path, {"file": SYSTEMS["file"]})
    mapper = compile_rules(load_project(tmp_path)).mappers["file"]
    line = {"Email": "Ada@Example.com ", "First Name": "ADA", "Last Name": "lovelace", "Country": "UK", "Stage": "lead"}
    hub, problems = mapper.to_hub({**line, "Source": "Fair", "Phone": "", "Company": "n/a", "Job Title": "Director"})
    assert problems == []
    assert {name: value for name, value in hub.items() if value is not None} == {
        "email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace", "country": "GB", "source": "Fair",
        "job_title": "Director", "stage": "lead",
    }  # fmt: skip
    assert not mapper.pushed
    assert mapper.to_create({**hub, "score": 60})[0] == {}


def test_the_score_goes_to_every_system(project: Project) -> None:
    rules = compile_rules(project)
    hub = rules.derive({"stage": "sql", "company": "Acme", "email": "a@acme.com"})
    for system, mapper in rules.mappers.items():
        remote, problems = mapper.to_remote(hub)
        assert problems == []
        written = [
            remote.get(n) for n in ("smarketing_score", "Smarketing_Score__c", "conversion_probability") if n in remote
        ]
        assert written == [{"hubspot": "20", "salesforce": 20, "tryton": 0.2}[system]]


def test_a_score_that_ages_takes_its_reasons_along_and_trips_no_guard(project: Project) -> None:
    rules = compile_rules(project)
    assert rules.limits.moving == {"score", "score_reason", "engagement_score", "grade"}
    for mapper in rules.mappers.values():
        if "score_reason" in mapper.maps:
            assert "score_reason" in mapper.clears
    assert {rule.rule for rule in rules.decays} >= {"Filled in a form", "Spoke with us"}
