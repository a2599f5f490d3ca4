"""Figures as the job counts them, without a process of their own; and waiting for one that has one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from console.web import counts
from console.web.jobs import Job
from console.web.kept import Question, find
from console.web.site import Site
from state.facts import Facts


def count(folder: Path, name: str, **of: Any) -> Any:
    """What the job of that name keeps."""
    question = Question(name, of)
    asyncio.run(counts.count(folder, lambda phase, place, count: None, {"question": question.document()}))
    found = find(folder, question)
    assert found is not None
    return found.head.value


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
