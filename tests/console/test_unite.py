"""unite and split: a person says that two are one, and takes it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.base import utc_now
from state.database import open_database
from state.lock import Lease
from tests.console.conftest import Call
from tests.console.folder import edit, held

ADA, BOB = "ada@analytical.example", "ada@home.example"


@pytest.fixture
def synced(smarketing: Call, project: Path) -> Call:
    edit(project, "marketing", "77", email=BOB, first="Ada", last="Lovelace", phone="+44 20 7946 0123", optout=True)
    assert smarketing("sync", "--confirm").exit == 0
    assert smarketing("sync").exit in (0, 1)
    return smarketing


def lead(call: Call, who: str) -> dict[str, Any]:
    told: dict[str, Any] = call("explain", who, "--json").json
    return told


def test_what_would_come_together_is_shown_first(synced: Call) -> None:
    asked = synced("unite", ADA, BOB)
    assert asked.exit == 1
    assert ADA in asked.out
    assert BOB in asked.out
    assert "--confirm" in asked.out
    assert lead(synced, BOB)["id"] != lead(synced, ADA)["id"]


def test_two_are_one_and_two_again(synced: Call, project: Path) -> None:
    ids = [lead(synced, who)["id"] for who in (ADA, BOB)]
    before = held(project, "marketing"), held(project, "crm")
    told = synced("unite", ADA, BOB, "--confirm", "--by", "Grace", "--json").json
    assert (told["done"], told["stays"]["id"], told["joins"]["id"]) == (True, *ids)
    assert synced("sync", "--confirm").exit in (0, 1)
    one = lead(synced, ADA)
    assert one["id"] == ids[0]
    assert next(f["value"] for f in one["fields"] if f["name"] == "opted_out") is True, "an opt-out of either holds"
    assert synced("split", ADA).exit == 1
    told = synced("split", ADA, "--confirm", "--json").json
    assert (told["done"], told["leaves"]["id"]) == (True, ids[1])
    assert synced("sync", "--confirm").exit in (0, 1)
    assert [lead(synced, who)["id"] for who in (ADA, BOB)] == ids
    now = held(project, "marketing"), held(project, "crm")
    assert [set(side) for side in now] == [set(side) for side in before]


def test_there_is_nothing_to_take_apart(synced: Call) -> None:
    asked = synced("split", ADA, "--confirm", "--json")
    assert (asked.exit, asked.json["error"]["code"]) == (2, "no-union")


def test_nobody_is_one_with_themselves(synced: Call) -> None:
    asked = synced("unite", ADA, ADA, "--confirm", "--json")
    assert (asked.exit, asked.json["error"]["code"]) == (2, "no-union")


def test_not_while_a_run_is_under_way(synced: Call, project: Path) -> None:
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    lease = Lease(engine, "sync", utc_now)
    try:
        assert synced("unite", ADA, BOB, "--confirm").exit == 5
    finally:
        lease.release()
        engine.dispose()
