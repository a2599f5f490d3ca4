"""One project as all pages see it: its database, its configuration as it is now, its texts.

Invariant: the configuration is read anew as soon as a file of it has changed, so that a page never shows an older one; the
database is opened once. Systems are connected by jobs alone (`jobs`), never by a page: no page waits for a vendor.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from alignment.words import Words, languages
from console.publishing import by_hand, finish
from console.web.discovered import Schemas
from console.web.finding import Finder
from console.web.jobs import Jobs
from console.web.standing import Watch
from mapping.console import Console
from mapping.folder import stamp
from mapping.loader import Project, compile_rules, load_project, resolve_database
from mapping.problems import ConfigErrors
from state.accounts import Accounts
from state.database import open_database
from state.drafts import Drafts, Publications
from state.history import Engine, History
from state.store import Store
from state.tokens import Tokens
from state.watermark import watermark
from sync.forgotten import KEY
from sync.project import ENV_FILE, Opened, environment, secrets_of

TEXTS = Path(__file__).parent / "locale"
LANGUAGES = languages()
READ = ("record", "schema", "impact")
"""Kinds of jobs whose results hold values out of a system."""

Stamp = tuple[tuple[str, int, int], ...]


class Site:
    """Raises ConfigErrors, and what the database's driver raises, on being made; later on `opened` raises ConfigErrors as
    long as a file is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock = threading.Lock()
        self._wrong: ConfigErrors | None = None
        self._stamp = self._files()
        project, env = load_project(self.folder), environment(self.folder)
        self._console = project.config.console
        self.engine: Engine = open_database(resolve_database(project, env))
        self._opened: Opened | None = self._of(project, env)
        finish(self.folder, self.publications)
        by_hand(self.folder, self.publications, datetime.now(UTC))
        self.jobs = Jobs(self.folder)
        self.watch = Watch(self.engine)
        self.schemas = Schemas(self.jobs)
        self._erasures, self._forgot_at = watermark(self.engine).erasures, datetime.min.replace(tzinfo=UTC)
        self.finder = Finder(self.engine, self.jobs, self.forget)

    @property
    def opened(self) -> Opened:
        """The project with its database and without its systems, as the functions behind the commands take it."""
        with self._lock:
            found = self._files()
            if found != self._stamp or (self._opened is None and self._wrong is None):
                self._opened, self._wrong, self._stamp = None, None, found
                try:
                    self._opened = self._of(load_project(self.folder), environment(self.folder))
                except ConfigErrors as errors:
                    self._wrong = errors
            if self._opened is None:
                assert self._wrong is not None
                raise ConfigErrors(self._wrong.errors)
            return self._opened

    @property
    def console(self) -> Console:
        """How one comes in. As it was last read, while a file is wrong: whoever may mend it must be able to come in."""
        with suppress(ConfigErrors):
            self._console = self.opened.project.config.console
        return self._console

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.engine)

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.engine)

    @cached_property
    def publications(self) -> Publications:
        return Publications(self.engine)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.engine)

    @contextmanager
    def history(self) -> Iterator[History]:
        """Questions about the past, in one connection."""
        with History(self.engine) as history:
            yield history

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """The engine's own view of the state; nothing is kept of what is done to it."""
        store = Store(self.engine, dry=True)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The same; whoever writes says `commit`."""
        with self.opened.store() as store:
            yield store

    def forget(self) -> None:
        """Where somebody was forgotten since the last look, also by a command: what this process has read of people out of
        systems is let go, lest it be theirs."""
        erasures = watermark(self.engine).erasures
        if erasures != self._erasures:
            self._erasures, self._forgot_at = erasures, datetime.now(UTC)
        self.schemas.forget(self._forgot_at)
        self.jobs.forget(READ, self._forgot_at)

    def words(self, language: str) -> Words:
        return Words(language if language in LANGUAGES else LANGUAGES[0], TEXTS)

    def close(self) -> None:
        self.finder.close()
        self.jobs.close()
        self.engine.dispose()

    def _of(self, project: Project, env: Mapping[str, str]) -> Opened:
        key = env.get(KEY, "")
        secrets = (*secrets_of(project, env), *([key] if key else []))
        return Opened(project, compile_rules(project), self.engine, {}, secrets, key)

    def _files(self) -> Stamp:
        env = self.folder / ENV_FILE
        secrets = ((ENV_FILE, (seen := env.stat()).st_mtime_ns, seen.st_size),) if env.exists() else ()
        return (*stamp(self.folder), *secrets)
