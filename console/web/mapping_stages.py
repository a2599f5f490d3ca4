"""The stages in the words of every system, side by side: what is written for each, and how other words are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from console.web.drafting import ChangedMeanwhile, Said, Work, data, digest, edit, work_of
from console.web.mapping import bar
from console.web.mapping_rows import file_of, group, systems_of
from console.web.page import Admin, Page, Viewer
from mapping.config import Vocabulary
from mapping.editing import CannotEdit, drop_at, set_at
from mapping.folder import Files
from mapping.problems import ConfigError

router = APIRouter()
NOTHING = "-"
"""Chosen for a word that says nothing about the stage."""


@dataclass(frozen=True)
class Column:
    """One system's words. `says`: stage -> word; `reads`: word -> stage, None where it says nothing."""

    system: str
    file: str
    remote: str
    direction: str
    says: Mapping[str, Any]
    reads: Mapping[str, Any]
    errors: list[ConfigError]

    @property
    def state(self) -> dict[str, Any]:
        return {"values": self.says, "reads": self.reads}


@router.get("/mapping/stages")
def stages(page: Viewer) -> Response:
    return _shown(page)


@router.post("/mapping/stages")
def save(page: Admin, form: Said) -> Response:
    """All words of all systems at once; only what is another is changed."""
    seen = {name.removeprefix("was_"): value for name, value in form.items() if name.startswith("was_")}

    def still(files: Files) -> bool:
        return all(digest(one.state) == seen.get(one.system) for one in _columns(files, []) if _touched(one, form))

    try:
        edit(page, lambda files: _edited(files, form), "stages", still)
    except ChangedMeanwhile:
        return _shown(page, form, page.words("mapping.changed_meanwhile"), 409)
    except CannotEdit as error:
        return _shown(page, form, page.words("mapping.cannot_edit", why=str(error)), 422)
    return page.go("/mapping/stages", page.words("mapping.stages_saved"))


def _shown(page: Page, form: Mapping[str, str] | None = None, wrong: str = "", status: int = 200) -> Response:
    work = work_of(page)
    ladder, side = _stages(work)
    columns = _columns(work.files, work.errors)
    typed = form or {}
    return page.show(
        "mapping_stages.html", status, work=work, bar=bar(page, work), ladder=ladder, side=side, columns=columns,
        without=[name for name in systems_of(work.main) if name not in {one.system for one in columns}],
        may=page.visitor is not None and page.visitor.may("admin"), wrong=wrong, digest=digest, nothing=NOTHING,
        word=lambda one, stage: typed.get(f"v_{one.system}_{stage}", _text(one.says.get(stage))),
        changed=lambda one, stage: work.changed_at(one.file, ("stage", "values", stage)),
        errors_at=lambda one, stage: work.errors_at(one.file, ("stage", "values", stage)),
        unnamed=[(one, error) for one in columns for error in one.errors if not _about_a_word(error, ladder, side)],
    )  # fmt: skip


def _about_a_word(error: ConfigError, ladder: list[str], side: list[str]) -> bool:
    return error.key.removeprefix("stage.values.") in (*ladder, *side)


def _stages(work: Work) -> tuple[list[str], list[str]]:
    """The ladder, and what is off it."""
    usual = Vocabulary()
    found = []
    for part, default in (("ladder", usual.ladder), ("side", usual.side)):
        said = group(work.main, "vocabulary").get(part)
        names = [str(one["name"]) for one in said or () if isinstance(one, dict) and "name" in one]
        found.append(names or [one.name for one in default])
    return found[0], found[1]


def _columns(files: Files, errors: list[ConfigError]) -> list[Column]:
    found = []
    for system in systems_of(data(files.get("smarketing.yaml", ""))):
        try:
            file = file_of(files, system)
        except LookupError:
            continue
        stage = group(data(files[file]), "stage")
        if stage:
            wrong = [one for one in errors if one.file == file and one.key.split(".")[0] == "stage"]
            found.append(
                Column(
                    system,
                    file,
                    str(stage.get("remote", "")),
                    str(stage.get("direction", "both")),
                    group(stage, "values"),
                    group(stage, "reads"),
                    wrong,
                )
            )
    return found


def _wanted(one: Column, form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the form says of a system: its words, and how others are read."""
    says = dict(one.says)
    for name, text in form.items():
        if name.startswith(f"v_{one.system}_"):
            stage = name.removeprefix(f"v_{one.system}_")
            if text.strip() and text.strip() != _text(says.get(stage)):
                says[stage] = text.strip()
            elif not text.strip():
                says.pop(stage, None)
    reads: dict[str, Any] = {}
    for at in range(len(form)):
        if f"r_{one.system}_{at}_word" not in form:
            break
        word, stage = form[f"r_{one.system}_{at}_word"].strip(), form.get(f"r_{one.system}_{at}_stage", "")
        if word and stage:
            reads[word] = None if stage == NOTHING else stage
    return says, reads if f"r_{one.system}_0_word" in form else dict(one.reads)


def _touched(one: Column, form: Mapping[str, str]) -> bool:
    return _wanted(one, form) != (dict(one.says), dict(one.reads))


def _edited(files: Files, form: Mapping[str, str]) -> dict[str, str]:
    made = dict(files)
    for one in _columns(files, []):
        says, reads = _wanted(one, form)
        text = set_at(made[one.file], ("stage", "values"), says) if says != dict(one.says) else made[one.file]
        if reads and reads != dict(one.reads):
            text = set_at(text, ("stage", "reads"), reads, order=("remote", "direction", "values"))
        elif not reads and one.reads:
            text = drop_at(text, ("stage", "reads"))
        made[one.file] = text
    return made


def _text(word: Any) -> str:
    return "" if word is None else str(word)
