"""The one vocabulary as both teams read it: every stage with its meaning, what has to be so before a lead enters it, what each
system calls it, where it may go from there, and the reasons. Pure, from the configuration alone.

Reports link to an entry by its anchor, which is the stage's name. Invariant: every stage of the vocabulary has one entry,
in the order of the file, and every system that is mapped to stages says in each what it calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from alignment.criteria import described
from alignment.words import Words
from mapping.conditions import Condition
from mapping.config import ProjectFile, SideState, Stage
from mapping.derived import lifecycle_of
from mapping.lifecycle import Lifecycle
from mapping.loader import Project
from mapping.mapped import MappedStage


@dataclass(frozen=True, slots=True)
class Called:
    """What one system calls a stage. `word`: what we write there, None where it is only read or has none; `also`: the
    stages that the same word stands for; `reads`: what else is read as this stage."""

    system: str
    field: str
    word: str | None
    also: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`stage` is also its anchor. `means`, `entry`: the teams' own words, "" where nobody wrote any; `criteria`: what moves a
    lead here without anybody's doing, in words; `moves`: the stages it may be left for."""

    stage: str
    kind: Literal["ladder", "side"]
    means: str
    entry: str
    criteria: str
    called: tuple[Called, ...]
    moves: tuple[str, ...]
    reasons: tuple[Reason, ...]
    any_reason: bool
    sales_qualified: bool


@dataclass(frozen=True, slots=True)
class Glossary:
    language: str
    entries: tuple[Entry, ...]

    def of(self, stage: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.stage == stage), None)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def glossary(project: Project, language: str | None = None) -> Glossary:
    """In this language, or the project's first. Raises LookupError for a language that there are no texts in."""
    config = project.config
    words = Words(language or config.languages[0])
    lifecycle = lifecycle_of(config)
    vocabulary = config.vocabulary
    of_ladder = (_entry(project, one, vocabulary.promote.get(one.name), lifecycle, words) for one in vocabulary.ladder)
    leaving = {state: leave.when for state, leave in vocabulary.leave.items()}
    off_it = (_entry(project, one, leaving.get(one.name), lifecycle, words) for one in vocabulary.side)
    return Glossary(words.language, (*of_ladder, *off_it))


def _entry(
    project: Project, stage: Stage | SideState, condition: Condition | None, lifecycle: Lifecycle, words: Words
) -> Entry:
    config, first = project.config, project.config.languages[0]
    side = isinstance(stage, SideState)
    reasons = stage.reasons if isinstance(stage, SideState) else {}
    return Entry(
        stage=stage.name,
        kind="side" if side else "ladder",
        means=stage.means.within(words.language, first),
        entry=stage.entry.within(words.language, first),
        criteria=described(condition, config.fields, words) if condition else "",
        called=tuple(_called(project, stage.name)),
        moves=tuple(to for to in lifecycle.stages if to != stage.name and lifecycle.allowed(stage.name, to)),
        reasons=tuple(
            Reason(code, told.within(words.language, first) or code.replace("_", " ")) for code, told in reasons.items()
        ),
        any_reason=side and not reasons,
        sales_qualified=_qualified(config) == stage.name,
    )


def _qualified(config: ProjectFile) -> str:
    return config.vocabulary.sales_qualified


def _called(project: Project, stage: str) -> Iterator[Called]:
    for system in project.config.systems:
        mapping = project.mappings.get(system)
        if mapping is not None and mapping.stage is not None:
            yield _in(system, mapping.stage, stage)


def _in(system: str, mapped: MappedStage, stage: str) -> Called:
    word = mapped.values.get(stage)
    also = tuple(other for other, theirs in mapped.values.items() if theirs == word and other != stage)
    stands_for = {theirs: name for name, theirs in reversed(mapped.values.items())} | mapped.reads
    reads = tuple(theirs for theirs, name in stands_for.items() if name == stage and theirs != word)
    return Called(
        system, mapped.remote, word, also if word is not None else (), () if mapped.direction == "push" else reads
    )


def markdown(told: Glossary) -> str:
    """The glossary as a page; headings are the stages, so that their anchors are too."""
    words = Words(told.language)
    lines = [f"# {words('glossary.title')}", ""]
    for kind in ("ladder", "side"):
        lines += [f"## {words(f'glossary.{kind}')}", ""]
        for entry in told.entries:
            if entry.kind == kind:
                lines += [f"### {entry.stage}", "", *([entry.means, ""] if entry.means else [])]
                lines += [f"- **{title}**: {text}" for title, text in lines_of(entry, words)]
                lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def lines_of(entry: Entry, words: Words) -> Iterator[tuple[str, str]]:
    """What there is to say of a stage besides its meaning: titles and texts."""
    if entry.entry:
        yield words("glossary.entry"), entry.entry
    if entry.criteria:
        yield words("glossary.by_itself"), entry.criteria
    for called in entry.called:
        yield called.system, spelled(called, words)
    yield words("glossary.moves"), ", ".join(entry.moves) or words("glossary.moves_none")
    if entry.reasons:
        yield words("glossary.reasons"), "; ".join(f"{one.words} ({one.code})" for one in entry.reasons)
    elif entry.any_reason:
        yield words("glossary.reasons"), words("glossary.any_reason")
    if entry.sales_qualified:
        yield words("fields.sales_qualified"), words("glossary.sales_qualified")


def spelled(called: Called, words: Words) -> str:
    """What a system calls the stage, in a sentence."""
    if called.word is None:
        return (
            words("glossary.reads_alone", words=words.either(called.reads))
            if called.reads
            else words("glossary.unknown_there")
        )
    word = called.word
    if called.also:
        word = words("glossary.called_for", word=word, stages=words.every(called.also))
    return words("glossary.reads", word=word, words=words.either(called.reads)) if called.reads else word
