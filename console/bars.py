"""Figures to look at: bars of block characters, shares, money. Nothing is counted here."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from rich.text import Text

from alignment.funnel.figures import Days, Money, Share
from alignment.periods import Period

EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int = 16, style: str = "accent") -> Text:
    """So much of the width, to an eighth of a character."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, part = divmod(eighths, 8)
    text = "█" * full + (EIGHTHS[part] if part else "")
    return Text(text or ("▏" if share > 0 else ""), style=style)


def percent(share: float | None) -> Text:
    return Text("–", style="quiet") if share is None else Text(f"{share:.1%}" if share < 0.1 else f"{share:.0%}")


def uncertain(share: Share) -> Text:
    """ "41 % (38–44)" """
    told = percent(share.value)
    if share.interval is not None:
        low, high = share.interval
        told = Text.assemble(told, (f" ({low * 100:.0f}–{high * 100:.0f})", "quiet"))
    return told


def against(now: float, before: float | None) -> Text:
    """The change since the period before."""
    if not before:
        return Text("–", style="quiet")
    change = now / before - 1
    return Text(f"{change:+.0%}", style="good" if change > 0 else "warn" if change < 0 else "quiet")


def days(days: float | None) -> Text:
    return Text("–", style="quiet") if days is None else Text(f"{days:.1f}" if days < 10 else f"{days:.0f}")


def middle(some: Days) -> tuple[Text, Text]:
    return days(some.median), days(some.p90)


def money(some: Money | None) -> str:
    """ "12,300 EUR, 400 USD" """
    if some is None:
        return "–"
    told = ", ".join(f"{total:,.0f} {currency}".strip() for currency, total in sorted(some.totals.items()))
    return told or "–"


def left_out(some: Money) -> str:
    """What is not in the sum, in words; empty where all is."""
    said = [(some.without_amount, "without an amount"), (some.other_currency, "in another currency")]
    return ", ".join(f"{count:,} {what}" for count, what in said if count)


def span(period: Period) -> str:
    return f"{period.first} – {period.last}"


def document(value: Any) -> Any:
    """A figure as JSON: of shares the value and the interval besides."""
    if isinstance(value, Share):
        return {"part": value.part, "whole": value.whole, "value": value.value, "interval": value.interval}
    if isinstance(value, Period):
        return {"from": value.first, "to": value.last, "zone": value.zone}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: document(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): document(inner) for key, inner in value.items()}
    return [document(one) for one in value] if isinstance(value, list | tuple) else value


def write_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """On stdout. A text that a spreadsheet would take for a formula is quoted with an apostrophe
    (https://owasp.org/www-community/attacks/CSV_Injection)."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(header)
    for row in rows:
        out.writerow([cell(one) for one in row])


def cell(value: Any) -> Any:
    """A value as a cell of a spreadsheet that takes nothing of it for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return "" if value is None else value
