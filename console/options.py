"""What several commands take alike, and the groups that `--help` shows them in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SET_UP, RUN, LOOK = "Set up", "Run", "Look"

Folder = Annotated[
    Path, typer.Option("--project", "-p", envvar="SMARKETING_PROJECT", help="The project folder.", metavar="DIR")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
Systems = Annotated[
    list[str] | None,
    typer.Option("--system", "-s", help="Only this system; may be given more than once.", metavar="NAME"),
]
Full = Annotated[
    bool, typer.Option("--full", help="Read everything, not only what changed: finds deletions and drift.")
]
Confirm = Annotated[
    bool, typer.Option("--confirm", help="Go on where the guard would stop: you have looked at the plan.")
]
Ids = Annotated[list[int], typer.Argument(help="Numbers of reviews.", metavar="ID…", show_default=False)]
HERE = Path(".")
