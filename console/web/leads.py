"""The list of those behind a figure: on a page, fifty at a time, and as a file of CSV for those who may take it away.

What a row is about (who, when, how long, why) was kept with the figure; names, stages and owners are read as they are now.
Invariant: the list is as long as the figure; whoever was forgotten since is in neither.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from alignment.funnel.behind import MOVES, Rows
from alignment.funnel.selecting import OUTCOMES
from alignment.periods import period_named
from console.bars import cell
from console.names import name_of, named, names_in
from console.web.counting import known, look, shown
from console.web.funnel import cut_name, group_names
from console.web.kept import Kept, Question, funnel_of, objectives_of
from console.web.page import Number, Operator, Page, Refused, Viewer
from console.web.periods import within_reason
from mapping.agreement.objectives import MONTHS
from state.history import shown_fields
from state.watermark import watermark

router = APIRouter()
ON_A_PAGE, AT_ONCE = 50, 1000


@dataclass(frozen=True)
class Asked:
    """A figure as an address says it. `labels`: of objectives' periods, instead of days."""

    figure: str = ""
    first: str = ""
    last: str = ""
    labels: str = ""
    cut: str = ""
    value: str = ""
    unit: str = ""
    time: str = ""
    reason: str | None = None

    @property
    def question(self) -> Question:
        """Raises Refused."""
        try:
            if self.labels:
                labels = tuple(self.labels.split(","))[: len(MONTHS)]
                for label in labels:
                    period_named(label)  # raises ValueError
                return objectives_of(labels)
            first, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
        except ValueError:
            raise Refused(404, "figures.no_figure") from None
        if not within_reason(first, last):
            raise Refused(404, "figures.no_figure")
        return funnel_of(first, last)

    def url(self, path: str, **more: Any) -> str:
        said = {**asdict(self), **more}
        may_be_empty = {"reason"} | ({"value"} if self.cut else set())
        return f"{path}?" + urlencode({k: v for k, v in said.items() if v or (v is not None and k in may_be_empty)})


@dataclass(frozen=True)
class Row:
    """`seconds` of `at` and `since` are points in time; `lead`: of a deal."""

    id: str
    name: str
    email: str
    gone: bool
    stage: str
    owner: str
    at: datetime | None
    days: float | None
    reason: str | None
    since: datetime | None
    outcome: str
    lead: str
    lead_name: str
    amount: float | None
    currency: str
    closed: str


@dataclass(frozen=True)
class Listing:
    """`deals`: each row is one; else a lead, or a move of one."""

    kept: Kept
    asked: Asked
    rows: Rows

    @property
    def deals(self) -> bool:
        return self.asked.figure.startswith("deals:")

    @property
    def counted(self) -> str:
        """What a row is: of moves one lead may have several."""
        if self.deals:
            return "deals"
        return "moves" if self.asked.figure.rpartition(":")[2] in MOVES else "rows"

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, page: Page, start: int, count: int) -> list[Row]:
        who = self.rows.who[start : start + count]
        ids = self.kept.ids("deals" if self.deals else "leads", who)
        leads = self.kept.lead_of(who) if self.deals else [None] * len(ids)
        with page.site.reading() as store:
            hubs = store.hubs([*ids, *(lead for lead in leads if lead)])
            fields = [shown_fields(hubs[one]) if one in hubs else {} for one in ids]
            names = names_in(store, [one.get("owner") for one in fields])
        more = {name: values[start : start + count].tolist() for name, values in self.rows.more.items()}
        reasons = self.kept.head.reasons
        return [
            Row(
                one, named({**said, "email": None}, str(said.get("email") or one), "deal" if self.deals else "lead"),
                str(said.get("email") or ""), one not in hubs, str(said.get("stage") or ""),
                names.get(str(said.get("owner") or ""), ""), self._when(more, n), more["days"][n] if "days" in more else None,
                reasons[more["reason"][n]] if "reason" in more else None, _at(more, "since", n),
                OUTCOMES[more["outcome"][n]] if "outcome" in more else "", lead or "",
                name_of(hubs[lead]) if lead in hubs else "", _amount(said), str(said.get("currency") or ""),
                str(said.get("close_date") or ""),
            )
            for n, (one, said, lead) in enumerate(zip(ids, fields, leads, strict=True))
        ]  # fmt: skip

    @property
    def waits(self) -> bool:
        """Whether it is about those who are in a stage."""
        return self.asked.figure.rpartition(":")[2] in ("waiting", "stuck")

    def _when(self, more: Mapping[str, list[Any]], n: int) -> datetime | None:
        """When it did what is counted; of whoever is in a stage, since when."""
        at = _at(more, "at", n)
        return at - timedelta(days=more["days"][n]) if at is not None and self.waits else at

    def has(self, name: str) -> bool:
        return name in self.rows.more


def _at(more: Mapping[str, list[Any]], name: str, n: int) -> datetime | None:
    return datetime.fromtimestamp(more[name][n], UTC) if name in more else None


def _amount(fields: Mapping[str, Any]) -> float | None:
    amount = fields.get("amount")
    return float(amount) if isinstance(amount, int | float) and not isinstance(amount, bool) else None


def listing(kept: Kept, asked: Asked) -> Listing:
    """Raises Refused where there is no such figure."""
    cut = (asked.cut, asked.value) if asked.cut else None
    part = (asked.unit, asked.time) if asked.unit else None
    try:
        return Listing(kept, asked, kept.rows(asked.figure, cut, asked.reason, part))
    except KeyError:
        raise Refused(404, "figures.no_figure") from None


Figure = Annotated[Asked, Depends()]


@router.get("/funnel/leads")
def leads(page: Viewer, asked: Figure, number: Number = 1) -> Response:
    return _page(page, asked, number, "/funnel/leads")


@router.get("/objectives/leads")
def objective_leads(page: Viewer, asked: Figure, number: Number = 1) -> Response:
    return _page(page, asked, number, "/objectives/leads")


def _page(page: Page, asked: Asked, number: int, path: str) -> Response:
    told, seen = _told(page, asked), look(page, asked.question)
    if seen.kept is None:
        return shown(page, "leads.html", seen, listing=None, asked=asked, here=asked.url(path), **told)
    found = listing(seen.kept, asked)
    pages = max(1, -(-len(found) // ON_A_PAGE))
    number = min(max(1, number), pages)
    return shown(
        page, "leads.html", seen, listing=found, asked=asked, here=asked.url(path, number=number), number=number, pages=pages,
        rows=found.part(page, (number - 1) * ON_A_PAGE, ON_A_PAGE), of_page=lambda n: asked.url(path, number=n),
        csv_url=asked.url("/funnel/leads.csv"), **told,
    )  # fmt: skip


def _told(page: Page, asked: Asked) -> dict[str, Any]:
    """What the figure is, in words, and where one came from. Raises Refused for what is none."""
    words, question = page.words, asked.question
    try:
        if asked.labels:
            return _of_objective(page, asked)
        first, last = (date.fromisoformat(question.of[end]) for end in ("first", "last"))
        parts = [f"{words.date(first)} – {words.date(last)}"]
        for cut, value in ((asked.cut, asked.value), (asked.unit, asked.time)):
            if cut:
                parts.append(f"{cut_name(page, cut)}: {group_names(page, cut, [value])[value]}")
        title = figure_name(page, asked.figure)
    except (KeyError, ValueError):
        raise Refused(404, "figures.no_figure") from None
    if asked.reason is not None:
        parts.append(f"{words('reports.column_reason')}: {asked.reason or words('reports.no_reason')}")
    days = {"period": "days", "from": asked.first, "to": asked.last}
    return {"title": title, "parts": parts, "back": f"/funnel?{urlencode(days)}", "back_text": words("menu.funnel")}


def figure_name(page: Page, figure: str) -> str:
    """Raises KeyError for what is none."""
    stage, colon, name = figure.rpartition(":")
    if stage == "deals":
        return page.words(f"figures.list_deals_{name}")
    return page.words(f"figures.list_{name}", stage=stage) if colon else page.words(f"figures.passed_{name}")


def _of_objective(page: Page, asked: Asked) -> dict[str, Any]:
    words, config = page.words, page.site.opened.project.config
    name, label, figure = asked.figure.removeprefix("deals:").split("/")
    objective = {one.name: one for one in config.objectives}[name]
    called = objective.label.within(words.language, config.languages[0]) or name
    more = [words(f"figures.passed_{figure}")] if figure in ("passed", "accepted") else []
    more += [words(f"figures.clock_{figure}")] if figure in ("met", "breached") else []
    back = f"/objectives?{urlencode({'period': asked.labels})}"
    return {"title": f"{called}, {label}", "parts": more, "back": back, "back_text": words("menu.objectives")}


# -- to take away -------------------------------------------------------------------------------------------------------


@router.get("/funnel/leads.csv")
def as_csv(page: Operator, asked: Figure) -> Response:
    kept = known(page.site, asked.question, watermark(page.site.engine))
    if kept is None:
        raise Refused(404, "figures.no_figure")
    found = listing(kept, asked)
    more = {name: value for name, value in asdict(asked).items() if value and name != "figure"}
    page.note("list-downloaded", asked.figure, rows=len(found), **more)
    return StreamingResponse(
        _lines(page, found), media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{asked.figure.replace(":", "-").replace("/", "-")}.csv"'},
    )  # fmt: skip


LEAD = ("lead", "name", "email", "stage", "owner", "at", "days", "reason", "left_at", "outcome")
DEAL = ("deal", "name", "stage", "owner", "amount", "currency", "close_date", "lead", "lead_name")


def _lines(page: Page, found: Listing) -> Iterator[str]:
    """Begins with the mark by which spreadsheets know UTF-8."""
    yield "\ufeff" + line(DEAL if found.deals else LEAD)
    for start in range(0, len(found), AT_ONCE):
        for one in found.part(page, start, AT_ONCE):
            who = (one.id, one.name, *(() if found.deals else (one.email,)), one.stage, one.owner)
            if found.deals:
                yield line((*who, one.amount, one.currency, one.closed, one.lead, one.lead_name))
            else:
                days = None if one.days is None else round(one.days, 1)
                yield line((*who, _iso(one.at), days, one.reason, _iso(one.since), one.outcome))


def line(values: tuple[Any, ...]) -> str:
    """One line of CSV, in which no text is taken for a formula."""
    out = io.StringIO()
    csv.writer(out).writerow([cell(one) for one in values])
    return out.getvalue()


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
