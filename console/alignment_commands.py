"""`smarketing glossary`, `compare`, `score`, `funnel`, `personas`, `objectives …`: what the two teams look at together. A few lines each, as in `cli.py`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from console.options import HERE, LOOK, Folder, Json
from console.screen import Screen

objectives_app = typer.Typer(
    help="What the two teams want to reach: progress, forecast, and what was frozen.",
    invoke_without_command=True,
    epilog="Example:  smarketing objectives   (the same as smarketing objectives show)",
)

From = Annotated[str | None, typer.Option("--from", help="The first day.", metavar="DATE", show_default=False)]
To = Annotated[str | None, typer.Option("--to", help="The last day; today where not given.", metavar="DATE")]
Csv = Annotated[bool, typer.Option("--csv", help="The figures as CSV on stdout, and nothing else.")]
Label = Annotated[
    str | None, typer.Option("--period", help="2026-03, 2026-Q1, 2026-H1 or 2026; the one of today.", metavar="PERIOD")
]
By = Annotated[str | None, typer.Option(help="Who decides; you, where not given.", metavar="NAME")]
Name = Annotated[str, typer.Argument(help="The objective's name.", metavar="NAME", show_default=False)]


def add_alignment(app: typer.Typer) -> None:
    app.command("glossary", rich_help_panel=LOOK, epilog="Example:  smarketing glossary --language es --markdown")(
        glossary
    )
    app.command(
        "compare",
        rich_help_panel=LOOK,
        epilog="Example:  smarketing compare --stage mql --from 2026-01-01 --csv mql.csv",
    )(compare)
    app.command(
        "score",
        rich_help_panel=LOOK,
        epilog="Example:  smarketing score ada@example.com   (or: smarketing score calibrate)",
    )(score)
    app.command("funnel", rich_help_panel=LOOK, epilog="Example:  smarketing funnel --by source --from 2026-01-01")(
        funnel
    )
    app.command("personas", rich_help_panel=LOOK, epilog="Example:  smarketing personas head_of_marketing")(personas)
    app.add_typer(objectives_app, name="objectives", rich_help_panel=LOOK)


def glossary(
    language: Annotated[
        str | None, typer.Option(help="en, es or pt; the project's first where it is not said.", metavar="LANGUAGE")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a page to publish.")] = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """The one vocabulary: what every stage means, how a lead enters it, what each system calls it, the reasons."""
    from console.glossary import tell

    return tell(Screen(as_json), project, language, markdown)


def compare(
    stage: Annotated[str, typer.Option(help="A step of the ladder, such as mql.", metavar="STAGE")],
    start: Annotated[
        str | None, typer.Option("--from", help="Leads that reached it from this day on.", metavar="WHEN")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to and with this day.", metavar="WHEN")] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Every difference, for a spreadsheet.", metavar="FILE")
    ] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Why marketing counts 412 and sales 280: the same leads counted in every system, each difference with its reason."""
    from console.comparing import tell

    return asyncio.run(tell(Screen(as_json), project, stage, start, end, csv))


def score(
    what: Annotated[
        str,
        typer.Argument(
            help="A lead (e-mail, id, or system:id); or calibrate, backtest, train.", metavar="LEAD", show_default=False
        ),
    ],
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """A lead's score, added up rule by rule, and what it would take to get further. `calibrate`: what the outcomes say of
    the rules. `backtest`: how well a score that is learned from them does on later leads; `train`: learn and keep it."""
    from console.score import score as tell

    return asyncio.run(tell(Screen(as_json), project, what))


def funnel(
    start: From = None,
    end: To = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Told apart by this: a field, persona, segment, period.", metavar="CUT")
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="With --leads: those with this value alone.", metavar="CUT=VALUE")
    ] = None,
    leads: Annotated[
        str | None,
        typer.Option(
            "--leads",
            help="Who stands behind a figure: a stage, stage:figure (reached, within, waiting, stuck, left, …), or "
            "passed, accepted, converted, open, not_qualified, lost.",
            metavar="FIGURE",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many leads to show; --csv and --json have all.", min=1)] = 50,
    as_csv: Csv = False,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Who came how far, how fast, where they left, and what was won of it. The last three months where no dates are given."""
    from console.funnel import Asked
    from console.funnel import funnel as tell

    return asyncio.run(tell(Screen(as_json or as_csv), project, Asked(start, end, by, only, leads, limit, as_csv)))


def personas(
    name: Annotated[
        str | None, typer.Argument(help="Only this persona, in full.", metavar="NAME", show_default=False)
    ] = None,
    start: From = None,
    end: To = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Whom you sell to: how many, how far they come, from where, and what sales has learned about them."""
    from console.personas import personas as tell

    return asyncio.run(tell(Screen(as_json), project, name, start, end))


@objectives_app.callback()
def objectives(context: typer.Context, as_json: Json = False, project: Folder = HERE) -> int | None:
    """What the two teams want to reach: progress, forecast, and what was frozen."""
    if context.invoked_subcommand is not None:
        return None
    from console.objectives import show

    return asyncio.run(show(Screen(as_json), project, None, False))


@objectives_app.command("show", epilog="Example:  smarketing objectives show --period 2026-Q1")
def objectives_show(period: Label = None, as_csv: Csv = False, as_json: Json = False, project: Folder = HERE) -> int:
    """How each objective stands, what it will come to, and which other it serves."""
    from console.objectives import show

    return asyncio.run(show(Screen(as_json or as_csv), project, period, as_csv))


@objectives_app.command("freeze", epilog="Example:  smarketing objectives freeze --period 2026-Q1")
def objectives_freeze(period: Label = None, by: By = None, as_json: Json = False, project: Folder = HERE) -> int:
    """Keep for good what came of each objective; of the last period that is over where none is named."""
    from console.objectives import freeze

    return asyncio.run(freeze(Screen(as_json), project, period, by))


@objectives_app.command(
    "restate", epilog="Example:  smarketing objectives restate mql --period 2026-Q1 --reason import"
)
def objectives_restate(
    name: Name,
    period: Annotated[str, typer.Option("--period", help="2026-03, 2026-Q1, 2026-H1 or 2026.", metavar="PERIOD")],
    reason: Annotated[str, typer.Option("--reason", help="Why; kept.", metavar="TEXT")],
    by: By = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Count a frozen period again. The old value stays on record, with who, when and why."""
    from console.objectives import restate

    return asyncio.run(restate(Screen(as_json), project, name, period, reason, by))


@objectives_app.command("accept", epilog="Example:  smarketing objectives accept mql --team sales --by Ada")
def objectives_accept(
    name: Name,
    team: Annotated[str, typer.Option("--team", help="marketing or sales.", metavar="TEAM")],
    period: Label = None,
    by: By = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """A team stands by an objective's target; once it is frozen, by what came of it."""
    from console.objectives import accept

    return asyncio.run(accept(Screen(as_json), project, name, team, period, by))
