"""Each transform by example, and the laws that all of them keep."""

from __future__ import annotations

import random
from typing import Any

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapping.transforms import PLACEHOLDERS, TRANSFORMS, Pair, folded

BLANKS = folded(PLACEHOLDERS)
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "text": [{}],
    "name": [{}],
    "email": [{}],
    "e164": [{}, {"region": "US"}, {"region": "FR"}, {"region": "IT"}],
    "country": [{}, {"style": "alpha3"}, {"style": "name"}],
    "boolean": [{}, {"yes": "true", "no": "false"}, {"yes": "Ja", "no": "Nein"}, {"yes": 1, "no": 0}],
    "number": [{}, {"as_text": True}],
    "integer": [{}, {"as_text": True}],
    "band": [{"bands": ("1-5", "5-25", "25-50", "1000+")}],
    "percent": [{}],
    "date": [{}, {"style": "milliseconds"}],
    "datetime": [{}, {"style": "offset"}, {"style": "milliseconds"}],
    "picklist": [
        {"values": {"lead": "Open", "mql": "Open", "sql": "Working", "lost": "Closed"}, "reads": {"Open": "lead"}},
        {"values": {"a": "other", "b": "b"}, "reads": {"other": None}},
    ],
    "multipicklist": [{}, {"values": {"red": "RED", "blue": "BLUE"}}, {"separator": ","}, {"as_list": True}],
    "domain": [{}],
    "tax_id": [{}],
    "reference": [{}, {"many": True}],
}
CASES = [(name, options) for name, several in OPTIONS.items() for options in several]
IDS = [f"{name}-{index}" for name, several in OPTIONS.items() for index in range(len(several))]


def pair(name: str, **options: Any) -> Pair:
    return TRANSFORMS[name](BLANKS, **options)


def test_every_transform_is_tested() -> None:
    assert OPTIONS.keys() == TRANSFORMS.keys()


# -- the laws ---------------------------------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.text(alphabet=st.characters(exclude_categories=[]), max_size=10)
    | st.from_regex(r"\A[ +0-9().x/-]{0,20}\Z")
    | st.from_regex(r"\A ?[A-Za-z.İßé]{1,8}@[a-zé-]{1,8}\.[A-Z]{0,4} ?\Z")
    | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{4,9}(Z|[+-][0-9:]{2,5})?)?\Z")
    | st.sampled_from(["yes", "Open", "open", "RED;blue", "1-5", "1000+", "FR", "france", "0.29", "1e3", "1,234"])
    | st.emails()
    | st.dates().map(str)
    | st.datetimes().map(str)
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@settings(max_examples=150, deadline=None)
@given(value=anything)
def test_arbitrary_json_gives_a_value_that_stays_itself_or_a_sentence(
    name: str, options: dict[str, Any], value: Any
) -> None:
    decode, encode = pair(name, **options)
    try:
        hub = decode(value)
    except ValueError as error:
        assert_sentence(error)
        return
    if hub is None:
        return
    assert hub != ""
    assert hub != []
    try:
        remote = encode(hub)
    except ValueError as error:
        assert_sentence(error)
        return
    assert decode(remote) is None or encode(decode(remote)) == remote
    lossy = options.get("style") in ("offset", "milliseconds")  # both keep thousandths of a second
    if name not in ("picklist", "band", "multipicklist") and not lossy:
        assert decode(remote) == hub
    if name not in ("picklist", "band", "percent"):
        assert decode(hub) == hub


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@settings(max_examples=80, deadline=None)
@given(value=anything)
def test_encode_takes_arbitrary_json_too(name: str, options: dict[str, Any], value: Any) -> None:
    decode, encode = pair(name, **options)
    try:
        remote = encode(value)
        again = decode(remote)
    except ValueError as error:
        assert_sentence(error)
        return
    if again is not None:
        assert encode(again) == encode(decode(encode(again)))


HORRORS: list[Any] = [
    "x" * 10_000_000,
    "é" * 10_000_000,
    "9" * 10_000_000,
    "a\0b",
    "a@b\0.com",
    "lone \ud800 surrogate",
    "\udfff@example.com",
    float("nan"),
    float("inf"),
    -float("inf"),
    10**5000,
    -(10**400),
    {"a": 1},
    [[[]]],
    [{"a": None}],
    b"bytes",
    object(),
    "9999-99-99",
    "0000-00-00",
    "2026-02-30T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "99999999999999",
    "٣٤٥",
]


@pytest.mark.parametrize("value", HORRORS, ids=[str(i) for i in range(len(HORRORS))])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_a_horror_costs_its_value_and_nothing_else(name: str, options: dict[str, Any], value: Any) -> None:
    for convert in pair(name, **options):
        try:
            convert(value)
        except ValueError as error:
            assert_sentence(error)


def assert_sentence(error: ValueError) -> None:
    assert type(error) is ValueError
    text = str(error)
    assert 8 < len(text) < 300
    assert text.isprintable()
    assert "Traceback" not in text


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.parametrize(
    "value", [None, "", "   ", "[not provided]", " Unknown ", "N/A", "NONE@none.com", "[Not Provided]"]
)
def test_blanks_and_placeholders_are_no_values(name: str, options: dict[str, Any], value: Any) -> None:
    assert pair(name, **options).decode(value) is None


# -- one by one -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "hub"),
    [
        ("Ada.Lovelace@Example.COM", "ada.lovelace@example.com"),
        ("  ada@example.com\t", "ada@example.com"),
        ("\u200bada@example.com\u00a0", "ada@example.com"),
        ("mailto:ADA@example.com", "ada@example.com"),
        ("o'hara+tag@mail.example.co.uk", "o'hara+tag@mail.example.co.uk"),
        ("jörg@müller.example", "jörg@müller.example"),
        ("ada@intranet.local", "ada@intranet.local"),
    ],
)
def test_email(raw: str, hub: str) -> None:
    assert pair("email").decode(raw) == hub


@pytest.mark.parametrize(
    "raw", ["ada", "ada@", "@example.com", "a b@example.com", "a..b@example.com", "ada@localhost", "ada@ex..com", "a@-b.com",
            "ada@example.com, bob@example.com", "Ada <ada@example.com>", "ada.@example.com"],
)  # fmt: skip
def test_what_is_no_email(raw: str) -> None:
    with pytest.raises(ValueError, match="no e-mail address"):
        pair("email").decode(raw)


@pytest.mark.parametrize(
    ("region", "raw", "hub"),
    [
        ("US", "(415) 555-2671", "+14155552671"),
        ("US", "1-415-555-2671", "+14155552671"),
        ("US", "415.555.2671 ext. 12", "+14155552671 x12"),
        ("US", "+14155552671 x12", "+14155552671 x12"),
        ("US", "1-800-FLOWERS", "+18003569377"),
        ("US", "+44 (0)20 7946 0018", "+442079460018"),
        ("US", "0033 1 23 45 67 89 ", "+33123456789"),
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("FR", "00 33 6 12 34 56 78", "+33612345678"),
        ("IT", "06 1234 5678", "+390612345678"),
        ("GB", "020 7946 0018", "+442079460018"),
        (None, "+49 (0) 30 901820", "+4930901820"),
        (None, "+14155552671", "+14155552671"),
        (None, "415 555 2671", None),
        ("US", "555-2671", None),
        ("US", "06 12 34 56 78", None),
        (None, "+1 061 234 5678", "+10612345678"),
        ("US", "12", None),
        ("US", "call me", None),
    ],
)
def test_phone(region: str | None, raw: str, hub: str | None) -> None:
    decode = pair("e164", region=region).decode
    if hub is None:
        with pytest.raises(ValueError, match="number"):
            decode(raw)
    else:
        assert decode(raw) == hub


def test_a_missing_region_is_said() -> None:
    with pytest.raises(ValueError, match="no country code, and no `region`"):
        pair("e164").decode("415 555 2671")


@pytest.mark.parametrize("region", ["US", "FR", "GB", "DE", "IT", "ES", "BR", "MX", "AR", "RU", "CH", "JP", "IN", "AU"])
def test_the_short_road_to_e164_ends_where_the_long_one_does(region: str) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    rng = random.Random(seed)
    decode = pair("e164", region=region).decode
    example = phonenumbers.example_number(region)
    assert example is not None
    for _ in range(60):
        number = phonenumbers.PhoneNumber(country_code=example.country_code)
        digits = str(example.national_number)
        number.national_number = int(digits[:3] + "".join(rng.choice("0123456789") for _ in digits[3:]))
        for style in (phonenumbers.PhoneNumberFormat.NATIONAL, phonenumbers.PhoneNumberFormat.INTERNATIONAL):
            raw = phonenumbers.format_number(number, style).replace(" ", rng.choice([" ", "-", ".", " "]))
            parsed = phonenumbers.parse(raw, region)
            if phonenumbers.is_valid_number(parsed):
                assert decode(raw) == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), raw


def test_well_formed_e164_does_not_go_through_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def blow_up(*_: object) -> None:
        raise AssertionError("the parser was called")

    monkeypatch.setattr(phonenumbers, "parse", blow_up)
    decode = pair("e164", region="US").decode
    assert decode("+442079460018") == "+442079460018"
    assert decode("+1 (415) 555-2671") == "+14155552671"
    assert decode("415-555-2671") == "+14155552671"


@pytest.mark.parametrize(
    ("raw", "hub"),
    [("France", "FR"), ("FRA", "FR"), ("fr", "FR"), ("USA", "US"), ("United  States", "US"), ("uk", "GB"),
     ("Deutschland", "DE"), ("Viet Nam", "VN"), ("Bolivia", "BO"), ("Côte d'Ivoire", "CI"), ("Turkey", "TR")],
)  # fmt: skip
def test_country(raw: str, hub: str) -> None:
    assert pair("country").decode(raw) == hub


def test_country_outward() -> None:
    assert pair("country").encode("VN") == "VN"
    assert pair("country", style="alpha3").encode("VN") == "VNM"
    assert pair("country", style="name").encode("BO") == "Bolivia"
    with pytest.raises(ValueError, match="nearest is 'france'"):
        pair("country").decode("Francee")


@pytest.mark.parametrize(
    ("raw", "hub"),
    [("ADA LOVELACE", "Ada Lovelace"), ("ada  lovelace", "Ada Lovelace"), ("McDonald", "McDonald"), ("o'neil", "O'Neil"),
     ("JEAN-LUC", "Jean-Luc"), ("vincent van gogh", "Vincent van Gogh"), ("van Gogh", "van Gogh"), ("JP", "JP"),
     ("É. DUPONT", "É. Dupont"), ("jose\u0301", "José"), ("tom's", "Tom's"), ("李小龙", "李小龙")],
)  # fmt: skip
def test_name(raw: str, hub: str) -> None:
    assert pair("name").decode(raw) == hub


def test_booleans_in_hubspots_words() -> None:
    decode, encode = pair("boolean", yes="true", no="false")
    assert [decode(v) for v in ("true", "false", True, False, "Yes", "0", 1, "")] == [
        True,
        False,
        True,
        False,
        True,
        False,
        True,
        None,
    ]
    assert encode(True) == "true"
    with pytest.raises(ValueError, match="yes or no"):
        decode("perhaps")
    with pytest.raises(ValueError, match="yes or no"):
        encode("true")


def test_numbers() -> None:
    decode = pair("number").decode
    assert [decode(v) for v in ("1,234.50", 5.0, "5", ".5", "-3", "1e3")] == [1234.5, 5, 5, 0.5, -3, 1000]
    assert type(decode("5.0")) is int
    for wrong in ("1,23", "five", True, "1.234,5", "--1"):
        with pytest.raises(ValueError, match="number"):
            decode(wrong)
    with pytest.raises(ValueError, match="decimals"):
        pair("integer").decode("5.5")
    assert pair("integer", as_text=True).encode(5) == "5"


def test_a_band_is_read_as_the_least_number_that_is_written_so() -> None:
    decode, encode = pair("band", bands=("1-5", "5-25", "25-50", "1000+"))
    assert [encode(n) for n in (1, 5, 6, 25, 50, 1000, 10**6)] == [
        "1-5",
        "1-5",
        "5-25",
        "5-25",
        "25-50",
        "1000+",
        "1000+",
    ]
    assert [decode(b) for b in ("1-5", "5-25", "1000+")] == [1, 6, 1000]
    for outside in (0, 500):
        with pytest.raises(ValueError, match="bands"):
            encode(outside)


def test_a_score_as_a_share() -> None:
    decode, encode = pair("percent")
    assert [encode(n) for n in (0, 7, 29, 58, 100)] == [0, 0.07, 0.29, 0.58, 1]
    assert all(decode(encode(n)) == n for n in range(101))


def test_a_date_is_never_moved_between_zones() -> None:
    decode, encode = pair("date")
    assert decode("2026-01-31T23:30:00-08:00") == "2026-01-31"
    assert decode("2026-01-31T00:00:00+14:00") == "2026-01-31"
    assert decode(1769817600000) == decode("1769817600000") == "2026-01-31"
    assert encode("2026-01-31") == "2026-01-31"
    assert pair("date", style="milliseconds").encode("2026-01-31") == "1769817600000"
    with pytest.raises(ValueError, match="no such date"):
        decode("2026-02-30")


@pytest.mark.parametrize(
    "raw",
    ["2026-01-31T09:30:00Z", "2026-01-31T10:30:00+01:00", "2026-01-31T09:30:00.000+0000", "2026-01-31 09:30:00",
     1769851800000, "1769851800000"],
)  # fmt: skip
def test_times_are_utc(raw: Any) -> None:
    assert pair("datetime").decode(raw) == "2026-01-31T09:30:00Z"


def test_times_outward() -> None:
    hub = "2026-01-31T09:30:00Z"
    assert pair("datetime").encode(hub) == hub
    assert pair("datetime", style="offset").encode(hub) == "2026-01-31T09:30:00.000+0000"
    assert pair("datetime", style="milliseconds").encode(hub) == "1769851800000"
    assert pair("datetime", style="offset").encode("0999-01-31T09:30:00Z") == "0999-01-31T09:30:00.000+0000"


def test_picklist_words_that_stand_for_several_stages() -> None:
    decode, encode = pair("picklist", **OPTIONS["picklist"][0])
    assert [encode(stage) for stage in ("lead", "mql", "sql")] == ["Open", "Open", "Working"]
    assert [decode(word) for word in ("Open", " open", "WORKING")] == ["lead", "lead", "sql"]
    with pytest.raises(ValueError, match="the nearest is 'Working'"):
        decode("Wrking")
    with pytest.raises(ValueError, match="no word for it; the nearest is 'lost'"):
        encode("lst")


def test_a_word_that_says_nothing_is_written_and_not_read() -> None:
    decode, encode = pair("picklist", **OPTIONS["picklist"][1])
    assert encode("a") == "other"
    assert decode("other") is None


def test_multipicklist() -> None:
    decode, encode = pair("multipicklist")
    assert decode("b; a;b;;") == ["a", "b"]
    assert decode(["b", "a"]) == ["a", "b"]
    assert encode(["a", "b"]) == "a;b"
    with pytest.raises(ValueError, match="separator"):
        encode(["a;b"])
    assert pair("multipicklist", as_list=True).encode(["a;b"]) == ["a;b"]
