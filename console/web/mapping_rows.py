"""One system's mapping as the rows of a table, and a row's form as an entry of the file.

Rows are made of the files' plain data, so that they are there while a file still has errors. Not here: pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from console.web.drafting import Work, data
from mapping.derived import BUILT_IN, computed
from mapping.editing import drop_at, set_at
from mapping.fields import CONSENT, KINDS, PLURALS, REASON, STAGE, Kind, is_opt_out
from mapping.folder import FOLDER, MAIN, Files
from mapping.options import Transform
from mapping.problems import ConfigError
from mapping.source import Loc, composed
from mapping.spelling import CannotEdit, flow
from mapping.transforms import FITS

RULES = ("fill_blank", "newest", "review", "union", "opt_out_wins", "consent")
WAYS = ("template", "constant", "same_as", "rollup", "happened")
ORDER = ("remote", "direction", "transform", "on_conflict", "clears", "once", "default")


@dataclass(frozen=True)
class Option:
    """One thing to set of a transform. `kind`: choice, switch, words (a table), list, text."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    default: Any = None


@dataclass(frozen=True)
class Row:
    """`field`: the shared field as the files have it. `policy_at`: file and place where its conflict policy is said."""

    name: str
    field: Mapping[str, Any]
    entry: Mapping[str, Any]
    policy: Any
    policy_at: tuple[str, Loc] | None
    default_policy: str
    computed: bool
    errors: list[ConfigError]
    changed: bool

    @property
    def type(self) -> str:
        return str(self.field.get("type", "text"))

    @property
    def transform(self) -> tuple[str, Mapping[str, Any]]:
        """Its name, empty where the type says it, and its options."""
        return transform_in(self.entry.get("transform"))

    @property
    def usual_transform(self) -> str:
        return FITS.get(self.type, ("text",))[0]

    @property
    def state(self) -> dict[str, Any]:
        """All that its form is about."""
        return {"entry": self.entry, "policy": self.policy}


def base_of(kind: Kind) -> Loc:
    return () if kind == "lead" else (PLURALS[kind],)


def file_of(files: Files, system: str) -> str:
    """The name of a system's mapping; raises LookupError where there is none."""
    for ending in ("yaml", "yml"):
        if f"{FOLDER}/{system}.{ending}" in files:
            return f"{FOLDER}/{system}.{ending}"
    raise LookupError(system)


def group(value: Any, *loc: str | int) -> dict[str, Any]:
    """The group of keys at a place of plain data; empty where there is none."""
    for part in loc:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def systems_of(main: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {name: group(one) for name, one in group(main, "systems").items()}


def kinds_of(main: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[Kind]:
    """Those that this system's file has, leads first."""
    others: list[Kind] = [kind for kind in KINDS if kind != "lead" and PLURALS[kind] in mapping]
    order: list[Kind] = ["lead", *sorted(others, key=("company", "deal", "owner").index)]
    return order


def shared(main: Mapping[str, Any], kind: Kind) -> dict[str, Mapping[str, Any]]:
    """The shared fields by name, in the order of the file; those that every lead has at the end."""
    own: dict[str, Mapping[str, Any]] = {
        name: group(one) for name, one in group(main, *base_of(kind), "fields").items()
    }
    if kind != "lead":
        return own
    there = {
        name: {"type": one.type, "label": one.label} for name, one in BUILT_IN.items() if name not in (STAGE, REASON)
    }
    return {**own, **{name: one for name, one in there.items() if name not in own}}


def rows_of(work: Work, system: str, kind: Kind) -> list[Row]:
    file = file_of(work.files, system)
    entries = group(data(work.files[file]), *base_of(kind), "fields")
    fields = shared(work.main, kind)
    return [row_of(work, file, kind, name, fields.get(name, {}), group(entry)) for name, entry in entries.items()]


def row_of(work: Work, file: str, kind: Kind, name: str, field: Mapping[str, Any], entry: Mapping[str, Any]) -> Row:
    policy, at = policy_of(work.files, kind, name)
    loc = (*base_of(kind), "fields", name)
    errors = work.errors_at(file, loc)
    if at is not None and at[0] != file:
        errors = [*errors, *work.errors_at(*at)]
    changed = work.changed_at(file, loc) or (at is not None and work.changed_at(*at))
    counted = any(way in field for way in WAYS) or name in computed(kind)
    return Row(name, field, entry, policy, at, default_policy(kind, name, field), counted, errors, changed)


def policy_of(files: Files, kind: Kind, name: str) -> tuple[Any, tuple[str, Loc] | None]:
    """What is said of a field's conflicts, and where; (None, None) where nothing is."""
    loc = (*base_of(kind), "fields", name)
    for file in sorted(files, key=lambda one: one != MAIN):
        entry = group(data(files[file]), *loc)
        if "on_conflict" in entry:
            return entry["on_conflict"], (file, (*loc, "on_conflict"))
    return None, None


def default_policy(kind: Kind, name: str, field: Mapping[str, Any]) -> str:
    """The rule that counts where none is said; see `mapping.compiler.default_conflict`."""
    if is_opt_out(name) and field.get("type") == "boolean":
        return "opt_out_wins"
    if name in CONSENT and kind == "lead":
        return "consent"
    return "union" if field.get("type") == "multipicklist" or field.get("many") else "prefer"


def rules_for(field: Mapping[str, Any], name: str) -> list[str]:
    """The rules that may decide over such a field."""
    kind, many = field.get("type", "text"), field.get("many")
    fits = {
        "union": kind == "multipicklist" or bool(many),
        "opt_out_wins": kind in ("boolean", "multipicklist"),
        "consent": name in CONSENT,
    }
    return [rule for rule in RULES if fits.get(rule, True)]


# -- transforms -------------------------------------------------------------------------------------------------------


def transform_in(said: Any) -> tuple[str, Mapping[str, Any]]:
    if isinstance(said, str):
        return said, {}
    if isinstance(said, dict) and len(said) == 1:
        [(name, options)] = said.items()
        return str(name), group(options)
    return "", {}


def transforms_for(field: Mapping[str, Any]) -> tuple[str, ...]:
    fits = FITS.get(str(field.get("type", "text")), ())
    return (*fits, "picklist") if field.get("same_as") == STAGE and "picklist" not in fits else fits


def options_of(transform: str) -> list[Option]:
    """What there is to set of it, out of the model that checks it."""
    about = Transform.model_fields.get(transform)
    model = next((one for one in get_args(about.annotation) if one is not NoneType), None) if about else None
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return []
    return [_option(name, one.annotation, one.default) for name, one in model.model_fields.items()]


def _option(name: str, annotation: Any, default: Any) -> Option:
    default = None if repr(default) == "PydanticUndefined" else default
    parts = {one for one in get_args(annotation) if one is not NoneType}
    if get_origin(annotation) is Literal:
        return Option(name, "choice", tuple(map(str, get_args(annotation))), default)
    if annotation is bool or parts == {bool}:
        return Option(name, "switch", ("false", "true") if annotation is bool else ("", "false", "true"), default)
    if get_origin(annotation) is dict:
        return Option(name, "words")
    if tuple in (get_origin(annotation), *(get_origin(one) for one in get_args(annotation))):
        return Option(name, "list")
    return Option(name, "scalar" if {bool, int, str} <= parts else "text", (), default)


def shown_option(option: Option, value: Any, field: Mapping[str, Any]) -> str:
    """What stands in its place of the form."""
    if option.kind == "words":
        known = field.get("options")
        lines = dict.fromkeys(map(str, known), "") if option.name == "values" and isinstance(known, list) else {}
        lines.update({str(one): "null" if word is None else str(word) for one, word in group(value).items()})
        return "\n".join(f"{_line(one)}: {_line(word) if word else ''}" for one, word in lines.items())
    if option.kind == "list":
        return ", ".join(map(str, value)) if isinstance(value, list) else ""
    if value is None:
        value = option.default
    if value is None:
        return ""
    return flow(value) if option.kind in ("scalar", "switch") else str(value)


def _line(word: str) -> str:
    return word if word == "null" else flow({word: 1})[1:-4]


def option_in(option: Option, text: str) -> Any:
    """None where it is as it would be without being said. Raises CannotEdit."""
    text = text.strip()
    if option.kind == "words":
        return words_in(text) or None
    if option.kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()] or None
    if option.kind in ("scalar", "switch"):
        value = data(f"it: {text}\n").get("it") if text else None
        return None if value == option.default and type(value) is type(option.default) else value
    return None if not text or text == option.default else text


def words_in(text: str) -> dict[str, Any]:
    """ "word: word" on each line; null for nothing. Raises CannotEdit."""
    try:
        node = composed(text)
    except (YAMLError, ValueError) as error:
        raise CannotEdit("words") from error
    if node is None:
        return {}
    if not isinstance(node, MappingNode):
        raise CannotEdit("words")
    return dict(_pairs(node))


def _pairs(node: MappingNode) -> Iterator[tuple[str, Any]]:
    for word, value in node.value:
        if not isinstance(word, ScalarNode) or not isinstance(value, ScalarNode):
            raise CannotEdit("words")
        if value.value == "" and value.style is None:
            continue
        yield str(word.value), None if value.style is None and value.value in ("null", "~") else str(value.value)


# -- from the form to the file ----------------------------------------------------------------------------------------


def entry_in(form: Mapping[str, str], was: Mapping[str, Any], field: Mapping[str, Any]) -> dict[str, Any]:
    """The entry that a form says; what the form has no place for stays as it `was`. Raises CannotEdit."""
    usual = FITS.get(str(field.get("type", "text")), ("",))[0]
    transform = transform_from(form, field)
    if "transform" in was:
        before, options = transform_in(was["transform"])
        said = {name: value for name, value in options.items() if value is not None}
        if (before or usual, said) == ((now := transform_in(transform))[0] or usual, dict(now[1])):
            transform = was["transform"]  # the same in their own spelling
    default = form.get("default", "").strip()
    new: dict[str, Any] = {
        **was,
        "remote": form.get("remote", "").strip(),
        "direction": form.get("direction", "both"),
        "transform": transform,
        "clears": bool(form.get("clears")),
        "once": bool(form.get("once")),
        "default": data(f"it: {default}\n").get("it") if default else None,
    }
    implied = {"direction": "both", "clears": False, "once": False, "transform": None, "default": None}
    return {
        name: value
        for name, value in new.items()
        if (name in was and value is not None) or value != implied.get(name, ...)
    }


def transform_from(form: Mapping[str, str], field: Mapping[str, Any]) -> Any:
    name = form.get("transform", "")
    said = {one.name: option_in(one, form.get(f"o_{one.name}", "")) for one in options_of(name)} if name else {}
    options = {option: value for option, value in said.items() if value is not None}
    if options:
        return {name: options}
    usual = FITS.get(str(field.get("type", "text")), ("",))[0]
    return None if not name or name == usual else name


def policy_in(form: Mapping[str, str]) -> Any:
    """None where nothing is said of conflicts."""
    rule = form.get("policy", "")
    named = [part.strip() for part in form.get("policy_systems", "").split(",") if part.strip()]
    if rule == "prefer":
        return {"prefer": named}
    if rule == "owner":
        return {"owner": named[0] if named else ""}
    return rule or None


def with_row(files: Files, file: str, kind: Kind, name: str, entry: Mapping[str, Any], policy: Any) -> dict[str, str]:
    """Raises CannotEdit."""
    loc = (*base_of(kind), "fields", name)
    made = dict(files)
    said, at = policy_of(files, kind, name)
    entry = {key: value for key, value in entry.items() if key != "on_conflict"}
    if at is not None and at[0] == file and policy is not None:
        entry["on_conflict"] = policy
    made[file] = set_at(made[file], loc, entry, order=list(shared(data(files.get(MAIN, "")), kind)))
    if at is not None and at[0] != file and policy != said:
        made[at[0]] = set_at(made[at[0]], at[1], policy) if policy is not None else drop_at(made[at[0]], at[1])
    elif at is None and policy is not None:
        known = group(data(files.get(MAIN, "")), *base_of(kind), "fields")
        if name in known:
            made[MAIN] = set_at(made[MAIN], (*loc, "on_conflict"), policy)
        else:  # a field that every lead has: the policy stands with the mapping
            made[file] = set_at(made[file], (*loc, "on_conflict"), policy)
    return made


def without_row(files: Files, file: str, kind: Kind, name: str) -> dict[str, str]:
    return {**files, file: drop_at(files[file], (*base_of(kind), "fields", name))}


def with_shared(files: Files, kind: Kind, name: str, type_: str, label: str) -> dict[str, str]:
    """A new shared field."""
    field = {"type": type_, **({"label": label} if label else {})}
    return {**files, MAIN: set_at(files[MAIN], (*base_of(kind), "fields", name), field)}
