"""Sending a message to channels: apprise URLs, each asked once. https://appriseit.com/services/

Not here: what is said, and whether it was said before. Invariant: nothing of a channel's URL is told to anybody but the
channel: an outcome names its kind alone.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from connectors.scrub import scrub

_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`channel`: its kind: mailto, slack. `error`: empty where it went out."""

    channel: str
    ok: bool
    error: str = ""


def send(
    channels: Sequence[str],
    title: str,
    body_text: str,
    body_html: str | None = None,
    attachments: Sequence[Path] = (),
    *,
    secrets: Sequence[str] = (),
) -> list[Outcome]:
    """One outcome for each channel, in order. `channels`: URLs with their secrets filled in. `body_html` goes where HTML is
    shown, the text everywhere else. `secrets`: what is taken out of error messages, besides every URL."""
    return [_one(url, title, body_text, body_html, attachments, secrets) for url in channels]


def mail_to(server: str, address: str) -> str:
    """The channel of a person: a mail server's URL and whom the mail is for."""
    return f"{server}{'&' if '?' in server else '?'}to={quote(address, safe='@')}"


def _one(
    url: str, title: str, text: str, html: str | None, attachments: Sequence[Path], secrets: Sequence[str]
) -> Outcome:
    import apprise  # half a second of imports that most commands do not need

    logging.getLogger("apprise").propagate = False  # it tells whole URLs, and logs are read by many
    kind = url.partition("://")[0][:32]
    with apprise.LogCapture(level=apprise.logging.INFO, fmt="%(message)s") as captured:  # type: ignore[no-untyped-call]
        try:
            channel = apprise.Apprise.instantiate(url, suppress_exceptions=True)
            if channel is None:
                return Outcome(kind, False, "this is no address of a channel that is known")
            shown = html is not None and channel.notify_format == apprise.NotifyFormat.HTML
            sent = channel.notify(
                title=title,
                body=html if shown else text,
                body_format=apprise.NotifyFormat.HTML if shown else apprise.NotifyFormat.TEXT,
                attach=[str(path) for path in attachments] or None,
            )
        except Exception as error:
            return Outcome(kind, False, f"{type(error).__name__} while sending")
        told = "" if sent else _said(captured.getvalue(), [*secrets, url, _host(url)])
    return Outcome(kind, bool(sent), told or ("" if sent else "the channel refused the message"))


def _host(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0].partition(":")[0]


def _said(log: str, secrets: Sequence[str]) -> str:
    """The last words of the library, without what nobody may read."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return scrub(_URL.sub("[…]", lines[-1]), secrets)[:300] if lines else ""
