"""Named two-way pairs: how a value looks in one system, and what it means in the hub. Pure.

Every transform is called as `TRANSFORMS[name](placeholders, **options)` and gives a `Pair`. The laws, tested for each:
`encode(decode(encode(x))) == encode(x)`, `decode` of its own result is that result, and arbitrary JSON gives a value
or ValueError in words for a person. Constants and templates are no transforms: they are derived fields of the hub
(see `mapping.config.Field`), pushed like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mapping.transforms import companies, domains, people, quantities, text
from mapping.transforms.pair import PLACEHOLDERS, Decode, Encode, Pair, Placeholders, folded

TRANSFORMS: Mapping[str, Callable[..., Pair]] = {
    "text": text.text,
    "name": text.name,
    "email": people.email,
    "e164": people.phone,
    "country": people.country,
    "boolean": quantities.boolean,
    "number": quantities.number,
    "integer": quantities.integer,
    "band": quantities.band,
    "percent": quantities.percent,
    "date": quantities.day,
    "datetime": quantities.moment,
    "picklist": text.picklist,
    "multipicklist": text.multipicklist,
    "domain": domains.domain,
    "tax_id": companies.tax_id,
    "reference": companies.reference,
}

FITS: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "name", "email", "e164", "country", "picklist"),
    "name": ("name", "text"),
    "email": ("email",),
    "phone": ("e164", "text"),
    "country": ("country",),
    "boolean": ("boolean",),
    "integer": ("integer", "band", "percent"),
    "number": ("number", "integer"),
    "date": ("date",),
    "datetime": ("datetime",),
    "picklist": ("picklist",),
    "multipicklist": ("multipicklist",),
    "domain": ("domain",),
    "tax_id": ("tax_id",),
    "reference": ("reference",),
}
"""Type of a hub field -> the transforms that give such values; the first is the one used where none is named."""

__all__ = ["FITS", "PLACEHOLDERS", "TRANSFORMS", "Decode", "Encode", "Pair", "Placeholders", "folded"]
