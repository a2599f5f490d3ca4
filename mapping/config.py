"""What an admin writes, as models: `smarketing.yaml`, and by way of `mapping.mapped` the mappings of the systems.

Only the shape is checked here, file by file (unknown keys are errors); what the files say of each other is checked in
`mapping.checks`, and made to run in `mapping.compiler`. Invariant: the same meaning gives the same model, and so the
same hash, however the file is laid out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from mapping.agreement.sla import Pact
from mapping.conditions import Condition, Model
from mapping.fields import Kind
from mapping.lifecycle import LADDER
from mapping.mapped import KindMapping, MappedField, MappedReason, MappedStage, MappingFile
from mapping.options import Word
from mapping.shared import HubField, Name, OnConflict, RollUp
from mapping.transforms import PLACEHOLDERS

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
]  # fmt: skip

Role = Literal["marketing", "crm", "other"]
ConnectorName = Literal["hubspot", "salesforce", "tryton", "file", "memory"]


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
    means: str = ""
    """For people: what the two teams agree that it means."""


class SideState(Model):
    name: Name
    """How it is called in mappings and conditions."""
    means: str = ""
    """For people."""
    moves: tuple[Word, ...] | None = None
    """The stages it may be left for; any stage of the ladder where it is not said."""
    reasons: tuple[Word, ...] = ()
    """Reason codes; any text where there are none."""


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
    on_merge: Literal["ask", "follow"] = "ask"
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
    floor: int = Field(default=20, ge=0)
    """Shares count only from so many records on."""
    canaries: dict[Word, Word] = Field(default_factory=dict)
    """System -> a value of its first match field (an e-mail) that must be found there before anything is written."""


class ScoreRule(Model):
    name: Word
    """What people read in the explanation."""
    points: int = Field(ge=-100, le=100)
    """From -100 to 100."""
    when: Condition
    """A condition; the points count where it holds."""


class Scoring(Model):
    """Points for what is known of a lead; the sum is kept between 0 and 100."""

    rules: tuple[ScoreRule, ...] = Field(min_length=1)
    """The points that count are added up."""


class ProjectFile(Model):
    """`smarketing.yaml`."""

    model_config = ConfigDict(title="smarketing.yaml")

    database: Word = Field(default="sqlite:///state.sqlite", repr=False)
    """An SQLAlchemy URL; a relative SQLite path starts at the project folder. A password stands as ${NAME}."""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Country (ISO 3166) of telephone numbers without a country code, where the record tells no country itself."""
    systems: dict[Name, System] = Field(min_length=1)
    """The connected systems by name; each has its `mappings/<name>.yaml`."""
    vocabulary: Vocabulary = Vocabulary()
    """The stages."""
    fields: dict[Name, HubField] = Field(min_length=1)
    """The shared fields of leads. `stage`, `stage_reason`, `score`, `score_reason` and `sales_qualified` are there by
    themselves."""
    on_merge: Literal["ask", "follow"] = "ask"
    """What two leads become whose records a system has merged, while another system has both: a question, or one lead at
    once. Where no system has the second any more, they become one in any case."""
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
    sla: Pact | None = None
    """What marketing and sales promise each other; no clocks run where it is not said."""

    def follows_merges(self, kind: Kind) -> bool:
        sections: dict[Kind, KindFields | None] = {
            "company": self.companies, "deal": self.deals, "owner": self.owners,
        }  # fmt: skip
        section = self if kind == "lead" else sections[kind]
        return section is not None and section.on_merge == "follow"

    def fields_of(self, kind: Kind) -> Mapping[str, HubField] | None:
        """None for a kind that the project does not sync."""
        if kind == "lead":
            return self.fields
        sections: dict[Kind, KindFields | None] = {
            "company": self.companies, "deal": self.deals, "owner": self.owners,
        }  # fmt: skip
        section = sections[kind]
        return section.fields if section else None
