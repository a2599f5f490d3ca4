"""The quarterly note on what the outcomes say of the scoring rules: kept under `reports/`, and sent to whoever gets the monthly
report, once for each quarter.

Effects: writes a file, sends messages. Not here: how anything is counted (`alignment.scoring.calibration`). Invariant: no
rule is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alignment.periods import current, label_of
from alignment.scoring.calibration import Calibration, calibrate
from alignment.scoring.note import note
from alignment.scoring.outcomes import decisions
from alignment.words import Words
from connectors.base import Clock, utc_now
from delivery.reports import Addressed, Delivered, Message, NoReports, Prepared, addressed, send_once
from state.facts import Facts
from state.outcomes import Outcomes
from sync.project import Opened
from sync.reporting import FOLDER, keep


class NoScoring(Exception):
    """The project scores no lead."""


@dataclass(frozen=True, slots=True)
class Noted:
    """`file`: the note in the project's first language. `sent`: None where nobody is said to get it."""

    told: Calibration
    file: Path
    sent: Delivered | None


def note_calibration(opened: Opened, *, clock: Clock = utc_now) -> Noted:
    """Of the quarter before this one. Raises NoScoring, ConfigErrors (a variable of a channel is not set), and
    `state.lock.Busy` where messages are being sent already."""
    config = opened.project.config
    if config.scoring is None:
        raise NoScoring("No lead has a score in this project.")
    with opened.store(dry=True) as store, Facts(opened.engine) as facts:
        told = calibrate(opened.project, decisions(config, facts, Outcomes(store)).examples)
    quarter = label_of("quarter", current("quarter", clock(), config.funnel.time_zone).before.first)

    def written(language: str) -> tuple[str, Path]:
        text = note(told, Words(language))
        name = f"calibration-{quarter}" + (f"-{language}" if language != config.languages[0] else "")
        return text, keep(opened.project.folder / FOLDER / f"{name}.md", text)

    def message(one: Addressed) -> Message:
        text, file = written(one.language)
        title = f"{Words(one.language)('calibration.title')}, {quarter}"
        return title, text, None, (file,) if one.mail else ()

    def prepare() -> Prepared:
        return message

    _, file = written(config.languages[0])
    try:
        wanted = addressed(opened, "monthly", f"calibration/{quarter}")
    except NoReports:
        return Noted(told, file, None)
    return Noted(told, file, send_once(opened, wanted, prepare, clock))
