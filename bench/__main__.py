"""`python -m bench`: measures, prints a table, writes bench/results.json. About twenty minutes; two with --quick."""

from __future__ import annotations

import argparse
import math
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from rich.console import Console

from bench.contacts import write_pages
from bench.figures import Figure, save, show
from bench.pages import serving

RESULTS = Path(__file__).parent / "results.json"
LARGE = 1_000_000
ROUNDS = 3
PUSHED, CHANGED = 1_050, 130
"""People of the first push and of the incremental run, where calls are counted."""

SEARCH_PAGE, QUERY_PAGE = 200, 2_000
BATCHES = {"hubspot": 100, "salesforce": 200}
"""What one call carries: HubSpot's search and batch, Salesforce's query and collection."""

Measured = dict[str, float]
out = Console()
log = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as folder:
        figures = _loads(Path(folder), asked.n, 1 if asked.quick else ROUNDS, None if asked.quick else asked.large)
        figures += _activities(Path(folder), asked.quick)
        figures += _alignment(Path(folder), 20_000 if asked.quick else LARGE)
        figures += _search(Path(folder), 20_000 if asked.quick else LARGE)
        figures += [] if asked.quick else _console(Path(folder), LARGE)
    figures += _calls()
    figures += _limits(*((3, 2.0) if asked.quick else (3, 10.0)))
    show(figures, out, f"{platform.platform()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}")
    save(figures, asked.out)
    out.print(f"written to {asked.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("-n", type=int, default=100_000, help="leads of a load (default: %(default)s)")
    parser.add_argument("--large", type=int, default=LARGE, help="leads of the one large load (default: %(default)s)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="once instead of three times, no large load, and without the console's pages",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="where databases and pages lie meanwhile")
    return parser


# -- loads --------------------------------------------------------------------------------------------------------------


def _loads(folder: Path, count: int, rounds: int, large: int | None) -> list[Figure]:
    runs = [_round(folder, count, number, rounds) for number in range(1, rounds + 1)]
    rates = {name: median(_rate(run[name]) for run in runs) for name in runs[0]}
    first, rescan = rates["first"], rates["rescan"]
    peak = median(run["first"]["peak_mb"] for run in runs)
    stored = runs[0]["first"]["database_bytes"] / count
    label = f"{count:,} leads"
    figures = [
        Figure(f"first load, {label}", first, "leads/s", 15_000),
        Figure(f"first load with scoring, {label}", rates["scored"], "leads/s"),
        Figure(f"rescan, nothing changed, {label}", rescan, "leads/s", 60_000),
        Figure(f"peak memory of a first load, {label}", peak, "MB", 250, "lower"),
        Figure("database per lead and system", stored, "bytes", 1_500, "lower"),
        Figure("bare httpx and orjson loop", rates["bare"], "leads/s"),
        Figure("rescan / bare loop", rescan / rates["bare"], ""),
        Figure("dlt into SQLite, merge", rates["dlt"], "leads/s"),
        Figure("first load / dlt", first / rates["dlt"], "times"),
        Figure("first load / bare loop", first / rates["bare"], ""),
    ]
    if large is not None:
        figures += _large(folder, count, large)
    return figures


def _round(folder: Path, count: int, number: int, rounds: int) -> dict[str, Measured]:
    """Ours and the peers' in turn, so that what else the machine does meanwhile is borne by all."""
    database, scored, peer = folder / "load.sqlite", folder / "scored.sqlite", folder / "peer"
    with _pages(folder, count) as url:
        log.print(f"round {number} of {rounds}, {count:,} leads: first load", style="dim")
        result = {"first": _measure("load", url, database, "first", "plain")}
        log.print("  rescan, bare loop, first load with scoring, dlt", style="dim")
        result["rescan"] = _measure("load", url, database, "rescan", "plain")
        result["bare"] = _measure("peers", url, folder, "bare")
        result["scored"] = _measure("load", url, scored, "first", "scored")
        peer.mkdir()
        result["dlt"] = _measure("peers", url, peer, "dlt")
    _clear(folder)
    return result


def _large(folder: Path, count: int, large: int) -> list[Figure]:
    """The large load between two small ones: the rates are compared as the machine was at that time."""
    log.print(f"once: {large:,} leads, between two times {count:,}: first load and rescan", style="dim")
    before, (first, rescan), after = (_load(folder, n) for n in (count, large, count))
    first_rate, rescan_rate = (_rate(run) for run in (first, rescan))
    small_first, small_rescan = ((_rate(a) + _rate(b)) / 2 for a, b in zip(before, after, strict=True))
    peak = max(before[0]["peak_mb"], after[0]["peak_mb"])
    label = f"{large:,} leads"
    return [
        Figure(f"first load, {label}", first_rate, "leads/s"),
        Figure("first load, large / small", first_rate / small_first, "", 0.8),
        Figure(f"rescan, nothing changed, {label}", rescan_rate, "leads/s"),
        Figure("rescan, large / small", rescan_rate / small_rescan, "", 0.8),
        Figure(f"peak memory of a first load, {label}", first["peak_mb"], "MB", 250, "lower"),
        Figure(f"peak memory of a rescan, {label}", rescan["peak_mb"], "MB", 250, "lower"),
        Figure("peak memory of a first load, large / small", first["peak_mb"] / peak, "", 1.1, "lower"),
        Figure("database per lead and system, large", first["database_bytes"] / large, "bytes", 1_500, "lower"),
    ]


def _load(folder: Path, count: int) -> tuple[Measured, Measured]:
    """A first load and a rescan."""
    database = folder / "load.sqlite"
    with _pages(folder, count) as url:
        runs = _measure("load", url, database, "first", "plain"), _measure("load", url, database, "rescan", "plain")
    _clear(folder)
    return runs


def _rate(run: Measured) -> float:
    return run["records"] / run["seconds"]


def _pages(folder: Path, count: int) -> Any:
    return serving(write_pages(folder / "pages.bin", count))


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


# -- activities ---------------------------------------------------------------------------------------------------------


def _activities(folder: Path, quick: bool) -> list[Figure]:
    """A load into an empty table, then the same where there are ten times as many; and what a sync of leads takes without
    any activities and with all of them."""
    people, count, edits = (2_000, 20_000, 200) if quick else (100_000, 1_000_000, 2_000)
    log.print(f"{count:,} activities, {10 * count:,} there, {count:,} more", style="dim")

    def step(*arguments: object) -> Measured:
        return _measure("activities", folder, *arguments)

    def edited() -> float:
        return median(step("edit", edits)["seconds"] for _ in range(ROUNDS))

    step("make", people)
    before, first = edited(), step("load", count, "plain")
    for _ in range(2):
        step("fill", count * 9 // 2)
    after, second = edited(), step("load", count, "plain")
    counted = step("load", count // 10, "counted")
    _clear(folder)
    label, grown = f"{10 * count:,} there", second["database_bytes"] - first["database_bytes"]
    return [
        Figure(f"activities, {count:,} at first", _rate(first), "activities/s", 30_000),
        Figure("activities, a second of processor time, at first", first["records"] / first["cpu"], "activities"),
        Figure(f"activities, {count:,} more with {label}", _rate(second), "activities/s", 30_000),
        Figure(f"activities, with {label} / at first", _rate(second) / _rate(first), "", 0.8),
        Figure("activities, leads summed up anew as they come", _rate(counted), "activities/s"),
        Figure(f"peak memory, activities, with {label}", second["peak_mb"], "MB", 250, "lower"),
        Figure(
            f"peak memory, activities, with {label} / at first", second["peak_mb"] / first["peak_mb"], "", 1.1, "lower"
        ),
        Figure("database per activity", grown / (second["stored"] - first["stored"]), "bytes"),
        Figure(f"sync of {edits:,} changed leads, without activities", before, "s"),
        Figure(f"sync of {edits:,} changed leads, with {label} / without", after / before, "", 1.2, "lower"),
    ]


# -- alignment -----------------------------------------------------------------------------------------------------------


def _alignment(folder: Path, leads: int) -> list[Figure]:
    """One past, ten activities and two stage events a lead: the funnel of a quarter and of two years with all cuts, leads
    scored anew that something happened to, ticks of the clocks, a report."""
    log.print(f"a past of {leads:,} leads: funnel, scores, clocks, report", style="dim")
    database, touched, running, called = folder / "scores.sqlite", leads // 100, leads // 20, leads // 500
    _measure("past", database, leads)
    quarter, years = (_measure("alignment", database, period) for period in ("quarter", "years"))
    _measure("scores", folder, "adopt", touched)
    scored = _measure("scores", folder, "rescore", touched)
    clocks = _measure("clocks", database, running, called)
    reported = _measure("reports", database, running)
    _clear(folder)
    label, open_ = f"{leads:,} leads", f"{clocks['open']:,.0f} leads with {clocks['running']:,.0f} clocks"
    return [
        Figure(f"funnel of a quarter with all cuts, {label}, processor time", quarter["cpu"], "s", 10, "lower"),
        Figure(f"funnel of two years with all cuts, {label}, processor time", years["cpu"], "s", 10, "lower"),
        Figure(f"one cut more of what has been read, {label}", quarter["cut"], "s"),
        Figure(f"peak memory of a funnel, {label}", quarter["peak_mb"], "MB", 1_000, "lower"),
        Figure(f"report of a month, {label}, processor time", reported["cpu"], "s", 20, "lower"),
        Figure(f"peak memory of a report, {label}", reported["peak_mb"], "MB"),
        Figure(f"scored anew, {touched:,} of {label}, processor time", scored["seconds"], "s", 2, "lower"),
        Figure(f"tick in which nothing happened, {open_}", clocks["quiet"], "s", 2, "lower"),
        Figure(f"tick after {clocks['calls']:,.0f} calls, {open_}", clocks["called"], "s", 2, "lower"),
        Figure(f"first tick of a pact, {clocks['leads']:,.0f} leads to look at", clocks["first"], "s"),
    ]


# -- the console ---------------------------------------------------------------------------------------------------------


def _search(folder: Path, leads: int) -> list[Figure]:
    """Eleven sorts of questions, from one letter to two rare names; the slowest of all, and the middle of the slowest sort."""
    log.print(f"finding people among {leads:,} leads", style="dim")
    found = _measure("search", folder, leads)
    label = f"{leads:,} leads"
    slowest, middle = (max(found[name].values()) for name in ("slowest", "median"))
    return [
        Figure(f"console: search, the slowest question, {label}, processor time", slowest, "ms", 200, "lower"),
        Figure(f"console: search, the middle of the slowest sort, {label}, processor time", middle, "ms", 50, "lower"),
        Figure(
            f"console: search, a name that many have, {label}",
            found["median"]["a name that many have"],
            "ms",
            20,
            "lower",
        ),
        Figure(f"console: search index made for the first time, {label}", found["build"], "s"),
        Figure("console: longest transaction of the search index", found["longest"], "s", 1, "lower"),
        Figure("console: 2,000 changed records taken into the search index", found["followed"], "s"),
        Figure("console: search index per lead", found["bytes"], "bytes", 700, "lower"),
    ]


def _console(folder: Path, leads: int) -> list[Figure]:
    """Every page and every answer of the API, warm; the slowest of them in the middle of several times, and of all times."""
    log.print(f"every page of the console over {leads:,} leads", style="dim")
    (folder / "console").mkdir()
    told = _measure("console", folder / "console", leads)
    _clear(folder)
    log.print(f"  slowest: {told['slowest_url']}, heaviest: {told['heaviest_url']}", style="dim")
    label = f"{leads:,} leads"
    return [
        Figure(f"console: the slowest page, {label}", told["slowest"], "ms", 150, "lower"),
        Figure(f"console: processor time of the costliest page, {label}", told["cpu"], "ms", 150, "lower"),
        Figure(f"console: the slowest answer of all, {label}", told["worst"], "ms"),
        Figure(f"console: the first page after the start, {label}", told["at_once"], "ms"),
        Figure(
            f"console: first load with its assets, the heaviest page, {label}", told["heaviest"], "kB", 300, "lower"
        ),
    ]


# -- calls and limits ---------------------------------------------------------------------------------------------------


def _calls() -> list[Figure]:
    log.print("API calls, counted by the sandbox", style="dim")
    runs = _measure("calls", PUSHED, CHANGED)
    figures = []
    for system, batch in BATCHES.items():
        calls = runs["first"][system]["writes"]
        fewest = math.ceil(PUSHED / batch)
        figures.append(Figure(f"{system}: write calls of a first push of {PUSHED:,}", calls, "calls", fewest, "lower"))
    read = {"hubspot": math.ceil(CHANGED / SEARCH_PAGE) + 2, "salesforce": math.ceil(CHANGED / QUERY_PAGE) + 2}
    for system, batch in BATCHES.items():
        counted: Mapping[str, int] = runs["incremental"][system]
        figures += [
            Figure(f"{system}: read calls after {CHANGED} changes", counted["reads"], "calls", read[system], "lower"),
            Figure(
                f"{system}: write calls after {CHANGED} changes",
                counted["writes"],
                "calls",
                math.ceil(CHANGED / batch),
                "lower",
            ),
        ]
    quiet = sum(runs["quiet"][system]["writes"] for system in BATCHES)
    return [*figures, Figure("write calls of a run in which nothing changed", quiet, "calls", 0, "lower")]


def _limits(windows: int, seconds: float) -> list[Figure]:
    log.print(f"rate limits: {windows} windows of {seconds:g} seconds", style="dim")
    runs = _measure("limits", windows, seconds)
    refused = sum(run["refused"] for run in runs.values())
    shares = [Figure(f"allowed rate used, {kind}", run["share"], "", 0.95) for kind, run in runs.items()]
    return [*shares, Figure("429s that were avoidable", refused, "", 0, "lower")]


def _measure(module: str, *arguments: object) -> dict[str, Any]:
    """One measurement, in a process of its own."""
    command = [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False)
    if done.returncode:
        raise SystemExit(f"bench.{module} failed:\n{done.stderr}")
    figures: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
