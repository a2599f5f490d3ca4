"""What the pages say of the project is so."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pydantic
from ruamel.yaml import YAML

from console import configuration
from console.folders import make
from mapping.agreement.objectives import Objective
from mapping.agreement.personas import Persona
from mapping.loader import load_project
from sync.project import run_sync
from tests.docs.pages import PAGES, ROOT, blocks, named


def test_configuration_md_is_what_the_models_say() -> None:
    written = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert written == configuration.document(), "python -m console.configuration > docs/configuration.md"


def test_the_schema_for_editors_can_be_had_as_described() -> None:
    [line] = re.findall(r'`python -c "(.*?)"`', (ROOT / "docs" / "configuration.md").read_text("utf-8"))
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "smarketing.yaml" in json.loads(done.stdout)


def test_the_files_in_the_readme_are_a_project(tmp_path: Path) -> None:
    main, mapping = blocks(ROOT / "README.md", "yaml")
    yaml = YAML(typ="safe", pure=True)
    data = yaml.load(main)
    del data["systems"]["salesforce"]
    (tmp_path / "mappings").mkdir()
    with (tmp_path / "smarketing.yaml").open("w") as file:
        yaml.dump(data, file)
    (tmp_path / "mappings" / "hubspot.yaml").write_text(mapping)
    assert load_project(tmp_path).config.vocabulary.promote.keys() == {"mql"}


def test_conditions_and_policies_in_the_reference_are_taken(tmp_path: Path) -> None:
    make(tmp_path, {"hubspot": "  hubspot:\n    connector: memory\n    settings: {file: people.json}\n"})
    leaving, rollups, scoring, personas, objectives, console, conditions = blocks(
        ROOT / "docs" / "configuration.md", "yaml"
    )
    yaml = YAML()
    assert [Persona.model_validate(one) for one in YAML(typ="safe").load(personas)["personas"]]
    assert [Objective.model_validate(one) for one in YAML(typ="safe").load(objectives)["objectives"]]
    main = yaml.load((tmp_path / "smarketing.yaml").read_text())
    main["fields"].update(yaml.load(rollups))
    main["vocabulary"]["leave"] = yaml.load(leaving)["leave"]
    main["scoring"] = yaml.load(scoring)["scoring"]
    main["console"] = yaml.load(console)["console"]
    with (tmp_path / "smarketing.yaml").open("w") as file:
        yaml.dump(main, file)
    for line in conditions.strip().splitlines():
        (tmp_path / "mappings" / "hubspot.yaml").write_text(
            f"create_when: {line}\nfields:\n  email: {{remote: email}}\n  country: {{remote: country}}\n"
        )
        load_project(tmp_path)


def test_every_test_that_is_named_is_there() -> None:
    """Where a table's head names a folder, in that folder."""
    missing = []
    for page in PAGES:
        where = "tests"
        for line in page.read_text("utf-8").splitlines():
            if line.startswith("#"):
                where = "tests"
            head = re.search(r"test in `(tests/[a-z/]+)`", line)
            where = head[1] if head else where
            missing += [f"{named(page)}: {n}" for n in re.findall(r"`(test_\w+)`", line) if n not in written(where)]
    assert missing == []


def written(folder: str) -> set[str]:
    if folder not in _WRITTEN:
        _WRITTEN[folder] = {
            node.name
            for file in (ROOT / folder).rglob("test_*.py")
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return _WRITTEN[folder]


_WRITTEN: dict[str, set[str]] = {}


def test_tables_of_state_are_all_told() -> None:
    from state.tables import metadata

    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert [name for name in metadata.tables if f"| `{name}` |" not in text] == []


def test_decisions_are_all_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert [page[:4] for page in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = (folder / page).read_text("utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), page
        assert f"({page})" in (folder / "README.md").read_text("utf-8")


def test_what_holds_secrets_or_people_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    make(
        folder,
        {"hubspot": "  hubspot:\n    connector: memory\n    settings: {file: people.json, token: '${TOKEN}'}\n"},
        {"TOKEN": "s3cret"},
    )
    (folder / "mappings" / "hubspot.yaml").write_text("fields:\n  email: {remote: email}\n")
    (folder / "people.json").write_text(
        '{"schema": [{"name": "email", "type": "string"}], "token": "s3cret",'
        ' "records": {"1": {"fields": {"email": "ada@example.com"}}}}'
    )
    asyncio.run(run_sync(folder))
    for name in (".env", "state.sqlite"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert b"s3cret" not in (folder / "state.sqlite").read_bytes()
    ignored = (folder / ".gitignore").read_text().split()
    assert {".env", "*.sqlite", "plans/", "logs/"} <= set(ignored)


async def test_the_connector_in_contributing_can_be_made() -> None:
    """As far as it goes: the classes are defined, and the connector is put together."""
    names: dict[str, Any] = {}
    for module in ("connectors.base", "connectors.http", "connectors.auth", "tests.contract.harness"):
        names |= vars(importlib.import_module(module))
    names |= {name: getattr(pydantic, name) for name in ("BaseModel", "ConfigDict", "Field", "SecretStr")}
    connector, line, harness = blocks(ROOT / "CONTRIBUTING.md", "python")
    exec(compile(connector, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    made = names["Acme"]("acme", names["Settings"](api_key="s3cret"))
    assert "email" in made.can.upsert_keys
    assert "s3cret" not in repr(names["Settings"](api_key="s3cret"))
    await made._http.aclose()
    assert ast.literal_eval(f"{{{line.strip()}}}") == {"acme": ("connectors.acme", "Acme")}
    exec(compile(harness, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    assert not names["AcmeHarness"].__abstractmethods__
