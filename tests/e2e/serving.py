"""`smarketing serve` as a process of its own, for as long as a block lasts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds that it may take to end."""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "console.cli", *words]


def environment(**more: str) -> dict[str, str]:
    """Of a shell in which nobody has set anything of ours or of Prefect's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SMARKETING_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def served(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """What it says once it is up: where the console is, and the link that makes the first account."""
    process = subprocess.Popen(
        command("serve", "--project", str(folder), "--port", "0", "--json", *options),
        stdout=subprocess.PIPE, text=True, env=env or environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        yield json.loads("".join(lines))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
