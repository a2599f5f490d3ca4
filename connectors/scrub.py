"""Takes secrets out of text that people will read: those we know, and whatever looks like one.

The second half is a net below the first: a vendor that echoes a token we were never told of (a renewed session, a
key in a link) is caught by shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|id[_-]?token|client[_-]?secret|api[_-]?key|hapikey|password|passwd|assertion"
    r"|session[_-]?id|authorization|secret|private[_-]?key"
)
_SHAPES = (
    # name=value in a URL or form, "name": "value" in JSON
    (re.compile(rf"(?i)\b({_NAMES})(\"?\s*[=:]\s*\"?)(?:bearer\s+|basic\s+)?[^\s&\"',;}}]+"), rf"\1\2{HIDDEN}"),
    # a word after "Bearer" that has a digit in it: "basic authentication" is plain English
    (re.compile(r"(?i)\b(bearer|basic|token)\s+(?=\S*\d)[A-Za-z0-9._~+/!-]{8,}=*"), rf"\1 {HIDDEN}"),
    # HubSpot private-app token, JSON web token, Salesforce session
    (re.compile(r"\bpat-[a-z0-9]+-[0-9a-fA-F-]{8,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"\b00D[A-Za-z0-9]{12,15}![\w.]+"), HIDDEN),
    # a token of our own API
    (re.compile(r"\bsmk_[\w-]{16,}"), HIDDEN),
    # user:password@ in an address
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), HIDDEN),
)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without any of `secrets` (those of four characters and more) and without anything that looks like one.

    >>> scrub("GET /x?access_token=abc&limit=1")
    'GET /x?access_token=***&limit=1'
    """
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, HIDDEN)
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text
