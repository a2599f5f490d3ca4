"""Every language says everything, with the same gaps; numbers, money and dates are as each language writes them."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from alignment.words import FOLDER, Words, languages, texts

NARROW, WIDE = "\u202f", "\xa0"


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(text: object) -> dict[str, str]:
    return {"": text} if isinstance(text, str) else dict(text)  # type: ignore[call-overload]


def plain(text: str) -> str:
    return text.replace(NARROW, " ").replace(WIDE, " ")


def test_there_are_three_languages_english_first() -> None:
    assert languages() == ("en", "es", "pt")


@pytest.mark.parametrize("language", languages()[1:])
def test_every_language_has_the_same_keys(language: str) -> None:
    assert set(texts(language)) == set(texts("en"))


@pytest.mark.parametrize("language", languages()[1:])
def test_every_text_has_the_same_gaps_and_plural_forms(language: str) -> None:
    for key, english in texts("en").items():
        theirs, ours = forms(texts(language)[key]), forms(english)
        assert (theirs.keys() == {""}) == (ours.keys() == {""}), key
        assert "" in ours or {"one", "other"} <= theirs.keys(), key
        assert {name for text in theirs.values() for name in gaps(text)} == {
            name for text in ours.values() for name in gaps(text)
        }, key


@pytest.mark.parametrize("language", languages())
def test_every_text_can_be_filled_in(language: str) -> None:
    words = Words(language)
    for key, text in texts(language).items():
        for form in forms(text).values():
            assert isinstance(form, str), f"{key} is read as {form!r}: put it in quotes"
            assert form.strip(), key
        names = {name for form in forms(text).values() for name in gaps(form)}
        for count in (0, 1, 2, 1_000_000):
            filled = words(key, **{name: count if name == "count" else f"<{name}>" for name in names})
            assert "{" not in filled, key


def test_every_language_has_the_same_files() -> None:
    files = {language: {file.name for file in (FOLDER / language).glob("*.yaml")} for language in languages()}
    assert set(map(frozenset, files.values())) == {frozenset(files["en"])}


def test_a_number_decides_the_form() -> None:
    assert [Words("en")("common.days", count=n) for n in (1, 2, 1234)] == ["1 day", "2 days", "1,234 days"]
    assert [Words("pt")("common.days", count=n) for n in (1, 2, 1234)] == ["1 dia", "2 dias", "1.234 dias"]


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert [Words(one).number(1234567.5) for one in languages()] == ["1,234,567.5", "1.234.567,5", "1.234.567,5"]
    assert Words("es").number(12, 2) == "12,00"
    assert [plain(Words(one).percent(0.1234, 1)) for one in languages()] == ["12.3%", "12,3 %", "12,3%"]


def test_money_stands_where_the_language_puts_it() -> None:
    assert [plain(Words(one).money(1234.5, "EUR")) for one in languages()] == [
        "€1,234.50", "1.234,50 €", "€ 1.234,50",
    ]  # fmt: skip
    assert [plain(Words(one).money(98765.4, "usd", whole=True)) for one in languages()] == [
        "$98,765", "98.765 US$", "US$ 98.765",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no currency"):
        Words("en").money(1, "euros")


def test_dates_and_times() -> None:
    assert [plain(Words(one).date(date(2026, 3, 1), "long")) for one in languages()] == [
        "March 1, 2026", "1 de marzo de 2026", "1 de março de 2026",
    ]  # fmt: skip
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert Words("en").date(late, "y-MM-dd", timezone(timedelta(hours=2))) == "2026-03-02"
    assert plain(Words("en").moment(late, "short")) == "3/1/26, 11:30 PM"
    assert Words("es").duration(timedelta(days=3, hours=5)) == "3 días"


def test_lists() -> None:
    assert [Words(one).either(["a", "b"]) for one in languages()] == ["a or b", "a o b", "a ou b"]
    assert Words("pt").every(["a", "b", "c"]) == "a, b e c"


def test_what_is_missing_is_an_error() -> None:
    with pytest.raises(LookupError, match="only in en, es, pt"):
        Words("fr")
    with pytest.raises(KeyError):
        Words("en")("common.nothing")
    with pytest.raises(KeyError):
        Words("en")("common.and", first="a")
