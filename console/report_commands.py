"""`smarketing report …`: the weekly and monthly report, and the decisions of the meeting. A few lines each, as in `cli.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from alignment.reports.model import Kind
from console.options import HERE, Folder, Json
from console.screen import Screen

report_app = typer.Typer(
    help="The weekly and monthly report for both teams; what was decided in the meeting.",
    no_args_is_help=True,
    epilog="Example:  smarketing report weekly",
)

Until = Annotated[
    str | None,
    typer.Option("--until", help="The last day; the last whole week or month, where not given.", metavar="DATE"),
]
Language = Annotated[
    str | None, typer.Option("--language", help="en, es or pt; the project's first language.", metavar="LANGUAGE")
]
Format = Annotated[
    str | None,
    typer.Option("--format", help="html, pdf, markdown or json, and nothing on the screen.", metavar="FORMAT"),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="The file to write; its ending may say the format.", metavar="FILE")
]
By = Annotated[str | None, typer.Option(help="Who notes it; you, where not given.", metavar="NAME")]


def _of(kind: Kind, what: str) -> Callable[..., int]:
    def tell(
        until: Until = None,
        language: Language = None,
        form: Format = None,
        out: Out = None,
        as_json: Json = False,
        project: Folder = HERE,
    ) -> int:
        from console.reporting import Asked
        from console.reporting import tell as report

        return asyncio.run(report(Screen(as_json), project, kind, Asked(until, language, form, out)))

    tell.__doc__ = f"{what}: HTML and PDF in reports/, and what matters most on the screen."
    return tell


report_app.command("weekly", epilog="Example:  smarketing report weekly --until 2026-03-29 --language es")(
    _of("week", "The last whole week, or the seven days up to one")
)
report_app.command("monthly", epilog="Example:  smarketing report monthly --format pdf --out march.pdf")(
    _of("month", "The last whole month, or the month up to a day")
)


@report_app.command("decide", epilog='Example:  smarketing report decide "Call leads of the fair first" --who Ana')
def decide(
    text: Annotated[str, typer.Argument(help="What was decided.", metavar="TEXT", show_default=False)],
    who: Annotated[str, typer.Option("--who", help="Who carries it out.", metavar="NAME")] = "",
    due: Annotated[str | None, typer.Option("--due", help="Until when.", metavar="DATE")] = None,
    met: Annotated[
        str | None, typer.Option("--met", help="The day of the meeting; today, where not given.", metavar="DATE")
    ] = None,
    by: By = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Note what was decided in the meeting; the next agendas ask for it."""
    from console.reporting import decide as tell

    return asyncio.run(tell(Screen(as_json), project, text, who, due, met, by))


@report_app.command("done", epilog="Example:  smarketing report done 3   (or --dropped)")
def done(
    number: Annotated[int, typer.Argument(help="Number of the decision.", metavar="ID", show_default=False)],
    dropped: Annotated[bool, typer.Option("--dropped", help="It will not be carried out.")] = False,
    by: By = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """A decision was carried out, or dropped."""
    from console.reporting import done as tell

    return asyncio.run(tell(Screen(as_json), project, number, dropped, by))


@report_app.command("send", epilog="Example:  smarketing report send weekly")
def send(
    every: Annotated[str, typer.Argument(help="weekly or monthly.", metavar="REPORT", show_default=False)],
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """The last whole week or month to everybody who gets it and has not got it yet: see `reports` in smarketing.yaml."""
    from console.sending import send as deliver

    return asyncio.run(deliver(Screen(as_json), project, every))
