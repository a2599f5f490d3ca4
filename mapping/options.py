"""What each transform may be told in a mapping, as models. What the transforms do is in `mapping.transforms`.

Invariant: whatever is accepted here, the transform takes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from mapping.conditions import Model
from mapping.transforms.quantities import band_edges

Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]


def _one_key(value: Any) -> Any:
    """`email` is short for `{email: {}}`."""
    return {value: {}} if isinstance(value, str) else value


class NoOptions(Model):
    """This transform has nothing to set."""


class PhoneOptions(Model):
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """Where numbers without a country code are that do not fit the record's own country (the shared field `country`);
    the project's `region` where it is not said here."""


class CountryOptions(Model):
    style: Literal["alpha2", "alpha3", "name"] = "alpha2"
    """How this system spells a country: FR, FRA or France. All of them are read."""


class BooleanOptions(Model):
    yes: bool | int | str = True
    """What is written for yes. The usual spellings are read besides."""
    no: bool | int | str = False
    """What is written for no."""
    blank: bool | None = None
    """What a blank means in this system, where it does mean something."""

    @model_validator(mode="after")
    def _apart(self) -> BooleanOptions:
        if str(self.yes).casefold() == str(self.no).casefold():
            raise ValueError("yes and no must be written differently")
        return self


class NumberOptions(Model):
    as_text: bool = False
    """Write numbers as text."""


def _bands(bands: tuple[str, ...]) -> tuple[str, ...]:
    edges = [band_edges(band) for band in bands]
    if any(low > high for low, high in edges) or any(after[0] < before[1] for before, after in pairwise(edges)):
        raise ValueError("bands must stand from the lowest to the highest and may share only their borders")
    return bands


class BandOptions(Model):
    bands: Annotated[tuple[Word, ...], Field(min_length=1), AfterValidator(_bands)]
    """The bands, from the lowest to the highest: "25-50", "1000+". A number on a border belongs to the lower."""


class DateOptions(Model):
    style: Literal["iso", "milliseconds"] = "iso"
    """What is written: 2026-01-31, or milliseconds since 1970."""


class DatetimeOptions(Model):
    style: Literal["iso", "offset", "milliseconds"] = "iso"
    """What is written: 2026-01-31T09:30:00Z, or 2026-01-31T09:30:00.000+0000, or milliseconds since 1970."""


class PicklistOptions(Model):
    values: dict[Word, Word] = Field(default_factory=dict)
    """Hub value -> the word that this system uses; where empty, the field's own `options`."""
    reads: dict[str, Word | None] = Field(default_factory=dict)
    """Remote word -> hub value, for words that are only read or stand for several hub values; null: says nothing."""


class MultipicklistOptions(PicklistOptions):
    separator: Annotated[str, StringConstraints(min_length=1, max_length=3)] = ";"
    """What stands between the words."""
    as_list: bool = False
    """This system takes and gives a list, not one text."""


class Transform(Model):
    """Exactly one of these, by name."""

    text: NoOptions | None = None
    """Trimmed; nothing else changes."""
    name: NoOptions | None = None
    """A person's name: spaces repaired, and case where it is all capitals or all small letters."""
    email: NoOptions | None = None
    """Small letters, syntax checked."""
    e164: PhoneOptions | None = None
    """A telephone number as +14155552671; what is no number goes to review."""
    country: CountryOptions | None = None
    """ISO 3166 alpha-2 in the hub; codes, names and nicknames are read."""
    boolean: BooleanOptions | None = None
    """Yes or no."""
    number: NumberOptions | None = None
    """A number; thousands may be parted by commas."""
    integer: NumberOptions | None = None
    """A whole number; one with decimals is refused, not rounded."""
    band: BandOptions | None = None
    """A whole number that this system shows as one of several bands."""
    percent: NoOptions | None = None
    """A whole number of hundredths (a score) where this system keeps a share from 0 to 1."""
    date: DateOptions | None = None
    """A day on the calendar, never moved between time zones."""
    datetime: DatetimeOptions | None = None
    """A time, UTC in the hub."""
    picklist: PicklistOptions | None = None
    """One word out of a table."""
    multipicklist: MultipicklistOptions | None = None
    """Several words out of a table, sorted and without repeats in the hub."""
    domain: NoOptions | None = None
    """The domain that a company registered, of a web address, an e-mail address or a bare domain. One that many share (of
    free mailboxes, of social networks) is no value."""
    tax_id: NoOptions | None = None
    """A VAT or tax number as letters and digits, without what stands between them."""

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
