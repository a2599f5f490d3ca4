"""What the outcomes say of the rules, as a note for both teams: Markdown, in their language. Pure.

Invariant: nothing is suggested that `calibrate` has not counted, and where it counted too little the note says so.
"""

from __future__ import annotations

from alignment.scoring.calibration import Calibration, Rate
from alignment.words import Words


def note(told: Calibration, words: Words) -> str:
    lines = [
        f"# {words('calibration.title')}",
        "",
        words("calibration.outcomes", count=told.outcomes, won=told.won),
        "",
    ]
    if told.too_few:
        return "\n".join([*lines, words("calibration.too_few"), ""])
    heads = ("rule", "points", "applies", "otherwise", "lift", "suggested")
    lines.append("| " + " | ".join(words(f"calibration.{head}") for head in heads) + " |")
    lines.append("|---" + "|---:" * (len(heads) - 1) + "|")
    for one in told.rules:
        lift = words.number(one.lift, 2) if one.lift is not None else "–"
        suggested = f"{one.suggested:+d}" if one.suggested is not None else "–"
        name = " ".join(one.rule.split()).replace("|", "\\|")
        cells = (name, f"{one.points:+d}", _rate(one.applies, words), _rate(one.else_, words), lift, suggested)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", words("calibration.how"), ""])


def _rate(rate: Rate, words: Words) -> str:
    if rate.rate is None:
        return "–"
    low, high = words.percent(rate.low), words.percent(rate.high)
    return words("calibration.rate", share=words.percent(rate.rate), low=low, high=high, of=rate.leads)
