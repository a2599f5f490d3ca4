"""What the files of a project say of each other: names that exist, words that fit, nothing said twice differently.

Invariant: an entry that is wrong by its shape (`mapping.shape`) is not blamed again for what follows from it: names
count as known wherever the file has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mapping.check_mapping import check_mapping
from mapping.conditions import Condition
from mapping.config import HubField, MappingFile, OnConflict, ProjectFile, Vocabulary
from mapping.derived import BUILT_IN, COMPUTED, slots
from mapping.fields import OPTED_OUT, STAGE
from mapping.names import Names, check_condition, check_conflict, check_region
from mapping.problems import listed, nearest
from mapping.source import Loc, Source

_SECRET = re.compile(r"(^|_)(token|secret|password|passwd|passphrase|api_?key|private_key|access_key)$", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"://[^/@]*:(?!\$\{)[^/@]+@")
_RESERVED = ("all", "any", "not")


@dataclass(frozen=True, slots=True)
class Said:
    """One place where a field's conflict policy stands."""

    source: Source
    loc: Loc
    policy: OnConflict


def check(main: Source, config: ProjectFile, others: Mapping[str, tuple[Source, MappingFile | None]]) -> None:
    """Adds what is wrong to the errors of the sources."""
    names = Names(main, config)
    _check_systems(main, config)
    _check_vocabulary(main, config.vocabulary, names)
    for name, field in config.fields.items():
        _check_field(main, name, field, names)
    _check_scoring(main, config, names)
    for system in config.guards.canaries:
        if system not in names.systems:
            loc = ("guards", "canaries", system)
            main.error(loc, "there is no such system", listed(names.systems), nearest(system, names.systems))
    for system, (source, mapping) in others.items():
        if mapping is not None and system in names.systems:
            check_mapping(source, mapping, names)
    _check_policies(main, config, others)


def _check_systems(main: Source, config: ProjectFile) -> None:
    if config.region:
        check_region(main, ("region",), config.region)
    if _PASSWORD_IN_URL.search(config.database):
        main.error(("database",), "the password stands in the file", "${NAME}, a variable of the environment")
    for name, system in config.systems.items():
        for loc in _bare_secrets(system.settings, ("systems", name, "settings")):
            main.error(loc, "a secret stands in the file", "${NAME}, a variable of the environment")


def _bare_secrets(value: Any, loc: Loc) -> Iterator[Loc]:
    if isinstance(value, dict):
        for key, inner in value.items():
            bare = isinstance(inner, str | int) and not isinstance(inner, bool) and "${" not in str(inner)
            if _SECRET.search(str(key)) and bare and inner != "":
                yield (*loc, key)
            else:
                yield from _bare_secrets(inner, (*loc, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _bare_secrets(inner, (*loc, index))


def _check_vocabulary(main: Source, vocabulary: Vocabulary, names: Names) -> None:
    seen: set[str] = set()
    places: list[tuple[Loc, str]] = [
        (("vocabulary", "ladder", i, "name"), s.name) for i, s in enumerate(vocabulary.ladder)
    ]
    places += [(("vocabulary", "side", i, "name"), s.name) for i, s in enumerate(vocabulary.side)]
    for loc, stage in places:
        if stage in seen:
            main.error(loc, f"the stage {stage} is named twice")
        seen.add(stage)
    for index, state in enumerate(vocabulary.side):
        for at, stage in enumerate(state.moves or ()):
            names.known_stage(main, ("vocabulary", "side", index, "moves", at), stage)
    names.known_stage(main, ("vocabulary", "sales_qualified"), vocabulary.sales_qualified, names.ladder)
    for stage, condition in vocabulary.promote.items():
        loc = ("vocabulary", "promote", stage)
        names.known_stage(main, loc, stage, names.ladder)
        check_condition(main, loc, condition, names)


def _check_field(main: Source, name: str, field: HubField, names: Names) -> None:
    loc = ("fields", name)
    if name in BUILT_IN or name in _RESERVED:
        what = "every project has this field by itself" if name in BUILT_IN else "this name has a meaning in conditions"
        main.error(loc, what, "another name" if name in _RESERVED else "no entry for it")
        return
    if field.derived and field.on_conflict:
        main.error((*loc, "on_conflict"), "a derived field has no conflicts", "no on_conflict")
    elif field.on_conflict:
        check_conflict(main, (*loc, "on_conflict"), name, field, field.on_conflict, names)
    if name == OPTED_OUT and field.type != "boolean":
        main.error((*loc, "type"), f"{OPTED_OUT} is a matter of yes or no", "boolean")
    for key, template in (("template", field.template), ("fallback", field.fallback)):
        for slot in slots(template or ""):
            _check_origin(main, (*loc, key), slot, names)
        if template is not None and field.type not in ("text", "name"):
            main.error((*loc, "type"), f"a {key} gives text", "text")
    if field.same_as is not None:
        _check_origin(main, (*loc, "same_as"), field.same_as, names)
        origin = names.field(field.same_as)
        if origin is not None and field.same_as != STAGE and origin.type != field.type:
            main.error((*loc, "type"), f"{field.same_as} is of another type", origin.type)


def _check_origin(main: Source, loc: Loc, name: str, names: Names) -> None:
    """A derived field is computed from fields that people fill in, or nobody could say in which order to compute."""
    if not names.known_field(main, loc, name):
        return
    field = names.field(name)
    if name in COMPUTED or (field is not None and field.derived):
        main.error(loc, f"{name} is itself computed", "a field that is not")


def _check_scoring(main: Source, config: ProjectFile, names: Names) -> None:
    if config.scoring is None:
        return
    seen: set[str] = set()
    for index, rule in enumerate(config.scoring.rules):
        loc: Loc = ("scoring", "rules", index)
        if rule.name in seen:
            main.error((*loc, "name"), "two rules have the same name")
        seen.add(rule.name)
        check_condition(main, (*loc, "when"), rule.when, names)
        for where, name in _fields_of(rule.when, (*loc, "when")):
            field = names.field(name)
            if name in COMPUTED or (field is not None and field.derived):
                main.error(where, f"{name} is itself computed", "a field that is not")


def _fields_of(condition: Condition, loc: Loc) -> Iterable[tuple[Loc, str]]:
    from mapping.conditions import leaves

    return [((*loc, *path), name) for path, name, _ in leaves(condition)]


def _check_policies(main: Source, config: ProjectFile, others: Mapping[str, tuple[Source, MappingFile | None]]) -> None:
    """One policy a field, wherever it stands; said twice, it must be the same."""
    said: dict[str, Said] = {
        name: Said(main, ("fields", name, "on_conflict"), field.on_conflict)
        for name, field in config.fields.items()
        if field.on_conflict
    }
    for source, mapping in others.values():
        if mapping is None:
            continue
        places: list[tuple[str, Loc, OnConflict | None]] = [
            (name, ("fields", name, "on_conflict"), entry.on_conflict) for name, entry in mapping.fields.items()
        ]
        if mapping.stage is not None:
            places.append((STAGE, ("stage", "on_conflict"), mapping.stage.on_conflict))
        for name, loc, policy in places:
            if policy is None:
                continue
            first = said.setdefault(name, Said(source, loc, policy))
            if first.policy != policy:
                place = f"{first.source.name}:{first.source.line(first.loc)}"
                source.error(loc, f"{name} has another conflict policy at {place}", "one policy for each field")
