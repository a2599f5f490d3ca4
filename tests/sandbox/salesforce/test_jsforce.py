"""The sandbox is honest: npm's jsforce 3 runs its ordinary calls against it and notices nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import TOKEN, Org

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "jsforce"


@pytest.fixture(scope="session")
def jsforce() -> Path:
    """A node_modules folder that has jsforce, installed once a checkout."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not on this machine: install the system packages nodejs (18 or newer) and npm")
    modules = CACHE / "node_modules"
    if not (modules / "jsforce" / "package.json").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", CACHE)
        command = [
            "npm",
            "install",
            "--no-audit",
            "--no-fund",
            "--no-package-lock",
            "--ignore-scripts",
            "--loglevel=error",
        ]
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"npm could not install jsforce (no way to the package registry?): {done.stderr[-500:]}")
    return modules


@pytest.fixture
def told(sf: Org, jsforce: Path) -> dict[str, Any]:
    """What every call gave, from one run of jsforce_calls.js."""
    command = ["node", str(HERE / "jsforce_calls.js"), sf.url, TOKEN]
    env = {**os.environ, "NODE_PATH": str(jsforce)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_jsforce_runs_its_ordinary_calls(told: dict[str, Any]) -> None:
    assert told == {
        "identity": ["integration@acme.example.sandbox", "00D"],
        "limits": 100_000,
        "usage": 100_000,
        "created": [200, 199, "REQUIRED_FIELD_MISSING"],
        "recursive": 450,
        "updated": [True, True],
        "updatedOne": True,
        "upserted": [False, True],
        "upsertedOne": True,
        "retrieved": ["Ada Js 0", "Chief"],
        "retrievedMany": ["Chief", "Deputy"],
        "queried": [650, 650, True],
        "found": 111,
        "destroyed": [True, True],
        "destroyedOne": True,
        "scanAll": 3,
        "described": True,
        "objects": True,
        "bulk": [299, ["REQUIRED_FIELD_MISSING"], 0],
        "bulkQueried": 299,
        "roles": [["A", True], ["B", False]],
        "role": True,
        "stage": True,
        "won": True,
        "undeletable": "DELETE_FAILED",
        "company": True,
        "references": ["Account"],
        "refused": "INVALID_FIELD",
    }
