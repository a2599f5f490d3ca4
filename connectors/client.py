"""The client that `Http` calls by: its time-outs, its connections, and what it leaves out of what httpx would do.

What it is not: it repeats nothing and understands no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import httpx

from connectors.auth import Credentials
from connectors.errors import Misconfigured
from connectors.network import Transport


def open_client(
    base_url: str, auth: Credentials | None = None, *, timeout: float = 30.0, headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """A client with sensible timeouts (seconds). Raises Misconfigured for a base URL that is none. Loopback is never
    reached through a proxy of the environment. HTTP/1.1: for our few, fat calls HTTP/2 only costs."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    loopback = url.host in ("localhost", "127.0.0.1", "::1")
    if url.scheme not in ("http", "https") or not url.host:
        raise Misconfigured("base_url is not an address.", hint="It looks like https://api.vendor.com")
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)
    return _Client(
        base_url=url,
        transport=Transport(limits),
        auth=auth,
        headers={"User-Agent": "smarketing", "Accept": "application/json", **(headers or {})},
        timeout=httpx.Timeout(timeout, connect=10.0, pool=timeout),
        limits=limits,
        trust_env=not loopback,
        follow_redirects=False,
    )


def asking(address: httpx.URL, params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The query as what is asked for in place of the address's own path (httpx: "target"). Part of a URL, httpx would take
    it apart and put it together four times: for the names of thirty fields that is a third of what the call costs."""
    if not params:
        return None
    query = "&".join([f"{_quoted(name)}={_quoted(_spelled(value))}" for name, value in params.items()])
    joint = b"&" if address.query else b"?"
    return {"target": address.raw_path + joint + query.encode("ascii")}


def _spelled(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return quote(text, safe="")


class _NoCookies(httpx.Cookies):
    def extract_cookies(self, response: httpx.Response) -> None:
        """Nothing is kept."""


class _Client(httpx.AsyncClient):
    """Without a cookie jar: no API that we call has a use for one, and to look through the headers of an answer for
    cookies takes a tenth of the time that the whole answer does."""

    @property
    def cookies(self) -> httpx.Cookies:
        return _NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        """Nothing is kept."""


_NO_COOKIES = _NoCookies()
