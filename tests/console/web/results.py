"""Results as the jobs count them, without a process of their own; and waiting for one that has one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from console.web import counted, results
from console.web.jobs import Job
from console.web.site import Site
from state.facts import Facts


def count(folder: Path, name: str, **of: Any) -> Any:
    """What the job of that name keeps."""
    asyncio.run(counted.count(folder, lambda phase, place, count: None, {"name": name, "of": of}))
    found = results.read(folder, name, of)
    assert found is not None
    return found.value


def waited(site: Site, seconds: float = 30) -> Job:
    """The newest job, once it has ended."""
    [job, *_] = site.jobs.all()
    until = time.monotonic() + seconds
    while job.running:
        assert time.monotonic() < until, f"{job.kind} {dict(job.arguments)} does not end"
        time.sleep(0.05)
    assert job.failure is None, job.failure
    return job


def forbid_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on, in this process, nobody reads the whole past, and no job begins."""

    def refused(*_: object) -> None:
        raise AssertionError("a request reads the whole past")

    monkeypatch.setattr(Facts, "__init__", refused)
    monkeypatch.setattr("console.web.jobs.Jobs.start", refused)
