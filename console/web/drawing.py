"""Templates, and what they may call: texts, numbers, times and links, all in the language of whoever looks.

Invariant: everything that comes from a system or a person is escaped, and shown through `plain`, which leaves no character
that turns letters round; a name that a template gets wrong is an error, never an empty place. Nothing is drawn with an inline
style or script: the content security policy forbids both.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from babel import Locale
from babel.dates import format_timedelta
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import Markup

from alignment.words import Words, languages
from console.screen import plain
from console.web.menu import MENU

if TYPE_CHECKING:
    from console.web.page import Page

HERE = Path(__file__).parent
STATIC = HERE / "static"


def draw(template: str, page: Page, **values: Any) -> str:
    return _environment().get_template(template).render(
        page=page, t=page.words, visitor=page.visitor, request=page.request, now=datetime.now(UTC), **values
    )  # fmt: skip


@lru_cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals.update(asset=asset, icon=icon, menu_of=MENU, languages=languages())
    made.filters.update(
        plain=plain,
        said=said,
        number=number,
        percent=percent,
        money=money,
        moment=moment,
        day=day,
        ago=ago,
        span=span,
        own_name=own_name,
    )
    return made


def own_name(language: str) -> str:
    """A language as those who speak it call it."""
    name = Locale.parse(language).get_display_name() or language
    return name[:1].upper() + name[1:]


@lru_cache
def asset(name: str) -> str:
    """The address of a file of ours, with a mark of its content: browsers keep it for good, and fetch it when it changes."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]}"


def icon(name: str) -> Markup:
    """A drawing from `static/icons.svg`, in the colour of the text; not read out, since a word stands beside it."""
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>').format(
        asset("icons.svg"), name
    )


def _words(context: Context) -> Words:
    words = context["t"]
    assert isinstance(words, Words)
    return words


@pass_context
def said(context: Context, value: Any, limit: int = 120) -> str:
    """A field's value as a person reads it; "–" where there is none."""
    words = _words(context)
    match value:
        case None | "" | [] | ():
            return "–"
        case bool():
            return words("common.yes") if value else words("common.no")
        case list() | tuple() | set():
            return plain(", ".join(str(one) for one in value), limit)
        case datetime():
            return words.moment(value, "medium", _zone())
        case date():
            return words.date(value)
    return plain(value, limit)


@pass_context
def number(context: Context, value: float | None, digits: int | None = None) -> str:
    return "–" if value is None else _words(context).number(value, digits)


@pass_context
def percent(context: Context, share: float | None, digits: int = 0) -> str:
    """Of a share from 0 to 1."""
    return "–" if share is None else _words(context).percent(share, digits)


@pass_context
def money(context: Context, amount: float | None, currency: str) -> str:
    return "–" if amount is None else _words(context).money(amount, currency, whole=True)


@pass_context
def moment(context: Context, at: datetime | None, style: str = "medium") -> Markup:
    """A point in time by the server's clock, with the exact one for machines."""
    if at is None:
        return Markup("–")
    text = _words(context).moment(at, style, _zone())
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(timespec="seconds"), text)


@pass_context
def day(context: Context, at: date | datetime | None) -> str:
    return "–" if at is None else _words(context).date(at, zone=_zone())


@pass_context
def ago(context: Context, at: datetime | None) -> Markup:
    """ "3 minutes ago", with the exact time on hovering."""
    words = _words(context)
    if at is None:
        return Markup('<span class="quiet">{}</span>').format(words("shell.never"))
    text = format_timedelta(at - context["now"], add_direction=True, threshold=1.2, locale=words.locale)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(timespec="seconds"), words.moment(at, "medium", _zone()), text
    )


@pass_context
def span(context: Context, seconds: float | None) -> str:
    """A duration in seconds: "0.3 s", "42 s", "3 minutes"."""
    words = _words(context)
    if seconds is None:
        return "–"
    if seconds < 90:
        return f"{words.number(seconds, 1 if seconds < 10 else 0)} s"
    return format_timedelta(round(seconds), threshold=2, locale=words.locale)


def _zone() -> Any:
    return datetime.now().astimezone().tzinfo
