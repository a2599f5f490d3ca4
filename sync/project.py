"""From a project folder to a run: the one way in for every door (command line, flows, tests).

Effects: reads the folder and its `.env`, opens the database, connects the systems; closes all of it again. Decides
nothing about leads. Secrets live in the connectors and in `secrets` (for taking them out of messages), nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from dotenv import dotenv_values

from connectors.base import Budget, Clock, Connector, utc_now
from connectors.errors import Misconfigured
from connectors.registry import connect, nearest, settings_of
from mapping.loader import Project, compile_rules, load_project, parsed, resolve_database, resolve_secrets, variables
from mapping.problems import ConfigError, ConfigErrors
from mapping.rules import Rules
from state.database import open_database
from state.history import Engine
from state.store import Store
from sync.approval import Approval
from sync.context import Progress, Report
from sync.forgotten import KEY
from sync.pull import Window
from sync.run import Options, Planned, preview, sync

ENV_FILE = ".env"
SILENT: Progress = lambda phase, system, count: None  # noqa: E731
T = TypeVar("T")


@dataclass(frozen=True)
class Opened:
    """A project with its database and its systems. `connectors` holds the systems asked for; the rules are always
    those of all systems, so that what one is told takes the others into account."""

    project: Project
    rules: Rules
    engine: Engine
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    forget_key: str = field(default="", repr=False)
    """By which those are known who asked to be forgotten; empty where nobody ever has."""

    @contextmanager
    def store(self, *, dry: bool = False) -> Iterator[Store]:
        store = Store(self.engine, dry=dry)
        try:
            yield store
        finally:
            store.close()

    def budgets(self) -> dict[str, Budget]:
        """What is left of each system's API allowance, as far as it has told."""
        return {name: connector.budget() for name, connector in self.connectors.items()}


def environment(folder: Path) -> dict[str, str]:
    """The variables that settings may ask for: those of the process, and below them those of the folder's `.env`."""
    values = dotenv_values(folder / ENV_FILE, interpolate=False)
    return {**{name: value for name, value in values.items() if value}, **os.environ}


def secrets_of(project: Project, env: Mapping[str, str]) -> tuple[str, ...]:
    """Every value that the configuration asks the environment for."""
    asked = variables(project.config.database)
    for system in project.config.systems.values():
        asked |= variables(system.settings)
    if project.config.sla is not None:
        asked |= variables(project.config.sla.model_dump(include={"teams", "alerts"}))
    if project.config.reports is not None:
        asked |= variables(project.config.reports.model_dump())
    asked |= variables(project.config.console.model_dump())
    return tuple(sorted({env[name] for name in asked if env.get(name)}))


@asynccontextmanager
async def open_project(
    folder: Path | str,
    *,
    systems: Collection[str] | None = None,
    reading: bool = False,
    files: Mapping[str, str] | None = None,
    database: str = "",
    clock: Clock = utc_now,
) -> AsyncIterator[Opened]:
    """`systems`: which to connect; None for all, () for none. `reading`: nothing will be kept, so a database that is
    not there yet is not made either (an empty one in memory takes its place). `files`: a draft that takes the place of the
    folder's configuration; all else is the folder's, and it is connected to nothing but what is published: a draft has been
    seen by nobody else, and would send secrets wherever it says. `database`: a URL in place of the configured one.

    Raises ConfigErrors, Misconfigured, and the database driver's errors."""
    project = load_project(folder, files)
    env = environment(project.folder)
    chosen = _chosen(project, systems)
    if files is not None:
        project = connected_as_published(project, chosen)
    settings = _settings(project, chosen, env)
    url = database or resolve_database(project, env)
    engine = open_database("sqlite://" if reading and _missing(url) else url)
    async with AsyncExitStack() as stack:
        stack.callback(engine.dispose)
        connectors: dict[str, Connector] = {}
        for name in chosen:
            connectors[name] = connect(name, project.config.systems[name].connector, settings[name], clock=clock)
            stack.push_async_callback(connectors[name].aclose)
        key = env.get(KEY, "")
        secrets = (*secrets_of(project, env), *([key] if key else []))
        yield Opened(project, compile_rules(project), engine, connectors, secrets, key)


async def run_sync(
    folder: Path | str,
    *,
    kind: str = "sync",
    systems: Collection[str] | None = None,
    full: bool = False,
    confirmed: bool = False,
    only: Approval | None = None,
    progress: Progress = SILENT,
    clock: Clock = utc_now,
) -> Report:
    """One run over a project folder. `only`: what was approved of a plan. Raises what `open_project` and
    `sync.run.sync` raise."""
    options = Options(kind=kind, full=full, confirmed=confirmed, only=only)
    async with open_project(folder, systems=systems, clock=clock) as opened:
        return await run_opened(opened, options, progress=progress, clock=clock)


async def run_backfill(
    folder: Path | str,
    window: Window,
    *,
    systems: Collection[str] | None = None,
    confirmed: bool = False,
    progress: Progress = SILENT,
    clock: Clock = utc_now,
) -> Report:
    """Read again what changed in a window of time, and write what follows from it. Resumes where an unfinished one
    of the same window stopped."""
    options = Options(kind="backfill", window=window, confirmed=confirmed)
    async with open_project(folder, systems=systems, clock=clock) as opened:
        return await run_opened(opened, options, progress=progress, clock=clock)


async def run_preview(
    folder: Path | str,
    look: Callable[[Opened, Store, Report, Planned], T],
    *,
    systems: Collection[str] | None = None,
    full: bool = False,
    revert: str = "",
    files: Mapping[str, str] | None = None,
    database: str = "",
    progress: Progress = SILENT,
    clock: Clock = utc_now,
) -> T:
    """What a run would write; nothing is kept, anywhere. `look` is called while the state that the run would leave
    behind can still be read from the store, and its result returned. `revert`: the run to take back. `files`,
    `database`: as `open_project` takes them."""
    async with open_project(
        folder, systems=systems, reading=True, files=files, database=database, clock=clock
    ) as opened:
        options = Options(kind="plan", full=full, dry=True, revert=revert, forget_key=opened.forget_key)
        with opened.store(dry=True) as store:
            report, rows = await preview(
                opened.rules, opened.connectors, store, options=options, clock=clock, progress=progress
            )
            return look(opened, store, report, rows)


async def run_opened(
    opened: Opened, options: Options, *, progress: Progress = SILENT, clock: Clock = utc_now
) -> Report:
    """A run over a project that is open already."""
    options = replace(options, document=opened.project.dump(), forget_key=opened.forget_key)
    with opened.store() as store:
        return await sync(opened.rules, opened.connectors, store, options=options, clock=clock, progress=progress)


def _chosen(project: Project, systems: Collection[str] | None) -> list[str]:
    known = project.config.systems
    for name in systems or ():
        if name not in known:
            raise Misconfigured(f"There is no system called {name!r}.", hint=nearest(name, known))
    return [name for name in known if systems is None or name in systems]


def connected_as_published(draft: Project, chosen: Collection[str]) -> Project:
    """The draft with the published database. Raises Misconfigured where it connects a system otherwise than what is
    published, and ConfigErrors where that cannot be read at all."""
    published = parsed(draft.folder).config
    if published is None:
        published = load_project(draft.folder).config
    for name in chosen:
        system, there = draft.config.systems[name], published.systems.get(name)
        if there is None or (system.connector, system.settings) != (there.connector, there.settings):
            raise Misconfigured(
                f"The draft connects {name} otherwise than what is published: nothing of it is tried there.",
                hint=f"Publish how {name} is connected by itself; what else the draft changes can then be looked at.",
            )
    return replace(draft, config=draft.config.model_copy(update={"database": published.database}))


def _settings(project: Project, chosen: Collection[str], env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Secrets filled in and paths made absolute; every variable that is missing is named at once."""
    filled: dict[str, dict[str, Any]] = {}
    missing: list[ConfigError] = []
    for name in chosen:
        system = project.config.systems[name]
        try:
            settings = resolve_secrets(system.settings, env, where=f"systems.{name}.settings")
        except ConfigErrors as errors:
            missing += [replace(e, expected="a value for it in .env, or in the environment") for e in errors.errors]
            continue
        for key, model in settings_of(system.connector).model_fields.items():
            if model.annotation is Path and isinstance(settings.get(key), str):
                settings[key] = str((project.folder / settings[key]).resolve())
        filled[name] = settings
    if missing:
        raise ConfigErrors(missing)
    return filled


def _missing(url: str) -> bool:
    """Whether the database is a file that nobody has made yet."""
    file = url.partition(":///")[2]
    return url.startswith("sqlite") and bool(file) and file != ":memory:" and not Path(file).exists()
