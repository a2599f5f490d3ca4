"""A list in a file reaches the CRM, and nothing ever goes back into it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from console.folders import SYSTEMS, make
from tests.console.conftest import Call

CRM = "  crm:\n    connector: memory\n    role: crm\n    settings: {file: crm.json}\n"
MAPPING = """\
match: [email]
fields:
  email: {remote: Email}
  first_name: {remote: First}
  source: {remote: Source}
"""
SCHEMA = [{"name": name, "type": "string"} for name in ("Email", "First", "Source")]
HEAD = "Email,First Name,Last Name,Phone,Company,Job Title,Country\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As `init` makes it for files, with a CRM beside it."""
    make(tmp_path, {"file": SYSTEMS["file"]})
    main = (tmp_path / "smarketing.yaml").read_text()
    (tmp_path / "smarketing.yaml").write_text(main.replace("systems:\n", f"systems:\n{CRM}", 1))
    (tmp_path / "mappings" / "crm.yaml").write_text(MAPPING)
    (tmp_path / "crm.json").write_text(json.dumps({"schema": SCHEMA, "records": {}}))
    return tmp_path


def put(folder: Path, name: str, text: str) -> bytes:
    path = folder / "inbox" / name
    path.write_text(text)
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    return path.read_bytes()


def held(folder: Path) -> list[dict[str, str]]:
    records = json.loads((folder / "crm.json").read_text())["records"].values()
    return sorted(({k: v for k, v in r["fields"].items() if v} for r in records), key=str)


def test_a_list_reaches_the_crm_and_the_next_run_writes_nothing(folder: Path, call: Call) -> None:
    before = put(folder, "leads-fair.csv", HEAD + "ada@example.com,Ada,Lovelace,,,,\nbob@example.com,Bob,,,,,\n")
    assert call("check", "--project", folder).exit == 0
    assert call("sync", "--project", folder, "--confirm").exit == 0
    both = [
        {"Email": "ada@example.com", "First": "Ada", "Source": "Offline"},
        {"Email": "bob@example.com", "First": "Bob", "Source": "Offline"},
    ]
    assert held(folder) == both
    assert call("sync", "--project", folder, "--json").json["writes"] == 0
    put(folder, "leads-more.csv", HEAD + "cyd@example.com,Cyd,,,,,\n")
    assert call("sync", "--project", folder, "--confirm").exit == 0
    assert held(folder) == [*both, {"Email": "cyd@example.com", "First": "Cyd", "Source": "Offline"}]
    assert (folder / "inbox" / "leads-fair.csv").read_bytes() == before


def test_a_list_that_is_taken_away_takes_nobody_with_it(folder: Path, call: Call) -> None:
    put(folder, "leads.csv", HEAD + "ada@example.com,Ada,,,,,\n")
    call("sync", "--project", folder, "--confirm")
    (folder / "inbox" / "leads.csv").unlink()
    assert call("sync", "--project", folder, "--full", "--json").exit == 0
    status = call("status", "--project", folder, "--json").json
    assert status["systems"]["file"]["records"] == {"live": 1}


def test_check_names_the_column_that_the_files_do_not_have(folder: Path, call: Call) -> None:
    put(folder, "leads.csv", HEAD.replace("Phone", "Telephone") + "ada@example.com,Ada,,,,,\n")
    findings = call("check", "--project", folder, "--json").json["systems"]["file"]["findings"]
    assert ["Phone" in str(finding) for finding in findings] == [True]
