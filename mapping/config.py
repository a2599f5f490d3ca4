"""What an admin writes, as models: `smarketing.yaml` and `mappings/<system>.yaml`.

Only the shape is checked here, file by file (unknown keys are errors); what the files say of each other is checked in
`mapping.checks`, and made to run in `mapping.compiler`. Invariant: the same meaning gives the same model, and so the
same hash, however the file is laid out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from mapping.conditions import Condition, Model
from mapping.fields import PolicyKind
from mapping.lifecycle import LADDER
from mapping.options import TransformSpec, Word
from mapping.transforms import PLACEHOLDERS

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Role = Literal["marketing", "crm", "other"]
ConnectorName = Literal["hubspot", "salesforce", "tryton", "file", "memory"]
FieldKind = Literal[
    "text", "name", "email", "phone", "country", "boolean", "integer", "number", "date", "datetime", "picklist",
    "multipicklist",
]  # fmt: skip


def _rule(value: Any) -> Any:
    """`furthest` is short for `{rule: furthest}`."""
    return {"rule": value} if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class OnConflict(Model):
    """Who wins when two systems changed a field since they last agreed; the policies of `mapping.fields.Policy`.
    Systems are named by their name or by their role."""

    prefer: tuple[Word, ...] | None = None
    """Systems or roles in the order in which they are believed; those left out follow."""
    owner: Word | None = None
    """One system or role that is master; what another says is put back."""
    rule: Literal["furthest", "union", "fill_blank", "opt_out_wins", "newest", "review"] | None = None
    """Or one of these rules, by its name."""

    @model_validator(mode="after")
    def _exactly_one(self) -> OnConflict:
        if sum(part is not None for part in (self.prefer, self.owner, self.rule)) != 1:
            raise ValueError("say one of: prefer, owner, or the name of a rule")
        return self

    @property
    def kind(self) -> PolicyKind:
        if self.rule is not None:
            return self.rule
        return "owner" if self.owner is not None else "prefer"

    @property
    def systems(self) -> tuple[str, ...]:
        return (self.owner,) if self.owner is not None else self.prefer or ()


Conflict = Annotated[OnConflict, BeforeValidator(_rule, json_schema_input_type=str | OnConflict)]

# -- mappings/<system>.yaml -------------------------------------------------------------------------------------------

Direction = Literal["both", "pull", "push"]


class MappedField(Model):
    """How one hub field lives in this system."""

    remote: Word
    """The field's name in this system's API."""
    transform: TransformSpec | None = None
    """How the value is spelled here; the one that fits the shared field's type where it is not said."""
    direction: Direction = "both"
    """`pull`: only read. `push`: only written."""
    on_conflict: Conflict | None = None
    """As in `smarketing.yaml`; said once a field, wherever it stands."""
    clears: bool = False
    """Whether emptying the field here empties it everywhere, and the other way round. Where false, a blank is no
    opinion and is filled again."""
    default: bool | int | float | str | None = None
    """Written where the hub has no value and the system insists on one; never read back as a value."""


class MappedReason(Model):
    remote: Word
    """The field that holds the reason of a side state."""
    values: dict[Word, Word] = Field(default_factory=dict)
    """Reason code -> this system's word for it; any text where there are none."""
    reads: dict[str, Word | None] = Field(default_factory=dict)
    """As for the stage."""
    direction: Direction = "both"
    """As for a field."""


class MappedStage(Model):
    """`values`: every stage of the vocabulary -> this system's word for it. `reads`: how a remote word is read that
    stands for several stages, or is never written; null: it says nothing about the stage."""

    remote: Word
    """The field that holds the stage."""
    values: dict[Word, Word]
    """Every stage of the vocabulary -> this system's word for it."""
    reads: dict[str, Word | None] = Field(default_factory=dict)
    """How a word is read that stands for several stages, or is never written; null: it says nothing about the stage."""
    direction: Direction = "both"
    """As for a field."""
    on_conflict: Conflict | None = None
    """`furthest` where it is not said."""
    reason: MappedReason | None = None
    """Where the reason of a side state is kept."""


MatchEntry = Annotated[
    tuple[Word, ...],
    BeforeValidator(_several, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class MappingFile(Model):
    """`mappings/<system>.yaml`: ties one system's fields to the shared ones."""

    match: tuple[MatchEntry, ...] = (("email",),)
    """Hub fields by which an unknown record is recognised, strongest first; a list: all of them together."""
    id_field: Word | None = None
    """The remote field that carries our own id. It is always tried before `match`."""
    create_when: Condition | None = None
    """Which leads are created in this system. Where it is not said: all that could be found again."""
    sync_when: Condition | None = None
    """Which leads this system is told about at all."""
    fields: dict[Word, MappedField] = Field(default_factory=dict)
    """Shared field -> how it lives here."""
    stage: MappedStage | None = None
    """How the stage lives here."""


# -- smarketing.yaml --------------------------------------------------------------------------------------------------


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
    """Stage -> what earns it. Only for leads on a lower step of the ladder; side states are left by people."""


class HubField(Model):
    """One shared field. Derived ones (template, constant, same_as) are computed and only ever pushed; `fallback` is a
    template that fills an ordinary field while no system has a value for it."""

    type: FieldKind = "text"
    """What it holds."""
    label: str = ""
    """For people; the name where it is not said."""
    on_conflict: Conflict | None = None
    """Who wins when two systems changed it. Where it is not said: `prefer` by role, `union` for a multipicklist,
    `opt_out_wins` for `opted_out`."""
    options: tuple[Word, ...] = ()
    """The values of a picklist."""
    template: str | None = None
    """Derived: other fields in a text, "{first_name} {last_name}"."""
    constant: bool | int | float | str | None = None
    """Derived: always this."""
    same_as: Word | None = None
    """Derived: a copy of this field (or of `stage`)."""
    fallback: str | None = None
    """A template that fills an ordinary field while no system has a value for it."""

    @property
    def derived(self) -> bool:
        return not (self.template is None and self.constant is None and self.same_as is None)

    @model_validator(mode="after")
    def _coherent(self) -> HubField:
        if sum(part is not None for part in (self.template, self.constant, self.same_as)) > 1:
            raise ValueError("a field is derived in one way: template, constant or same_as")
        if self.derived and self.fallback is not None:
            raise ValueError("a derived field needs no fallback")
        if self.type == "picklist" and not self.options and not self.derived:
            raise ValueError("a picklist needs its options")
        return self


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
    """The shared fields. `stage`, `stage_reason`, `score`, `score_reason` and `sales_qualified` are there by
    themselves."""
    placeholders: tuple[str, ...] = PLACEHOLDERS
    """Texts that mean "nobody knows", in any case; never taken for values."""
    guards: Guards = Guards()
    """When a plan stops and asks."""
    scoring: Scoring | None = None
    """Where there is none, no lead has a score."""
