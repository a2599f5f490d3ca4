"""The schedule of the clocks: what a run of it comes to."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from flows.clocks import clocks
from tests.console.folder import make_project
from tests.console.test_sla import project


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("none", "Skipped", "no pact"),
        ("pact", "Completed", "2 leads looked at, 6 clocks changed"),
        ("changed", "Failed", "still says version 3"),
        ("unset", "Failed", "is not set"),
    ],
)
async def test_a_run_says_how_it_went(tmp_path: Path, kind: str, name: str, says: str) -> None:
    folder = tmp_path / "acme"
    if kind == "none":
        make_project(folder)
    else:
        project(folder, "mailto://127.0.0.1:9", "127.0.0.1:9")
    with disable_run_logger():
        if kind == "changed":
            await clocks.fn(folder)
            text = (folder / "smarketing.yaml").read_text()
            (folder / "smarketing.yaml").write_text(text.replace("within: 16 h", "within: 1 h"))
        if kind == "unset":
            env = (folder / ".env").read_text()
            (folder / ".env").write_text("".join(line for line in env.splitlines(True) if not line.startswith("HOOK")))
        state = await clocks.fn(folder)
    assert (state.name, state.message and says in state.message) == (name, True), state.message
    assert "s3cret" not in str(state.message)
