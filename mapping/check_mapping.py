"""Whether one system's mapping fits the project: fields, types, tables of words. See `mapping.checks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mapping.check_scoring import missing_score
from mapping.compiler import transform_of
from mapping.conditions import Condition
from mapping.config import HubField, KindMapping, MappedField, MappedStage, MappingFile
from mapping.derived import SALES_QUALIFIED, computed
from mapping.fields import REASON, STAGE
from mapping.names import Names, check_condition, check_conflict, check_region
from mapping.problems import listed, nearest
from mapping.source import Loc, Source
from mapping.transforms import FITS


def check_mapping(source: Source, mapping: KindMapping, names: Names) -> None:
    for name, entry in mapping.fields.items():
        _check_entry(source, name, entry, names)
    if isinstance(mapping, MappingFile) and mapping.stage is not None:
        _check_stage(source, mapping.stage, mapping.create_when, names)
    _check_match(source, mapping, names)
    for key in ("create_when", "sync_when"):
        condition = getattr(mapping, key)
        if condition is not None:
            check_condition(source, (*names.base, key), condition, names)
    if mapping.on_leave == "archive" and mapping.sync_when is None:
        source.error(
            (*names.base, "on_leave"), "without sync_when there is nothing to leave", "sync_when, or no on_leave"
        )
    if names.kind == "owner":
        _check_owners(source, mapping, names)
    _check_remotes(source, mapping, names)


def _check_owners(source: Source, mapping: KindMapping, names: Names) -> None:
    for key in ("id_field", "create_when", "sync_when"):
        if getattr(mapping, key) is not None:
            source.error((*names.base, key), "users are only ever read", f"no {key}")
    for name, entry in mapping.fields.items():
        if entry.direction == "push":
            source.error((*names.base, "fields", name, "direction"), "users are only ever read", "direction: pull")


def _check_entry(source: Source, name: str, entry: MappedField, names: Names) -> None:
    loc: Loc = (*names.base, "fields", name)
    if name in (STAGE, REASON) and names.kind == "lead":
        source.error(loc, "the stage has a section of its own", "stage: {remote, values, reason}")
        return
    if not names.known_field(source, loc, name):
        return
    field = names.field(name)
    if field is None:
        return
    computed_here = computed(names.kind)
    if (field.derived or name in computed_here) and entry.direction != "push":
        source.error((*loc, "direction"), f"{name} is computed, no system can tell it", "direction: push")
    if name in computed_here and name != SALES_QUALIFIED and (lacks := missing_score(names.config.scoring, name)):
        source.error(loc, *lacks)
    if entry.on_conflict:
        if field.derived or name in computed_here:
            source.error((*loc, "on_conflict"), "a derived field has no conflicts", "no on_conflict")
        else:
            check_conflict(source, (*loc, "on_conflict"), name, field, entry.on_conflict, names)
    _check_transform(source, loc, name, field, entry, names)


def _check_transform(source: Source, loc: Loc, name: str, field: HubField, entry: MappedField, names: Names) -> None:
    transform, options = transform_of(names.config, field, entry)
    fits = FITS[field.type]
    if field.type == "reference":
        if entry.transform is not None:
            source.error((*loc, "transform"), f"{name} refers to another record, by its id as it is", "no transform")
        return
    if transform not in fits and not (field.same_as == STAGE and transform == "picklist"):
        source.error((*loc, "transform"), f"{transform} does not give what {name} holds ({field.type})", listed(fits))
        return
    if transform == "e164" and entry.transform is not None and options["region"] not in (None, names.config.region):
        check_region(source, (*loc, "transform", "e164", "region"), options["region"])
    if transform not in ("picklist", "multipicklist"):
        return
    here = (*loc, "transform", transform)
    known = names.stages if field.same_as == STAGE and names.kind == "lead" else list(field.options)
    if transform == "picklist" and not options["values"]:
        source.error(here, "the table of words is empty", "values: {hub value: this system's word}")
    _check_table(source, here, options["values"], options.get("reads") or {}, known, entry.direction != "pull", name)


def _check_stage(source: Source, stage: MappedStage, create_when: Condition | None, names: Names) -> None:
    _check_table(source, ("stage",), stage.values, stage.reads, names.stages, stage.direction != "pull", "the stage")
    if stage.direction == "both":
        _check_echo(source, stage, create_when, names)
    for name in stage.entered:
        if name not in names.stages:
            message = f"there is no stage {name!r}"
            source.error(("stage", "entered", name), message, listed(names.stages), nearest(name, names.stages))
    if stage.entered and stage.direction == "push":
        source.error(("stage", "entered"), "the stage is never read from this system", "direction: both or pull")
    if stage.on_conflict:
        check_conflict(source, ("stage", "on_conflict"), STAGE, HubField(), stage.on_conflict, names)
    if stage.reason is not None and stage.reason.values:
        reasons = [reason for state in names.config.vocabulary.side for reason in state.reasons]
        reason = stage.reason
        _check_table(
            source, ("stage", "reason"), reason.values, reason.reads, list(dict.fromkeys(reasons)),
            reason.direction != "pull", "the reason",
        )  # fmt: skip


def _check_echo(source: Source, stage: MappedStage, create_when: Condition | None, names: Names) -> None:
    """What we write for a step of the ladder must not be read as a later one, nor as a side state: where a base is
    lost, the lead would be moved by nobody. Steps below those for which a record is made here do not count."""
    test = create_when.tests.get(STAGE) if create_when is not None else None
    floor = names.ladder.index(test.at_least) if test is not None and test.at_least in names.ladder else 0
    steps = {name: at for at, name in enumerate(names.ladder) if at >= floor}
    for word, read_as in stage.reads.items():
        writers = [value for value, written in stage.values.items() if written == word and value in steps]
        if read_as is None or not writers or stage.values.get(read_as) != word:
            continue
        earliest = min(writers, key=steps.__getitem__)
        if read_as not in names.ladder or names.ladder.index(read_as) > steps[earliest]:
            message = f"we write {word!r} for {earliest}, and would read it as {read_as}, which nobody said"
            source.error(("stage", "reads", word), message, f"{earliest} or null")


def _check_table(
    source: Source,
    loc: Loc,
    values: Mapping[str, str],
    reads: Mapping[str, str | None],
    known: Sequence[str],
    pushed: bool,
    what: str,
) -> None:
    """A table of words: only known values, none missing, every word read in one way, and what we write is read as
    something that writes the same again."""
    for value in values if known else ():
        if value not in known:
            source.error((*loc, "values", value), f"{what} is never {value!r}", listed(known), nearest(value, known))
    said = source.keys(*loc, "values")
    missing = [value for value in known if value not in values and value not in said]
    if missing and pushed:
        source.error((*loc, "values"), f"there is no word for {', '.join(missing)}", "a word for every value")
    for word, meaning in reads.items():
        if meaning is not None and meaning not in (known or values):
            options = known or list(values)
            source.error(
                (*loc, "reads", word), f"{what} is never {meaning!r}", listed(options), nearest(meaning, options)
            )
    spoken: dict[str, list[str]] = {}
    for value, word in values.items():
        spoken.setdefault(word, []).append(value)
    for word, meanings in spoken.items():
        if len(meanings) > 1 and word not in reads:
            message = f"{word!r} stands for {', '.join(meanings)}, and nothing says which of them it is read as"
            source.error((*loc, "values", meanings[0]), message, f"an entry for it under {loc[-1]}.reads")
        read_as = reads.get(word)
        if read_as is not None and pushed and values.get(read_as, word) != word:
            message = (
                f"we write {word!r} for {meanings[0]}, read it as {read_as}, and would then write {values[read_as]!r}"
            )
            source.error((*loc, "reads", word), message, f"one of: {', '.join(meanings)}, or null")


def _check_match(source: Source, mapping: KindMapping, names: Names) -> None:
    if not mapping.match and not mapping.propose and not {"match", "propose"} & set(source.keys(*names.base)):
        source.error(names.base, "nothing says by what an unknown record is recognised", "match: [a shared field]")
    for key, entries in (("match", mapping.match), ("propose", mapping.propose)):
        _check_entries(source, (*names.base, key), entries, mapping, names)


def _check_entries(
    source: Source, base: Loc, entries: Sequence[tuple[str, ...]], mapping: KindMapping, names: Names
) -> None:
    for index, entry in enumerate(entries):
        for part, name in enumerate(entry):
            loc: Loc = (*base, index, part) if len(entry) > 1 else (*base, index)
            if not names.known_field(source, loc, name):
                continue
            mapped = mapping.fields.get(name)
            if name not in source.keys(*names.base, "fields"):
                here = list(mapping.fields)
                source.error(loc, f"{name} is not mapped here, so nothing can be matched by it", listed(here, 30))
            elif mapped is not None and mapped.direction == "push":
                source.error(loc, f"{name} is never read from this system", "a field with direction both or pull")
            elif (field := names.field(name)) is not None and field.many:
                source.error(loc, f"{name} refers to many records, and none of them says who this is", "another field")


def _check_remotes(source: Source, mapping: KindMapping, names: Names) -> None:
    """Two hub fields in one remote field would overwrite each other for ever."""
    places: list[tuple[str, Loc]] = [
        (entry.remote, (*names.base, "fields", n, "remote")) for n, entry in mapping.fields.items()
    ]
    if mapping.id_field:
        places.insert(0, (mapping.id_field, (*names.base, "id_field")))
    if isinstance(mapping, MappingFile) and mapping.stage is not None:
        places.append((mapping.stage.remote, ("stage", "remote")))
        if mapping.stage.reason is not None:
            places.append((mapping.stage.reason.remote, ("stage", "reason", "remote")))
    first: dict[str, Loc] = {}
    for remote, loc in places:
        if remote in first:
            line = source.line(first[remote])
            source.error(loc, f"{remote} is taken already, on line {line}", "a remote field for each shared field")
        else:
            first[remote] = loc
