"""From the configuration to what a run goes by: mappers, policies, lifecycle, derived fields, promotion. Pure.

Not here: whether the configuration makes sense (`mapping.checks`). Invariant: a `FieldMap.spec` changes when the
meaning of its entry does, and at no other time.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import orjson

from mapping.conditions import Condition, Model, leaves, predicate
from mapping.config import HubField, KindMapping, MappedField, MappingFile, OnConflict, ProjectFile
from mapping.derived import (
    ENGAGEMENT_SCORE,
    GRADE,
    PERSONA,
    SCORE,
    SCORE_REASON,
    computed,
    derivation,
    lifecycle_of,
    rollups_of,
    shared_fields,
)
from mapping.fields import CONSENT, KINDS, REASON, STAGE, Kind, Policy, is_opt_out
from mapping.lifecycle import Lifecycle
from mapping.mapper import FieldMap, Mapper
from mapping.moves import departure, promotion
from mapping.rules import Limits, Rules
from mapping.scoring import decays_of
from mapping.transforms import FITS, TRANSFORMS, Pair, folded
from mapping.transforms.people import phone_near

COUNTRY = "country"
"""The field by which telephone numbers without a country code are read."""

_ROLES = ("crm", "marketing", "other")


def rules_of(
    config: ProjectFile, mappings: Mapping[str, MappingFile], digest: str, without: Iterable[str] = ()
) -> Rules:
    left_out = set(without)
    by_kind = {kind: _of_kind(config, mappings, kind, digest, left_out) for kind in KINDS}
    synced = {kind: rules for kind, rules in by_kind.items() if kind == "lead" or rules.mappers}
    referred = {
        m.refers for rules in synced.values() for mapper in rules.mappers.values() for m in mapper.maps.values()
    }
    summed = {(r.kind, r.via) for rules in synced.values() for r in rules.rollups}
    for kind, rules in synced.items():
        by = frozenset(via for of, via in summed if of == kind)
        synced[kind] = replace(rules, referred=kind in referred, summed=by)
    leads = synced.pop("lead")
    return replace(
        leads,
        promote=promotion(config, leads.lifecycle),
        decays=decays_of(config.scoring, config.keep_activities),
        scores=config.scoring is not None,
        predicts=config.scoring is not None and config.scoring.predictive.push,
        leave=departure(config, leads.lifecycle),
        others=synced,
        activities=frozenset(name for name, mapping in mappings.items() if mapping.activities and name not in left_out),
        keep_activities=config.keep_activities,
    )


def _of_kind(
    config: ProjectFile, mappings: Mapping[str, MappingFile], kind: Kind, digest: str, left_out: Container[str]
) -> Rules:
    lifecycle = lifecycle_of(config)
    told = {name: found for name, mapping in mappings.items() if (found := mapping.of(kind)) is not None}
    names = [name for name in config.systems if name in told and name not in left_out]
    policies = policies_of(config, told, kind)
    consent = consent_of(config, policies, kind)
    wanted = {name for mapping in told.values() for name in mapping.fields}
    return Rules(
        mappers={name: mapper_of(config, told[name], kind, name, lifecycle, consent) for name in names},
        policies=policies,
        lifecycle=lifecycle,
        limits=Limits(**config.guards.model_dump(), moving=moving(config, kind)),
        derive=derivation(config, kind, lifecycle, wanted),
        hash=digest,
        kind=kind,
        rollups=rollups_of(config, kind, lifecycle),
        follow_merges=config.on_merge_of(kind) in ("follow", "merge"),
        merges=config.on_merge_of(kind) == "merge",
    )


def moving(config: ProjectFile, kind: Kind) -> frozenset[str]:
    """The fields that change with every day, nobody doing anything."""
    ages = kind == "lead" and bool(decays_of(config.scoring))
    return frozenset({SCORE, SCORE_REASON, ENGAGEMENT_SCORE, GRADE}) if ages else frozenset()


# -- mappers ----------------------------------------------------------------------------------------------------------


def mapper_of(
    config: ProjectFile,
    mapping: KindMapping,
    kind: Kind,
    system: str,
    lifecycle: Lifecycle,
    consent: Mapping[str, str],
) -> Mapper:
    maps = [field_map(config, mapping, kind, name, entry) for name, entry in mapping.fields.items()]
    if isinstance(mapping, MappingFile):
        maps += _stage_maps(config, mapping)
    always = lambda hub: True  # noqa: E731
    stage = mapping.stage if isinstance(mapping, MappingFile) else None
    return Mapper(
        system,
        sorted(maps, key=lambda m: m.hub),
        role=config.systems[system].role,
        match=mapping.match,
        propose=mapping.propose,
        known_as=same_users(config, system) if kind == "owner" else {},
        id_field=mapping.id_field,
        consent=consent,
        create_when=predicate(mapping.create_when, lifecycle) if mapping.create_when else always,
        sync_when=predicate(mapping.sync_when, lifecycle) if mapping.sync_when else always,
        asks={
            name: condition
            for name, condition in (("create_when", mapping.create_when), ("sync_when", mapping.sync_when))
            if condition
        },
        entered=stage.entered if stage and stage.direction != "push" else {},
        archives=rule_mark(config, kind, mapping.sync_when)
        if mapping.on_leave == "archive" and mapping.sync_when
        else None,
    )


def rule_mark(config: ProjectFile, kind: Kind, condition: Condition) -> bytes:
    """Eight bytes that change when the condition, or the meaning of what it looks at, does: whoever has satisfied another
    rule has not left this one."""
    names = {name for _, name, _ in leaves(condition)}
    fields = shared_fields(config, kind)
    computed_by: list[Model | None] = [config.vocabulary, config.scoring] if names & {STAGE, *computed(kind)} else []
    computed_by += config.personas if PERSONA in names else []
    told = [condition, *(fields[name] for name in sorted(names) if name in fields), *(m for m in computed_by if m)]
    meaning = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in told]
    return blake2b(canonical(meaning).encode(), digest_size=8).digest()


def same_users(config: ProjectFile, system: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """A user's id in this system -> (system, id) of the same person in others, by the table of owners."""
    table = config.owners.table if config.owners else ()
    return {row[system]: tuple((s, i) for s, i in row.items() if s != system) for row in table if system in row}


def field_map(config: ProjectFile, mapping: KindMapping, kind: Kind, name: str, entry: MappedField) -> FieldMap:
    field = shared_fields(config, kind)[name]
    transform, options = transform_of(config, field, entry)
    placeholders = [*config.placeholders, *([str(entry.default)] if entry.default is not None else [])]
    pair: Pair = TRANSFORMS[transform](folded(placeholders), **options)
    pull = entry.direction != "push" and not field.derived and name not in computed(kind)
    push = entry.direction != "pull" and kind != "owner"
    # A new basis without a source must not stand beside the old source, nor a score beside reasons that have aged away.
    clears = entry.clears or field.many or (kind == "lead" and name in (*CONSENT, SCORE_REASON))
    spec = {
        "remote": entry.remote,
        "transform": transform,
        "options": options,
        "pull": pull,
        "push": push,
        "clears": clears,
    }
    if entry.once:
        spec["once"] = True
    if entry.default is not None:
        spec["default"] = entry.default
    if field.to is not None:
        spec["refers"] = field.to
    near = _country_of(config, mapping, kind) if transform == "e164" else None
    if near:
        spec["near"] = near
    return FieldMap(
        hub=name,
        remote=entry.remote,
        decode=pair.decode,
        encode=pair.encode,
        pull=pull,
        push=push,
        clears=clears,
        spec=canonical(spec),
        once=entry.once,
        default=entry.default,
        near=near,
        refers=field.to,
        many=field.many,
        decode_near=phone_near(folded(placeholders), **options) if near else None,
    )


def _country_of(config: ProjectFile, mapping: KindMapping, kind: Kind) -> str | None:
    """The hub field that tells a record's country, where this system is read for it."""
    field, entry = shared_fields(config, kind).get(COUNTRY), mapping.fields.get(COUNTRY)
    return COUNTRY if field and field.type == "country" and entry and entry.direction != "push" else None


def transform_of(config: ProjectFile, field: HubField, entry: MappedField) -> tuple[str, dict[str, Any]]:
    """The transform's name and all its options, those of the project filled in."""
    name = entry.transform.chosen()[0] if entry.transform else FITS[field.type][0]
    options = entry.transform.options() if entry.transform else {}
    if name == "e164" and options.get("region") is None:
        options = {"region": config.region}
    if name in ("picklist", "multipicklist") and not options.get("values"):
        options = {**options, "values": {option: option for option in field.options}}
    if name == "reference":
        options = {"many": field.many}
    return name, options


def _stage_maps(config: ProjectFile, mapping: MappingFile) -> list[FieldMap]:
    stage = mapping.stage
    if stage is None:
        return []
    options = {"values": stage.values, "reads": stage.reads}
    pair = TRANSFORMS["picklist"](folded(config.placeholders), **options)
    maps = [_stage_map(STAGE, stage.remote, stage.direction, pair, options)]
    if stage.reason is not None:
        options = {"values": stage.reason.values, "reads": stage.reason.reads}
        name = "picklist" if stage.reason.values else "text"
        pair = TRANSFORMS[name](folded(config.placeholders), **(options if stage.reason.values else {}))
        maps.append(_stage_map(REASON, stage.reason.remote, stage.reason.direction, pair, options))
    return maps


def _stage_map(hub: str, remote: str, direction: str, pair: Pair, options: Mapping[str, Any]) -> FieldMap:
    spec = canonical({"remote": remote, "direction": direction, **options})
    pull, push = direction != "push", direction != "pull"
    # A reason goes when its stage does, so its clearing travels; a stage is never cleared.
    return FieldMap(hub, remote, pair.decode, pair.encode, pull=pull, push=push, clears=hub == REASON, spec=spec)


def canonical(meaning: Any) -> str:
    return orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS).decode()


# -- policies ---------------------------------------------------------------------------------------------------------


def policies_of(config: ProjectFile, mappings: Mapping[str, KindMapping], kind: Kind) -> dict[str, Policy]:
    """One for every hub field that some system is read for."""
    order = tuple(sorted(config.systems, key=lambda name: (_ROLES.index(config.systems[name].role), name)))
    fields = shared_fields(config, kind)
    said = {name: field.on_conflict for name, field in fields.items()}
    for mapping in mappings.values():
        for name, entry in mapping.fields.items():
            said[name] = said.get(name) or entry.on_conflict
        if isinstance(mapping, MappingFile) and mapping.stage is not None:
            said[STAGE] = said.get(STAGE) or mapping.stage.on_conflict
    return {
        name: policy_of(said[name] or default_conflict(kind, name, field), config, order)
        for name, field in fields.items()
        if not field.derived and name not in computed(kind)
    }


def consent_of(config: ProjectFile, policies: Mapping[str, Policy], kind: Kind) -> dict[str, str]:
    """The fields that say what somebody has opted out of, and the copies of them -> the field itself."""
    own = {name: name for name, policy in policies.items() if policy.kind == "opt_out_wins"}
    copies = {n: f.same_as for n, f in shared_fields(config, kind).items() if f.same_as is not None}
    return own | {name: source for name, source in copies.items() if source in own}


def default_conflict(kind: Kind, name: str, field: HubField) -> OnConflict:
    if name == STAGE and kind == "lead":
        return OnConflict(rule="furthest")
    if is_opt_out(name) and field.type == "boolean":
        return OnConflict(rule="opt_out_wins")
    if name in CONSENT and kind == "lead":
        return OnConflict(rule="consent")
    return OnConflict(rule="union") if field.type == "multipicklist" or field.many else OnConflict(prefer=())


def policy_of(said: OnConflict, config: ProjectFile, order: tuple[str, ...]) -> Policy:
    """Roles become the systems that play them; systems that are not named follow in the order of their roles."""
    named: list[str] = []
    for word in said.systems:
        named += [word] if word in config.systems else [s for s in order if config.systems[s].role == word]
    return Policy(said.kind, tuple(dict.fromkeys([*named, *order])))
