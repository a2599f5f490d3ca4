"""docs/commands.md, made from the commands themselves: `python -m console.reference > docs/commands.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main

from console.cli import app
from console.failures import Exit

INTRO = """\
# Commands

Made by `python -m console.reference`; a test compares it with the commands.

Every command takes `--help`, and every one that looks at a project takes `--project DIR` (the current folder where it
is not said; also as the variable `SMARKETING_PROJECT`). With `--json` one JSON document goes to stdout and nothing
else: always with `ok` and `exit`, and with `error: {code, message, hint}` where it failed. Tables and progress go to
stdout, errors to stderr. `NO_COLOR` is respected; where output is no terminal, there are no colours and no redrawing.

## Exit codes

| | |
|---|---|
| 0 | done |
| 1 | done, and something needs a person: errors that `check` found, writes that a system refused, fields to create by hand, parts of a plan that changed since |
| 2 | the command or the configuration is wrong; nothing was begun |
| 3 | the guard stopped the plan before its first write: look at it, then `--confirm` |
| 4 | a system could not be read or written; the others went on, and the next run catches up |
| 5 | another run is under way |
| 6 | the database cannot be used |
| 70 | something unforeseen: the message names a log file |
| 130 | interrupted |

What each error code means is in [errors.md](errors.md).
"""


def document() -> str:
    return "\n".join([INTRO, *_commands(typer.main.get_command(app), "smarketing")]).rstrip() + "\n"


def _commands(command: Any, path: str) -> Iterator[str]:
    for name in sorted(command.commands):
        one = command.commands[name]
        if hasattr(one, "commands"):
            if one.invoke_without_command:
                yield from _command(one, f"{path} {name}")
            yield from _commands(one, f"{path} {name}")
        else:
            yield from _command(one, f"{path} {name}")


def _command(command: Any, path: str) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    required = [f"{p.opts[0]} {p.metavar}" for p in options if p.required]
    usage = " ".join([path, *(_argument(p) for p in arguments), *required, "[OPTIONS]"])
    yield f"## {path}\n\n{command.help.strip()}\n\n    {usage}\n"
    yield "| | |\n|---|---|"
    for param in [*arguments, *options]:
        name = param.metavar if param in arguments else ", ".join(param.opts)
        more = f" {param.metavar}" if param in options and param.metavar else ""
        yield f"| `{name}{more}` | {_help(param)} |"
    yield f"\n{_example(command.epilog)}\n"


def _argument(param: Any) -> str:
    return str(param.metavar) if param.required else f"[{param.metavar}]"


def _help(param: Any) -> str:
    default = param.default
    shown = default not in (None, False, []) and not callable(default) and getattr(param, "show_default", True)
    return f"{param.help or ''}{f' Default: `{default}`.' if shown else ''}"


def _example(epilog: str) -> str:
    command, _, more = epilog.removeprefix("Example:").strip().partition("   ")
    return f"Example: `{command}` {more.strip()}".strip()


def exit_codes() -> list[int]:
    return [int(code) for code in Exit]


if __name__ == "__main__":
    print(document(), end="")
