"""The names that a project knows, and the checks of whatever refers to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mapping.conditions import Condition, Test, leaves
from mapping.config import HubField, OnConflict, ProjectFile
from mapping.derived import shared_fields
from mapping.fields import CONSENT, KINDS, PLURALS, STAGE, Kind
from mapping.problems import listed, nearest
from mapping.source import Loc, Source

ROLES = ("crm", "marketing", "other")
_NUMBERS = ("integer", "number")
_ORDERED = (*_NUMBERS, "date", "datetime")


class Names:
    """What has a name among the records of one kind. Fields and systems count as known where the file has them, right or
    wrong. `base`: where the kind has its section."""

    def __init__(self, main: Source, config: ProjectFile, kind: Kind = "lead") -> None:
        self.config, self.kind = config, kind
        self.base: Loc = () if kind == "lead" else (PLURALS[kind],)
        self.kinds = [k for k in KINDS if config.fields_of(k) is not None or main.has(PLURALS[k])]
        self._own = shared_fields(config, kind)
        self.systems = list(dict.fromkeys([*config.systems, *main.keys("systems")]))
        self.fields = list(dict.fromkeys([*self._own, *main.keys(*self.base, "fields")]))
        self.ladder = _stage_names(main, "ladder", [stage.name for stage in config.vocabulary.ladder])
        side = _stage_names(main, "side", [state.name for state in config.vocabulary.side])
        self.stages = list(dict.fromkeys([*self.ladder, *side]))

    def field(self, name: str) -> HubField | None:
        return self._own.get(name)

    def known_field(self, source: Source, loc: Loc, name: str) -> bool:
        if name in self.fields:
            return True
        of = "" if self.kind == "lead" else f" of {PLURALS[self.kind]}"
        source.error(loc, f"there is no shared field {name!r}{of}", listed(self.fields, 30), nearest(name, self.fields))
        return False

    def known_stage(
        self, source: Source, loc: Loc, stage: str, among: Iterable[str] | None = None, what: str = "step of the ladder"
    ) -> bool:
        stages = self.stages if among is None else list(among)
        if stage in stages:
            return True
        kind = what if among is not None else "stage"
        source.error(loc, f"there is no {kind} {stage!r}", listed(stages), nearest(stage, stages))
        return False


def _stage_names(main: Source, part: str, valid: list[str]) -> list[str]:
    return list(dict.fromkeys([*valid, *main.words.get(("vocabulary", part), [])]))


def check_region(source: Source, loc: Loc, region: str) -> None:
    import phonenumbers

    if region not in phonenumbers.SUPPORTED_REGIONS:
        regions = sorted(phonenumbers.SUPPORTED_REGIONS)
        likely = "GB" if region == "UK" else nearest(region, regions)
        source.error(loc, f"there is no country {region!r}", "two capitals, as in ISO 3166 (FR, US)", likely)


def check_conflict(source: Source, loc: Loc, name: str, field: HubField, said: OnConflict, names: Names) -> None:
    for word in said.systems:
        if word not in names.systems and word not in ROLES:
            known = [*names.systems, *ROLES]
            source.error(loc, f"there is no system {word!r}", listed(known), nearest(word, known))
    if said.rule == "furthest" and (name != STAGE or names.kind != "lead"):
        source.error(loc, "only the stage can go by how far along it is", "another policy")
    elif said.rule == "union" and field.type != "multipicklist" and not field.many:
        source.error(loc, "only a multipicklist or a reference to many can be united", "another policy")
    elif said.rule == "opt_out_wins" and field.type not in ("boolean", "multipicklist"):
        source.error(loc, "only yes or no, or a multipicklist of lists, can be an opt-out", "another policy")
    elif said.rule == "consent" and name not in CONSENT:
        source.error(loc, "only the basis of a consent, its date and its source go together", "another policy")


def check_condition(source: Source, loc: Loc, condition: Condition, names: Names) -> None:
    for path, name, test in leaves(condition):
        here = (*loc, *path)
        if names.known_field(source, here, name):
            _check_test(source, here, name, test, names)


def _check_test(source: Source, loc: Loc, name: str, test: Test, names: Names) -> None:
    field = names.field(name)
    if name == STAGE and names.kind == "lead":
        for kind, wanted in test.given().items():
            for stage in _words(kind, wanted):
                names.known_stage(source, loc, stage, names.ladder if kind in ("at_least", "at_most") else None)
        return
    if field is None:
        return
    if field.type == "reference" and test.given().keys() != {"present"}:
        source.error(loc, f"{name} refers to another record, which has no value to compare", "present: true or false")
        return
    if test.contains is not None and field.type in (*_ORDERED, "boolean"):
        source.error(loc, f"{name} is no text that could contain something", "equals, in, at_least or at_most")
    for limit in (test.at_least, test.at_most):
        if limit is None:
            continue
        if field.type not in _ORDERED:
            source.error(loc, f"{name} has no order", "equals, in, contains or present")
        elif (field.type in _NUMBERS) != isinstance(limit, int | float):
            source.error(loc, f"{name} is compared with the wrong kind of value", _kind(field))
    for kind in ("equals", "in_"):
        for wanted in _values(kind, getattr(test, kind)):
            if field.type in (*_NUMBERS, "boolean") and not _same_kind(field, wanted):
                source.error(loc, f"{name} is compared with the wrong kind of value", _kind(field))
            elif field.options and wanted not in field.options:
                source.error(
                    loc, f"{name} has no option {wanted!r}", listed(field.options), nearest(wanted, field.options)
                )


def _words(kind: str, wanted: Any) -> list[str]:
    if kind in ("present", "contains"):
        return []
    return [str(word) for word in _values(kind, wanted)]


def _values(kind: str, wanted: Any) -> list[Any]:
    if wanted is None:
        return []
    return list(wanted) if kind == "in_" else [wanted]


def _same_kind(field: HubField, wanted: object) -> bool:
    if field.type == "boolean":
        return isinstance(wanted, bool)
    return isinstance(wanted, int | float) and not isinstance(wanted, bool)


def _kind(field: HubField) -> str:
    if field.type == "boolean":
        return "true or false"
    return "a number" if field.type in _NUMBERS else "a date such as 2026-01-31"
