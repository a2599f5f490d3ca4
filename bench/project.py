"""The configuration that is measured with: the presets as `smarketing init` copies them.

For loading, HubSpot alone and read only: so that a first load ends where it should, with every lead stored and none to
be written back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from ruamel.yaml import YAML

import mapping
from bench.contacts import contacts
from mapping.loader import compile_rules, restore
from mapping.rules import Rules

PRESETS = Path(mapping.__file__).parent / "presets"
SYSTEM = "hubspot"
CRM = "salesforce"
ASKED = next(contacts(1))["properties"].keys()


def read_only(*, scoring: bool) -> Rules:
    """HubSpot, the 17 properties of `bench.contacts`. `scoring`: with what the preset makes of a lead besides: its score, what
    that promotes, its persona."""
    config, file = _preset("smarketing"), _preset(SYSTEM)
    config["systems"] = _systems(config, SYSTEM)
    if not scoring:
        config.pop("scoring")
        config.pop("personas")
        config["vocabulary"].pop("promote")
    pulled = {name: entry for name, entry in file["fields"].items() if entry.get("direction") != "push"}
    file["fields"] = {name: {**entry, "direction": "pull"} for name, entry in pulled.items()}
    file["fields"] = {name: entry for name, entry in file["fields"].items() if entry["remote"] in ASKED}
    file["stage"] |= {"direction": "pull", "reason": {**file["stage"]["reason"], "direction": "pull"}}
    return _compiled(config, {SYSTEM: file})


def both_ways() -> Rules:
    """HubSpot and Salesforce, as the presets have them for leads."""
    config = _preset("smarketing")
    config["systems"] = _systems(config, SYSTEM, CRM)
    return _compiled(config, {SYSTEM: _preset(SYSTEM), CRM: _preset(CRM)})


def _systems(config: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: {**config["systems"][name], "settings": {}} for name in names}


def _compiled(config: dict[str, Any], mappings: dict[str, Any]) -> Rules:
    return compile_rules(restore(orjson.dumps({"config": config, "mappings": mappings})))


def _preset(name: str) -> dict[str, Any]:
    """What a preset says of leads: these figures are about leads, and compared with those of peers that have no more."""
    preset: dict[str, Any] = orjson.loads(
        orjson.dumps(YAML(typ="safe").load(PRESETS / f"{name}.yaml"), option=orjson.OPT_NON_STR_KEYS)
    )
    for kind in ("companies", "deals", "owners", "activities"):
        preset.pop(kind, None)
    around = {n for n, field in preset["fields"].items() if {"rollup", "to"} & field.keys()} | {"employer", "owner"}
    preset["fields"] = {n: field for n, field in preset["fields"].items() if n not in around}
    words = preset.get("vocabulary", {})
    words.pop("leave", None)
    words["promote"] = {stage: when for stage, when in words.get("promote", {}).items() if not around & when.keys()}
    for rule in (
        rule for axis in ("fit", "engagement") for rule in preset.get("scoring", {}).get(axis, {}).get("rules", ())
    ):
        if "any" in rule.get("when", ()):
            rule["when"]["any"] = [one for one in rule["when"]["any"] if not around & one.keys()]
    return preset
