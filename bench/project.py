"""The configuration that is measured with: the presets as `smarketing init` copies them, HubSpot alone, read only.

Read only, so that a first load ends where it should: with every lead stored and none to be written back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML

import mapping
from mapping.loader import compile_rules, restore
from mapping.rules import Rules

PRESETS = Path(mapping.__file__).parent / "presets"
SYSTEM = "hubspot"


def rules(*, scoring: bool, push: bool = False) -> Rules:
    """`scoring`: with the preset's nine scoring rules and what they promote. `push`: with the fields that are written."""
    config = _preset("smarketing")
    config["systems"] = {SYSTEM: {**config["systems"][SYSTEM], "settings": {}}}
    if not scoring:
        config.pop("scoring")
        config["vocabulary"].pop("promote")
    file = _preset(SYSTEM)
    if not push:
        pulled = {name: entry for name, entry in file["fields"].items() if entry.get("direction") != "push"}
        file["fields"] = {name: {**entry, "direction": "pull"} for name, entry in pulled.items()}
        file["stage"] |= {"direction": "pull", "reason": {**file["stage"]["reason"], "direction": "pull"}}
    return compile_rules(restore(orjson.dumps({"config": config, "mappings": {SYSTEM: file}})))


def _preset(name: str) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(YAML(typ="safe").load(PRESETS / f"{name}.yaml")))  # type: ignore[no-any-return]
