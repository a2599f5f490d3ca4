"""`smarketing sla …`: the pact, how it stands, and a tick by hand. A few lines each, as in `cli.py`."""

from __future__ import annotations

import asyncio

import typer

from console.options import HERE, Folder, Json
from console.screen import Screen

EXAMPLE = "Example:  smarketing sla   (to be printed and signed)"
sla_app = typer.Typer(help="The agreement between marketing and sales.", invoke_without_command=True, epilog=EXAMPLE)


@sla_app.callback()
def sla(context: typer.Context, as_json: Json = False, project: Folder = HERE) -> int | None:
    """The agreement between marketing and sales, in plain words: what each side promises, and where the numbers come
    from."""
    if context.invoked_subcommand is not None:
        return None
    from console.pact import show

    return asyncio.run(show(Screen(as_json), project))


@sla_app.command("status", epilog="Example:  smarketing sla status --json")
def sla_status(as_json: Json = False, project: Folder = HERE) -> int:
    """What is about to be broken, what has been, by whom; and how the promises are kept this period."""
    from console.pact import status

    return asyncio.run(status(Screen(as_json), project))


@sla_app.command("tick", epilog="Example:  smarketing sla tick   (every five minutes, where Prefect does not)")
def sla_tick(as_json: Json = False, project: Folder = HERE) -> int:
    """Look at the clocks and send the alerts that are due."""
    from console.pact import tick

    return asyncio.run(tick(Screen(as_json), project))
