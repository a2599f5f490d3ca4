"""`smarketing review …`: the questions that wait for a person. A few lines each, as in `cli.py`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from console.options import HERE, Folder, Ids, Json
from console.screen import Screen

reviews_app = typer.Typer(help="The questions that wait for a person.", no_args_is_help=True)


@reviews_app.command("list", epilog="Example:  smarketing review list --kind conflict")
def review_list(
    kind: Annotated[
        list[str] | None,
        typer.Option(help="conflict, match, duplicate, bad_value, dead_letter, owner or guard.", metavar="KIND"),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1)] = 50,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """What is open, oldest first."""
    from console.reviews import list_open

    return asyncio.run(list_open(Screen(as_json), project, kind or [], limit))


@reviews_app.command("show", epilog="Example:  smarketing review show 7")
def review_show(ids: Ids, as_json: Json = False, project: Folder = HERE) -> int:
    """One question in full, and how to answer it."""
    from console.reviews import show as tell

    return asyncio.run(tell(Screen(as_json), project, ids))


@reviews_app.command("resolve", epilog="Example:  smarketing review resolve 7 --take salesforce")
def review_resolve(
    ids: Ids,
    value: Annotated[str | None, typer.Option(help="conflict: this is the value.", metavar="TEXT")] = None,
    take: Annotated[str | None, typer.Option(help="conflict: what this system says.", metavar="SYSTEM")] = None,
    lead: Annotated[
        str | None,
        typer.Option(
            "--lead", "--company", "--deal", "--owner", help="match, duplicate: it is this one.", metavar="ID"
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(help="owner: this one takes over, by e-mail address or id.", metavar="EMAIL"),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="match, duplicate: it is none of them, but a new one.")] = False,
    merge: Annotated[
        bool, typer.Option("--merge", help="duplicate: a system has merged the two, and they are one here too.")
    ] = False,
    ignore: Annotated[
        bool, typer.Option("--ignore", help="Leave the record, the write or the owner's records as they are.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="dead_letter, bad_value: try again.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="guard: the plan is right, let it run.")] = False,
    by: Annotated[str | None, typer.Option(help="Who decides; you, where not given.", metavar="NAME")] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Answer one question, or several the same way. The next run carries it out."""
    from console.answering import Answer
    from console.reviews import resolve

    answer = Answer(value, take, lead, new, ignore, retry, confirm, merge, to)
    return asyncio.run(resolve(Screen(as_json), project, ids, answer, by))


@reviews_app.command("undo", epilog="Example:  smarketing review undo 7")
def review_undo(
    ids: Ids,
    by: Annotated[str | None, typer.Option(help="Who takes it back; you, where not given.", metavar="NAME")] = None,
    as_json: Json = False,
    project: Folder = HERE,
) -> int:
    """Take back answers that no run has carried out."""
    from console.reviews import undo

    return asyncio.run(undo(Screen(as_json), project, ids, by))
