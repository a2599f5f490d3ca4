"""The build step of prefect.yaml: what the deployments need to know, looked at before anything is deployed.

Prefect calls it once a deployment (`prefect --no-prompt deploy --all`), in the process of that command.
"""

from __future__ import annotations

import os
from pathlib import Path

from flows.automations import install
from mapping.loader import load_project

HOME = Path(__file__).resolve().parent.parent


class NotDeployable(Exception):
    """Says what to set."""


async def prepare(project: str = "", name: str = "") -> dict[str, str]:
    """The values for prefect.yaml's placeholders: `folder` of the project, its `name`, and `home`, where the code is.
    Installs the automation. Raises NotDeployable, and ConfigErrors where the project does not load."""
    folder = project_folder(project)
    load_project(folder)
    await install()
    return {"folder": str(folder), "name": name or folder.name, "home": str(HOME)}


def project_folder(project: str) -> Path:
    given = project or os.environ.get("SMARKETING_PROJECT", "")
    folder = Path(given).expanduser().resolve()
    if not given or not (folder / "smarketing.yaml").is_file():
        found = f"there is no smarketing.yaml in {folder}" if given else "it is not set"
        raise NotDeployable(f"SMARKETING_PROJECT must name the project folder: {found}.")
    return folder
