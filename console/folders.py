"""`init`: a project folder from presets. Never touches a file that is there already."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from rich.text import Text

from console.failures import Exit, Refusal
from console.screen import Screen
from mapping.loader import json_schema

PRESETS = Path(__file__).parent.parent / "mapping" / "presets"

SYSTEMS = {
    "hubspot": """\
  hubspot:
    connector: hubspot
    role: marketing
    settings:
      # The token of a private app with the scopes crm.objects.contacts.* and crm.schemas.contacts.*
      access_token: ${HUBSPOT_TOKEN}
""",
    "salesforce": """\
  salesforce:
    connector: salesforce
    role: crm
    settings:
      # Your My Domain address, and a connected app (or external client app) with a user to run as.
      login_url: ${SALESFORCE_URL}
      client_id: ${SALESFORCE_CLIENT_ID}
      client_secret: ${SALESFORCE_CLIENT_SECRET}
""",
    "tryton": """\
  tryton:
    connector: tryton
    role: crm
    settings:
      base_url: ${TRYTON_URL}
      database: ${TRYTON_DATABASE}
      user: ${TRYTON_USER}
      password: ${TRYTON_PASSWORD}
      # The party category (Parties › Configuration › Categories) that your companies are in: make it, or name yours.
      # Without this line there are no companies; then take `companies`, `employer` and the deals' `company` out of
      # mappings/tryton.yaml.
      company_category: Company
      # Who works where, with Tryton's module party_relationship:
      # company_relation: Employee of
""",
    "file": """\
  file:
    connector: file
    role: other
    settings:
      # CSV and JSONL files that are put in this folder are read; nothing in it is changed.
      folder: inbox
      lead:
        files: leads*.csv
        # The column that tells people apart.
        id: Email
        # What is so of everybody in these files.
        constants: {Source: Offline, Stage: lead}
""",
}
"""What each preset puts under `systems:`."""

GITIGNORE = """\
# Secrets, and people's data.
.env
*.sqlite
*.sqlite-shm
*.sqlite-wal
plans/
logs/
reports/
figures/
inbox/
"""


def init(screen: Screen, folder: Path, preset: str) -> Exit:
    systems = _systems(preset)
    if (folder / "smarketing.yaml").exists():
        raise Refusal(
            "project-exists",
            f"{folder} has a smarketing.yaml already.",
            "Choose another folder, or edit what is there.",
        )
    written = make(folder, {name: SYSTEMS[name] for name in systems})
    screen.emit({"ok": True, "exit": 0, "folder": str(folder.resolve()), "files": written})
    screen.gap()
    screen.title("A new project", str(folder))
    screen.gap()
    for name, what in _SAYS.items():
        if name in written:
            screen.say(Text.assemble(("✓ ", "good"), f"{name:<26}", (what, "quiet")))
    for system in systems:
        screen.say(
            Text.assemble(
                ("✓ ", "good"), f"{f'mappings/{system}.yaml':<26}", (f"how {system} says what you share", "quiet")
            )
        )
    screen.gap()
    there = "" if folder.resolve() == Path.cwd() else f"cd {folder}; "
    screen.say(Text.assemble("Next: fill in ", (".env", "accent"), ", then  ", (f"{there}smarketing check", "accent")))
    return Exit.DONE


_SAYS = {
    "smarketing.yaml": "systems, stages, shared fields, scoring, personas, objectives, the pact",
    ".env": "your secrets; only you can read it",
    ".gitignore": "keeps secrets and people's data out of git",
}


def make(folder: Path, systems: dict[str, str], env: dict[str, str] | None = None) -> list[str]:
    """Write a project folder: system -> its block under `systems:`. `env`: values for the variables that it asks for.
    Returns the files that were written."""
    main = (PRESETS / "smarketing.yaml").read_text("utf-8")
    block = "systems:\n" + "".join(systems.values()) + "\n"
    main = re.sub(r"(?ms)^systems:\n.*?^(?=#|\S)", lambda _: block, main)
    main = _agreed(main, datetime.now().astimezone().date())
    if "tryton" not in systems:
        main = re.sub(r"(?m)^  # For a tool that keeps .*\n  full_name: .*\n", "", main)
    names = sorted(set(re.findall(r"\$\{([A-Z_0-9]+)\}", block)), key=block.index)
    lines = [f"{name}={(env or {}).get(name, '')}" for name in names]
    files = {
        "smarketing.yaml": main,
        ".gitignore": GITIGNORE,
        ".env": "\n".join(["# Never commit this file.", *lines, ""]),
    }
    files |= {f"mappings/{name}.yaml": (PRESETS / f"{name}.yaml").read_text("utf-8") for name in systems}
    files |= _for_editors(files)
    folder.mkdir(parents=True, exist_ok=True)
    for inner in ("mappings", ".schemas", *(["inbox"] if "file" in systems else [])):
        (folder / inner).mkdir(exist_ok=True)
    written = []
    for name, text in files.items():
        if _write(folder / name, text, 0o600 if name == ".env" else 0o644):
            written.append(name)
    return written


def _agreed(main: str, today: date) -> str:
    """The pact begins with the project, and is looked at again half a year later."""
    for key, day in (("agreed_on", today), ("re_evaluate_on", today + timedelta(days=182))):
        main = re.sub(rf"(?m)^  {key}: .*$", f"  {key}: {day}", main)
    return main


def _for_editors(files: dict[str, str]) -> dict[str, str]:
    """JSON Schemas, and a first line in every YAML file by which editors with a YAML language server find them."""
    main, mapping = json_schema().values()
    schemas = {"smarketing.json": main, "mapping.json": mapping}
    told = {f".schemas/{name}": json.dumps(schema, indent=1) + "\n" for name, schema in schemas.items()}
    for name, text in files.items():
        if name.endswith(".yaml"):
            place = "../.schemas/mapping.json" if "/" in name else ".schemas/smarketing.json"
            told[name] = f"# yaml-language-server: $schema={place}\n{text}"
    return told


def _write(path: Path, text: str, mode: int) -> bool:
    """False where there is such a file already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _systems(preset: str) -> Sequence[str]:
    systems = [name.strip() for name in preset.split("+")]
    unknown = [name for name in systems if name not in SYSTEMS]
    if unknown or len(set(systems)) != len(systems):
        raise Refusal(
            "usage",
            f"There is no preset {preset!r}.",
            f"Join systems with a plus, such as hubspot+salesforce: {', '.join(SYSTEMS)}.",
        )
    return systems
