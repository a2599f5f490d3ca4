"""How a file is written is told by itself, or by the settings; never guessed from a likeness of letters."""

from __future__ import annotations

import codecs

import pytest

from tests.connectors.file.place import Place, names, problems

BODY = "Id,Email,Name\n1,ada@example.com,Hélène Müller\n2,bob@example.com,Łukasz 李\n"
WESTERN = "Id,Email,Name\n1,ada@example.com,Hélène Müller\n2,bob@example.com,5 € – “Ærø”\n"


@pytest.mark.parametrize("block", [16, 1 << 18])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
async def test_unicode_is_told_by_the_file_and_read_on_where_it_grew(
    place: Place, mark: bytes, encoding: str, block: int
) -> None:
    place.block = block
    assert names(await place.one(mark + BODY.encode(encoding))) == {"1": "Hélène Müller", "2": "Łukasz 李"}
    place.append("leads.csv", "3,ċ@example.com,Ċyd \u0a0a\nbad\n".encode(encoding))  # bytes of a line end in a letter
    records = await place.read()
    assert names(records) == {"3": "Ċyd \u0a0a"}
    assert list(problems(records)) == ["leads.csv:5"]


async def test_what_is_no_unicode_is_western_european(place: Place) -> None:
    assert names(await place.one(WESTERN.encode("cp1252"))) == {"1": "Hélène Müller", "2": "5 € – “Ærø”"}


async def test_the_letters_may_come_late_in_a_file(place: Place) -> None:
    place.block = 1 << 20
    lines = "".join(f"{n},p{n}@example.com,Plain\n" for n in range(60_000))
    records = await place.one(("Id,Email,Name\n" + lines + "x,x@example.com,Hélène\n").encode("cp1252"))
    assert len(lines) > 1 << 20
    assert records[-1].fields["Name"] == "Hélène"


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "mac_roman", "shift_jis", "utf-16"])
async def test_any_other_encoding_is_set(place: Place, encoding: str) -> None:
    name = {"cp1250": "Łukasz", "cp1251": "Иван", "mac_roman": "Müller", "shift_jis": "李", "utf-16": "李"}[encoding]
    place.lead["encoding"] = encoding
    assert names(await place.one(f"Id,Email,Name\n1,a@example.com,{name}\n".encode(encoding))) == {"1": name}


async def test_a_byte_order_mark_goes_before_the_setting(place: Place) -> None:
    place.lead["encoding"] = "cp1252"
    assert names(await place.one(codecs.BOM_UTF8 + BODY.encode())) == {"1": "Hélène Müller", "2": "Łukasz 李"}


@pytest.mark.parametrize("encoding", ["no-such-encoding", "base64", "rot13"])
def test_an_unknown_encoding_is_refused_in_the_settings(place: Place, encoding: str) -> None:
    place.lead["encoding"] = encoding
    with pytest.raises(ValueError, match="no encoding called"):
        place.leads()


async def test_bytes_that_are_no_text_cost_their_line(place: Place) -> None:
    lines = [line.encode() for line in BODY.splitlines(keepends=True)]
    records = await place.one(b"".join([*lines[:2], b"7,x@example.com,Xe\xe9nia\n", lines[2]]))
    assert names(records) == {"1": "Hélène Müller", "2": "Łukasz 李"}
    assert list(problems(records)) == ["leads.csv:3"]


async def test_half_a_letter_at_the_end_of_utf_16_costs_its_line(place: Place) -> None:
    records = await place.one(BODY.encode("utf-16") + "7,x@example.com,Xen".encode("utf-16-le") + b"\x41")
    assert names(records) == {"1": "Hélène Müller", "2": "Łukasz 李"}
    assert list(problems(records)) == ["leads.csv:4"]


async def test_a_header_that_is_no_text_costs_the_file(place: Place) -> None:
    records = await place.one("Id,Email,Name\0\n1,a@example.com,Ada\n")
    assert list(problems(records)) == ["leads.csv:1"]


async def test_bytes_that_are_nothing_at_all(place: Place) -> None:
    records = await place.one(bytes(range(256)) * 300)
    assert names(records) == {}
    assert problems(records)
