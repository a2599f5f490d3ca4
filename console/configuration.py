"""docs/configuration.md, made from the models that read the files: `python -m console.configuration > docs/configuration.md`.

Invariant: every key that a file may have is told with what it takes; a key without a word of explanation is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic import BaseModel

from connectors.registry import CONNECTORS, settings_of
from mapping import config, options, scored
from mapping.agreement import calendar, reports, sla
from mapping.agreement.funnel import FunnelSettings, Influence, Segment
from mapping.agreement.objectives import Derivation, Objective
from mapping.agreement.personas import Persona
from mapping.conditions import Condition, Test
from mapping.console import Console, Groups, Oidc
from mapping.transforms import FITS

INTRO = """\
# Configuration

Made by `python -m console.configuration`; a test compares it with the code that reads the files.

A project is a folder. `smarketing init` makes one that works; `smarketing check` tells everything that is wrong in it,
all at once, each with file, line, key, what was expected and the nearest name. An unknown key is an error.

| file | what stands in it |
|---|---|
| `smarketing.yaml` | the systems, the stages, the shared fields, scoring, guards, where the database is |
| `mappings/<system>.yaml` | how one system says what is shared; one file for each system |
| `.env` | secrets, `NAME=value`; never commit it. A variable of the environment goes before it |
| `plans/`, `logs/`, `state.sqlite` | made by runs; people's data, never commit them |

Secrets stand in `smarketing.yaml` as `${NAME}` and nowhere else: [security.md](security.md). The comments in the
[presets](../mapping/presets/) say why each line is as it is; start from them. Editors find mistakes as you type with a
JSON Schema: `python -c "import json; from mapping.loader import json_schema; print(json.dumps(json_schema()))"`.

A changed configuration takes effect with the next run, which reads every record of the systems whose mapping changed,
keeps the version with the run and, where it means to write something, stops once for you to look (`guard-rules`).
"""

STAGES = """\
A lead climbs the ladder and never slips back by itself. Off the ladder it goes by somebody's decision, with a reason,
and from there only where `moves` says.
"""

FIELDS = """\
A **derived** field (`template`, `constant`, `same_as`, `rollup`) is computed and only ever written to systems. A field of
type `reference` holds another record: each system is told of it by the id that it has there, and only of what it has.
"""

ROLLUPS = """\
What the records that refer to this one add up to. With a count, nothing is 0; with the others, nothing is blank.

```yaml
open_deals: {type: integer, rollup: {count: deals, via: contacts, when: {stage: open}}}
won_amount: {type: number, rollup: {sum: amount, of: deals, via: contacts, when: {stage: won}}}
last_won: {type: date, rollup: {latest: close_date, of: deals, via: contacts, when: {stage: won}}}
```
"""

KINDS = """\
Leads are what the files are about; the others have sections of their own, in both files. A kind is synced between the
systems whose mappings have its section. Records may refer to records of their own kind, and of those before it: owners,
companies, leads, deals.
"""

LEAVING = """\
Conditions are tried in the order of the file. A reason is new where one of the roll-ups that it asks for has grown; what
a lead has been taken back up in spite of does not count again.

```yaml
leave:
  lost: {when: {stage: opportunity, lost_deals: {at_least: 1}, open_deals: 0, won_deals: 0}, reason: no_decision}
```
"""

KIND_MAPPINGS = """\
One of `match` and `propose` must be there. A company's name is compared without its legal form: Acme Inc. and ACME GmbH
are asked about together. Owners take `match`, `propose` and `fields`, and are only ever read.
"""

PERSONAS = """\
A text is one, or `{en: …, es: …, pt: …}`.

```yaml
personas:
  - {name: decider, label: {en: Decider, es: Quien decide}, when: {job_title: {contains: chief}, employees: {at_least: 50}}}
```
"""

REPORTS = """\
`smarketing report send weekly` sends the last one now; the schedule `flows.reports` sends each when its hour has come. Nobody
gets the report of a period twice.
"""

OBJECTIVES = """\
Linked to each other: what is derived follows from what it serves.

```yaml
objectives:
  - {name: revenue, metric: revenue, target: 500000, period: quarter}
  - {name: won, team: sales, metric: won_deals, derived_from: {from: revenue, divisor: 12500}}
  - {name: mqls, team: marketing, metric: mql, derived_from: {from: won, rate: 0.05}}
```
"""

SLA = """\
The agreement between marketing and sales, with an example: [sla.md](sla.md). What is done by somebody in sales: by a user
who is in no team of marketing; where no user is known, in a system whose role is `crm`.
"""

CONSOLE = """\
No part of what a run goes by: a change of it stops no run. Who comes in, and how they are kept out: [security.md](security.md).

```yaml
console:
  url: https://sync.example.com
  oidc:
    issuer: https://login.example.com
    client_id: smarketing
    client_secret: ${OIDC_CLIENT_SECRET}
    scopes: [openid, email, profile, groups]
    roles: {admin: [it], operator: [marketing-operations], viewer: [marketing, sales]}
```
"""

SETTINGS = """\
Under `systems.<name>.settings`. How to get each credential: [connectors.md](connectors.md).
"""

MAPPING = """\
A record is recognised by its link, else by `id_field`, else by `match`; two candidates are a question for a person.
"""

POLICIES = """\
`on_conflict` says who wins when two systems changed a field since they last agreed. It stands with the shared field or
with the field in one mapping, once.

| written | who wins |
|---|---|
| `{prefer: [salesforce, hubspot]}` | the first that has an opinion; systems that are not named follow by role. By default: `crm`, `marketing`, `other` |
| `{owner: crm}` | one master; what another says is put back. Where the master has no record or no value, another may speak |
| `furthest` | stages only: the furthest move that is allowed; a side state, which somebody chose, before a step of the ladder |
| `union` | multipicklists: everything that any system added, less what one removed |
| `fill_blank` | what stands, stands; a system may only fill a blank |
| `opt_out_wins` | yes or no: a yes anywhere is a yes everywhere; the lists somebody has left: only more of them. Nothing turns it back but `smarketing consent` |
| `consent` | `consent_basis`, `consent_at` and `consent_source` together, from whoever has the newest date |
| `newest` | the latest change, where every system dates it; else by role. Dates are those of whole records, and two clocks never agree: for fields of little weight |
| `review` | a person decides; until then the field moves nowhere |

Whatever loses is kept in the history, with what won and why: `smarketing explain LEAD`.
"""

TRANSFORMS = """\
Two-way pairs: how a value looks in a system, and what it means in the hub. `transform: email` is short for
`transform: {email: {}}`. What a transform cannot read goes to review and costs its field only; a record whose match
field cannot be read waits as a whole.

| transform | what it does | for fields of type |
|---|---|---|
"""

CONDITIONS = """\
For `create_when`, `sync_when`, `promote` and the rules of the score. Fields by name; several must all hold.

```yaml
{stage: {at_least: lead}}
{country: [FR, BE], employees: {at_least: 50, at_most: 500}}
{any: [{score: {at_least: 60}}, {not: {opted_out: true}}]}
```

A blank fails every test but `present: false`, and what `not` turns round.
"""

SCORING = """\
```yaml
scoring:
  fit:
    rules:
      - {name: Decides, points: 40, when: {job_title: {contains: chief}}}
  engagement:
    half_life: 30
    rules:
      - {name: Filled in a form, points: 20, on: [form], cap: 40}
      - {name: Wants no e-mail, points: -30, when: {opted_out: true}}
  grid: {A1: mql, A2: mql, B1: mql}
```

A rule over activities gives each of them its points times 2^(-age / half-life), age in whole days (UTC), and rounds the
sum once. `score` is both axes by their weights, `fit_score` and `engagement_score` are the axes, `grade` is A1 to D4,
`score_reason` tells the rules that count, `predicted_score` is learned from outcomes. `smarketing score LEAD` adds it up.
"""

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
