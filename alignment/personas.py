"""What is known of each persona: how many, how far they come, from where, and what sales has learned about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignment.funnel.counting import Books, funnel
from alignment.funnel.figures import Counts
from alignment.funnel.groups import PERSONA
from alignment.funnel.past import NEVER
from alignment.periods import Period
from mapping.agreement.personas import Persona
from state.facts import Facts

SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Sources:
    """`leads`: how many are of this source; `converted`: how many of those have converted by now."""

    source: str
    leads: int
    converted: int


@dataclass(frozen=True, slots=True)
class PersonaPage:
    """`persona` is None for the leads that fit none. `counts`: the funnel of the period. `leads`: all that there are.
    `sources`: the most frequent first. `rejected`: why those passed to sales in the period came to nothing, by reason.
    `corrected`: field -> of how many leads the CRM has changed it after they were passed to sales, ever."""

    persona: Persona | None
    leads: int
    share: float
    counts: Counts
    sources: Sequence[Sources]
    rejected: Mapping[str, int]
    corrected: Mapping[str, int]


def persona_pages(books: Books, facts: Facts, period: Period) -> list[PersonaPage]:
    """In the order of the configuration; last, those who fit none."""
    past, groups = books.past, books.groups[PERSONA]
    by_persona = funnel(books, facts, period, cuts=(PERSONA,)).cuts[PERSONA]
    sizes = np.bincount(groups.codes, minlength=len(groups.labels)).tolist()
    corrected = _corrected(books, facts)
    personas: list[Persona | None] = [*books.terms.config.personas, None]
    pages = []
    for number, (label, persona) in enumerate(zip(groups.labels, personas, strict=True)):
        counts = by_persona[label]
        rejected: Counter[str] = Counter()
        for reasons in counts.passed.reasons.values():
            rejected.update(reasons)
        pages.append(
            PersonaPage(
                persona,
                sizes[number],
                sizes[number] / len(past.ids) if past.ids else 0.0,
                counts,
                _sources(books, number),
                dict(rejected.most_common()),
                dict(sorted(corrected[number].items(), key=lambda one: (-one[1], one[0]))),
            )
        )
    return pages


def _sources(books: Books, number: int) -> list[Sources]:
    groups = books.groups.get(SOURCE)
    if groups is None:
        return []
    mine = books.groups[PERSONA].codes == number
    converted = books.past.entered[books.terms.converted] != NEVER
    leads = np.bincount(groups.codes[mine], minlength=len(groups.labels)).tolist()
    won = np.bincount(groups.codes[mine & converted], minlength=len(groups.labels)).tolist()
    found = [Sources(*one) for one in zip(groups.labels, leads, won, strict=True) if one[1]]
    return sorted(found, key=lambda one: (-one.leads, one.source))


def _corrected(books: Books, facts: Facts) -> list[Counter[str]]:
    """Of each persona."""
    past, groups = books.past, books.groups[PERSONA]
    crm = {name for name, system in books.terms.config.systems.items() if system.role == "crm"}
    passed = past.entered[books.terms.passed]
    seen: set[tuple[int, str]] = set()
    for hub_id, at, detail in facts.corrections():
        lead = past.find(past.heirs.get(hub_id, hub_id))
        if lead >= 0 and passed[lead] < at:
            seen |= {(lead, name) for name, change in detail.items() if change.get("from") in crm}
    found: list[Counter[str]] = [Counter() for _ in groups.labels]
    for lead, name in seen:
        found[int(groups.codes[lead])][name] += 1
    return found
