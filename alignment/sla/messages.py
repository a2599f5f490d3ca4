"""What an alert says, and when a pact is due for another look. Pure.

Invariant: a message holds what its reader needs to act (who, what, until when) and no field of the lead besides the name.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from alignment.periods import local_day
from alignment.sla import words
from mapping.agreement.sla import Pact
from mapping.fields import Fields
from state.clocks import AlertRow, ClockRow

AHEAD = timedelta(days=14)
"""How long before it is re-evaluated a pact says so."""

_HOUR, _MINUTE = 3_600_000_000, 60_000_000


def message(alert: AlertRow, clock: ClockRow | None, lead: Fields | None, zone: ZoneInfo) -> tuple[str, str]:
    """Title and text. `clock`, `lead`: None where they are gone by now. Times are told in the zone."""
    who = name_of(lead or {})
    clause = words.CLAUSES.get(alert.clause or "", words.SOME_CLAUSE)
    owner = (clock.owner if clock else "") or words.NOBODY
    due = told_time(clock, zone) if clock else ""
    note = told_note(clock.note) if clock else ""
    failed = "_failed" if clock and clock.stopped is not None and note and alert.kind != "reminder" else ""
    title = words.TITLES[alert.kind + failed].format(lead=who, clause=clause, due=due, owner=owner, note=note)
    lines = []
    if clock:
        lengths = {"passed": told_length(clock.elapsed), "allowed": told_length(clock.allowed)}
        which = "failed" if failed else "reminder" if alert.kind == "reminder" else "breach"
        lines.append(words.LINES[which].format(**lengths, note=note))
        lines.append(words.LINES["owner"].format(owner=owner))
        lines.append(words.LINES["started"].format(started=f"{clock.started.astimezone(zone):%Y-%m-%d %H:%M}"))
        if clock.segment and clock.clause == "first_response":
            lines.append(words.LINES["segment"].format(segment=clock.segment))
    if alert.hub_id:
        lines.append(words.LINES["lead"].format(hub_id=alert.hub_id))
    return _one_line(title), "\n".join(map(_one_line, lines))


def name_of(lead: Fields) -> str:
    """First and last name and company, as far as they are known."""
    parts = [str(lead[key]) for key in ("first_name", "last_name") if lead.get(key)]
    name = " ".join(parts) or str(lead.get("full_name") or lead.get("email") or "")
    company = lead.get("company")
    return f"{name} ({company})" if name and company else name or (str(company) if company else words.NAMELESS)


def told_time(clock: ClockRow, zone: ZoneInfo) -> str:
    return f"{clock.due.astimezone(zone):%Y-%m-%d %H:%M}" if clock.due else "–"


def told_length(length: int | None) -> str:
    """Microseconds as "45 min" or "3 h 20 min"."""
    if length is None:
        return "–"
    hours, rest = divmod(length, _HOUR)
    minutes = rest // _MINUTE
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes or not hours else [])])


def told_note(note: str) -> str:
    name, _, count = note.partition(":")
    return words.NOTES.get(name, name).format(count=count)


def re_evaluation(pact: Pact, now: datetime) -> str:
    """A sentence where the pact is to be re-evaluated within 14 days or was to be already; else empty. Days are those of
    the main calendar's zone."""
    days = (pact.re_evaluate_on - local_day(now, pact.zone)).days
    if days < 0:
        return words.STATUS["review_late"].format(day=pact.re_evaluate_on, days=-days)
    if days == 0:
        return words.STATUS["review_today"]
    if timedelta(days=days) <= AHEAD:
        return words.STATUS["review_soon"].format(day=pact.re_evaluate_on, days=days)
    return ""


def _one_line(text: str) -> str:
    """Fields come from forms that anybody can fill in: nothing in them may begin a header or a line of its own."""
    return "".join(c if c.isprintable() else " " for c in text)[:500]
