"""What a scenario may say, as models: the shape of the YAML files in this folder. Nothing is run here.

A record is `system/name`; unless it says otherwise its e-mail address is name@example.com, so that crm/ada and
marketing/ada are the same person. Companies, deals and owners stand in places of their own: `crm company/acme`. A name like `p01..p12` stands for as many records, with {n} for each one's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent
SYSTEMS = ("crm", "marketing")
PLACES = (*SYSTEMS, *(f"{system} {kind}" for system in SYSTEMS for kind in ("company", "deal", "owner")))
"""Where records stand: the leads of each system, then its other kinds."""

EMAIL = {"crm": "Email", "marketing": "email"}
OUR_ID = {"crm": "Our_Id", "marketing": "our_id"}

Values = dict[str, Any]
Side = dict[str, Values]
Sides = dict[str, Side]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Happening(Model):
    """One thing that people, or a vendor, do between two runs. Exactly one is said."""

    edit: dict[str, Values] = {}
    create: dict[str, Values] = {}
    imported: dict[str, Values] = {}
    """Created or edited, with a date of change that lies before the last run: no incremental read shows it."""
    delete: list[str] = []
    restore: list[str] = []
    merge: dict[str, str] = {}
    """The record that is given up, and the one that is kept."""
    convert: dict[str, str] = {}
    """A record, and the new one that it becomes."""
    refuse: dict[str, Values] = {}
    """From now on the system takes no record with such a value."""
    accept: list[str] = []
    lock_out: list[str] = []
    let_in: list[str] = []
    configure: dict[str, Any] = {}
    """A change of the project: keys of smarketing.yaml, crm.yaml or marketing.yaml; null takes a key away."""
    answer: dict[str, Values] = {}
    """An open review, and what a person says to it."""
    split: list[str] = []
    """Leads that were taken for one with another: the last union is taken apart."""
    forget: list[str] = []
    """Leads who ask to be forgotten."""
    lift: list[str] = []
    """People who were forgotten, and may be taken in again."""

    def one(self) -> tuple[str, Any]:
        [(verb, what)] = ((name, getattr(self, name)) for name in self.model_fields_set)
        return verb, what


class Run(Model):
    """`plan`: only shown, nothing is kept; its writes can be approved. `dies` and `times_out`: at the first step of
    this name; `meanwhile`: what people do at the first step of this name."""

    confirm: bool = True
    full: bool = False
    plan: bool = False
    approved: bool = False
    window: tuple[str, str] | None = None
    dies: str = ""
    times_out: str = ""
    meanwhile: dict[str, list[Happening]] = {}


class Step(Model):
    """What happens, the run after it, and everything that can be seen of that run. What is not named did not occur."""

    happens: list[Happening] = []
    run: Run = Run()
    writes: dict[str, list[Values]] = {}
    outcome: Literal["done", "partial", "stopped", "died"] = "done"
    stops: list[str] = []
    errors: dict[str, str] = {}
    """System -> the code of the error by which it was left out."""
    open: list[str] = []
    """Reviews that wait for a person after the run."""
    conflicts: list[str] = []
    """`who field: winner`, as the history has them."""
    stages: list[str] = []
    """`who: old > new (reason)`, as the history has them."""


class Vendor(Model):
    """What a system does on its own account. `alters`: what it makes of values it is given. `answers`: whether it says
    what it now holds. `deletions`: whether an incremental read shows them. `batch`: how many it takes at once."""

    unique: list[str] = []
    alters: dict[str, str] = {}
    answers: bool = True
    deletions: bool = True
    batch: int = 100


class Story(Model):
    name: str
    why: str
    project: dict[str, Any] = {}
    vendors: dict[str, Vendor] = {}
    begins: Literal["in line", "apart"] = "in line"
    """In line: a first run has linked the records before the story begins, and had nothing to write."""
    before: Sides
    then: list[Step] = Field(min_length=1)
    after: Sides
    hub: dict[str, Values] = {}
    """By name; only the fields that matter."""
    quiet: bool = True
    """One more run writes nothing, reads nothing new and asks nothing new."""


class Chapter(Model):
    """`project`: what all its stories have otherwise."""

    title: str
    about: str
    project: dict[str, Any] = {}
    stories: list[Story]


def chapters() -> dict[str, Chapter]:
    """All of them, by the name of their file, in the order of the names."""
    yaml = YAML(typ="safe")
    return {path.stem: Chapter.model_validate(yaml.load(path)) for path in sorted(FOLDER.glob("[0-9]*.yaml"))}


def unfold(side: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    """Each record of a side, ranges written out."""
    for name, values in side.items():
        for one, number in names(name):
            yield one, {key: filled(value, number) for key, value in values.items()}


def names(name: str) -> Iterator[tuple[str, str]]:
    span = re.fullmatch(r"(.*?)(\D*)(\d+)\.\.\2(\d+)(.*)", name)
    if span is None:
        yield name, ""
        return
    before, word, first, last, after = span.groups()
    for number in range(int(first), int(last) + 1):
        digits = f"{number:0{len(first)}}"
        yield f"{before}{word}{digits}{after}", digits


def filled(value: Any, number: str) -> Any:
    return value.replace("{n}", number) if isinstance(value, str) else value


def records(system: str, side: Mapping[str, Values]) -> dict[str, Values]:
    """A side as the system would show it: default addresses filled in, blanks left out."""
    found = {}
    for name, values in unfold(side):
        address = {EMAIL[system]: f"{name}@example.com"} if system in EMAIL else {}
        whole = {**address, **values}
        found[name] = {key: value for key, value in whole.items() if value is not None}
    return found


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`; None takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
