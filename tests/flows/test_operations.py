"""docs/operations.md is true: its backup command works while the database is in use, and a restore duplicates nobody."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.attempts import Wanted, attempt
from flows.outcome import Name, Outcome
from flows.serve import read
from sync.project import open_project
from sync.run import Options
from tests.console.folder import edit, held, make_project
from tests.flows.programs import CHECKOUT

DOC = (CHECKOUT / "docs/operations.md").read_text()


async def sync(folder: Path, **options: bool) -> Outcome:
    return await attempt(Wanted(folder, Options(**options)), lambda line: None)  # type: ignore[arg-type]


async def test_restored_backup_creates_nobody_twice_and_loses_no_edit(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "acme")
    await sync(folder, confirmed=True)
    async with open_project(folder, systems=()) as opened:
        with opened.store():  # in use, as while a run is under way
            backup(folder)
    edit(folder, "marketing", "9", email="mary@somerville.example", last="Somerville", first="Mary", stage="lead")
    edit(folder, "marketing", "1", company="Analytical Engines")
    assert (await sync(folder, confirmed=True)).summary["systems"]["crm"]["created"] == 1
    before = people(folder)
    assert any(person.get("Company") == "Analytical Engines" for person in before[1].values())

    restore(folder)
    outcome = await sync(folder, full=True)
    assert outcome.name == Name.COMPLETED
    assert sum(counts["created"] for counts in outcome.summary["systems"].values()) == 0
    assert people(folder) == before
    assert (await sync(folder)).summary["writes"] == 0


def people(folder: Path) -> list[dict[str, dict[str, object]]]:
    """Without our own id: a lead that the backup does not know yet is given a new one."""
    ours = {"our_id", "Our_Id"}
    return [
        {i: {k: v for k, v in fields.items() if k not in ours} for i, fields in held(folder, system).items()}
        for system in ("marketing", "crm")
    ]


def backup(folder: Path) -> None:
    [command] = re.findall(r"^python -c .*VACUUM.*$", DOC, re.MULTILINE)
    subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=folder, check=True, timeout=60)


def restore(folder: Path) -> None:
    for name in ("state.sqlite-wal", "state.sqlite-shm"):
        (folder / name).unlink(missing_ok=True)
    shutil.copy(folder / "backup.sqlite", folder / "state.sqlite")


def test_every_state_is_explained() -> None:
    rows = re.findall(r"^\| (\w+) \| (Completed|Failed|Cancelled|Crashed) \|", DOC, re.MULTILINE)
    assert set(Name) < {name for name, _ in rows}
    assert {name for name, kind in rows if kind == "Completed"} == {name for name in Name if name.good}


def test_every_deployment_is_explained() -> None:
    for deployment in read(CHECKOUT / "prefect.yaml")["deployments"]:
        assert f"`{deployment['entrypoint'].rpartition('.')[2]}/NAME`" in DOC


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)", DOC))))
def test_links_lead_somewhere(target: str) -> None:
    assert (CHECKOUT / "docs" / target).exists()
