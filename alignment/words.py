"""What people read of the alignment, in their language: sentences from `locale/<language>/<area>.yaml`, and numbers, money,
dates and shares as the language writes them (CLDR, by way of babel).

For a translator: a file holds `key: text`, and a text may have {named} gaps. Where a number decides the form, the key has
`one:` and `other:` below it, and the gap that decides is `{count}`. The first file is English; a new language is a new
folder with the same keys. Not here: the words of an admin's own configuration (`mapping.wording`).

Invariant: every language has every key, with the same gaps; a text that is missing is an error, never an empty place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from babel import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent
from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "locale"
"""The texts of the alignment; a door for people may have more in a folder of its own."""

Text = str | Mapping[str, str]
"""One text, or one for each plural form of CLDR that the language has: `one`, `many`, `other`."""


def languages() -> tuple[str, ...]:
    """Those that there are texts in, English first."""
    return tuple(sorted((folder.name for folder in FOLDER.iterdir() if folder.is_dir()), key=lambda n: (n != "en", n)))


@lru_cache
def texts(language: str, *more: Path) -> Mapping[str, Text]:
    """Every text of a language by `area.key`, those of the folders in `more` too. Raises LookupError for a language without
    any."""
    files = [file for folder in (FOLDER, *more) for file in sorted((folder / language).glob("*.yaml"))]
    if not files:
        raise LookupError(f"there are no texts in {language!r}, only in {', '.join(languages())}")
    yaml = YAML(typ="safe", pure=True)
    found: dict[str, Text] = {}
    for file in files:
        for key, text in (yaml.load(file.read_text(encoding="utf-8")) or {}).items():
            found[f"{file.stem}.{key}"] = text
    return MappingProxyType(found)


class Words:
    """One language: `Words("es")("glossary.title")`. Raises LookupError for a language that there are no texts in."""

    def __init__(self, language: str = "en", *more: Path) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._texts = texts(language, *more)

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with its gaps filled; numbers, dates and times as the language writes them. Raises KeyError for a key
        that there is none of, and for a gap without a value."""
        text = self._texts[key]
        if not isinstance(text, str):
            count = values["count"]
            assert isinstance(count, int | float)
            form = str(self.locale.plural_form(abs(count)))
            text = text.get(form) or text["other"]
        return text.format_map({name: self._shown(value) for name, value in values.items()})

    def number(self, value: float | Decimal, digits: int | None = None) -> str:
        """`digits`: after the decimal sign, always so many; up to three where it is not said."""
        return format_decimal(value, None if digits is None else _pattern(digits), self.locale)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share from 0 to 1 as a percentage."""
        pattern = self.locale.percent_formats[None].pattern.replace("#,##0", _pattern(digits))
        return format_percent(share, pattern, self.locale)

    def money(self, amount: float | Decimal, currency: str, *, whole: bool = False) -> str:
        """`currency`: ISO 4217. `whole`: without cents. Raises ValueError where the currency is none."""
        if len(currency) != 3 or not currency.isalpha():
            raise ValueError(f"{currency!r} is no currency of ISO 4217")
        if whole:
            pattern = self.locale.currency_formats["standard"].pattern.replace(".00", "")
            return format_currency(amount, currency.upper(), pattern, self.locale, currency_digits=False)
        return format_currency(amount, currency.upper(), locale=self.locale)

    def date(self, day: date | datetime, style: str = "medium", zone: tzinfo = UTC) -> str:
        """`style`: short, medium, long or full, or a pattern of CLDR such as "MMM y". Of a point in time, its day in `zone`."""
        return format_date(day.astimezone(zone).date() if isinstance(day, datetime) else day, style, self.locale)

    def moment(self, at: datetime, style: str = "medium", zone: tzinfo = UTC) -> str:
        """A point in time, by the clock of `zone`."""
        return format_datetime(at, style, zone, self.locale)

    def duration(self, span: timedelta) -> str:
        """The largest unit that fits: "3 days"."""
        return format_timedelta(span, threshold=2, locale=self.locale)

    def either(self, parts: Iterable[str]) -> str:
        """ "a, b or c" """
        return format_list(list(parts), style="or", locale=self.locale)

    def every(self, parts: Iterable[str]) -> str:
        """ "a, b and c" """
        return format_list(list(parts), style="standard", locale=self.locale)

    def _shown(self, value: object) -> str:
        match value:
            case bool():
                return self("common.yes") if value else self("common.no")
            case int() | float() | Decimal():
                return self.number(value)
            case datetime():
                return self.moment(value)
            case date():
                return self.date(value)
        return str(value)


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")
