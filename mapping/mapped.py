"""`mappings/<system>.yaml` as models: how one system says what is shared.

Only the shape is checked here; whether it fits the shared fields is checked in `mapping.check_mapping`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from mapping.conditions import Condition, Model
from mapping.fields import Kind
from mapping.options import TransformSpec, Word
from mapping.shared import Conflict

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
    once: bool = False
    """Written when a record is made here, and never again: from then on it is this system's own."""
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
    entered: dict[Word, Word] = Field(default_factory=dict)
    """Stage -> the field that tells when it was entered here. Only read. Without it, a stage counts from the record's last
    change. One field may date several stages: then it dates the one that the record is in."""


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


MatchEntry = Annotated[
    tuple[Word, ...],
    BeforeValidator(_several, json_schema_input_type=str | list[str]),
    Field(min_length=1),
]


class KindMapping(Model):
    """How one system says what is shared of one kind of record."""

    match: tuple[MatchEntry, ...] = ()
    """Hub fields by which an unknown record is recognised, strongest first; a list: all of them together."""
    propose: tuple[MatchEntry, ...] = ()
    """As `match`, for what is likely and not certain (a company's name): where no `match` finds anybody, what this finds
    is put to a person, and never linked by itself."""
    id_field: Word | None = None
    """The remote field that carries our own id. It is tried before `match`."""
    create_when: Condition | None = None
    """Which records are created in this system. Where it is not said: all that could be found again."""
    sync_when: Condition | None = None
    """Which records this system is told about at all; of an opt-out it is told in any case."""
    on_leave: Literal["stop", "archive"] = "stop"
    """What becomes of a record here once `sync_when` has held of it and does not any more. `stop`: it is not told
    anything; what it says is still heard. `archive`: it goes where a deletion by hand goes, and is created anew when the
    rule holds again. Never the last record that there is, nor one that others here refer to."""
    fields: dict[Word, MappedField] = Field(default_factory=dict)
    """Shared field -> how it lives here."""


class MappingFile(KindMapping):
    """`mappings/<system>.yaml`: how the system says what is shared of leads, and in sections of their own, of the other
    kinds of record."""

    match: tuple[MatchEntry, ...] = (("email",),)
    """Hub fields by which an unknown record is recognised, strongest first; a list: all of them together."""
    stage: MappedStage | None = None
    """How a lead's stage lives here."""
    companies: KindMapping | None = None
    """How companies live here; not synced with this system where it is not said."""
    deals: KindMapping | None = None
    """How deals live here. Their stage is a field like any other."""
    owners: KindMapping | None = None
    """How the system's users live here. They are only ever read."""
    activities: bool = False
    """Whether what happened to its leads is read: forms, mails, calls, meetings, campaigns. Nothing of it is mapped, and
    nothing is ever written."""

    def of(self, kind: Kind) -> KindMapping | None:
        if kind == "lead":
            return self
        sections: dict[Kind, KindMapping | None] = {
            "company": self.companies, "deal": self.deals, "owner": self.owners,
        }  # fmt: skip
        return sections[kind]
