"""One project as all pages see it: its database, its configuration as it is now, its texts.

Invariant: the configuration is read anew as soon as a file of it has changed, so that a page never shows an older one; the
database is opened once. Systems are connected by jobs alone (`jobs`), never by a page: no page waits for a vendor.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from alignment.words import Words, languages
from console.publishing import by_hand, finish
from console.web.discovered import Schemas
from console.web.jobs import Jobs
from mapping.folder import stamp
from mapping.loader import Project, compile_rules, load_project, resolve_database
from state.accounts import Accounts
from state.database import open_database
from state.drafts import Drafts, Publications
from state.history import Engine, History
from state.store import Store
from sync.forgotten import KEY
from sync.project import ENV_FILE, Opened, environment, secrets_of

TEXTS = Path(__file__).parent / "locale"
LANGUAGES = languages()
Stamp = tuple[tuple[str, int, int], ...]


class Site:
    """Raises ConfigErrors, and what the database's driver raises, on being made; later on `opened` raises ConfigErrors as
    long as a file is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._lock = threading.Lock()
        self._stamp: Stamp = ()
        self._opened: Opened | None = None
        project = load_project(self.folder)
        self.engine: Engine = open_database(resolve_database(project, environment(self.folder)))
        finish(self.folder, self.publications)
        by_hand(self.folder, self.publications, datetime.now(UTC))
        self.jobs = Jobs(self.folder)
        self.schemas = Schemas(self.jobs)

    @property
    def opened(self) -> Opened:
        """The project with its database and without its systems, as the functions behind the commands take it."""
        with self._lock:
            found = self._files()
            if self._opened is None or found != self._stamp:
                self._opened, self._stamp = self._read(), found
            return self._opened

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.engine)

    @cached_property
    def drafts(self) -> Drafts:
        return Drafts(self.engine)

    @cached_property
    def publications(self) -> Publications:
        return Publications(self.engine)

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

    def words(self, language: str) -> Words:
        return Words(language if language in LANGUAGES else LANGUAGES[0], TEXTS)

    def close(self) -> None:
        self.jobs.close()
        self.engine.dispose()

    def _read(self) -> Opened:
        project: Project = load_project(self.folder)
        env = environment(self.folder)
        key = env.get(KEY, "")
        secrets = (*secrets_of(project, env), *([key] if key else []))
        return Opened(project, compile_rules(project), self.engine, {}, secrets, key)

    def _files(self) -> Stamp:
        env = self.folder / ENV_FILE
        secrets = ((ENV_FILE, (seen := env.stat()).st_mtime_ns, seen.st_size),) if env.exists() else ()
        return (*stamp(self.folder), *secrets)
