"""The Bulk API's CSV: files as clients send them, and as results go out. Knows no jobs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from sandbox.salesforce.query import Column

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
Cells = list[str]


class BadFile(Exception):
    """The whole file is no use: its job fails, and has processed nothing."""


def rows_of(data: str, delimiter: str, ending: str) -> tuple[Cells, list[Cells]]:
    """Header and rows; `delimiter` and `ending` in the API's words. Raises BadFile."""
    first = data.partition("\n")[0]
    if "\n" in data and first.endswith("\r") != (ending == "CRLF"):
        raise BadFile(f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {ending}")
    try:
        rows = [row for row in csv.reader(io.StringIO(data, newline=""), delimiter=DELIMITERS[delimiter]) if row]
    except csv.Error as error:
        raise BadFile(f"InvalidBatch : {error}") from None
    if not rows:
        raise BadFile("InvalidBatch : The batch has no header row")
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise BadFile(f"InvalidBatch : {len(rows[0])} columns in the header, {len(row)} in a row")
    return rows[0], rows[1:]


def text_of(rows: Iterable[Cells], delimiter: str, ending: str) -> str:
    out = io.StringIO()
    style: dict[str, Any] = {"delimiter": DELIMITERS[delimiter], "lineterminator": ENDINGS[ending]}
    csv.writer(out, quoting=csv.QUOTE_ALL, **style).writerows(rows)
    return out.getvalue()


def cell_of(column: Column, row: dict[str, Any]) -> str:
    value = column.get(row)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    # The Bulk API writes times with a Z where the REST API writes +0000.
    return str(value).replace("+0000", "Z") if column.field.type == "datetime" else str(value)
