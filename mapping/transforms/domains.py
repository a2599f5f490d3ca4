"""Internet domains: what two spellings of a company's address on the web have in common. Pure; nothing is looked up.

Invariant: a domain that many companies share (of mailboxes, of pages) is nobody's: it gives no value, so that no two
companies are taken for one.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from mapping.fields import Value
from mapping.transforms.pair import Pair, Placeholders, reader, remembered
from mapping.transforms.shared_domains import SHARED
from mapping.transforms.text import plain

if TYPE_CHECKING:
    from tldextract import TLDExtract

_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?(?://)?(?:[^@/?#]*@)?([^/?#:@\s]+)(?::[0-9]*)?(?:[/?#].*)?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NO_DOMAIN = "this is no domain: expected a web address, an e-mail address or a bare domain"


def domain(placeholders: Placeholders) -> Pair:
    """The registrable domain of a web address, an e-mail address or a bare host: `https://www.acme.co.uk/about` is
    `acme.co.uk`, by the Public Suffix List (https://publicsuffix.org) as the library brought it along. Domains in other
    scripts are in ASCII (`xn--mnchen-3ya.de`)."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        found = read(value)
        if found is None:
            return None
        host = _host(found)
        if host in placeholders:
            return None
        registered = _registrable(host)
        return None if registered in SHARED or registered in placeholders else registered

    return Pair(remembered(decode), plain)


def _host(text: str) -> str:
    """In small letters and ASCII (Punycode). Raises ValueError."""
    if len(text) > 2000:
        raise ValueError("this is no domain: it is too long")
    match = _HOST.fullmatch(text.lower().removeprefix("mailto:"))
    host = match[1].strip(".") if match else ""
    if not host.isascii():
        try:
            host = _idna(host)
        except UnicodeError:
            raise ValueError(_NO_DOMAIN) from None
    labels = host.split(".")
    if len(host) > 253 or len(labels) < 2 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError(_NO_DOMAIN)
    return host


def _idna(host: str) -> str:
    import idna

    return idna.encode(host, uts46=True).decode("ascii")


@functools.lru_cache(maxsize=65_536)
def _registrable(host: str) -> str:
    """Where the list does not know the ending, its rule is that the last label is one."""
    found = _list()(host)
    registered = found.top_domain_under_public_suffix
    if not registered:
        if found.suffix:
            raise ValueError("this is no domain that a company can have: others register theirs below it")
        registered = ".".join(host.split(".")[-2:])
    return registered


@functools.cache
def _list() -> TLDExtract:
    """With the endings that firms give out themselves (github.io), whose customers are as many companies. From the
    snapshot in the library, never from the network."""
    from tldextract import TLDExtract

    return TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
