"""From the configuration to what a run goes by: mappers, policies, lifecycle, derived fields, promotion. Pure.

Not here: whether the configuration makes sense (`mapping.checks`). Invariant: a `FieldMap.spec` changes when the
meaning of its entry does, and at no other time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

import orjson

from mapping.conditions import evidence, predicate
from mapping.config import HubField, MappedField, MappingFile, OnConflict, ProjectFile
from mapping.fields import OPTED_OUT, REASON, STAGE, Fields, Policy, Value
from mapping.lifecycle import Lifecycle
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Limits, Rules
from mapping.scoring import Score, Scorer, scorer
from mapping.transforms import FITS, TRANSFORMS, Pair, folded
from mapping.transforms.people import phone_near

SCORE, SCORE_REASON, SALES_QUALIFIED = "score", "score_reason", "sales_qualified"
BUILT_IN: Mapping[str, HubField] = {
    STAGE: HubField(label="Stage"),
    REASON: HubField(type="text", label="Reason of the stage"),
    SCORE: HubField(type="integer", label="Score"),
    SCORE_REASON: HubField(type="text", label="Reason of the score"),
    SALES_QUALIFIED: HubField(type="boolean", label="Sales qualified"),
}
"""Shared fields that every project has."""

COUNTRY = "country"
"""The field by which telephone numbers without a country code are read."""

COMPUTED = (SCORE, SCORE_REASON, SALES_QUALIFIED)
_ROLES = ("crm", "marketing", "other")
_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def rules_of(
    config: ProjectFile, mappings: Mapping[str, MappingFile], digest: str, without: Iterable[str] = ()
) -> Rules:
    left_out = set(without)
    lifecycle = lifecycle_of(config)
    names = [name for name in config.systems if name in mappings and name not in left_out]
    return Rules(
        mappers={name: mapper_of(config, mappings[name], name, lifecycle) for name in names},
        policies=policies_of(config, mappings),
        lifecycle=lifecycle,
        limits=Limits(**config.guards.model_dump()),
        derive=derivation(config, lifecycle, {name for mapping in mappings.values() for name in mapping.fields}),
        promote=promotion(config, lifecycle),
        hash=digest,
    )


def lifecycle_of(config: ProjectFile) -> Lifecycle:
    ladder = tuple(stage.name for stage in config.vocabulary.ladder)
    side = config.vocabulary.side
    return Lifecycle(
        ladder=ladder,
        side={state.name: ladder if state.moves is None else state.moves for state in side},
        reasons={state.name: state.reasons for state in side if state.reasons},
    )


def scorer_of(config: ProjectFile) -> Scorer:
    """Also for explaining a score. Without `scoring`, every lead scores 0."""
    if config.scoring is None:
        return lambda hub: Score(0)
    return scorer(config.scoring.rules, lifecycle_of(config))


# -- mappers ----------------------------------------------------------------------------------------------------------


def mapper_of(config: ProjectFile, mapping: MappingFile, system: str, lifecycle: Lifecycle) -> Mapper:
    maps = [field_map(config, mapping, name, entry) for name, entry in mapping.fields.items()]
    maps += _stage_maps(config, mapping)
    always = lambda hub: True  # noqa: E731
    return Mapper(
        system,
        sorted(maps, key=lambda m: m.hub),
        role=config.systems[system].role,
        match=mapping.match,
        id_field=mapping.id_field,
        create_when=predicate(mapping.create_when, lifecycle) if mapping.create_when else always,
        sync_when=predicate(mapping.sync_when, lifecycle) if mapping.sync_when else always,
    )


def field_map(config: ProjectFile, mapping: MappingFile, name: str, entry: MappedField) -> FieldMap:
    field = BUILT_IN.get(name) or config.fields[name]
    transform, options = transform_of(config, field, entry)
    placeholders = [*config.placeholders, *([str(entry.default)] if entry.default is not None else [])]
    pair: Pair = TRANSFORMS[transform](folded(placeholders), **options)
    pull = entry.direction != "push" and not field.derived and name not in COMPUTED
    push = entry.direction != "pull"
    spec = {
        "remote": entry.remote,
        "transform": transform,
        "options": options,
        "pull": pull,
        "push": push,
        "clears": entry.clears,
    }
    if entry.default is not None:
        spec["default"] = entry.default
    near = _country_of(config, mapping) if transform == "e164" else None
    if near:
        spec["near"] = near
    return FieldMap(
        hub=name,
        remote=entry.remote,
        decode=pair.decode,
        encode=pair.encode,
        pull=pull,
        push=push,
        clears=entry.clears,
        spec=canonical(spec),
        default=entry.default,
        near=near,
        decode_near=phone_near(folded(placeholders), **options) if near else None,
    )


def _country_of(config: ProjectFile, mapping: MappingFile) -> str | None:
    """The hub field that tells a person's country, where this system is read for it."""
    field, entry = config.fields.get(COUNTRY), mapping.fields.get(COUNTRY)
    return COUNTRY if field and field.type == "country" and entry and entry.direction != "push" else None


def transform_of(config: ProjectFile, field: HubField, entry: MappedField) -> tuple[str, dict[str, Any]]:
    """The transform's name and all its options, those of the project filled in."""
    name = entry.transform.chosen()[0] if entry.transform else FITS[field.type][0]
    options = entry.transform.options() if entry.transform else {}
    if name == "e164" and options.get("region") is None:
        options = {"region": config.region}
    if name in ("picklist", "multipicklist") and not options.get("values"):
        options = {**options, "values": {option: option for option in field.options}}
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


def policies_of(config: ProjectFile, mappings: Mapping[str, MappingFile]) -> dict[str, Policy]:
    """One for every hub field that some system is read for."""
    order = tuple(sorted(config.systems, key=lambda name: (_ROLES.index(config.systems[name].role), name)))
    fields: dict[str, HubField] = {**BUILT_IN, **config.fields}
    said = {name: field.on_conflict for name, field in fields.items()}
    for mapping in mappings.values():
        for name, entry in mapping.fields.items():
            said[name] = said.get(name) or entry.on_conflict
        if mapping.stage is not None:
            said[STAGE] = said.get(STAGE) or mapping.stage.on_conflict
    return {
        name: policy_of(said[name] or default_conflict(name, field), config, order)
        for name, field in fields.items()
        if not field.derived and name not in COMPUTED
    }


def default_conflict(name: str, field: HubField) -> OnConflict:
    if name == STAGE:
        return OnConflict(rule="furthest")
    if name == OPTED_OUT:
        return OnConflict(rule="opt_out_wins")
    return OnConflict(rule="union") if field.type == "multipicklist" else OnConflict(prefer=())


def policy_of(said: OnConflict, config: ProjectFile, order: tuple[str, ...]) -> Policy:
    """Roles become the systems that play them; systems that are not named follow in the order of their roles."""
    named: list[str] = []
    for word in said.systems:
        named += [word] if word in config.systems else [s for s in order if config.systems[s].role == word]
    return Policy(said.kind, tuple(dict.fromkeys([*named, *order])))


# -- derived fields and promotion -------------------------------------------------------------------------------------


def derivation(config: ProjectFile, lifecycle: Lifecycle, wanted: Container[str]) -> Callable[[Fields], Fields]:
    """`wanted`: the fields that some mapping has; others are not computed."""
    score = scorer_of(config) if config.scoring else None
    floor = config.vocabulary.sales_qualified
    qualified = frozenset(stage for stage in lifecycle.ladder if lifecycle.at_least(stage, floor))
    fields = [(name, field) for name, field in sorted(config.fields.items()) if name in wanted]
    computed = [(name, _formula(field)) for name, field in fields if field.derived]
    fallbacks = [(name, _filling(field.fallback)) for name, field in fields if field.fallback]

    def derive(hub: Fields) -> Fields:
        derived: Fields = {SALES_QUALIFIED: hub.get(STAGE) in qualified}
        if score is not None:
            found = score(hub)
            derived[SCORE] = found.total
            derived[SCORE_REASON] = found.reason or None
        for name, formula in computed:
            derived[name] = formula(hub)
        for name, formula in fallbacks:
            if hub.get(name) is None and (value := formula(hub)) is not None:
                derived[name] = value
        return derived

    return derive


def _formula(field: HubField) -> Callable[[Fields], Value]:
    if field.same_as is not None:
        source = field.same_as
        return lambda hub: hub.get(source)
    if field.template is not None:
        return _filling(field.template)
    constant = field.constant
    return lambda hub: constant


def slots(template: str) -> list[str]:
    """The fields that a template asks for."""
    return _SLOT.findall(template)


def _filling(template: str) -> Callable[[Fields], Value]:
    """The template as a function: None where every field that it asks for is blank; spaces around blanks close up."""
    texts, names = _SLOT.split(template)[::2], slots(template)

    def fill(hub: Fields) -> Value:
        found = [_spelled(hub.get(name)) for name in names]
        if found and not any(found):
            return None
        pieces = [piece for pair in zip(texts, [*found, ""], strict=True) for piece in pair]
        return " ".join("".join(pieces).split()) or None

    return fill


def _spelled(value: Value) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)


def promotion(config: ProjectFile, lifecycle: Lifecycle) -> Callable[[Fields], tuple[str, str] | None]:
    steps = [
        (lifecycle.rank(stage), stage, condition, predicate(condition, lifecycle))
        for stage, condition in config.vocabulary.promote.items()
    ]
    steps.sort(key=lambda step: -step[0])

    def promote(hub: Fields) -> tuple[str, str] | None:
        rank = lifecycle.rank(hub.get(STAGE))
        if rank < 0:  # no stage says that nobody calls this person a lead; side states are left by people
            return None
        for above, stage, condition, holds in steps:
            if above > rank and holds(hub):
                return stage, evidence(condition, hub)
        return None

    return promote
