"""docs/configuration.md, made from the models that read the files: `python -m console.configuration > docs/configuration.md`.

What is said around the tables stands in `configuration_texts`. Invariant: every key that a file may have is told with what it takes; a key without a word of explanation is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic import BaseModel

from connectors.registry import CONNECTORS, settings_of
from console.configuration_texts import (
    CONDITIONS,
    CONSOLE,
    FIELDS,
    INTRO,
    KIND_MAPPINGS,
    KINDS,
    LEAVING,
    MAPPING,
    OBJECTIVES,
    PERSONAS,
    POLICIES,
    REPORTS,
    ROLLUPS,
    SCORING,
    SETTINGS,
    SLA,
    STAGES,
    TRANSFORMS,
)
from mapping import config, options, scored
from mapping.agreement import calendar, reports, sla
from mapping.agreement.funnel import FunnelSettings, Influence, Segment
from mapping.agreement.objectives import Derivation, Objective
from mapping.agreement.personas import Persona
from mapping.conditions import Condition, Test
from mapping.console import Console, Groups, Oidc
from mapping.transforms import FITS

SECTIONS: Sequence[tuple[str, type[BaseModel], str]] = (
    ("smarketing.yaml", config.ProjectFile, ""),
    ("systems", config.System, "One entry a system, by its name."),
    ("vocabulary", config.Vocabulary, STAGES),
    ("vocabulary.ladder", config.Stage, ""),
    ("vocabulary.side", config.SideState, ""),
    ("vocabulary.leave", config.Leaving, LEAVING),
    ("texts for people", config.Wording, "One text, or one in each of the project's `languages`."),
    ("fields", config.HubField, FIELDS),
    ("rollup of a field", config.RollUp, ROLLUPS),
    ("companies, deals", config.KindFields, KINDS),
    (
        "owners",
        config.OwnerFields,
        "As for the other kinds; whoever has the same e-mail address is one person by that.",
    ),
    ("scoring", scored.Scoring, SCORING),
    ("scoring.fit", scored.Fit, ""),
    ("scoring.rules, scoring.fit.rules", scored.ScoreRule, ""),
    ("scoring.engagement", scored.Engagement, ""),
    ("scoring.engagement.rules", scored.EngagementRule, ""),
    ("scoring.weights", scored.Weights, ""),
    ("scoring.grades", scored.Grades, ""),
    ("scoring.predictive", scored.Predictive, ""),
    ("personas", Persona, PERSONAS),
    ("funnel", FunnelSettings, ""),
    ("funnel.segments", Segment, ""),
    ("funnel.influenced", Influence, ""),
    ("objectives", Objective, OBJECTIVES),
    ("objectives.derived_from", Derivation, ""),
    ("guards", config.Guards, "The plan stops beyond these, and waits for `--confirm`. Shares run from 0 to 1."),
    ("reports", reports.Reports, REPORTS),
    ("reports.weekly", reports.Weekly, ""),
    ("reports.monthly", reports.Monthly, ""),
    ("recipients of a report", reports.Recipients, ""),
    ("sla", sla.Pact, SLA),
    ("sla.calendars", calendar.Calendar, ""),
    ("holidays of a calendar", calendar.PublicHolidays, "Known by the library `holidays`."),
    ("sla.absences", calendar.Absence, ""),
    ("sla.agreed_by", sla.Signature, ""),
    ("sla.marketing", sla.Marketing, ""),
    ("sla.marketing.volume", sla.Volume, ""),
    ("sla.marketing.quality", sla.Quality, ""),
    ("sla.marketing.completeness", sla.Completeness, ""),
    ("sla.sales", sla.Sales, "Each has its clock."),
    ("sla.sales.first_response", sla.FirstResponse, ""),
    ("segments of a first response", sla.Segment, ""),
    ("sla.sales.attempts", sla.Attempts, ""),
    ("sla.sales.decision", sla.Decision, ""),
    ("sla.sales.follow_up", sla.FollowUp, ""),
    ("sla.teams", sla.Team, ""),
    ("sla.alerts", sla.Alerts, ""),
    ("console", Console, CONSOLE),
    ("console.oidc", Oidc, ""),
    ("console.oidc.roles", Groups, "The highest that fits counts, at every log-in anew."),
    ("`mappings/<system>.yaml`", config.MappingFile, MAPPING),
    ("companies, deals, owners of a mapping", config.KindMapping, KIND_MAPPINGS),
    ("fields of a mapping", config.MappedField, ""),
    ("stage of a mapping", config.MappedStage, "Every stage of the vocabulary needs a word."),
    ("stage.reason of a mapping", config.MappedReason, ""),
)

TITLES: Mapping[str, str] = {
    **{model.__name__: title for title, model, _ in SECTIONS},
    "OnConflict": "Who wins",
    "Transform": "Transforms",
    "Condition": "Conditions",
    "Test": "Conditions",
}

_WORDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}
_LONG = 60


def document() -> str:
    parts = [INTRO]
    for title, model, text in SECTIONS:
        parts.append(f"## {title}\n")
        if text:
            parts.append(f"{text.strip()}\n")
        parts.append(table_of(model))
        if model is config.System:
            parts += _settings()
    parts += [f"## Who wins\n\n{POLICIES}", f"## Transforms\n\n{TRANSFORMS.rstrip()}", *_transforms()]
    parts += [f"## Conditions\n\n{CONDITIONS}", table_of(Test), table_of(Condition)]
    return "\n".join(parts).rstrip() + "\n"


def table_of(model: type[BaseModel]) -> str:
    schema = model.model_json_schema()
    body = schema if "properties" in schema else schema["$defs"][schema["$ref"].rpartition("/")[2]]
    rows = ["| key | takes | default | |", "|---|---|---|---|"]
    for key, entry in body["properties"].items():
        told = _told(entry.get("description", ""))
        if not told:
            raise ValueError(f"{model.__module__}.{model.__name__}.{key} has no description")
        default = "required" if key in body.get("required", ()) else _default(entry.get("default"))
        rows.append(f"| `{key}` | {_takes(entry, schema.get('$defs', {}))} | {default} | {told} |")
    return "\n".join([*rows, ""])


def _settings() -> Iterator[str]:
    yield f"## settings of each connector\n\n{SETTINGS}"
    for name in CONNECTORS:
        model = settings_of(name)
        yield f"### {name}\n\n{table_of(model)}"
        for inner, keys in _inner(model).items():
            yield f"#### {', '.join(keys)} of {name}\n\n{table_of(inner)}"


def _inner(model: type[BaseModel]) -> Mapping[type[BaseModel], list[str]]:
    """Groups of keys within settings, and the keys that take them."""
    takers: dict[type[BaseModel], list[str]] = {}
    for key, field in model.model_fields.items():
        for kind in get_args(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                takers.setdefault(kind, []).append(key)
    return takers


def _transforms() -> Iterator[str]:
    takers: dict[type[BaseModel], list[str]] = {}
    for name, field in options.Transform.model_fields.items():
        types = (f"**{kind}**" if fits[0] == name else kind for kind, fits in FITS.items() if name in fits)
        yield f"| `{name}` | {_told(field.description or '')} | {', '.join(types)} |"
        takers.setdefault(_model_of(field.annotation), []).append(name)
    yield "\nThe types in bold use it where a mapping names none. Some take options:\n"
    for model, names in takers.items():
        if model.model_fields:
            yield f"### {', '.join(names)}\n\n{table_of(model)}"


def _model_of(annotation: Any) -> type[BaseModel]:
    """Of `Options | None`."""
    model: type[BaseModel] = next(kind for kind in get_args(annotation) if kind is not type(None))
    return model


def _takes(entry: Mapping[str, Any], models: Mapping[str, Any]) -> str:
    """What a value may be, in words; groups of keys as links to where they are told."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        title = TITLES.get(name)
        return f"[{title.casefold()}](#{_anchor(title)})" if title else _takes(models[name], models)
    if "anyOf" in entry:
        kinds = [_takes(option, models) for option in entry["anyOf"] if option.get("type") != "null"]
        links = [kind for kind in kinds if kind.startswith("[")]
        if not links and {"true or false", "text"} <= {*kinds}:
            return "a single value"
        return " or ".join(dict.fromkeys(links or kinds))
    if "enum" in entry:
        return ", ".join(f"`{_spelled(value)}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{_spelled(entry['const'])}`"
    match entry.get("type"):
        case "array":
            return f"list of {_takes(entry.get('items', {}), models)}"
        case "object":
            inner = entry.get("additionalProperties") or next(iter(entry.get("patternProperties", {}).values()), None)
            return f"by name: {_takes(inner, models)}" if isinstance(inner, Mapping) else "keys and values"
        case "string" if entry.get("format") == "password":
            return "a secret: `${NAME}`"
        case str(kind):
            return _WORDS[kind]
    return "anything"


def _default(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    spelled = _spelled(value)
    return f"`{spelled}`" if len(spelled) <= _LONG else "as in the preset"


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _told(description: str) -> str:
    text = " ".join(description.split())
    return text if not text or text.endswith(".") else f"{text}."


def _anchor(title: str) -> str:
    """As GitHub makes it."""
    kept = "".join(c for c in title.casefold() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


if __name__ == "__main__":
    print(document(), end="")
