"""Whoever changes what they are matched by is found by the new value from then on, also where the system read last said so."""

from __future__ import annotations

from pathlib import Path

from tests.console.conftest import Call
from tests.console.folder import edit


def test_a_new_address_is_known_from_the_next_run_on(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "marketing", "2", email="grace.hopper@navy.example")
    smarketing("sync")
    edit(project, "crm", "9", Email="grace.hopper@navy.example", First="Grace", Last="Hopper", Status="New")
    report = smarketing("sync", "--json").json
    assert report["systems"]["crm"]["new"] == 0
    assert report["systems"]["crm"]["matched"] == 1


def test_and_by_the_old_one_no_more(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "marketing", "2", email="grace.hopper@navy.example")
    smarketing("sync")
    edit(project, "crm", "9", Email="grace@navy.example", First="Grace", Last="Murray", Status="New")
    assert smarketing("sync", "--json").json["systems"]["crm"]["new"] == 1
