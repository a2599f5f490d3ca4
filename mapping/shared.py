"""The shared fields as an admin writes them: what they hold, who wins over them, what they are computed from.

Invariant: a field is filled by people, or computed in exactly one way.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from mapping.conditions import Condition, Model
from mapping.fields import Kind, PolicyKind
from mapping.options import Word

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
FieldKind = Literal[
    "text", "name", "email", "phone", "country", "boolean", "integer", "number", "date", "datetime", "picklist",
    "multipicklist", "domain", "tax_id", "reference",
]  # fmt: skip


def _rule(value: Any) -> Any:
    """`furthest` is short for `{rule: furthest}`."""
    return {"rule": value} if isinstance(value, str) else value


class OnConflict(Model):
    """Who wins when two systems changed a field since they last agreed; the policies of `mapping.fields.Policy`.
    Systems are named by their name or by their role."""

    prefer: tuple[Word, ...] | None = None
    """Systems or roles in the order in which they are believed; those left out follow."""
    owner: Word | None = None
    """One system or role that is master; what another says is put back."""
    rule: Literal["furthest", "union", "fill_blank", "opt_out_wins", "newest", "review", "consent"] | None = None
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

Plural = Literal["companies", "leads", "deals"]
Fold = Literal["count", "sum", "max", "min", "latest", "earliest"]


class RollUp(Model):
    """A field that sums up the records of another kind which refer to this one: `{count: deals, via: contacts}`, or
    `{sum: amount, of: deals, via: contacts}`."""

    count: Plural | None = None
    """How many records of this kind there are."""
    sum: Word | None = None
    """The sum of this field of theirs."""
    max: Word | None = None
    """The largest number in this field of theirs."""
    min: Word | None = None
    """The smallest."""
    latest: Word | None = None
    """The latest date or time in this field of theirs."""
    earliest: Word | None = None
    """The earliest."""
    of: Plural | None = None
    """The kind of the records, unless they are only counted."""
    via: Word
    """Their field that refers to this record."""
    when: Condition | None = None
    """Which of them count; all where it is not said."""

    @model_validator(mode="after")
    def _coherent(self) -> RollUp:
        if sum(getattr(self, fold) is not None for fold in get_args(Fold)) != 1:
            raise ValueError("say one of: count, sum, max, min, latest, earliest")
        if (self.count is None) != (self.of is not None):
            raise ValueError("`of` says of which kind the field is; a count says it itself")
        return self

    @property
    def plural(self) -> Plural:
        kind = self.count or self.of
        assert kind is not None
        return kind

    @property
    def fold(self) -> Fold:
        folds: tuple[Fold, ...] = get_args(Fold)
        return next(fold for fold in folds if getattr(self, fold) is not None)

    @property
    def field(self) -> str | None:
        """What is added up or compared; None for a count."""
        return None if self.count is not None else str(getattr(self, self.fold))


ActivityName = Literal[
    "form", "email_sent", "email_open", "email_click", "email_reply", "page_visit", "meeting", "call", "task", "note",
    "campaign_member", "campaign_response", "sale", "other",
]  # fmt: skip
"""What may have happened to a lead, in the words of every connector."""


class Happened(Model):
    """A field that tells what happened to a lead: `{count: [form], days: 30}`, or `{latest: [call, meeting]}`."""

    count: tuple[ActivityName, ...] | None = None
    """How often something of these types happened; of any type, where none is named."""
    latest: tuple[ActivityName, ...] | None = None
    """When something of these types last happened."""
    days: int | None = Field(default=None, ge=1)
    """Only what happened in so many days up to now; all of it where it is not said."""

    @model_validator(mode="after")
    def _coherent(self) -> Happened:
        if (self.count is None) == (self.latest is None):
            raise ValueError("say one of: count, latest")
        return self


class HubField(Model):
    """One shared field. Derived ones (template, constant, same_as, rollup, happened) are computed and only ever pushed; `fallback`
    is a template that fills an ordinary field while no system has a value for it."""

    type: FieldKind = "text"
    """What it holds."""
    label: str = ""
    """For people; the name where it is not said."""
    on_conflict: Conflict | None = None
    """Who wins when two systems changed it. Where it is not said: `prefer` by role, `union` for a multipicklist
    and a reference to many, `opt_out_wins` for `opted_out` and whatever ends in `_opted_out`, `consent` for `consent_basis`, `consent_at` and
    `consent_source`."""
    options: tuple[Word, ...] = ()
    """The values of a picklist."""
    template: str | None = None
    """Derived: other fields in a text, "{first_name} {last_name}"."""
    constant: bool | int | float | str | None = None
    """Derived: always this."""
    same_as: Word | None = None
    """Derived: a copy of this field (or of `stage`)."""
    rollup: RollUp | None = None
    """Derived: what the records that refer to this one add up to, such as a lead's open deals."""
    happened: Happened | None = None
    """Derived, of leads alone: counted from their activities, where some mapping has `activities: true`."""
    fallback: str | None = None
    """A template that fills an ordinary field while no system has a value for it."""
    to: Kind | None = None
    """The kind of record that a reference refers to."""
    many: bool = False
    """The reference is to any number of records. To leave is then as much as to join: removing a member travels."""

    @property
    def derived(self) -> bool:
        return any(part is not None for part in self._ways())

    def _ways(self) -> tuple[object, ...]:
        return self.template, self.constant, self.same_as, self.rollup, self.happened

    @model_validator(mode="after")
    def _coherent(self) -> HubField:
        if sum(part is not None for part in self._ways()) > 1:
            raise ValueError("a field is derived in one way: template, constant, same_as, rollup or happened")
        if self.derived and self.fallback is not None:
            raise ValueError("a derived field needs no fallback")
        if self.type == "picklist" and not self.options and not self.derived:
            raise ValueError("a picklist needs its options")
        if (self.type == "reference") != (self.to is not None):
            raise ValueError("`to` says what a field of type reference refers to, and stands with no other")
        if self.many and self.type != "reference":
            raise ValueError("only a reference is to many")
        if self.type == "reference" and (self.derived or self.fallback):
            raise ValueError("a reference is not computed")
        return self
