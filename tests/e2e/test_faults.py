"""Everything that can go wrong between us and a vendor goes wrong for a while; then the systems are well again. Nobody
may be there twice, nothing may be lost, and all must end as if nothing had happened."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sandbox.faults import PAGES, Fault, Faults, Kind
from tests.e2e.story import PAGE, calm, days_work, differences, ends_well, small_requests, small_world
from tests.e2e.world import SYSTEMS, World

READS = {"hubspot": r"contacts$|/search$|/batch/read$", "salesforce": r"/query"}
WRITES = {"hubspot": r"/batch/(create|update|upsert)$", "salesforce": r"/composite/sobjects"}
HURRY = {"hubspot": {"timeout_seconds": 0.15}, "salesforce": {"timeout": 0.15}}
ANYWHERE: tuple[Kind, ...] = (
    "error",
    "rate_limited",
    "hangup_before",
    "timeout_before",
    "hangup_after",
    "timeout_after",
    "error_after",
    "truncated",
    "cut_json",
    "not_json",
)


Trouble = Sequence[tuple[str, Fault]]
"""(system, rule)"""


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    small_requests(monkeypatch)
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(small_world(tmp_path, **settings))


def two_acts(w: World, *troubles: Trouble, expected: Any = None) -> None:
    """The story, each act with its trouble, which strikes in two runs and must be seen to strike."""
    first, second = expected or calm()
    for act, trouble, picture in zip((lambda w: None, days_work), troubles, (first, second), strict=True):
        act(w)
        for system, rule in trouble:
            faults_of(w, system).add(rule)
        w.sync()
        w.sync()
        idle = [rule for system in SYSTEMS for rule in faults_of(w, system).to_json()["rules"] if not rule["struck"]]
        assert not idle, f"never struck: {idle}"
        w.heal()
        w.sync()
        wrong = differences(picture, w.picture())
        assert not wrong, "\n".join(wrong)
    ends_well(w, second)


def faults_of(w: World, system: str) -> Faults:
    return (w.both.hubspot if system == "hubspot" else w.both.salesforce).faults


def on_reads(system: str, kind: Kind) -> Trouble:
    """A streak that outlasts the connector's patience, and a single one that does not."""
    return [(system, Fault(kind, path=READS[system], nth=nth)) for nth in ((2, 3, 4), (6,))]


def on_writes(system: str, kind: Kind) -> Trouble:
    return [(system, Fault(kind, path=WRITES[system], nth=(1, 2, 3)))]


@pytest.mark.parametrize("kind", ANYWHERE)
@pytest.mark.parametrize(("one", "other"), [SYSTEMS, SYSTEMS[::-1]])
def test_trouble_passes_without_a_trace(stage: Callable[..., World], kind: Kind, one: str, other: str) -> None:
    """One system's reads and the other's writes fail in the first load; in the second act it is the other way round."""
    w = stage()
    if kind.startswith("timeout"):
        w.settings = {name: {**w.settings[name], **HURRY[name]} for name in SYSTEMS}
    two_acts(
        w,
        [*on_reads(one, kind), *on_writes(other, kind)],
        [*on_reads(other, kind), *on_writes(one, kind)],
    )
