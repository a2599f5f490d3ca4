"""One record as a mapping reads and writes it: what the system shows -> the shared record -> what the system would be sent
-> how that is read again; and where anything is lost on the way. Pure.

Not here: whether anything is written (`sync.plan`). Invariant: every mapped field is told of, also where it cannot be
translated, with the transform's own words for why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mapping.fields import Fields, Value, blank
from mapping.mapper import FieldMap, Mapper

Verdict = Literal[
    "same", "respelled", "lossy", "blank", "ignored", "unreadable", "unwritable", "absent", "only_read", "not_read",
    "reference", "in_line", "differs", "never_sent", "once",
]  # fmt: skip
"""What comes of a value. `respelled`: it would be spelled otherwise, and is no change for that; `lossy`: what the system can
hold is read as something else; `ignored`: a placeholder, or a word that says nothing; `absent`: the system did not tell the
field; `in_line`, `differs`: of what the shared record would be written as, against what the system shows; `never_sent`: that somebody has not opted out; `once`: only where the record is made there."""


class Both(NamedTuple):
    """One field. `shown`: what the system shows; `value`: as the shared record has it; `written`: as it goes out; `again`:
    how that is read. None, where it does not come so far."""

    field: str
    map: FieldMap
    shown: Any
    value: Value
    written: Any
    again: Value
    verdict: Verdict
    problem: str = ""


def inward(mapper: Mapper, remote: Mapping[str, Any]) -> list[Both]:
    """From the system, and back to it."""
    hub, problems = mapper.to_hub(remote)
    messages = {problem.field: problem.message for problem in problems}
    return [_inward(m, remote, hub, messages.get(m.hub, "")) for m in mapper.maps.values()]


def _inward(m: FieldMap, remote: Mapping[str, Any], hub: Fields, problem: str) -> Both:
    shown, value = remote.get(m.remote), hub.get(m.hub)

    def told(verdict: Verdict, written: Any = None, again: Value = None, problem: str = "") -> Both:
        return Both(m.hub, m, shown, value, written, again, verdict, problem)

    if not m.pull:
        return told("not_read")
    if m.remote not in remote:
        return told("absent")
    if problem:
        return told("unreadable", problem=problem)
    if value is None:
        return told("blank" if blank(shown) else "ignored")
    if m.refers:
        return told("reference", shown, value)
    if not m.push:
        return told("only_read")
    written, again, problem = _out_and_in(m, value)
    if problem:
        return told("unwritable", problem=problem)
    if again != value:
        return told("lossy", written, again)
    return told("same" if _alike(shown, written) else "respelled", written, again)


def outward(mapper: Mapper, hub: Fields, remote: Mapping[str, Any]) -> list[Both]:
    """From the shared record as it is now, to the system, and back. Without what is blank and is not written."""
    found: list[Both] = []
    for m in mapper.maps.values():
        value, shown = hub.get(m.hub), remote.get(m.remote)
        if not m.push or (value is None and m.default is None and blank(shown)):
            continue
        if m.refers:
            found.append(Both(m.hub, m, shown, value, None, value, "reference"))
            continue
        written, again, problem = _out_and_in(m, value) if value is not None else (m.default, None, "")
        verdict: Verdict = (
            "unwritable" if problem
            else "lossy" if again != value
            else "in_line" if _alike(shown, written) or _reads_as(m, shown) == value
            else "never_sent" if m.hub in mapper.consent and not value
            else "blank" if value is None and not m.clears
            else "once" if m.once
            else "differs"
        )  # fmt: skip
        found.append(Both(m.hub, m, shown, value, written, again, verdict, problem))
    return found


def _out_and_in(m: FieldMap, value: Value) -> tuple[Any, Value, str]:
    try:
        written = m.encode(value)
    except ValueError as error:
        return None, None, str(error)
    try:
        return written, m.decode(written), ""
    except ValueError as error:
        return written, None, str(error)


def _reads_as(m: FieldMap, shown: Any) -> Value:
    try:
        return m.decode(shown)
    except ValueError:
        return None


def _alike(one: Any, other: Any) -> bool:
    """Whether a person would call them the same: systems tell numbers and yes or no as texts."""
    if one == other or (blank(one) and blank(other)):
        return True
    texts = str(one), str(other)
    if isinstance(one, bool) or isinstance(other, bool):
        texts = texts[0].casefold(), texts[1].casefold()
    return texts[0] == texts[1]
