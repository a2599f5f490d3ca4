"""What an admin writes, as models: `smarketing.yaml`, and by way of `mapping.mapped` the mappings of the systems.

Only the shape is checked here, file by file (unknown keys are errors); what the files say of each other is checked in
`mapping.checks`, and made to run in `mapping.compiler`. Invariant: the same meaning gives the same model, and so the
same hash, however the file is laid out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from mapping.agreement.funnel import FunnelSettings
from mapping.agreement.objectives import Objective
from mapping.agreement.personas import Persona
from mapping.agreement.reports import Reports
from mapping.agreement.sla import Pact
from mapping.conditions import Condition, Model
from mapping.console import Console
from mapping.fields import Kind
from mapping.lifecycle import LADDER
from mapping.mapped import KindMapping, MappedField, MappedReason, MappedStage, MappingFile
from mapping.options import Word
from mapping.scored import Scoring
from mapping.shared import HubField, Name, OnConflict, RollUp
from mapping.transforms import PLACEHOLDERS
from mapping.wording import Language, Reasons, Worded, Wording

__all__ = [
    "HubField",
    "KindFields",
    "KindMapping",
    "Leaving",
    "MappedField",
    "MappedReason",
    "MappedStage",
    "MappingFile",
    "OnConflict",
    "OwnerFields",
    "ProjectFile",
    "RollUp",
    "Wording",
]  # fmt: skip

Role = Literal["marketing", "crm", "other"]
ConnectorName = Literal["hubspot", "salesforce", "tryton", "file", "memory"]


Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class System(Model):
    connector: ConnectorName
    """Which API it speaks."""
    role: Role = "other"
    """Decides who is believed where no policy does: `crm` before `marketing` before `other`."""
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the connector asks for. Secrets stand here as ${NAME} and come from the environment."""


class Stage(Model):
    name: Name
    """How it is called in mappings and conditions."""
    means: Worded = Field(default_factory=Wording)
    """For people: what the two teams agree that it means. One text, or `{en: …, es: …, pt: …}`."""
    entry: Worded = Field(default_factory=Wording)
    """For people: what has to be so before a lead enters it, as the teams have promised each other. What a machine can tell
    of it stands in `promote`; `smarketing glossary` shows both."""


class SideState(Model):
    name: Name
    """How it is called in mappings and conditions."""
    means: Worded = Field(default_factory=Wording)
    """For people."""
    entry: Worded = Field(default_factory=Wording)
    """For people, as for a step of the ladder; what a machine can tell of it stands in `leave`."""
    moves: tuple[Word, ...] | None = None
    """The stages it may be left for; any stage of the ladder where it is not said."""
    reasons: Reasons = Field(default_factory=dict)
    """Reason codes, or code -> the words for it, in one text or by language; any text where there are none."""


class Leaving(Model):
    when: Condition
    """A condition on at least one roll-up: it is by that that a new reason is known."""
    reason: Word | None = None
    """The reason that is noted with the side state."""


class Vocabulary(Model):
    ladder: tuple[Stage, ...] = tuple(Stage(name=name) for name in LADDER)
    """The stages, lowest first."""
    side: tuple[SideState, ...] = (
        SideState(name="recycled"),
        SideState(name="disqualified"),
        SideState(name="lost"),
    )
    """Stages off the ladder, entered by somebody's decision and with a reason."""
    sales_qualified: Word = "sql"
    """The stage from which on a lead counts as sales-qualified."""
    promote: dict[Word, Condition] = Field(default_factory=dict)
    """Stage -> what earns it. Only for leads on a lower step of the ladder; side states are left by people,
    and a person without a stage gets one by a roll-up (of deals), not by points."""
    leave: dict[Word, Leaving] = Field(default_factory=dict)
    """Side state -> what makes a lead leave the ladder for it. Once: whoever takes the lead back up has seen the reason,
    and only a new one (another lost deal) counts again."""


class KindFields(Model):
    """The shared fields of one more kind of record."""

    fields: dict[Name, HubField] = Field(min_length=1)
    """As for leads."""
    on_merge: Literal["ask", "follow", "merge"] = "ask"
    """As for leads."""

    @model_validator(mode="after")
    def _no_activities(self) -> KindFields:
        counted = [name for name, field in self.fields.items() if field.happened]
        if counted:
            raise ValueError(f"activities are counted for leads alone, not in {', '.join(counted)}")
        return self


class OwnerFields(KindFields):
    """The shared fields of the systems' users."""

    table: tuple[dict[Name, Word], ...] = ()
    """Users who have another e-mail address in each system, one entry a person: system -> the user's id there."""


class Guards(Model):
    """When a plan stops and asks (`mapping.rules.Limits`); shares from 0 to 1."""

    create_count: int = Field(default=500, ge=0)
    """More new records than this in one system."""
    create_share: float = Field(default=0.10, ge=0, le=1)
    """More new records than this share of those linked."""
    change_share: float = Field(default=0.30, ge=0, le=1)
    """One field changes on more than this share."""
    blank_count: int = Field(default=20, ge=0)
    """One field would be blanked on more records than this."""
    delete_share: float = Field(default=0.05, ge=0, le=1)
    """More than this share of the linked records has vanished."""
    archive_count: int = Field(default=100, ge=0)
    """More records than this would be archived in one system, since they have left `sync_when`."""
    archive_share: float = Field(default=0.05, ge=0, le=1)
    """More than this share of the linked records would be."""
    merge_count: int = Field(default=50, ge=0)
    """More records than this would be merged into others in one system (`on_merge: merge`)."""
    floor: int = Field(default=20, ge=0)
    """Shares count only from so many records on."""
    canaries: dict[Word, Word] = Field(default_factory=dict)
    """System -> a value of its first match field (an e-mail) that must be found there before anything is written."""


class ProjectFile(Model):
    """`smarketing.yaml`."""

    model_config = ConfigDict(title="smarketing.yaml")

    database: Word = Field(default="sqlite:///state.sqlite", repr=False)
    """An SQLAlchemy URL; a relative SQLite path starts at the project folder. A password stands as ${NAME}."""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Country (ISO 3166) of telephone numbers without a country code, where the record tells no country itself."""
    systems: dict[Name, System] = Field(min_length=1)
    """The connected systems by name; each has its `mappings/<name>.yaml`."""
    languages: tuple[Language, ...] = Field(default=("en",), min_length=1)
    """The languages of the two teams, the first one that of glossary and reports where none is asked for."""
    vocabulary: Vocabulary = Vocabulary()
    """The stages."""
    fields: dict[Name, HubField] = Field(min_length=1)
    """The shared fields of leads. There by themselves are `stage`, `stage_reason`, `sales_qualified`, and of the score
    `score`, `score_reason`, `fit_score`, `engagement_score`, `grade` and `predicted_score`."""
    on_merge: Literal["ask", "follow", "merge"] = "ask"
    """What two leads become whose records a system has merged, while another system has both: a question; or one lead at
    once (`follow`); or one lead whose two records are merged in the other systems too (`merge`), where the system lets
    us, no opt-out would be lost, and the guard agrees. A merge can never be taken back. Where no system has the second
    any more, they become one in any case."""
    companies: KindFields | None = None
    """The shared fields of companies; not synced where it is not said."""
    deals: KindFields | None = None
    """The shared fields of deals; not synced where it is not said."""
    owners: OwnerFields | None = None
    """The shared fields of the systems' users, to whom leads, companies and deals belong. Users are never written."""
    keep_activities: int | None = Field(default=None, ge=1)
    """Days for which activities are kept; for ever where it is not said."""
    placeholders: tuple[str, ...] = PLACEHOLDERS
    """Texts that mean "nobody knows", in any case; never taken for values."""
    guards: Guards = Guards()
    """When a plan stops and asks."""
    scoring: Scoring | None = None
    """Where there is none, no lead has a score."""
    personas: tuple[Persona, ...] = ()
    """Whom the two teams sell to; the first that a lead fits is its `persona`, a field that every lead has by itself."""
    funnel: FunnelSettings = FunnelSettings()
    """How the way from the first contact to the deal is counted."""
    objectives: tuple[Objective, ...] = ()
    """What the two teams want to reach, and by when."""
    currency: Currency | None = None
    """The currency (ISO 4217) in which amounts are added up. Where it is not said, each currency has its own total."""
    rates: dict[Currency, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Currency -> what one of it is worth in `currency`, fixed. Amounts in a currency without a rate are left out and
    counted, never taken for 0."""
    sla: Pact | None = None
    """What marketing and sales promise each other; no clocks run where it is not said."""

    reports: Reports | None = None
    """Who gets the weekly and the monthly report; nobody where it is not said."""
    console: Console = Console()
    """The console in the browser: its address, how long a session lasts, log-in by an identity provider."""

    def on_merge_of(self, kind: Kind) -> str:
        sections: dict[Kind, KindFields | None] = {
            "company": self.companies, "deal": self.deals, "owner": self.owners,
        }  # fmt: skip
        section = self if kind == "lead" else sections[kind]
        return section.on_merge if section is not None else "ask"

    def fields_of(self, kind: Kind) -> Mapping[str, HubField] | None:
        """None for a kind that the project does not sync."""
        if kind == "lead":
            return self.fields
        sections: dict[Kind, KindFields | None] = {
            "company": self.companies, "deal": self.deals, "owner": self.owners,
        }  # fmt: skip
        section = sections[kind]
        return section.fields if section else None
