"""check and provision: what is missing is found before a run stumbles over it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Capabilities, RemoteField
from connectors.memory import Memory, Vendor
from console.checking import _look
from console.schemas import fits, needs, wanted
from mapping.loader import compile_rules, load_project
from state.database import open_database
from sync.project import Opened
from tests.console.conftest import Call


def schema(project: Path, system: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((project / f"{system}.json").read_text())["schema"]
    return found


def change_schema(project: Path, system: str, name: str, /, **changes: Any) -> None:
    path = project / f"{system}.json"
    body = json.loads(path.read_text())
    body["schema"] = [{**f, **changes} if f["name"] == name else f for f in body["schema"]]
    body["schema"] = [f for f in body["schema"] if f.get("name")]
    path.write_text(json.dumps(body))


def test_a_project_that_is_ready(smarketing: Call, project: Path) -> None:
    answer = smarketing("check")
    assert answer.exit == 0
    assert "Ready" in answer.out
    assert not (project / "state.sqlite").exists()


@pytest.mark.parametrize(
    ("name", "changes", "code", "field"),
    [
        ("our_score", {"name": None}, "field-missing", "score"),
        ("company", {"writable": False}, "field-read-only", "company"),
        ("our_id", {"unique": False}, "field-not-unique", ""),
        ("optout", {"type": "date"}, "field-type", "opted_out"),
        ("stage", {"options": [["subscriber", "S"], ["lead", "L"]]}, "value-missing", "stage"),
        ("title", {"type": "picklist", "options": [["CEO", "CEO"]]}, "value-unchecked", "job_title"),
        ("stage", {"options": [[s, s] for s in ("subscriber", "lead", "mql", "sql", "opportunity", "customer", "other", "vip")]},
         "value-unread", "stage"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(
    smarketing: Call, project: Path, name: str, changes: dict[str, Any], code: str, field: str
) -> None:
    change_schema(project, "marketing", name, **changes)
    answer = smarketing("check", "--json")
    found = answer.json["systems"]["marketing"]["findings"]
    assert (code, field) in {(f["code"], f["field"]) for f in found}
    assert answer.exit == (1 if any(f["level"] == "error" for f in found) else 0)
    assert answer.json["systems"]["crm"]["findings"] == []


def test_a_slip_gets_the_nearest_name(smarketing: Call, project: Path) -> None:
    mapping = project / "mappings/marketing.yaml"
    mapping.write_text(mapping.read_text().replace("remote: company", "remote: compnay"))
    assert "Did you mean company?" in smarketing("check").out


def test_what_the_vendor_requires_and_nobody_maps(smarketing: Call, project: Path) -> None:
    path = project / "crm.json"
    body = json.loads(path.read_text())
    body["schema"].append({"name": "Owner", "type": "string", "required": True})
    path.write_text(json.dumps(body))
    [finding] = smarketing("check", "--json").json["systems"]["crm"]["findings"]
    assert (finding["code"], finding["remote"]) == ("required-unmapped", "Owner")


def test_credentials_that_are_refused(smarketing: Call, project: Path) -> None:
    env = project / ".env"
    env.write_text(env.read_text().replace("tok-crm-0f9e8d7c6b", "tok-crm-expired"))
    answer = smarketing("check")
    assert answer.exit == 4
    assert "crm: unauthorized" in answer.out


def test_a_variable_that_is_not_set_is_asked_for(smarketing: Call, project: Path) -> None:
    (project / ".env").unlink()
    answer = smarketing("check")
    assert answer.exit == 2
    assert "MARKETING_TOKEN is not set" in answer.err
    assert "CRM_TOKEN is not set" in answer.err


def test_secrets_that_others_may_read_are_worth_a_word(smarketing: Call, project: Path) -> None:
    (project / ".env").chmod(0o644)
    assert "chmod 600" in smarketing("check").out


def test_provision_creates_what_is_missing_and_nothing_else(smarketing: Call, project: Path) -> None:
    before = schema(project, "marketing")
    change_schema(project, "marketing", "our_score", name=None)
    change_schema(project, "marketing", "our_id", name=None)
    answer = smarketing("provision", "--json").json
    assert sorted(answer["systems"]["marketing"]["created"]) == ["our_id", "our_score"]
    assert answer["systems"]["crm"]["created"] == []
    after = {f["name"]: f for f in schema(project, "marketing")}
    assert set(after) == {f["name"] for f in before}
    assert after["our_id"]["unique"] is True
    assert after["our_score"]["type"] == "number"
    assert smarketing("check").exit == 0
    assert smarketing("provision", "--json").json["systems"]["marketing"]["created"] == []


def test_where_fields_cannot_be_created_it_says_exactly_which(smarketing: Call, project: Path) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("file: marketing.json,", "file: marketing.json, provision: false,"))
    change_schema(project, "marketing", "our_id", name=None)
    answer = smarketing("provision", "--json")
    assert answer.exit == 1
    [field] = answer.json["systems"]["marketing"]["by_hand"]
    assert (field["name"], field["type"], field["unique"]) == ("our_id", "string", True)
    assert "To be created by hand" in smarketing("provision").out


def test_provision_takes_no_slip_of_the_pen_for_a_new_field(smarketing: Call, project: Path) -> None:
    mapping = project / "mappings/marketing.yaml"
    mapping.write_text(mapping.read_text().replace("remote: company", "remote: compnay"))
    answer = smarketing("provision", "--json")
    assert answer.exit == 1
    assert answer.json["systems"]["marketing"]["doubtful"] == [{"field": "compnay", "resembles": "company"}]
    assert "compnay" not in {f["name"] for f in schema(project, "marketing")}


def test_fields_of_every_kind_are_described_for_their_creation(project: Path) -> None:
    loaded = load_project(project)
    create, doubtful = wanted(needs(loaded.config, loaded.mappings["crm"]), [])
    kinds = {field.name: field.type for field in create}
    assert kinds["OptOut"] == "boolean"
    assert kinds["Our_Score"] == "number"
    assert kinds["Status"] == "string"
    assert doubtful == []


def test_an_empty_picklist_says_nothing(project: Path) -> None:
    loaded = load_project(project)
    needed = needs(loaded.config, loaded.mappings["crm"])
    fields = [
        RemoteField(n.remote, n.remote, "picklist" if n.field == "stage" else "string", unique=n.unique) for n in needed
    ]
    assert not [f for f in fits("crm", needed, fields, creates=True) if f.field == "stage"]


def test_on_leave_archive_is_a_finding_where_the_system_cannot(project: Path) -> None:
    mapping = project / "mappings/crm.yaml"
    mapping.write_text(mapping.read_text() + "sync_when: {stage: {at_least: lead}}\non_leave: archive\n")
    loaded = load_project(project)
    engine = open_database(f"sqlite:///{project / 'other.sqlite'}")
    for archive, found in ((False, ["cannot-archive"]), (True, [])):
        crm = Memory(Vendor("crm"), can=Capabilities(archive=archive))
        opened = Opened(loaded, compile_rules(loaded), engine, {"crm": crm})
        findings = asyncio.run(_look(opened, "crm")).findings
        assert [finding.code for finding in findings] == found
        assert all("left alone" in finding.hint for finding in findings)
    engine.dispose()
