"""`glossary`: the one vocabulary, in the language of whoever reads it. Reads the project's files alone: no database, no system."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alignment.glossary import Entry, glossary, lines_of, markdown
from alignment.words import Words, languages
from console.failures import Exit, Refusal
from console.screen import Screen, plain
from mapping.loader import load_project


def tell(screen: Screen, folder: Path, language: str | None, as_markdown: bool) -> Exit:
    project = load_project(folder)
    if language is not None and language not in languages():
        hint = f"It is one of: {', '.join(languages())}."
        raise Refusal("usage", f"There are no texts in {plain(language)!r}.", hint)
    told = glossary(project, language)
    screen.emit({"ok": True, "exit": 0, **told.as_dict()})
    if screen.as_json:
        return Exit.DONE
    if as_markdown:
        sys.stdout.write(markdown(told))
        return Exit.DONE
    words = Words(told.language)
    for kind in ("ladder", "side"):
        screen.title(words(f"glossary.{kind}"))
        for entry in told.entries:
            if entry.kind == kind:
                _entry(screen, entry, words)
        screen.gap()
    return Exit.DONE


def _entry(screen: Screen, entry: Entry, words: Words) -> None:
    screen.gap()
    head = Text.assemble((entry.stage, "bold"), ("  " + plain(entry.means, 300) if entry.means else "", ""))
    screen.say(head)
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(style="quiet", no_wrap=True)
    rows.add_column(overflow="fold")
    for title, text in lines_of(entry, words):
        rows.add_row(plain(title), plain(text, 1000))
    screen.say(Padding(rows, (0, 0, 0, 2)))
