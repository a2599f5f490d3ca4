"""The funnel: who came how far, how fast, where they left, and what came of it. Every number leads to those behind it (`leads`).

Invariant: nothing is counted here; all of it was (`figures`), and a page shows one result, of one moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from alignment.criteria import called
from alignment.funnel.behind import WEEK
from alignment.funnel.figures import Share
from alignment.funnel.groups import BLANK, OTHERS, PERIOD, PERSONA, SEGMENT
from alignment.periods import Period
from console.bars import document
from console.names import names_in
from console.web.counting import look, shown
from console.web.funnel_charts import ChartsOf
from console.web.kept import Cut, Kept, funnel_of
from console.web.page import Page, Viewer
from console.web.periods import PERIODS, period_asked
from mapping.derived import shared_fields

router = APIRouter()
VIEWS = ("steps", "speed", "flow", "passed", "deals", "groups", "cohorts")
MANY_WEEKS = 27
"""From more weeks on, moves are told by the month."""


@router.get("/funnel")
def funnel(
    page: Viewer, period: str = "", first: Annotated[str, Query(alias="from")] = "",
    last: Annotated[str, Query(alias="to")] = "", view: str = "", cut: str = "", value: str | None = None, by: str = "",
    stage: str = "",
) -> Response:  # fmt: skip
    zone = page.site.opened.project.config.funnel.time_zone
    today = datetime.now(ZoneInfo(zone)).date()
    name, days = period_asked(period, _day(first), _day(last), today, zone)
    view = view if view in VIEWS else VIEWS[0]
    asked = {"period": name, "from": str(days.first), "to": str(days.last), "view": view}
    if name != PERIODS[-1]:
        del asked["from"], asked["to"]
    seen = look(page, funnel_of(days.first, days.last))
    sight = None
    if seen.kept is not None:
        chosen = _cut(seen.kept, cut, value)
        sight = Sight(page, seen.kept, days, chosen, stage, by)
        asked |= {"cut": chosen[0], "value": chosen[1]} if chosen else {"cut": cut} if cut in sight.cuts else {}
        asked |= {"stage": sight.stage} if view in ("flow", "cohorts") else {"by": sight.by} if view == "groups" else {}
    words = page.words

    def here(**more: str | None) -> str:
        return "/funnel?" + urlencode({k: v for k, v in {**asked, **more}.items() if v is not None})

    return shown(
        page, "funnel.html", seen, days=days, name=name, view=view, sight=sight, asked=asked, here=here,
        cut=asked.get("cut", ""),
        periods=[(one, words(f"figures.period_{one}")) for one in PERIODS],
        tabs=[(here(view=one, stage=None, by=None), words(f"figures.view_{one}"), one == view) for one in VIEWS],
    )  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _cut(kept: Kept, cut: str, value: str | None) -> Cut | None:
    """The group that alone is looked at, where there is such a one."""
    groups = kept.head.value["funnel"]["cuts"].get(cut, {})
    return (cut, value) if value is not None and value in groups and cut != PERIOD else None


def cut_name(page: Page, cut: str) -> str:
    """How a dimension is called, as at the beginning of a line."""
    key, config = f"figures.cut_{cut}", page.site.opened.project.config
    name = page.words(key) if key in page.words else called(cut, shared_fields(config, "lead"), page.words)
    return name[:1].upper() + name[1:]


def group_names(page: Page, cut: str, groups: list[str]) -> dict[str, str]:
    """How the groups of a dimension are called."""
    words, config = page.words, page.site.opened.project.config
    told = {
        BLANK: words("reports.no_persona" if cut in (PERSONA, SEGMENT) else "reports.no_value"),
        OTHERS: words("reports.others"),
    }
    if cut == PERIOD:
        return {label: words.date(date.fromisoformat(f"{label}-01"), "MMM y") for label in groups}
    if cut == WEEK:
        return {label: words.date(date.fromisoformat(label)) for label in groups}
    if cut == PERSONA:
        told |= {one.name: one.label.within(words.language, config.languages[0]) or one.name for one in config.personas}
    elif cut != SEGMENT:
        with page.site.reading() as store:
            told |= names_in(store, groups)
    return {group: told.get(group, group) for group in groups}


@dataclass(frozen=True)
class Sight:
    """What a template shows of one result. `only`: the group that alone is looked at."""

    page: Page
    kept: Kept
    days: Period
    only: Cut | None
    asked_stage: str
    asked_by: str

    @property
    def found(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.kept.head.value["funnel"]
        return found

    @property
    def terms(self) -> Mapping[str, Any]:
        terms: Mapping[str, Any] = self.kept.head.value["terms"]
        return terms

    @property
    def counts(self) -> Mapping[str, Any]:
        counts: Mapping[str, Any] = self.found["cuts"][self.only[0]][self.only[1]] if self.only else self.found["total"]
        return counts

    @property
    def before(self) -> Mapping[str, Any] | None:
        """The same of the period before; None where the group was not there."""
        if self.only is None:
            before: Mapping[str, Any] | None = self.found["before"]
            return before
        return self.earlier(self.only[0]).get(self.only[1])

    def earlier(self, cut: str) -> Mapping[str, Any]:
        earlier: Mapping[str, Any] = self.kept.head.value["earlier"].get(cut, {})
        return earlier

    @property
    def cuts(self) -> list[str]:
        """By what one may look at a part of the leads."""
        return [name for name in self.found["cuts"] if name != PERIOD]

    def named(self, cut: str) -> str:
        return cut_name(self.page, cut)

    def groups(self, cut: str) -> dict[str, str]:
        return group_names(self.page, cut, list(self.found["cuts"].get(cut, {})))

    @property
    def by(self) -> str:
        return self.asked_by if self.asked_by in self.cuts else next(iter(self.cuts), "")

    @property
    def stage(self) -> str:
        steps: list[str] = self.terms["steps"]
        passed: str = self.terms["passed"]
        return self.asked_stage if self.asked_stage in steps else passed if passed in steps else steps[0]

    @property
    def stages(self) -> list[str]:
        return list(self.terms["steps"])

    @property
    def stage_choices(self) -> list[tuple[str, str]]:
        return [(stage, stage) for stage in self.stages]

    @property
    def currency(self) -> str:
        return self.page.site.opened.project.config.currency or ""

    def deals_of(self, money: Mapping[str, int]) -> int:
        """How many deals a sum is of, those too that could not be added."""
        return money["deals"] + money["without_amount"] + money["other_currency"]

    # -- over time ------------------------------------------------------------------------------------------------------

    @property
    def moves_by(self) -> str:
        return WEEK if len(self.kept.head.labels[WEEK]) <= MANY_WEEKS else PERIOD

    @property
    def cohorts_by(self) -> str:
        return PERIOD if len(self.kept.head.labels[PERIOD]) > 1 else WEEK

    def times(self, unit: str) -> dict[str, str]:
        return group_names(self.page, unit, self.kept.head.labels[unit])

    def over_time(self, unit: str, *figures: str) -> dict[str, list[int]]:
        """Of each step these figures, for each stretch of time."""
        return self.kept.counted([f"{stage}:{figure}" for stage in self.stages for figure in figures], unit, self.only)

    def shares(self, unit: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Step -> stretch of time -> how many of those that entered the step in it went on."""
        sizes, labels = self.over_time(unit, "entered", "reached"), self.kept.head.labels[unit]
        return {
            stage: {
                label: document(Share(sizes[f"{stage}:reached"][n], sizes[f"{stage}:entered"][n]))
                for n, label in enumerate(labels)
            }
            for stage in self.stages
        }

    # -- links ----------------------------------------------------------------------------------------------------------

    def link(self, figure: str, *, reason: str | None = None, cut: Cut | None = None, part: Cut | None = None) -> str:
        """To the list of those behind a figure."""
        cut = cut or self.only
        said = {"first": str(self.days.first), "last": str(self.days.last), "figure": figure}
        said |= {"cut": cut[0], "value": cut[1]} if cut else {}
        said |= {"unit": part[0], "time": part[1]} if part else {}
        said |= {"reason": reason} if reason is not None else {}
        return "/funnel/leads?" + urlencode(said)

    @property
    def charts(self) -> ChartsOf:
        return ChartsOf(self)
