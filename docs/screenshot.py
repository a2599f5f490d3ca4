"""docs/demo.svg: a part of what `smarketing demo` really prints, as a picture. `python docs/screenshot.py`, some seconds.

The colours are chosen to be read on a light page as well as on a dark one.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from pathlib import Path
from unittest.mock import patch

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.segment import Segment, Segments
from rich.terminal_theme import TerminalTheme

from console import demo, screen

WIDTH = 110
FIRST, LAST = "$ smarketing sync --full", "$ smarketing explain"
THEME = TerminalTheme(
    (22, 27, 34),
    (201, 211, 224),
    [(22, 27, 34), (248, 113, 113), (86, 190, 130), (224, 170, 70), (107, 155, 245), (190, 140, 230), (90, 190, 200),
     (201, 211, 224)],
)  # fmt: skip
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas"
)
"""Rich's own would fetch a font from elsewhere."""


def played() -> list[list[Segment]]:
    """The whole demo, line by line."""
    console = Console(
        theme=screen.THEME, file=io.StringIO(), force_terminal=True, color_system="truecolor", width=WIDTH, record=True,
        highlight=False, emoji=False,
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        patch.object(screen, "_console", lambda **_: console),
        patch.object(screen.Screen, "live", False),
    ):
        demo.demo(False, Path("demo"), False)
    return list(Segment.split_lines(console._record_buffer))


def part(lines: list[list[Segment]]) -> list[list[Segment]]:
    texts = ["".join(segment.text for segment in line) for line in lines]
    first = next(i for i, text in enumerate(texts) if FIRST in text)
    last = next(i for i, text in enumerate(texts) if LAST in text)
    return lines[first : last - 1]


def main() -> None:
    picture = Console(file=io.StringIO(), record=True, width=WIDTH, color_system="truecolor", force_terminal=True)
    for line in part(played()):
        picture.print(Segments([*line, Segment.line()]), end="")
    here = str(Path(__file__).with_name("demo.svg"))
    picture.save_svg(here, title="smarketing demo", theme=THEME, code_format=FORMAT, unique_id="demo")


if __name__ == "__main__":
    main()
