"""The preset's project with personas, segments and objectives, for figures over a past that never happened."""

from __future__ import annotations

from typing import Any

import orjson
from ruamel.yaml import YAML

from mapping.config import ProjectFile
from tests.mapping.projects import PRESETS

BOSS = {"any": [{"job_title": {"contains": "chief"}}, {"job_title": {"contains": "vp"}}], "employees": {"at_least": 50}}


def config(**others: Any) -> ProjectFile:
    said: dict[str, Any] = orjson.loads(
        orjson.dumps(YAML(typ="safe").load(PRESETS / "smarketing.yaml"), option=orjson.OPT_NON_STR_KEYS)
    )
    said["fields"]["campaign"] = {"type": "text"}
    said |= {
        "personas": [{"name": "boss", "when": BOSS}, {"name": "shop", "when": {"industry": "retail"}}],
        "funnel": {
            "steps": ["lead", "mql", "sal", "sql", "opportunity", "customer"],
            "segments": [{"name": "large", "when": {"employees": {"at_least": 1000}}}],
            "sourced": {"source": ["Web", "Webinar"]},
        },
        "currency": "EUR",
        "rates": {"USD": 0.9},
    }
    return ProjectFile.model_validate({**said, **others})
