"""init: a folder that works as it is, once its secrets are filled in."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from connectors.registry import connect
from console.folders import SYSTEMS
from mapping.loader import compile_rules, load_project, resolve_secrets, variables
from tests.console.conftest import Call

PRESETS = ["+".join(some) for number in (1, 2, 3) for some in combinations(SYSTEMS, number)]
VALUES = {"URL": "https://example.my.salesforce.com"}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_loads_and_every_connector_takes_its_settings(call: Call, tmp_path: Path, preset: str) -> None:
    folder = tmp_path / "new"
    assert call("init", folder, "--preset", preset, "--json").json["folder"] == str(folder)
    project = load_project(folder)
    assert list(project.config.systems) == preset.split("+")
    assert compile_rules(project).mappers.keys() == set(preset.split("+"))
    asked = set().union(*(variables(system.settings) for system in project.config.systems.values()))
    env = {name: VALUES.get(name.rpartition("_")[2], "something") for name in asked}
    for name, system in project.config.systems.items():
        assert connect(name, system.connector, resolve_secrets(system.settings, env)).name == name
    env_file = (folder / ".env").read_text()
    assert set(re.findall(r"(?m)^(\w+)=$", env_file)) == asked


def test_secrets_are_for_their_owner_and_not_for_git(call: Call, tmp_path: Path) -> None:
    call("init", tmp_path / "new")
    assert (tmp_path / "new/.env").stat().st_mode & 0o777 == 0o600
    ignored = (tmp_path / "new/.gitignore").read_text().splitlines()
    assert {".env", "*.sqlite", "plans/", "logs/"} <= set(ignored)


def test_editors_find_a_schema_for_every_file(call: Call, tmp_path: Path) -> None:
    call("init", tmp_path / "new")
    files = [*(tmp_path / "new").glob("*.yaml"), *(tmp_path / "new").glob("mappings/*.yaml")]
    assert len(files) == 3
    for file in files:
        place = file.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        assert "properties" in json.loads((file.parent / place).read_text())


def test_nothing_that_is_there_is_touched(call: Call, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MINE=1\n")
    answer = call("init", tmp_path, "--json").json
    assert ".env" not in answer["files"]
    assert (tmp_path / ".env").read_text() == "MINE=1\n"
    again = call("init", tmp_path, "--json")
    assert again.exit == 2
    assert again.json["error"]["code"] == "project-exists"


@pytest.mark.parametrize("preset", ["pipedrive", "hubspot+hubspot", "", "hubspot+"])
def test_an_unknown_preset_is_refused_with_those_that_there_are(call: Call, tmp_path: Path, preset: str) -> None:
    answer = call("init", tmp_path / "new", "--preset", preset, "--json")
    assert answer.exit == 2
    assert "salesforce" in answer.json["error"]["hint"]
    assert not (tmp_path / "new").exists()


def test_a_value_in_the_environment_goes_before_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    body = json.loads((project / "crm.json").read_text())
    (project / "crm.json").write_text(json.dumps({**body, "token": "from the environment"}))
    assert call("check", "--project", project).exit == 4
    monkeypatch.setenv("CRM_TOKEN", "from the environment")
    assert call("check", "--project", project).exit == 0


def test_version(call: Call) -> None:
    assert call("version", "--json").json["smarketing"]
