"""Project folders for tests: the presets, and small ones written for the case."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import mapping
from mapping.loader import Project, load_project
from mapping.problems import ConfigError, ConfigErrors

PRESETS = Path(mapping.__file__).parent / "presets"
TRYTON = """
  tryton:
    connector: tryton
    role: crm
    settings: {base_url: "http://localhost:8100", database: crm, user: sync, password: "${TRYTON_PASSWORD}", company_category: Company}
"""

MAIN = """
systems:
  hubspot: {connector: hubspot, role: marketing, settings: {access_token: "${HUBSPOT_TOKEN}"}}
  salesforce: {connector: salesforce, role: crm}
fields:
  email: {type: email}
  company: {}
  employees: {type: integer}
  tags: {type: multipicklist}
  opted_out: {type: boolean}
"""
HUBSPOT = """
fields:
  email: {remote: email}
  company: {remote: company}
  employees: {remote: employees}
"""
SALESFORCE = """
fields:
  email: {remote: Email}
  company: {remote: Company}
"""


def preset_folder(folder: Path, *systems: str) -> Path:
    """A project as `init` makes it, for the presets of these systems."""
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    text = (PRESETS / "smarketing.yaml").read_text()
    if "tryton" in systems:
        start, end = text.index("  salesforce:\n    connector"), text.index("# The one vocabulary")
        text = text[:start] + TRYTON.lstrip("\n") + "\n" + text[end:]
    (folder / "smarketing.yaml").write_text(text)
    for system in systems:
        shutil.copy(PRESETS / f"{system}.yaml", folder / "mappings" / f"{system}.yaml")
    return folder


def write(folder: Path, main: str = MAIN, hubspot: str = HUBSPOT, salesforce: str = SALESFORCE) -> Path:
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    (folder / "smarketing.yaml").write_text(dedent(main))
    (folder / "mappings" / "hubspot.yaml").write_text(dedent(hubspot))
    (folder / "mappings" / "salesforce.yaml").write_text(dedent(salesforce))
    return folder


def load(folder: Path, main: str = MAIN, hubspot: str = HUBSPOT, salesforce: str = SALESFORCE) -> Project:
    return load_project(write(folder, main, hubspot, salesforce))


def errors(folder: Path, main: str = MAIN, hubspot: str = HUBSPOT, salesforce: str = SALESFORCE) -> list[ConfigError]:
    write(folder, main, hubspot, salesforce)
    return errors_of(folder)


def errors_of(folder: Path) -> list[ConfigError]:
    try:
        load_project(folder)
    except ConfigErrors as found:
        return found.errors
    return []
