"""The scenarios as a page for people: `docs/scenarios.md` is made of them and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.scenarios.story import SYSTEMS, Chapter, Happening, Run, Step, Story, Values, chapters

PAGE = Path(__file__).parents[2] / "docs/scenarios.md"

INTRODUCTION = """\
# Scenarios

The telling cases of the sync: what the two systems hold, what happens, what is written, and why. Every row is a test
that plays the case with the real engine over a real database, and asserts every single write; where nothing holds it
back, one more run after it writes nothing. This page is made from `tests/scenarios/*.yaml` by `python -m tests.scenarios`; do not edit it.

The systems are a marketing tool and a CRM, which is believed first where nothing else is said
([the project](../tests/scenarios/project/smarketing.yaml)). `ada` in both is the same person, ada@example.com. The CRM
writes its fields with a capital. Unless a case says that the sides meet for the first time, they were in line before.
"""

VERBS = {
    "edit": "edited", "create": "created", "imported": "imported with an old date",
}  # fmt: skip


def page() -> str:
    parts = [INTRODUCTION]
    for chapter in chapters().values():
        parts.append("\n".join(_chapter(chapter)) + "\n")
    return "\n".join(parts)


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n\n{chapter.about}\n"
    if chapter.project:
        yield f"All of them with *{_settings(chapter.project)}*.\n"
    yield "| Case | Before | Then | After |"
    yield "|---|---|---|---|"
    for story in chapter.stories:
        cells = (_case(story), _sides(story.before), "<br>".join(_steps(story)), _after(story))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _case(story: Story) -> str:
    parts = [f"**{story.name}**", story.why]
    for name, habits in story.vendors.items():
        parts += [f"*{name}: {key.replace('_', ' ')} {_value(value)}*"
                  for key, value in habits.model_dump(exclude_unset=True).items()]  # fmt: skip
    if story.project:
        parts.append(f"*{_settings(story.project)}*")
    if story.begins == "apart":
        parts.append("*first contact*")
    return "<br>".join(parts)


def _after(story: Story) -> str:
    hub = [f"hub {name}: {_values(values)}" for name, values in story.hub.items()]
    return "<br>".join([_sides(story.after), *hub])


def _sides(sides: Mapping[str, Mapping[str, Values]]) -> str:
    lines = []
    for system in (*SYSTEMS, *sorted(sides.keys() - set(SYSTEMS))):
        people = [f"{name}{_in_brackets(values)}" for name, values in sides.get(system, {}).items()]
        lines.append(f"{system}: {', '.join(people) or 'nobody'}")
    return "<br>".join(lines)


def _steps(story: Story) -> Iterator[str]:
    for number, step in enumerate(story.then, 1):
        lead = f"{number}. " if len(story.then) > 1 else ""
        told = [line for happening in step.happens for line in _happening(happening)]
        yield lead + "; ".join([*told, _run(step.run, step)])


def _happening(happening: Happening) -> Iterator[str]:
    verb, what = happening.one()
    match verb:
        case "edit" | "create" | "imported":
            for name, values in what.items():
                yield f"{name} is {VERBS[verb]}{_in_brackets(values)}"
        case "delete" | "restore":
            yield f"{', '.join(what)} {'are' if len(what) > 1 else 'is'} {verb}d"
        case "merge":
            yield from (f"{loser} is merged into {winner}" for loser, winner in what.items())
        case "forget":
            yield f"{', '.join(what)} {'ask' if len(what) > 1 else 'asks'} to be forgotten"
        case "split":
            yield f"what was united in {', '.join(what)} is taken apart"
        case "lift":
            yield f"{', '.join(what)} may be taken in again"
        case "convert":
            yield from (f"{old} is converted to {new}" for old, new in what.items())
        case "refuse":
            yield from (f"{system} takes no {_values(values)} any more" for system, values in what.items())
        case "accept":
            yield f"{', '.join(what)} takes everything again"
        case "lock_out":
            yield f"{', '.join(what)} lets us in no more"
        case "let_in":
            yield f"{', '.join(what)} lets us in again"
        case "configure":
            yield f"the project is changed: *{_settings(what)}*"
        case "answer":
            yield from (f"“{subject}” is answered: {_values(answer)}" for subject, answer in what.items())


def _run(run: Run, step: Step) -> str:
    kind = "**a plan** shows" if run.plan else "**the approved plan** writes" if run.approved else "**sync** writes"
    if run.full:
        kind = "**a complete sync** writes"
    if run.window:
        kind = f"**a backfill** of {run.window[0]} to {run.window[1]} writes"
    parts = [kind + " " + (_writes(step.writes) or "nothing")]
    for point, happenings in run.meanwhile.items():
        told = [line for happening in happenings for line in _happening(happening)]
        parts.append(f"while, at “{point}”, {'; '.join(told)}")
    parts += [f"dies at “{run.dies}”"] if run.dies else []
    parts += [f"times out at “{run.times_out}”"] if run.times_out else []
    parts += [f"stops: {', '.join(step.stops)}"] if step.stops else []
    parts += [f"leaves {system} out ({code})" for system, code in step.errors.items()]
    parts += [f"asks: {', '.join(step.open)}"] if step.open else []
    parts += [f"notes the conflict {line}" for line in step.conflicts]
    parts += [f"moves {line}" for line in step.stages]
    return ", ".join(parts)


def _writes(writes: Mapping[str, list[Values]]) -> str:
    return "; ".join(_write(system, write) for system, all_ in writes.items() for write in all_)


def _write(system: str, write: Values) -> str:
    (verb, name), *fields = write.items()
    refused = " (refused)" if write.get("refused") else ""
    values = {key: value for key, value in fields if key != "refused"}
    if verb == "archive":
        return f"{system} {name} archived"
    new = "new " if verb == "create" else ""
    return f"{system} {new}{name or ''}{_in_brackets(values)}{refused}".replace("  ", " ")


def _in_brackets(values: Values) -> str:
    return f" ({_values(values)})" if values else ""


def _values(values: Values) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    if value is None or value == "":
        return "blank"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return _values(dict(value))
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value)


def _settings(what: Mapping[str, Any]) -> str:
    """A change of the configuration as its author would say it: `crm.fields.title.remote: Job`."""
    return "; ".join(_paths(what))


def _paths(what: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in what.items():
        path = f"{above}.{key}" if above else str(key)
        if isinstance(value, Mapping) and value:
            yield from _paths(value, path)
        else:
            yield f"{path}: {'(taken out)' if value is None else _setting(value)}"


def _setting(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"{{{'; '.join(_paths(v))}}}" if isinstance(v, Mapping) else str(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
