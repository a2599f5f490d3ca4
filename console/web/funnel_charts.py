"""The funnel's charts, as the reports draw theirs; every mark leads to the list of those behind it. Nothing is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from alignment.funnel.groups import PERIOD
from alignment.reports.charts import drawing, svg
from alignment.reports.model import Chart, Mark, Name, Series
from alignment.reports.shown import Shown
from alignment.words import Words

if TYPE_CHECKING:
    from console.web.funnel import Sight

MOST = 12
"""Marks of one chart, where groups are compared."""


def drawn(chart: Chart, words: Words) -> Markup:
    return Markup(svg(drawing(chart, Shown(words.language)), f"chart-{chart.key}"))  # noqa: S704 - all texts are escaped by svg


def share_mark(label: str, share: Mapping[str, Any], before: Mapping[str, Any] | None, url: str) -> Mark:
    low, high = share["interval"] or (None, None)
    return Mark(Name(label), share["value"], "share", before["value"] if before else None, low, high, url=url)


class ChartsOf:
    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._words = sight.page.words

    def _chart(self, chart: Chart) -> Markup:
        return drawn(chart, self._words)

    def _steps(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
        before = self._sight.before
        return [(one, before["steps"][n] if before else None) for n, one in enumerate(self._sight.counts["steps"])]

    def entered(self) -> Markup:
        link = self._sight.link
        marks = [
            Mark(
                Name(now["stage"]),
                now["entered"],
                "count",
                was["entered"] if was else None,
                url=link(f"{now['stage']}:entered"),
            )
            for now, was in self._steps()
        ]
        return self._chart(Chart("entered", "bars", tuple(marks)))

    def went_on(self) -> Markup:
        marks = [
            share_mark(
                f"{now['stage']} → {now['next']}", now["reached"], was["reached"] if was else None,
                self._sight.link(f"{now['stage']}:reached"),
            )
            for now, was in self._steps() if now["next"]
        ]  # fmt: skip
        return self._chart(Chart("went_on", "intervals", tuple(marks)))

    def took(self) -> Markup:
        marks = [
            Mark(
                Name(f"{now['stage']} → {now['next']}"), now["days"]["median"], "days", was["days"]["median"] if was else None,
                url=self._sight.link(f"{now['stage']}:seen") if now["days"]["count"] else "",
            )
            for now, was in self._steps() if now["next"]
        ]  # fmt: skip
        return self._chart(Chart("took", "bars", tuple(marks)))

    def outcomes(self) -> Markup:
        now, before = self._sight.counts["passed"], self._sight.before
        was = before["passed"] if before else None
        marks = []
        for figure in ("passed", "accepted", "converted", "open", "not_qualified", "lost"):
            told = self._words(f"figures.passed_{figure}")
            marks.append(
                Mark(
                    Name(told),
                    _size(now[figure]),
                    "count",
                    _size(was[figure]) if was else None,
                    url=self._sight.link(figure),
                )
            )
        return self._chart(Chart("outcomes", "bars", tuple(marks)))

    def flow(self, unit: str, sizes: Mapping[str, Sequence[int]], stage: str) -> Markup:
        labels = self._sight.kept.head.labels[unit]
        days = tuple(date.fromisoformat(f"{one}-01" if unit == PERIOD else one) for one in labels)
        series = tuple(
            Series(
                Name(self._words(f"figures.{figure}")), tuple(map(float, sizes[f"{stage}:{figure}"])),
                tuple(self._sight.link(f"{stage}:{figure}", part=(unit, one)) for one in labels),
            )
            for figure in ("inflow", "outflow")
        )  # fmt: skip
        return self._chart(Chart("flow", "lines", series=series, days=days))

    def accepted(self, cut: str, names: Mapping[str, str]) -> Markup:
        groups = self._sight.found["cuts"][cut]
        earlier = self._sight.earlier(cut)
        some = sorted(groups, key=lambda one: -groups[one]["passed"]["passed"])[:MOST]
        marks = [
            share_mark(
                names[one], groups[one]["passed"]["accepted"], earlier[one]["passed"]["accepted"] if one in earlier else None,
                self._sight.link("accepted", cut=(cut, one)),
            )
            for one in some if groups[one]["passed"]["passed"]
        ]  # fmt: skip
        return self._chart(Chart("accepted", "intervals", tuple(marks))) if marks else Markup("")

    def cohorts(
        self, unit: str, names: Mapping[str, str], shares: Mapping[str, Mapping[str, Any]], stage: str
    ) -> Markup:
        link = self._sight.link
        marks = [
            share_mark(names[one], share, None, link(f"{stage}:reached", part=(unit, one)))
            for one, share in shares.items() if share["whole"]
        ]  # fmt: skip
        return self._chart(Chart("cohorts", "intervals", tuple(marks[-MOST:]))) if marks else Markup("")


def _size(figure: int | Mapping[str, Any]) -> int:
    size: int = figure if isinstance(figure, int) else figure["part"]
    return size
