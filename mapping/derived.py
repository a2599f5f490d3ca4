"""What nobody types, as functions: a hub record's derived fields, and what its neighbours add up to. Pure.

Invariant: a derived field is computed from fields that people fill in and from roll-ups, so that one pass gives all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from mapping.agreement.personas import persona_of
from mapping.conditions import predicate
from mapping.config import HubField, ProjectFile, RollUp
from mapping.fields import PLURALS, REASON, STAGE, TALLY, Fields, Kind, Value
from mapping.lifecycle import Lifecycle
from mapping.rules import Rollup, count_activities, latest_activity, tally_activities
from mapping.scored import GRADES
from mapping.scoring import Score, Scorer, scorer

SCORE, SCORE_REASON, SALES_QUALIFIED, PERSONA = "score", "score_reason", "sales_qualified", "persona"
FIT_SCORE, ENGAGEMENT_SCORE, GRADE, PREDICTED_SCORE = "fit_score", "engagement_score", "grade", "predicted_score"
BUILT_IN: Mapping[str, HubField] = {
    STAGE: HubField(label="Stage"),
    REASON: HubField(type="text", label="Reason of the stage"),
    SCORE: HubField(type="integer", label="Score"),
    SCORE_REASON: HubField(type="text", label="Reason of the score"),
    FIT_SCORE: HubField(type="integer", label="Fit score"),
    ENGAGEMENT_SCORE: HubField(type="integer", label="Engagement score"),
    GRADE: HubField(type="text", label="Grade", options=GRADES),
    PREDICTED_SCORE: HubField(type="integer", label="Predicted score"),
    SALES_QUALIFIED: HubField(type="boolean", label="Sales qualified"),
    PERSONA: HubField(type="text", label="Persona"),
}
"""Shared fields that every lead has."""

COMPUTED = (SCORE, SCORE_REASON, FIT_SCORE, ENGAGEMENT_SCORE, GRADE, PREDICTED_SCORE, SALES_QUALIFIED, PERSONA)
_SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_KINDS: Mapping[str, Kind] = {plural: kind for kind, plural in PLURALS.items()}


def built_in(kind: Kind) -> Mapping[str, HubField]:
    """The shared fields that the records of a kind have without anybody's saying so."""
    return BUILT_IN if kind == "lead" else {}


def computed(kind: Kind) -> tuple[str, ...]:
    """Those of them that nobody types."""
    return COMPUTED if kind == "lead" else ()


def shared_fields(config: ProjectFile, kind: Kind) -> dict[str, HubField]:
    """All of them."""
    return {**(config.fields_of(kind) or {}), **built_in(kind)}


def lifecycle_of(config: ProjectFile) -> Lifecycle:
    ladder = tuple(stage.name for stage in config.vocabulary.ladder)
    side = config.vocabulary.side
    return Lifecycle(
        ladder=ladder,
        side={state.name: ladder if state.moves is None else state.moves for state in side},
        reasons={state.name: tuple(state.reasons) for state in side if state.reasons},
    )


def scorer_of(config: ProjectFile) -> Scorer:
    """Also for explaining a score. Without `scoring`, every lead scores 0."""
    if config.scoring is None:
        return lambda hub: Score(0)
    return scorer(config.scoring, lifecycle_of(config))


def derivation(
    config: ProjectFile, kind: Kind, lifecycle: Lifecycle, wanted: Container[str]
) -> Callable[[Fields], Fields]:
    """`wanted`: the fields that some mapping has; others are not computed."""
    fields = [(name, field) for name, field in sorted((config.fields_of(kind) or {}).items()) if name in wanted]
    formulas = [
        (name, _formula(field)) for name, field in fields if field.derived and not (field.rollup or field.happened)
    ]
    fallbacks = [(name, _filling(field.fallback)) for name, field in fields if field.fallback]
    begin = _of_leads(config, lifecycle) if kind == "lead" else lambda hub: {}

    def derive(hub: Fields) -> Fields:
        derived = begin(hub)
        for name, formula in formulas:
            derived[name] = formula(hub)
        for name, formula in fallbacks:
            if hub.get(name) is None and (value := formula(hub)) is not None:
                derived[name] = value
        return derived

    return derive


def _of_leads(config: ProjectFile, lifecycle: Lifecycle) -> Callable[[Fields], Fields]:
    score = scorer_of(config) if config.scoring else None
    persona = persona_of(config.personas, lifecycle) if config.personas else None
    floor = config.vocabulary.sales_qualified
    qualified = frozenset(stage for stage in lifecycle.ladder if lifecycle.at_least(stage, floor))

    def derive(hub: Fields) -> Fields:
        derived: Fields = {SALES_QUALIFIED: hub.get(STAGE) in qualified}
        if score is not None:
            found = score(hub)
            derived[SCORE] = found.total
            derived[SCORE_REASON] = found.reason or None
            if found.fit is not None:
                derived[FIT_SCORE] = found.fit
            if found.engagement is not None:
                derived[ENGAGEMENT_SCORE] = found.engagement
            if found.grade is not None:
                derived[GRADE] = found.grade
        if persona is not None:
            derived[PERSONA] = persona(hub)
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


# -- roll-ups ---------------------------------------------------------------------------------------------------------


def kind_of(rollup: RollUp) -> Kind:
    """The kind of the records that are summed up."""
    return _KINDS[rollup.plural]


def rollups_of(config: ProjectFile, kind: Kind, lifecycle: Lifecycle) -> tuple[Rollup, ...]:
    """Those that the records of this kind have."""
    fields = config.fields_of(kind) or {}
    predicts = kind == "lead" and config.scoring is not None and config.scoring.predictive.push
    tally = (tally_activities(TALLY),) if predicts else ()
    return (*_happened(fields), *_summed(fields, lifecycle), *tally)


def _happened(fields: Mapping[str, HubField]) -> Iterator[Rollup]:
    for name, field in sorted(fields.items()):
        if field.happened and field.happened.count is not None:
            yield count_activities(name, field.happened.count, field.happened.days)
        elif field.happened:
            yield latest_activity(name, field.happened.latest or (), field.happened.days)


def _summed(fields: Mapping[str, HubField], lifecycle: Lifecycle) -> tuple[Rollup, ...]:
    return tuple(
        Rollup(name, kind_of(field.rollup), field.rollup.via, _fold(field.rollup, lifecycle))
        for name, field in sorted(fields.items())
        if field.rollup is not None
    )


def _fold(rollup: RollUp, lifecycle: Lifecycle) -> Callable[[Sequence[Fields]], Value]:
    counts = predicate(rollup.when, lifecycle) if rollup.when is not None else lambda hub: True
    name = rollup.field
    if name is None:
        return lambda records: sum(1 for record in records if counts(record))
    if rollup.fold == "sum":
        return lambda records: _total([record.get(name) for record in records if counts(record)])
    choose = min if rollup.fold in ("min", "earliest") else max

    def furthest(records: Sequence[Fields]) -> Value:
        """Numbers, or dates and times in ISO 8601, which are in order as texts."""
        found: list[Value] = [value for record in records if counts(record) and (value := record.get(name)) is not None]
        return choose(found, default=None)  # type: ignore[type-var]

    return furthest


def _total(values: Sequence[Value]) -> Value:
    """Nothing in it is 0; whole numbers stay whole, and cents do not drift with the order of adding."""
    numbers = [value for value in values if isinstance(value, int | float)]
    total = round(math.fsum(numbers), 6)
    return int(total) if total.is_integer() else total
