"""What the files of a project say of each other: names that exist, words that fit, nothing said twice differently.

Invariant: an entry that is wrong by its shape (`mapping.shape`) is not blamed again for what follows from it: names
count as known wherever the file has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mapping.agreement.check_figures import check_figures
from mapping.agreement.check_sla import check_sla
from mapping.check_fields import check_field, check_table
from mapping.check_mapping import check_mapping
from mapping.check_scoring import check_scoring
from mapping.conditions import leaves
from mapping.config import KindMapping, MappingFile, OnConflict, ProjectFile, Vocabulary
from mapping.fields import KINDS, STAGE
from mapping.names import Names, check_condition, check_region
from mapping.problems import listed, nearest
from mapping.source import Loc, Source

_SECRET = re.compile(r"(^|_)(token|secret|password|passwd|passphrase|api_?key|private_key|access_key)$", re.IGNORECASE)
BARE = ("a secret stands in the file", "the password stands in the file")
"""By what an error says that a file holds what it must not."""

_LINE = re.compile(r"""(?:^|[\s{,])["']?(\w+)["']?\s*:[ \t]+["']?([^\s"'{\[#,}][^,}\n]*)""")
"""A key and a plain value after it, in a text that may be no YAML."""

_PASSWORD_IN_URL = re.compile(r"://[^/@]*:(?!\$\{)[^/@]+@")


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
    check_scoring(main, config, names)
    check_figures(main, config, names)
    check_sla(main, config, names)
    for system in config.guards.canaries:
        if system not in names.systems:
            loc = ("guards", "canaries", system)
            main.error(loc, "there is no such system", listed(names.systems), nearest(system, names.systems))
    for kind in KINDS:
        _check_kind(main, config, others, Names(main, config, kind))
    if config.owners is not None:
        check_table(main, config.owners, others, names)


def _check_kind(
    main: Source, config: ProjectFile, others: Mapping[str, tuple[Source, MappingFile | None]], names: Names
) -> None:
    for name, field in (config.fields_of(names.kind) or {}).items():
        check_field(main, name, field, names)
    told: dict[str, tuple[Source, KindMapping]] = {}
    for system, (source, mapping) in others.items():
        section = mapping.of(names.kind) if mapping is not None else None
        if section is None or system not in names.systems:
            continue
        if names.kind not in names.kinds:
            source.error(
                names.base, f"smarketing.yaml says nothing of {names.base[0]}", f"{names.base[0]}: {{fields: …}}"
            )
            continue
        told[system] = source, section
        check_mapping(source, section, names)
    _check_policies(main, config, told, names)


def _check_systems(main: Source, config: ProjectFile) -> None:
    if config.region:
        check_region(main, ("region",), config.region)
    if _PASSWORD_IN_URL.search(config.database):
        main.error(("database",), BARE[1], "${NAME}, a variable of the environment")
    for name, system in config.systems.items():
        for loc in _bare_secrets(system.settings, ("systems", name, "settings")):
            main.error(loc, BARE[0], "${NAME}, a variable of the environment")
    for loc in _bare_secrets(config.console.model_dump(), ("console",)):
        main.error(loc, BARE[0], "${NAME}, a variable of the environment")


def looks_bare(text: str) -> bool:
    """Whether a secret seems to stand in a text that cannot be read, or not all of it: there the check above sees nothing."""
    return any(
        _PASSWORD_IN_URL.search(line)
        or any(_SECRET.search(key) and "${" not in said for key, said in _LINE.findall(line))
        for line in text.splitlines()
    )


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
    side = [stage for stage in names.stages if stage not in names.ladder]
    for stage, leaving in vocabulary.leave.items():
        loc = ("vocabulary", "leave", stage)
        names.known_stage(main, loc, stage, side, "side state")
        check_condition(main, (*loc, "when"), leaving.when, names)
        asked = [field for _, name, _ in leaves(leaving.when) if (field := names.field(name))]
        if not any(field.rollup for field in asked):
            message = "it asks for no roll-up, and nothing else tells a new reason from an old one"
            main.error((*loc, "when"), message, "a field with a rollup, such as lost_deals")
        reasons = next((tuple(state.reasons) for state in vocabulary.side if state.name == stage), ())
        if leaving.reason is not None and reasons and leaving.reason not in reasons:
            message = f"{stage} has no reason {leaving.reason!r}"
            main.error((*loc, "reason"), message, listed(reasons), nearest(leaving.reason, reasons))


def _check_policies(
    main: Source, config: ProjectFile, told: Mapping[str, tuple[Source, KindMapping]], names: Names
) -> None:
    """One policy a field, wherever it stands; said twice, it must be the same."""
    said: dict[str, Said] = {
        name: Said(main, (*names.base, "fields", name, "on_conflict"), field.on_conflict)
        for name, field in (config.fields_of(names.kind) or {}).items()
        if field.on_conflict
    }
    for source, mapping in told.values():
        places: list[tuple[str, Loc, OnConflict | None]] = [
            (name, (*names.base, "fields", name, "on_conflict"), entry.on_conflict)
            for name, entry in mapping.fields.items()
        ]
        if isinstance(mapping, MappingFile) and mapping.stage is not None:
            places.append((STAGE, ("stage", "on_conflict"), mapping.stage.on_conflict))
        for name, loc, policy in places:
            if policy is None:
                continue
            first = said.setdefault(name, Said(source, loc, policy))
            if first.policy != policy:
                place = f"{first.source.name}:{first.source.line(first.loc)}"
                source.error(loc, f"{name} has another conflict policy at {place}", "one policy for each field")
