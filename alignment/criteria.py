"""A condition as a sentence for people, in their language: "score of 60 or more", "formulario enviado en los últimos 30 días".

Not here: whether it holds of somebody (`mapping.conditions`). Pure. Invariant: every test that the condition makes is in
the sentence, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from alignment.words import Words
from mapping.conditions import Condition, Test
from mapping.config import HubField
from mapping.fields import STAGE

_BOUNDS = {"at_least": "least", "at_most": "most"}


def described(condition: Condition, fields: Mapping[str, HubField], words: Words) -> str:
    """`fields`: the shared fields of the kind of record that the condition is about."""
    parts = [_tests(name, test, fields, words) for name, test in condition.tests.items()]
    parts += [described(part, fields, words) for part in condition.all or ()]
    if condition.any is not None:
        either = words.either(described(part, fields, words) for part in condition.any)
        parts.append(words("criteria.group", what=either) if parts and len(condition.any) > 1 else either)
    if condition.not_ is not None:
        parts.append(words("criteria.not", what=described(condition.not_, fields, words)))
    return words.every(parts)


def called(name: str, fields: Mapping[str, HubField], words: Words) -> str:
    """How a shared field is called: what happened for one that counts that; else as the language has it; else its label."""
    field = fields.get(name)
    if field is not None and field.happened is not None:
        return _happened(field, words)
    if f"fields.{name}" in words:
        return words(f"fields.{name}")
    return field.label if field is not None and field.label else name.replace("_", " ")


def _happened(field: HubField, words: Words) -> str:
    told = field.happened
    assert told is not None
    types = told.count if told.count is not None else told.latest
    what = words.either(words(f"activities.{one}") for one in types) if types else words("criteria.activities")
    if told.latest is not None:
        what = words("criteria.last", what=what)
    return words("criteria.within", what=what, count=told.days) if told.days else what


def _tests(name: str, test: Test, fields: Mapping[str, HubField], words: Words) -> str:
    field = fields.get(name)
    counts = field is not None and (
        (field.happened is not None and field.happened.count is not None)
        or (field.rollup is not None and field.rollup.count is not None)
    )
    title = called(name, fields, words)
    return words.every(
        _count(title, kind, wanted, field, words) if counts else _single(name, title, kind, wanted, words)
        for kind, wanted in test.given().items()
    )


def _count(title: str, kind: str, wanted: Any, field: HubField | None, words: Words) -> str:
    """Of something that is counted. Once or more often is simply that it happened."""
    if kind == "at_least" and wanted == 1 and field is not None and field.happened is not None:
        return title
    if kind == "equals" and wanted == 0:
        return words("criteria.no_more", field=title)
    if kind == "equals":
        return words("criteria.count_equals", field=title, value=_value(wanted, words))
    if kind in _BOUNDS:
        return words(f"criteria.count_{_BOUNDS[kind]}", field=title, value=_value(wanted, words))
    return _single("", title, kind, wanted, words)


def _single(name: str, title: str, kind: str, wanted: Any, words: Words) -> str:
    match kind:
        case "present":
            return words("criteria.present" if wanted else "criteria.absent", field=title)
        case "contains":
            return words("criteria.contains", field=title, value=wanted)
        case "in_":
            values: Sequence[Any] = wanted
            return words("criteria.among", field=title, values=words.either(_value(one, words) for one in values))
        case "equals" if isinstance(wanted, bool):
            return words("criteria.yes" if wanted else "criteria.no", field=title)
        case "equals":
            return words("criteria.equals", field=title, value=_value(wanted, words))
    if name == STAGE:
        return words(f"criteria.stage_{_BOUNDS[kind]}", value=wanted)
    of = "number" if isinstance(wanted, int | float) else "day"
    return words(f"criteria.{of}_{_BOUNDS[kind]}", field=title, value=_value(wanted, words))


def _value(value: Any, words: Words) -> str:
    """Numbers and dates as the language writes them; all other values are data, and stay as they are."""
    if isinstance(value, bool):
        return words("common.yes" if value else "common.no")
    if isinstance(value, int | float):
        return words.number(value)
    text = str(value)
    try:
        return words.date(date.fromisoformat(text)) if len(text) == 10 else words.moment(datetime.fromisoformat(text))
    except ValueError:
        return text
