"""A project as it would be with other texts in some of its files: read and checked, and nowhere stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mapping.loader import FOLDER, MAIN, Project, load_project


def files_of(folder: Path) -> dict[str, str]:
    """Every file of the configuration, by its name within the project."""
    names = [MAIN, *(f"{FOLDER}/{one.name}" for one in sorted((folder / FOLDER).glob("*.y*ml")))]
    return {name: (folder / name).read_text("utf-8") for name in names}


def drafted(folder: Path, changed: Mapping[str, str]) -> Project:
    """Raises ConfigErrors with everything that is wrong in it."""
    with TemporaryDirectory() as place:
        for name, text in {**files_of(folder), **changed}.items():
            file = Path(place) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        return load_project(place)
