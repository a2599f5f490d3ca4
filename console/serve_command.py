"""`smarketing serve`. A few lines, as in `cli.py`; what it starts is in `console.web`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from console.options import HERE, RUN, Folder, Json
from console.screen import Screen, begin


def add_serve(app: typer.Typer) -> None:
    @app.command(rich_help_panel=RUN, epilog="Example:  smarketing serve --port 8081")
    def serve(
        host: Annotated[str, typer.Option(help="The address to listen on.", metavar="ADDRESS")] = "127.0.0.1",
        port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8080,
        schedules: Annotated[
            bool | None,
            typer.Option("--schedules/--no-schedules", help="Run the schedules too; by default, unless it is a demo."),
        ] = None,
        as_json: Json = False,
        project: Folder = HERE,
    ) -> int:
        """The console in the browser, and the schedules beside it. Ctrl-C ends both. The first start prints a link that makes the first account."""
        screen = Screen(as_json)
        begin(screen, "Starting the console …")
        from console.web.serving import serve as start

        def started(told: dict[str, str]) -> None:
            screen.emit({"ok": True, "exit": 0, **{what.replace(" ", "_"): where for what, where in told.items()}})
            for what, where in told.items():
                screen.say(Text.assemble(("● ", "good"), f"{what:<14}", (where, "accent")))

        return start(project, host, port, schedules=schedules, started=started)
