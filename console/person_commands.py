"""`smarketing forget`, `export`, `consent`: what a person may ask of those who hold data on them. A few lines each, as in
`cli.py`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from console.options import HERE, LOOK, RUN, Folder, Json
from console.screen import Screen, begin


def add_people(app: typer.Typer) -> None:
    app.command(
        "forget",
        rich_help_panel=RUN,
        epilog="Example:  smarketing forget ada@example.com   (then the same with --confirm)",
    )(forget)
    app.command(
        "export",
        rich_help_panel=LOOK,
        epilog="Example:  smarketing export ada@example.com --out ada.json   (or: ada.md)",
    )(export)
    app.command(
        "consent",
        rich_help_panel=LOOK,
        epilog="Example:  smarketing consent ada@example.com --opt-in email --basis consent --note phone --confirm",
    )(consent)


def forget(
    lead: Annotated[
        str, typer.Argument(help="E-mail address, lead id, or system:id.", metavar="LEAD", show_default=False)
    ] = "",
    confirm: Annotated[bool, typer.Option("--confirm", help="Do it. There is no way back.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an erasure was interrupted.")] = False,
    lift: Annotated[bool, typer.Option("--lift", help="Let this person be taken in again from now on.")] = False,
    reason: Annotated[str, typer.Option(help="--lift: why.", metavar="TEXT", show_default=False)] = "",
    by: Annotated[str | None, typer.Option(help="Who decides; you, where not given.", metavar="NAME")] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Erase a person for good, in every system and here, and keep them from coming back. Shows first what would go."""
    from console.forgetting import forget as erase
    from console.forgetting import let_in

    screen = Screen(as_json)
    if lift:
        return asyncio.run(let_in(screen, project, lead, reason, by))
    begin(screen, "Looking for everything that is held on this person …")
    return asyncio.run(erase(screen, project, lead, confirm, resume, by))


def export(
    lead: Annotated[
        str, typer.Argument(help="E-mail address, lead id, or system:id.", metavar="LEAD", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON; to read where it ends in .md or .txt.", metavar="FILE")
    ] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """All that is held on a person, to be handed to them: values, systems, history, consent."""
    from console.exporting import export as hand_over

    return asyncio.run(hand_over(Screen(as_json), project, lead, out))


def consent(
    lead: Annotated[
        str, typer.Argument(help="E-mail address, lead id, or system:id.", metavar="LEAD", show_default=False)
    ],
    opt_in: Annotated[
        str | None, typer.Option("--opt-in", help="They want this channel, or this list, again.", metavar="CHANNEL")
    ] = None,
    opt_out: Annotated[str | None, typer.Option("--opt-out", help="They want it no longer.", metavar="CHANNEL")] = None,
    basis: Annotated[str, typer.Option(help="Legal basis of an opt-in.", metavar="BASIS", show_default=False)] = "",
    note: Annotated[
        str, typer.Option(help="What was said, where and when; kept.", metavar="TEXT", show_default=False)
    ] = "",
    by: Annotated[str | None, typer.Option(help="To whom it was said; you, where not given.", metavar="NAME")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Record the opt-in: you have proof of it.")] = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """What a lead has opted out of, with its history; and to record that they opted in again, or out."""
    from console.consenting import Said
    from console.consenting import consent as tell

    said = Said(opt_in, opt_out, basis, note, by, confirm)
    return asyncio.run(tell(Screen(as_json), project, lead, said))
