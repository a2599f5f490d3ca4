"""What companies are recognised by: domains, tax numbers, names without their legal forms."""

from __future__ import annotations

import pytest

from mapping.transforms import PLACEHOLDERS, TRANSFORMS, folded
from mapping.transforms.shared_domains import SHARED
from sync.legal_forms import without_legal_form

DOMAIN = TRANSFORMS["domain"](folded(PLACEHOLDERS))
TAX_ID = TRANSFORMS["tax_id"](folded(PLACEHOLDERS))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://www.acme.co.uk/about?x=1#top", "acme.co.uk"),
        ("acme.com", "acme.com"),
        ("WWW.ACME.COM.", "acme.com"),
        ("http://user:pass@shop.acme.com:8080/", "acme.com"),
        ("//acme.de/kontakt", "acme.de"),
        ("jane.doe@mail.acme.com.br", "acme.com.br"),
        ("mailto:info@acme.fr", "acme.fr"),
        ("acme.github.io", "acme.github.io"),
        ("www.acme.example", "acme.example"),
        ("München.de", "xn--mnchen-3ya.de"),
        ("https://www.facebook.com/acme", None),
        ("info@gmail.com", None),
        ("www.yahoo.co.uk", None),
        ("https://sites.google.com/view/acme", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_the_registrable_domain_of_whatever_people_type(written: str, meant: str | None) -> None:
    assert DOMAIN.decode(written) == meant


@pytest.mark.parametrize(
    "written",
    ["acme", "see our page", "co.uk", "127.0.0.1", "http://[::1]/", "https://", "a..b", "-.com", "x" * 300 + ".com"],
)
def test_what_is_no_domain_is_told(written: str) -> None:
    with pytest.raises(ValueError, match="no domain"):
        DOMAIN.decode(written)


def test_every_shared_domain_is_read_as_none() -> None:
    read = {shared: DOMAIN.decode(shared) for shared in SHARED}
    assert not any(read.values()), {name: value for name, value in read.items() if value}
    assert len(SHARED) > 200


def test_nothing_is_fetched_to_know_a_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from mapping.transforms.domains import _list, _registrable

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    _list.cache_clear()
    _registrable.cache_clear()
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert TRANSFORMS["domain"](frozenset()).decode("www.acme.co.jp") == "acme.co.jp"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ES B-12.345.678", "ESB12345678"),
        ("de 123 456 789", "DE123456789"),
        ("12.345.678/0001-95", "12345678000195"),
        ("GR123456789", "EL123456789"),
        (123456789, "123456789"),
        ("000000000", None),
        ("N/A", None),
    ],
)
def test_tax_numbers_in_one_spelling(written: object, meant: str | None) -> None:
    assert TAX_ID.decode(written) == meant


@pytest.mark.parametrize("written", ["pending", "12", "DE123456789 (old: DE987654321)", "ÄÖ123456"])
def test_what_is_no_tax_number_is_told(written: str) -> None:
    with pytest.raises(ValueError, match="no tax number"):
        TAX_ID.decode(written)


@pytest.mark.parametrize(
    "names",
    [
        ("acme widgets", "acme widgets gmbh", "acme widgets, inc.", "acme widgets s.l.", "acme widgets ltda", "acme widgets a/s"),
        ("bar", "bar gmbh & co. kg", "bar co., ltd.", "bar sp. z o.o.", "bar s.a. de c.v.", "bar pty ltd"),
        ("johnson & johnson", "johnson and johnson", "johnson + johnson inc"),
    ],
)  # fmt: skip
def test_one_name_whatever_its_legal_form(names: tuple[str, ...]) -> None:
    assert len({without_legal_form(name) for name in names}) == 1


def test_a_name_is_never_nothing_but_its_legal_form() -> None:
    assert without_legal_form("ag") == "ag"
    assert without_legal_form("limited company") == "limited"
    assert without_legal_form("...") == "..."
    assert without_legal_form("a.b. volvo") != without_legal_form("saab")
