"""What docs/configuration.md says around the tables of keys that `configuration` makes from the models: Markdown, one text a section."""

from __future__ import annotations

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
