"""What an admin writes, as models: `smarketing.yaml` and `mappings/<system>.yaml`.

Only the shape is checked here, file by file (unknown keys are errors); what the files say of each other is checked in
`mapping.checks`, and made to run in `mapping.compiler`. Invariant: the same meaning gives the same model, and so the
same hash, however the file is laid out.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from mapping.conditions import Condition, Model
from mapping.fields import PolicyKind
from mapping.lifecycle import LADDER
from mapping.transforms import PLACEHOLDERS
from mapping.transforms.quantities import band_edges

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Role = Literal["marketing", "crm", "other"]
ConnectorName = Literal["hubspot", "salesforce", "tryton", "memory"]
FieldKind = Literal[
    "text", "name", "email", "phone", "country", "boolean", "integer", "number", "date", "datetime", "picklist",
    "multipicklist",
]  # fmt: skip


def _one_key(value: Any) -> Any:
    """`email` is short for `{email: {}}`."""
    return {value: {}} if isinstance(value, str) else value


def _rule(value: Any) -> Any:
    """`furthest` is short for `{rule: furthest}`."""
    return {"rule": value} if isinstance(value, str) else value


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class OnConflict(Model):
    """Who wins when two systems changed a field since they last agreed; the policies of `mapping.fields.Policy`.
    Systems are named by their name or by their role."""

    prefer: tuple[Word, ...] | None = None
    owner: Word | None = None
    rule: Literal["furthest", "union", "fill_blank", "opt_out_wins", "newest", "review"] | None = None

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

# -- transforms -------------------------------------------------------------------------------------------------------


class NoOptions(Model):
    """This transform has nothing to set."""


class PhoneOptions(Model):
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Where numbers without a country code are that do not fit the record's own country (the shared field `country`);
    the project's `region` where it is not said here."""


class CountryOptions(Model):
    style: Literal["alpha2", "alpha3", "name"] = "alpha2"


class BooleanOptions(Model):
    yes: bool | int | str = True
    no: bool | int | str = False
    blank: bool | None = None
    """What a blank means in this system, where it does mean something."""

    @model_validator(mode="after")
    def _apart(self) -> BooleanOptions:
        if str(self.yes).casefold() == str(self.no).casefold():
            raise ValueError("yes and no must be written differently")
        return self


class NumberOptions(Model):
    as_text: bool = False


def _bands(bands: tuple[str, ...]) -> tuple[str, ...]:
    edges = [band_edges(band) for band in bands]
    if any(low > high for low, high in edges) or any(after[0] < before[1] for before, after in pairwise(edges)):
        raise ValueError("bands must stand from the lowest to the highest and may share only their borders")
    return bands


class BandOptions(Model):
    bands: Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_bands)]


class DateOptions(Model):
    style: Literal["iso", "milliseconds"] = "iso"


class DatetimeOptions(Model):
    style: Literal["iso", "offset", "milliseconds"] = "iso"


class PicklistOptions(Model):
    values: dict[Word, Word] = Field(default_factory=dict)
    """Hub value -> the word that this system uses; where empty, the field's own `options`."""
    reads: dict[str, Word | None] = Field(default_factory=dict)
    """Remote word -> hub value, for words that are only read or stand for several hub values; null: says nothing."""


class MultipicklistOptions(PicklistOptions):
    separator: Annotated[str, StringConstraints(min_length=1, max_length=3)] = ";"
    as_list: bool = False


class Transform(Model):
    """Exactly one of these, by name."""

    text: NoOptions | None = None
    name: NoOptions | None = None
    email: NoOptions | None = None
    e164: PhoneOptions | None = None
    country: CountryOptions | None = None
    boolean: BooleanOptions | None = None
    number: NumberOptions | None = None
    integer: NumberOptions | None = None
    band: BandOptions | None = None
    percent: NoOptions | None = None
    date: DateOptions | None = None
    datetime: DatetimeOptions | None = None
    picklist: PicklistOptions | None = None
    multipicklist: MultipicklistOptions | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Transform:
        if len(self.chosen()) != 1:
            raise ValueError("name exactly one transform")
        return self

    def chosen(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]

    def options(self) -> dict[str, Any]:
        (name,) = self.chosen()
        options: BaseModel = getattr(self, name)
        return options.model_dump()


TransformSpec = Annotated[Transform, BeforeValidator(_one_key, json_schema_input_type=str | Transform)]

# -- mappings/<system>.yaml -------------------------------------------------------------------------------------------

Direction = Literal["both", "pull", "push"]


class MappedField(Model):
    """How one hub field lives in this system."""

    remote: Word
    transform: TransformSpec | None = None
    direction: Direction = "both"
    on_conflict: Conflict | None = None
    clears: bool = False
    default: bool | int | float | str | None = None
    """Written where the hub has no value and the system insists on one; never read back as a value."""


class MappedReason(Model):
    remote: Word
    values: dict[Word, Word] = Field(default_factory=dict)
    reads: dict[str, Word | None] = Field(default_factory=dict)
    direction: Direction = "both"


class MappedStage(Model):
    """`values`: every stage of the vocabulary -> this system's word for it. `reads`: how a remote word is read that
    stands for several stages, or is never written; null: it says nothing about the stage."""

    remote: Word
    values: dict[Word, Word]
    reads: dict[str, Word | None] = Field(default_factory=dict)
    direction: Direction = "both"
    on_conflict: Conflict | None = None
    reason: MappedReason | None = None


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
    sync_when: Condition | None = None
    fields: dict[Word, MappedField] = Field(default_factory=dict)
    stage: MappedStage | None = None


# -- smarketing.yaml --------------------------------------------------------------------------------------------------


class System(Model):
    connector: ConnectorName
    role: Role = "other"
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the connector asks for. Secrets stand here as ${NAME} and come from the environment."""


class Stage(Model):
    name: Name
    means: str = ""


class SideState(Model):
    name: Name
    means: str = ""
    moves: tuple[Word, ...] | None = None
    """The stages it may be left for; any stage of the ladder where it is not said."""
    reasons: tuple[Word, ...] = ()
    """Reason codes; any text where there are none."""


class Vocabulary(Model):
    ladder: tuple[Stage, ...] = tuple(Stage(name=name) for name in LADDER)
    side: tuple[SideState, ...] = (
        SideState(name="recycled"),
        SideState(name="disqualified"),
        SideState(name="lost"),
    )
    sales_qualified: Word = "sql"
    """The stage from which on a lead counts as sales-qualified."""
    promote: dict[Word, Condition] = Field(default_factory=dict)
    """Stage -> what earns it. Only for leads on a lower step of the ladder; side states are left by people."""


class HubField(Model):
    """One shared field. Derived ones (template, constant, same_as) are computed and only ever pushed; `fallback` is a
    template that fills an ordinary field while no system has a value for it."""

    type: FieldKind = "text"
    label: str = ""
    on_conflict: Conflict | None = None
    options: tuple[Word, ...] = ()
    template: str | None = None
    constant: bool | int | float | str | None = None
    same_as: Word | None = None
    fallback: str | None = None

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
    create_share: float = Field(default=0.10, ge=0, le=1)
    change_share: float = Field(default=0.30, ge=0, le=1)
    blank_count: int = Field(default=20, ge=0)
    delete_share: float = Field(default=0.05, ge=0, le=1)
    floor: int = Field(default=20, ge=0)
    canaries: dict[Word, Word] = Field(default_factory=dict)


class ScoreRule(Model):
    name: Word
    points: int = Field(ge=-100, le=100)
    when: Condition


class Scoring(Model):
    """Points for what is known of a lead; the sum is kept between 0 and 100."""

    rules: tuple[ScoreRule, ...] = Field(min_length=1)


class ProjectFile(Model):
    """`smarketing.yaml`."""

    model_config = ConfigDict(title="smarketing.yaml")

    database: Word = Field(default="sqlite:///state.sqlite", repr=False)
    """An SQLAlchemy URL; a relative SQLite path starts at the project folder. A password stands as ${NAME}."""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Country (ISO 3166) of telephone numbers without a country code, where the record tells no country itself."""
    systems: dict[Name, System] = Field(min_length=1)
    vocabulary: Vocabulary = Vocabulary()
    fields: dict[Name, HubField] = Field(min_length=1)
    placeholders: tuple[str, ...] = PLACEHOLDERS
    guards: Guards = Guards()
    scoring: Scoring | None = None
