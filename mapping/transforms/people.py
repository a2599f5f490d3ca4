"""E-mail addresses, telephone numbers, countries: what two systems spell differently and mean alike.

The common, well-formed value takes a short road (a regular expression, a table); only the rest goes to the libraries
that know every exception. Invariant: both roads end in the same spelling.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Literal

from mapping.fields import Value
from mapping.transforms.pair import Pair, Placeholders, checked, reader, remembered
from mapping.transforms.text import did_you_mean, plain

# -- e-mail -----------------------------------------------------------------------------------------------------------

_COMMON_EMAIL = re.compile(r"[a-z0-9_+][a-z0-9._+-]{0,40}@[a-z0-9][a-z0-9.-]{0,60}\.[a-z]{2,24}")
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00a0 \t\r\n"


def email(placeholders: Placeholders) -> Pair:
    """Small letters, no spaces around; syntax only, nothing is looked up. `mailto:` is dropped."""
    read = reader(placeholders)

    common = _COMMON_EMAIL.fullmatch

    def decode(value: Any) -> Value:
        if type(value) is str and value.isascii():
            address = value.lower()
            if common(address) and not _doubtful(address) and address not in placeholders:
                return address
        found = read(value)
        if found is None:
            return None
        address = found.lower()
        if common(address) and not _doubtful(address):
            return address
        return _uncommon_email(address, placeholders)

    return Pair(decode, plain)


def _doubtful(address: str) -> bool:
    """Whether a dot or hyphen stands where not every library lets it stand."""
    return ".." in address or ".@" in address or ".-" in address or "-." in address


def _uncommon_email(address: str, placeholders: Placeholders) -> str | None:
    from email_validator import EmailNotValidError, EmailSyntaxError, validate_email

    address = address.strip(_INVISIBLE).removeprefix("mailto:").strip(_INVISIBLE)
    if not address or address in placeholders:
        return None
    if len(address) > 320:
        raise ValueError("this is no e-mail address: it is too long")
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
        normal = checked(found.normalized.lower())
        again = validate_email(normal, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        reason = str(error) if isinstance(error, EmailSyntaxError) and address.isascii() else ""
        raise ValueError(f"this is no e-mail address. {reason}".rstrip()) from None
    if again.normalized.lower() != normal or "." not in again.domain:
        raise ValueError("this is no e-mail address that everybody can write to")
    return normal


# -- telephone --------------------------------------------------------------------------------------------------------

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION = b" \t.-/()"


def phone(placeholders: Placeholders, region: str | None = None) -> Pair:
    """E.164 (+14155552671), an extension after " x". `region` (ISO 3166) is where numbers without a country code are.

    A number that is E.164 already is taken at its word; with a country code it must be possible there (its length),
    without one it must be valid in the region that is guessed, since the guess may be wrong. What is no number is
    ValueError, never kept as it is: two systems would each go on correcting the other's spelling.
    """
    read = reader(placeholders)
    short_road = _national(region)
    settled = _E164.fullmatch

    def decode(value: Any) -> Value:
        if type(value) is str and settled(value) and value not in placeholders:
            return value
        found = read(value)
        if found is None:
            return None
        if found != value and settled(found):
            return found
        if found.isascii():
            short = short_road(found)
            if short:
                return short
        number, problem = _parsed(found, region)
        if problem:
            raise ValueError(problem)
        return number

    return Pair(decode, plain)


def phone_near(placeholders: Placeholders, region: str | None = None) -> Callable[[Any, Value], Value]:
    """As `phone`; a number without a country code is one of the record's own country if it is valid there, else one of
    `region`."""
    anywhere = phone(placeholders, region).decode
    read = reader(placeholders)
    settled = _E164.fullmatch

    def decode(value: Any, country: Value) -> Value:
        if type(country) is not str or country == region:
            return anywhere(value)
        if type(value) is str and settled(value) and value not in placeholders:
            return value
        found = read(value)
        if found is None or settled(found):
            return found
        # A trunk 0 is dialled in the number's own country: evidence enough for the short road.
        if found.isascii() and (found[0] == "+" or _plan(country)[1] == "0"):
            short = _national(country)(found)
            if short:
                return short
        number, problem = _parsed(found, country)
        return anywhere(found) if problem else number

    return decode


@functools.lru_cache(maxsize=65_536)
def _parsed(found: str, region: str | None) -> tuple[str, str]:
    """The number, or what is wrong with it. Kept either way: a wrong number comes again with every scan. 00 before a
    country code is read as + also where people dial otherwise: it comes from people who live elsewhere."""
    import phonenumbers

    if len(found) > 100:
        return "", "this is no telephone number: it is too long"
    try:
        number = phonenumbers.parse(found, region, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE and region is None:
            return "", "the number has no country code, and no `region` is configured to guess it"
        return "", "this is no telephone number"
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    guessed = number.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or not _E164.fullmatch(text) or (guessed and not phonenumbers.is_valid_number(number)):
        if found.startswith("00"):
            return _parsed("+" + found[2:], region)
        where = f"; it has no country code, and {region} has no such number" if guessed and possible else ""
        return "", f"this is no telephone number{where}" if where else "the number has too few or too many digits"
    return (f"{text} x{number.extension}" if number.extension else text), ""


@functools.cache
def _national(region: str | None) -> Callable[[str], str | None]:
    """A short road for the ordinary ways to write a number in ASCII: + and the whole number parted by spaces, or a national
    number of a region whose rules are plain. None where the long road must decide."""
    code, trunk, fits = _plan(region)
    trunk_length = len(trunk)

    def short_road(found: str) -> str | None:
        digits = found.encode("ascii").translate(None, _PUNCTUATION).decode("ascii")
        if digits[:1] == "+":
            return digits if "(0" not in found and len(digits) <= 16 and _settled(digits) else None
        if fits is None or not digits.isdigit():
            return None
        if trunk:
            if digits[:trunk_length] != trunk:
                return None
            digits = digits[trunk_length:]
        return f"+{code}{digits}" if fits.fullmatch(digits) else None

    return short_road


def _settled(digits: str) -> bool:
    """Whether an international number needs no more than its punctuation dropped: not where a trunk digit may have
    been left in by mistake (+44 020 …), nor where the length is none of that country's."""
    for size in (1, 2, 3):
        region = _region(digits[1 : 1 + size])
        if region:
            _, trunk, fits = _plan(region)
            rest = digits[1 + size :]
            return bool(fits and fits.fullmatch(rest)) and rest[0] != "0" and not (trunk and rest.startswith(trunk))
    return False


@functools.cache
def _region(code: str) -> str | None:
    """The main region of a country code; None where there is none (yet: codes are prefix-free)."""
    import phonenumbers

    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code.isdigit() else ()
    return regions[0] if regions and regions[0] != "001" else None


@functools.cache
def _plan(region: str | None) -> tuple[int, str, re.Pattern[str] | None]:
    """Country code, trunk prefix and pattern of a region's national numbers; no pattern where the rules are not plain
    (carrier codes, prefixes that change digits)."""
    import phonenumbers

    known = phonenumbers.PhoneMetadata.metadata_for_region(region, None) if region else None
    if known is None or known.country_code is None or known.national_prefix_transform_rule:
        return 0, "", None
    trunk = known.national_prefix or ""
    pattern = known.general_desc and known.general_desc.national_number_pattern
    if trunk != (known.national_prefix_for_parsing or "") or not pattern:
        return 0, "", None
    if known.country_code == 1:
        trunk = ""  # North America dials the 1 or leaves it out
    return known.country_code, trunk, re.compile(pattern)


# -- countries --------------------------------------------------------------------------------------------------------

_ALIASES = {
    "usa": "US", "u.s.": "US", "u.s.a.": "US", "us of a": "US", "america": "US", "united states of america": "US",
    "the united states": "US", "uk": "GB", "u.k.": "GB", "great britain": "GB", "britain": "GB", "england": "GB",
    "scotland": "GB", "wales": "GB", "northern ireland": "GB", "holland": "NL", "the netherlands": "NL",
    "south korea": "KR", "korea": "KR", "korea, south": "KR", "republic of korea": "KR", "north korea": "KP",
    "russia": "RU", "vietnam": "VN", "iran": "IR", "syria": "SY", "laos": "LA", "moldova": "MD", "tanzania": "TZ",
    "venezuela": "VE", "bolivia": "BO", "brunei": "BN", "taiwan": "TW", "macau": "MO", "palestine": "PS",
    "ivory coast": "CI", "cape verde": "CV", "czech republic": "CZ", "swaziland": "SZ", "macedonia": "MK",
    "burma": "MM", "turkey": "TR", "uae": "AE", "emirates": "AE", "vatican": "VA", "vatican city": "VA",
    "east timor": "TL", "congo-brazzaville": "CG", "congo-kinshasa": "CD", "drc": "CD", "micronesia": "FM",
    "deutschland": "DE", "allemagne": "DE", "alemania": "DE", "españa": "ES", "espagne": "ES", "italia": "IT",
    "brasil": "BR", "méxico": "MX", "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "österreich": "AT",
    "belgique": "BE", "belgië": "BE", "nederland": "NL", "danmark": "DK", "norge": "NO", "sverige": "SE",
    "suomi": "FI", "polska": "PL", "royaume-uni": "GB", "états-unis": "US", "etats-unis": "US", "estados unidos": "US",
    "peru": "PE", "perú": "PE", "japon": "JP", "panamá": "PA", "hrvatska": "HR", "magyarország": "HU", "éire": "IE",
}  # fmt: skip

CountryStyle = Literal["alpha2", "alpha3", "name"]


def country(placeholders: Placeholders, style: CountryStyle = "alpha2") -> Pair:
    """ISO 3166 alpha-2 in the hub, from codes, names and the usual nicknames. `style` is what this system writes."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        found = read(value)
        if found is None:
            return None
        code = _countries().get(" ".join(found.casefold().split()))
        if code is None:
            names = lambda: list(_countries())  # noqa: E731
            raise ValueError(f"this is no country that ISO 3166 knows{did_you_mean(found.casefold(), names)}")
        return code

    def encode(value: Value) -> Any:
        written = _spellings().get(plain(value))
        if written is None:
            raise ValueError("this is no ISO 3166 country code")
        return written[style]

    return Pair(remembered(decode), encode)


@functools.cache
def _countries() -> dict[str, str]:
    import pycountry

    table: dict[str, str] = {}
    for one in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "official_name", "common_name"):
            spelling = getattr(one, attribute, None)
            if spelling:
                table.setdefault(spelling.casefold(), one.alpha_2)
    return {**table, **_ALIASES}


@functools.cache
def _spellings() -> dict[str, dict[str, str]]:
    import pycountry

    return {
        one.alpha_2: {
            "alpha2": one.alpha_2,
            "alpha3": one.alpha_3,
            "name": getattr(one, "common_name", None) or one.name,
        }
        for one in pycountry.countries
    }
