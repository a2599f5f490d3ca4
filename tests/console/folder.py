"""A project folder of two systems that are JSON files: everything real but the vendors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TOKENS = {"MARKETING_TOKEN": "tok-marketing-5a4b3c2d1e", "CRM_TOKEN": "tok-crm-0f9e8d7c6b"}

MAIN = """\
database: sqlite:///state.sqlite
region: GB
systems:
  marketing: {connector: memory, role: marketing, settings: {file: marketing.json, token: "${MARKETING_TOKEN}"}}
  crm: {connector: memory, role: crm, settings: {file: crm.json, token: "${CRM_TOKEN}", unique: [Email]}}
fields:
  email: {type: email}
  first_name: {type: name}
  last_name: {type: name}
  phone: {type: phone}
  company: {type: text}
  job_title: {type: text, on_conflict: review}
  employees: {type: integer}
  opted_out: {type: boolean}
vocabulary:
  promote:
    mql: {score: {at_least: 30}}
scoring:
  rules:
    - {name: Decides, points: 20, when: {job_title: {contains: chief}}}
    - {name: Company known, points: 10, when: {company: {present: true}}}
    - {name: Wants no e-mail, points: -30, when: {opted_out: true}}
"""

MARKETING = """\
match: [email]
id_field: our_id
fields:
  email: {remote: email}
  first_name: {remote: first}
  last_name: {remote: last}
  phone: {remote: phone}
  company: {remote: company}
  job_title: {remote: title}
  employees: {remote: size}
  opted_out: {remote: optout}
  score: {remote: our_score, direction: push}
stage:
  remote: stage
  values: {subscriber: subscriber, lead: lead, mql: mql, sal: mql, sql: sql, opportunity: opportunity,
           customer: customer, evangelist: customer, recycled: other, disqualified: other, lost: other}
  reads: {mql: mql, customer: customer, other: null}
"""

CRM = """\
match: [email]
id_field: Our_Id
create_when: {stage: {at_least: lead}}
fields:
  email: {remote: Email}
  first_name: {remote: First}
  last_name: {remote: Last}
  phone: {remote: Phone}
  company: {remote: Company}
  job_title: {remote: Title}
  opted_out: {remote: OptOut}
  score: {remote: Our_Score, direction: push}
  sales_qualified: {remote: Our_Sql, direction: push}
stage:
  remote: Status
  values: {subscriber: New, lead: New, mql: New, sal: Working, sql: Qualified, opportunity: Qualified,
           customer: Qualified, evangelist: Qualified, recycled: Closed, disqualified: Closed, lost: Closed}
  reads: {New: lead, Working: sal, Qualified: sql, Closed: disqualified}
"""

STAGES = ["subscriber", "lead", "mql", "sql", "opportunity", "customer", "other"]
MARKETING_SCHEMA: list[dict[str, Any]] = [
    *({"name": n, "type": "string"} for n in ("email", "first", "last", "phone", "company", "title")),
    {"name": "size", "type": "number"},
    {"name": "optout", "type": "boolean"},
    {"name": "our_id", "type": "string", "unique": True},
    {"name": "our_score", "type": "number"},
    {"name": "stage", "type": "picklist", "options": [[s, s.title()] for s in STAGES]},
]
CRM_SCHEMA: list[dict[str, Any]] = [
    *({"name": n, "type": "string"} for n in ("Email", "First", "Last", "Phone", "Company", "Title")),
    {"name": "OptOut", "type": "boolean"},
    {"name": "Our_Id", "type": "string", "unique": True},
    {"name": "Our_Score", "type": "number"},
    {"name": "Our_Sql", "type": "boolean"},
    {"name": "Status", "type": "picklist", "options": [[s, s] for s in ("New", "Working", "Qualified", "Closed")]},
]

ADA = {"email": "ada@analytical.example", "first": "Ada", "last": "Lovelace", "company": "Analytical", "stage": "lead",
       "title": "Chief Analyst", "phone": "020 7946 0001"}  # fmt: skip
GRACE = {"email": "grace@navy.example", "first": "Grace", "last": "Hopper", "company": "Navy", "stage": "subscriber"}
ADA_IN_CRM = {"Email": "ADA@Analytical.example", "First": "Ada", "Last": "Lovelace", "Title": "Analyst",
              "Status": "New", "Phone": "+44 20 7946 0001"}  # fmt: skip
ALAN_IN_CRM = {"Email": "alan@bletchley.example", "First": "Alan", "Last": "Turing", "Company": "Bletchley",
               "Status": "Working"}  # fmt: skip


def make_project(folder: Path) -> Path:
    """Three people; one is in both systems, with two job titles."""
    (folder / "mappings").mkdir(parents=True)
    (folder / "smarketing.yaml").write_text(MAIN)
    (folder / "mappings/marketing.yaml").write_text(MARKETING)
    (folder / "mappings/crm.yaml").write_text(CRM)
    env = folder / ".env"
    env.write_text("".join(f"{name}={value}\n" for name, value in TOKENS.items()))
    env.chmod(0o600)
    fill(folder, "marketing", [ADA, GRACE], MARKETING_SCHEMA)
    fill(folder, "crm", [ADA_IN_CRM, ALAN_IN_CRM], CRM_SCHEMA)
    return folder


def fill(folder: Path, system: str, people: Sequence[Mapping[str, Any]], schema: Sequence[Mapping[str, Any]]) -> None:
    """The file of a system, as it is before anything was synced."""
    at = "2026-01-01T00:00:00+00:00"
    body = {
        "schema": schema,
        "token": TOKENS[f"{system.upper()}_TOKEN"],
        "records": {str(i): {"fields": person, "changed_at": at} for i, person in enumerate(people, 1)},
    }
    (folder / f"{system}.json").write_text(json.dumps(body))


def held(folder: Path, system: str) -> dict[str, dict[str, Any]]:
    """The live records of a system."""
    records = json.loads((folder / f"{system}.json").read_text())["records"]
    return {i: r["fields"] for i, r in records.items() if not r.get("deleted")}


def edit(folder: Path, system: str, id_: str, **fields: Any) -> None:
    """What a person changes in a system; `deleted=True` deletes the record."""
    path = folder / f"{system}.json"
    body = json.loads(path.read_text())
    record = body["records"].setdefault(id_, {"fields": {}})
    record["deleted"] = fields.pop("deleted", False)
    record["fields"].update(fields)
    record["changed_at"] = datetime.now(UTC).isoformat()
    path.write_text(json.dumps(body))
