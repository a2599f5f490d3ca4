"""The command line. Every command is a few lines: what it is called, what it takes, and whom it asks.

Nothing slow is imported before the first line is on the screen: commands import what they need when they run.
Invariant: whatever happens, a person gets a sentence and an exit code that means something, never a traceback.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from console.alignment_commands import add_alignment
from console.failures import Exit, Failure, failure_of, show
from console.options import HERE, LOOK, RUN, SET_UP, Confirm, Folder, Full, Json, Systems
from console.person_commands import add_people
from console.report_commands import report_app
from console.review_commands import reviews_app
from console.screen import Screen, begin
from console.serve_command import add_serve
from console.sla_commands import sla_app

app = typer.Typer(
    name="smarketing",
    help="Keeps leads in line between marketing and sales: one vocabulary, previews, explanations, no surprises.",
    epilog="First steps:  smarketing init my-project  ·  smarketing check  ·  smarketing plan  ·  smarketing sync",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(reviews_app, name="review", rich_help_panel=LOOK)
add_people(app)
add_alignment(app)
add_serve(app)
app.add_typer(sla_app, name="sla", rich_help_panel=LOOK)
app.add_typer(report_app, name="report", rich_help_panel=LOOK)


@app.command(rich_help_panel=SET_UP, epilog="Example:  smarketing init my-project --preset hubspot+salesforce")
def init(
    folder: Annotated[Path, typer.Argument(help="Made if it is not there.", metavar="FOLDER")] = HERE,
    preset: Annotated[
        str,
        typer.Option(
            help="Systems to start with, joined by a plus: hubspot, salesforce, tryton, file.", metavar="SYSTEMS"
        ),
    ] = "hubspot+salesforce",
    as_json: Json = False,
) -> int:
    """Make a project folder with a mapping for each system that works as it is."""
    from console.folders import init as make

    return make(Screen(as_json), folder, preset)


@app.command(rich_help_panel=SET_UP, epilog="Example:  smarketing check --system salesforce")
def check(system: Systems = None, as_json: Json = False, project: Folder = HERE) -> int:
    """Look at everything a run counts on: configuration, credentials, and every mapped field in the live systems."""
    from console.checking import check as look

    return asyncio.run(look(Screen(as_json), project, system or []))


@app.command(rich_help_panel=SET_UP, epilog="Example:  smarketing provision --system hubspot")
def provision(system: Systems = None, as_json: Json = False, project: Folder = HERE) -> int:
    """Create the custom fields that the mappings need, or say exactly what to create by hand."""
    from console.checking import provision as create

    return asyncio.run(create(Screen(as_json), project, system or []))


@app.command(rich_help_panel=RUN, epilog="Example:  smarketing plan --full --out friday.json")
def plan(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to keep it, instead of plans/.", metavar="FILE")
    ] = None,
    full: Full = False,
    system: Systems = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Show what a sync would write and why, and keep it in a file. Writes nothing anywhere else."""
    screen = Screen(as_json)
    first = begin(screen, "Planning: everything is read, nothing is written …")
    from console.planning import plan as make

    return make(screen, project, out, full, system or [], first)


@app.command(rich_help_panel=RUN, epilog="Example:  smarketing apply 20260301-093000-4f2a   (or: last)")
def apply(
    plan: Annotated[str, typer.Argument(help='A file, the id of a plan in plans/, or "last".', metavar="PLAN")],
    confirm: Confirm = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Write what a plan shows and nothing else; what changed since is left out, and told."""
    screen = Screen(as_json)
    first = begin(screen, "Applying the plan: reading what changed since …")
    from console.planning import apply as carry_out

    return carry_out(screen, project, plan, confirm, first)


@app.command(rich_help_panel=RUN, epilog="Example:  smarketing revert last   (then: smarketing apply last --confirm)")
def revert(
    run: Annotated[str, typer.Argument(help='The id of a run, its beginning or its end; or "last".', metavar="RUN")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to keep the plan, instead of plans/.", metavar="FILE")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Do it at once, without a look at the plan.")] = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Take back what a run wrote, field by field, where nobody has edited since. Shows a plan first."""
    screen = Screen(as_json)
    first = begin(screen, "Looking at what that run wrote, and at what changed since …")
    from console.reverting import revert as take_back

    return take_back(screen, project, run, out, confirm, first)


@app.command(rich_help_panel=RUN, epilog="Example:  smarketing sync --system hubspot")
def sync(
    system: Systems = None, full: Full = False, confirm: Confirm = False, as_json: Json = False, project: Folder = HERE
) -> int:
    """Bring the systems in line: read what changed, merge it, write what each one lacks."""
    screen = Screen(as_json)
    first = begin(screen, "Syncing: looking for what changed …")
    from console.syncing import run
    from sync.run import Options

    return run(screen, project, Options(full=full, confirmed=confirm), system or [], first)


@app.command(rich_help_panel=RUN, epilog="Example:  smarketing backfill --from 2026-01-01 --to 2026-03-31")
def backfill(
    start: Annotated[
        str, typer.Option("--from", help="A day or a time, in your zone.", metavar="DATE", show_default=False)
    ],
    end: Annotated[
        str | None, typer.Option("--to", help="The last day or time; now where not given.", metavar="DATE")
    ] = None,
    system: Systems = None,
    confirm: Confirm = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Read again what changed in a stretch of time. Give the same command again to resume one that was interrupted."""
    screen = Screen(as_json)
    first = begin(screen, "Backfilling: reading what changed in that time …")
    from console.syncing import run, window_of
    from sync.run import Options

    options = Options(kind="backfill", window=window_of(start, end), confirmed=confirm)
    return run(screen, project, options, system or [], first)


@app.command(rich_help_panel=LOOK, epilog="Example:  smarketing status --json")
def status(
    runs: Annotated[int, typer.Option(help="How many of the last runs to show.", min=0, max=1000)] = 5,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """How the project stands: each system, the last runs, what waits. Asks no system."""
    from console.status import status as tell

    return asyncio.run(tell(Screen(as_json), project, runs))


@app.command(rich_help_panel=LOOK, epilog="Example:  smarketing explain ada@example.com   (or: acme.com, hubspot:151)")
def explain(
    record: Annotated[
        str,
        typer.Argument(
            help="E-mail address, domain or name of a company, name of a deal, id, or system:id.",
            metavar="RECORD",
            show_default=False,
        ),
    ],
    everything: Annotated[bool, typer.Option("--all", help="The whole timeline, not only its end.")] = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Why a lead, a company or a deal is what it is: every value with its source, every stage with its evidence, every conflict."""
    from console.telling import explain as tell

    return asyncio.run(tell(Screen(as_json), project, record, everything))


@app.command(rich_help_panel=LOOK, epilog="Example:  smarketing unite ada@example.com ada@home.example --confirm")
def unite(
    stays: Annotated[str, typer.Argument(help="The one that stays.", metavar="WHO", show_default=False)],
    joins: Annotated[str, typer.Argument(help="The one that becomes part of it.", metavar="OTHER", show_default=False)],
    confirm: Annotated[bool, typer.Option("--confirm", help="They are one.")] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; you, where not given.", metavar="NAME")] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Two leads, companies or deals are one: their history and their records in the systems come together."""
    from console.uniting import unite as carry_out

    return asyncio.run(carry_out(Screen(as_json), project, stays, joins, confirm, by))


@app.command(rich_help_panel=LOOK, epilog="Example:  smarketing split ada@example.com --confirm")
def split(
    who: Annotated[str, typer.Argument(help="The one that took another in.", metavar="WHO", show_default=False)],
    confirm: Annotated[bool, typer.Option("--confirm", help="They are two.")] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; you, where not given.", metavar="NAME")] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Take the last union of a lead, a company or a deal apart again: what came by it goes back."""
    from console.uniting import split as carry_out

    return asyncio.run(carry_out(Screen(as_json), project, who, confirm, by))


@app.command(rich_help_panel=SET_UP, epilog="Example:  smarketing demo   (then: smarketing demo --serve)")
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to leave the project.", metavar="FOLDER")] = Path("demo"),
    serve: Annotated[bool, typer.Option("--serve", help="Start the two systems again, as the demo left them.")] = False,
    as_json: Json = False,
) -> int:
    """The whole story on this machine: two systems, a plan, three syncs, and the reasons. Takes half a minute."""
    screen = Screen(as_json)
    begin(screen, "Starting a marketing tool and a CRM on this machine …")
    from console.demo import demo as play

    return play(as_json, folder, serve)


@app.command(rich_help_panel=LOOK, epilog="Example:  smarketing version --json")
def version(as_json: Json = False) -> int:
    """Which smarketing this is."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed
    from platform import python_version

    try:
        number = installed("smarketing")
    except PackageNotFoundError:
        number = "0 (not installed)"
    screen = Screen(as_json)
    screen.emit({"ok": True, "exit": 0, "smarketing": number, "python": python_version()})
    screen.say(f"smarketing {number}")
    return Exit.DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point. Returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    folder = _folder(given)
    try:
        result = app(given, standalone_mode=False, prog_name="smarketing")
    except typer.TyperException as error:
        said = error.format_message()
        return _fail(Failure("usage", said, _help(error), Exit.USAGE), given) if said else Exit.USAGE
    except typer.Abort:
        return _fail(failure_of(KeyboardInterrupt(), folder), given)
    except BrokenPipeError:  # somebody piped us into `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except (Exception, KeyboardInterrupt) as error:
        return _fail(failure_of(error, folder), given)
    if result == Exit.INTERRUPTED:
        return _fail(failure_of(KeyboardInterrupt(), folder), given)
    return int(result or 0)


def _fail(failure: Failure, given: Sequence[str]) -> int:
    show(failure, Screen("--json" in given))
    return int(failure.exit_code)


def _help(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"See: {context.command_path} --help" if context else ""


def _folder(given: Sequence[str]) -> Path:
    """The project folder, also where the arguments could not be made sense of."""
    for name, after in zip(given, [*given[1:], ""], strict=True):
        if name in ("--project", "-p") and after:
            return Path(after)
        if name.startswith("--project="):
            return Path(name.partition("=")[2])
    return Path(os.environ.get("SMARKETING_PROJECT", "."))


if __name__ == "__main__":
    sys.exit(main())
