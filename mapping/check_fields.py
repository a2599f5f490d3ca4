"""Whether the shared fields make sense: what they are computed from, what they refer to. See `mapping.checks`."""

from __future__ import annotations

from collections.abc import Mapping

from mapping.config import HubField, MappingFile, OwnerFields, RollUp
from mapping.derived import COMPUTED, built_in, kind_of, slots
from mapping.fields import HIDDEN, KINDS, OPTED_OUT, PLURALS, STAGE, Kind
from mapping.names import Names, check_condition, check_conflict
from mapping.problems import listed, nearest
from mapping.source import Loc, Source

_RESERVED = ("all", "any", "not")


def check_field(main: Source, name: str, field: HubField, names: Names) -> None:
    loc = (*names.base, "fields", name)
    if name in built_in(names.kind) or name in HIDDEN or name in _RESERVED:
        what = (
            "this name has a meaning in conditions" if name in _RESERVED else "every project has this field by itself"
        )
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

    if field.to is not None:
        _check_target(main, (*loc, "to"), field.to, names)
    if field.rollup is not None:
        _check_rollup(main, loc, field, field.rollup, names)


def _check_target(main: Source, loc: Loc, to: Kind, names: Names) -> None:
    if to not in names.kinds:
        main.error(loc, f"{PLURALS[to]} are not synced", f"{PLURALS[to]}: {{fields: …}}, here and in the mappings")
    elif KINDS.index(to) > KINDS.index(names.kind):
        order = ", ".join(PLURALS[kind] for kind in KINDS)
        main.error(
            loc,
            f"a {names.kind} cannot refer to a {to}: it is the {to} that refers to it",
            f"an earlier one of {order}",
        )


def _check_rollup(main: Source, loc: Loc, field: HubField, rollup: RollUp, names: Names) -> None:
    here: Loc = (*loc, "rollup")
    kind = kind_of(rollup)
    if kind not in names.kinds:
        main.error(
            (*here, "count" if rollup.count else "of"),
            f"{rollup.plural} are not synced",
            f"{rollup.plural}: {{fields: …}}",
        )
        return
    theirs = Names(main, names.config, kind)
    if theirs.known_field(main, (*here, "via"), rollup.via):
        via = theirs.field(rollup.via)
        if via is not None and via.to != names.kind:
            fits = [name for name in theirs.fields if (one := theirs.field(name)) and one.to == names.kind]
            message = f"{rollup.via} of {rollup.plural} does not refer to a {names.kind}"
            main.error((*here, "via"), message, listed(fits) or f"a field with type: reference, to: {names.kind}")
    if rollup.when is not None:
        check_condition(main, (*here, "when"), rollup.when, theirs)
    wanted: tuple[str, ...] = ("integer", "number")
    if rollup.field is not None:
        if not theirs.known_field(main, (*here, rollup.fold), rollup.field):
            return
        wanted = ("date", "datetime") if rollup.fold in ("latest", "earliest") else wanted
        origin = theirs.field(rollup.field)
        if origin is None:
            return
        if origin.type not in wanted:
            message = f"{rollup.field} holds {origin.type}, of which there is no {rollup.fold}"
            main.error((*here, rollup.fold), message, f"a field of type {' or '.join(wanted)}")
            return
        wanted = (origin.type,)
    if field.type not in wanted:
        main.error(
            (*loc, "type") if field.type != "text" else loc, "its type is not that of the roll-up", f"type: {wanted[0]}"
        )


def _check_origin(main: Source, loc: Loc, name: str, names: Names) -> None:
    """A derived field is computed from fields that people fill in, or nobody could say in which order to compute."""
    if not names.known_field(main, loc, name):
        return
    field = names.field(name)
    if name in COMPUTED or (field is not None and field.derived and not (field.rollup or field.happened)):
        main.error(loc, f"{name} is itself computed", "a field that is not")


def check_table(
    main: Source, owners: OwnerFields, others: Mapping[str, tuple[Source, MappingFile | None]], names: Names
) -> None:
    """The users who have several addresses: each user stands in it once, and in systems whose users are read."""
    first: dict[tuple[str, str], int] = {}
    for index, row in enumerate(owners.table):
        loc: Loc = ("owners", "table", index)
        if len(row) < 2:
            main.error(loc, "one user alone is the same as nobody", "an id in at least two systems")
        for system, user in row.items():
            if system not in names.systems:
                main.error(
                    (*loc, system), "there is no such system", listed(names.systems), nearest(system, names.systems)
                )
                continue
            source, mapping = others.get(system, (main, None))
            if mapping is not None and mapping.owners is None and not source.has("owners"):
                main.error((*loc, system), f"the users of {system} are not read", f"owners: in the mapping of {system}")
            if (system, user) in first:
                line = main.line(("owners", "table", first[system, user]))
                main.error(
                    (*loc, system), f"this user stands in the table already, on line {line}", "one entry a person"
                )
            first.setdefault((system, user), index)
