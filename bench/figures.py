"""What was measured, as values with their targets: a table for people, a list in JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import orjson
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """`target` is None for what is measured only to compare with."""

    name: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["higher", "lower"] = "higher"

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


def show(figures: Iterable[Figure], console: Console, title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for figure in figures:
        bound = ("at least " if figure.better == "higher" else "at most ") if figure.target is not None else ""
        target = f"{bound}{_spelled(figure.target)}" if figure.target is not None else ""
        mark = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        table.add_row(figure.name, f"{_spelled(figure.value)} {figure.unit}".rstrip(), target, mark)
    console.print(table)


def save(figures: Sequence[Figure], path: Path) -> None:
    path.write_bytes(orjson.dumps([asdict(figure) for figure in figures], option=orjson.OPT_INDENT_2) + b"\n")


def _spelled(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
