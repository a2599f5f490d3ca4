"""The cells of a report as people of one language read them. Pure; every renderer shows what this says."""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from alignment.reports.model import Cell, Explained, Figure, Name, Report, Say, Term, Unit
from alignment.words import Words

Trend = Literal["up", "down", "same", ""]
NOTHING = "–"
SIGNS: dict[Trend, str] = {"up": "▲", "down": "▼", "same": "=", "": ""}


Tone = Literal["good", "bad", ""]


class Told(NamedTuple):
    """`change`: the figure of the period before, with a sign; `range`: how uncertain it is; both may be empty. `tone`: good
    or bad where one can say so."""

    main: str
    change: str = ""
    range: str = ""
    tone: Tone = ""


class Shown:
    """Raises LookupError for a language that there are no texts in."""

    def __init__(self, language: str) -> None:
        self.words = Words(language)
        self.language = language

    def text(self, key: str, /, **values: object) -> str:
        """Of the reports' own texts, or of another area where the key names it."""
        return self.words(key if "." in key else f"reports.{key}", **values)

    def heading(self, report: Report) -> str:
        return self.text(f"title_{report.kind}")

    def period(self, first: date, last: date) -> str:
        return f"{self.words.date(first, 'long')} – {self.words.date(last, 'long')}"

    def meaning(self, entry: Explained) -> str:
        """What a stage means, as one paragraph."""
        said = [part.strip().rstrip(".") for part in (entry.means, entry.entry, entry.criteria) if part.strip()]
        return ". ".join(part[0].upper() + part[1:] for part in said) + "." if said else self.text("no_meaning")

    def amount(self, value: float | None, unit: Unit, currency: str = "") -> str:
        words = self.words
        if value is None:
            return NOTHING
        match unit:
            case "share":
                return words.percent(value)
            case "days":
                return self.text("unit_days", number=words.number(value, 1))
            case "minutes" if value >= 120:
                return self.text("unit_hours", number=words.number(value / 60, 1))
            case "minutes":
                return self.text("unit_minutes", number=words.number(value, 0))
            case "money" if len(currency) == 3 and currency.isalpha():
                return words.money(value, currency, whole=True)
        return words.number(value, 0 if float(value).is_integer() else 1)

    def told(self, cell: Cell) -> Told:
        match cell:
            case Figure():
                return self._figure(cell)
            case Term(stage):
                return Told(stage)
            case Name(text, told):
                return Told(told.get(self.language) or text)
            case Say(key, values):
                shown = {name: self._value(one) for name, one in values.items()}
                return Told(self.text(key, **shown))

    def inline(self, cell: Cell) -> str:
        """As a part of a sentence, or on one line."""
        one = self.told(cell)
        more = "; ".join(part for part in (one.change, one.range) if part)
        return f"{one.main} ({more})" if more else one.main

    def _value(self, value: object) -> object:
        if isinstance(value, Figure | Term | Name | Say):
            return self.inline(value)
        return value

    def _figure(self, one: Figure) -> Told:
        change = ""
        tone: Tone = ""
        if one.before is not None and one.value is not None:
            trend: Trend = "up" if one.value > one.before else "down" if one.value < one.before else "same"
            before = self.amount(one.before, one.unit, one.currency)
            change = f"{SIGNS[trend]} {self.text('before', number=before)}"
            if trend != "same" and one.better:
                tone = "good" if (trend == "up") == (one.better == "more") else "bad"
        return Told(self.amount(one.value, one.unit, one.currency), change, self._range(one), tone)

    def _range(self, one: Figure) -> str:
        if one.value is None:
            return ""
        if one.low is not None and one.high is not None:
            low, high = self.amount(one.low, one.unit), self.amount(one.high, one.unit)
            return self.text("range_of", low=low, high=high, of=one.of if one.of is not None else NOTHING)
        return ""
