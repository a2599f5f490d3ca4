"""`personas`: what is known of whom you sell to, to look at. Reads the database alone."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from alignment.funnel.counting import read_books
from alignment.periods import Period
from alignment.personas import PersonaPage, persona_pages
from console.bars import bar, document, percent, span, uncertain
from console.failures import Exit, Refusal
from console.funnel import WORDS, period_of, steps_of
from console.screen import Screen, count, many, plain, table
from mapping.problems import nearest
from state.facts import Facts
from sync.project import open_project

NOBODY = "(fits none)"


async def personas(screen: Screen, folder: Path, name: str | None, start: str | None, end: str | None) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        config = opened.project.config
        if not config.personas:
            raise Refusal("no-persona", "There are no personas.", "Say whom you sell to: personas, in smarketing.yaml.")
        known = [one.name for one in config.personas]
        if name is not None and name not in known:
            likely = nearest(name, known)
            raise Refusal(
                "no-persona", f"There is no persona {plain(name, 40)}.", f"Did you mean {likely}?" if likely else ""
            )
        period = period_of(config, start, end)
        with Facts(opened.engine) as facts:
            pages = persona_pages(read_books(facts, config), facts, period)
    some = [page for page in pages if name is None or (page.persona and page.persona.name == name)]
    told_of = [{**document(page), "persona": page.persona.name if page.persona else None} for page in some]
    screen.emit({"ok": True, "exit": 0, "period": document(period), "personas": told_of})
    if not screen.as_json:
        screen.gap()
        if name is None:
            _all(screen, some, period, config.languages[0])
        else:
            _one(screen, some[0], period, config.funnel.within, config.languages[0])
    return Exit.DONE


def _name(page: PersonaPage, language: str) -> str:
    return page.persona.label.within(language) or page.persona.name if page.persona else NOBODY


def _all(screen: Screen, pages: list[PersonaPage], period: Period, language: str) -> None:
    screen.title("Personas", span(period))
    screen.gap()
    what = table("!Persona", ">Leads", "!", ">Passed", ">Accepted", ">Converted", "~Why not", "~Means")
    most = max((page.share for page in pages), default=0) or 1
    for page in pages:
        passed = page.counts.passed
        what.add_row(
            Text(plain(_name(page, language), 30), style="bold" if page.persona else "quiet"),
            count(page.leads),
            bar(page.share / most, 12),
            count(passed.passed),
            uncertain(passed.accepted),
            uncertain(passed.converted),
            ", ".join(plain(reason) or WORDS["no_reason"] for reason in list(page.rejected)[:2]),
            Text(plain(page.persona.means.within(language)) if page.persona else "", style="quiet"),
        )
    screen.say(what)


def _one(screen: Screen, page: PersonaPage, period: Period, within: int, language: str) -> None:
    screen.title(
        _name(page, language), f"{many(page.leads, 'lead')}, {percent(page.share).plain} of all; {span(period)}"
    )
    if page.persona and (means := page.persona.means.within(language)):
        screen.say(Text(plain(means, 400)))
    screen.gap()
    screen.say(steps_of(page.counts, None, within))
    if page.sources:
        screen.gap()
        what = table("Where they come from", ">Leads", "!", ">Converted")
        for one in page.sources[:8]:
            name = plain(one.source) or WORDS[""]
            what.add_row(name, count(one.leads), bar(one.leads / page.sources[0].leads, 12), count(one.converted))
        screen.say(what)
    for title, numbers, style in (
        ("Why sales says no", page.rejected, "warn"),
        ("What sales corrected", page.corrected, "accent"),
    ):
        if numbers:
            screen.gap()
            what = table(title, ">Leads", "!")
            most = max(numbers.values())
            for key, number in list(numbers.items())[:8]:
                what.add_row(plain(key) or WORDS["no_reason"], count(number), bar(number / most, 12, style))
            screen.say(what)
