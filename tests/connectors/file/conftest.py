"""A folder in which people put files, and a clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connectors.file.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return Place(folder)
