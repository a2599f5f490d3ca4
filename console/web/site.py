"""One project as all pages see it: its database, its configuration as it is now, its texts.

Invariant: the configuration is read anew as soon as a file of it has changed, so that a page never shows an older one; the
database is opened once. Systems are connected by jobs alone (`jobs`), never by a page: no page waits for a vendor.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from alignment.words import Words, languages
from console.web.finding import Finder
from console.web.jobs import Jobs
from mapping.loader import FOLDER, MAIN, Project, compile_rules, load_project, resolve_database
from state.accounts import Accounts
from state.database import open_database
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
        self.jobs = Jobs(self.folder)
        self.finder = Finder(self.engine, self.jobs)

    @property
    def opened(self) -> Opened:
        """The project with its database and without its systems, as the functions behind the commands take it."""
        with self._lock:
            stamp = self._files()
            if self._opened is None or stamp != self._stamp:
                self._opened, self._stamp = self._read(), stamp
            return self._opened

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.engine)

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
        self.finder.close()
        self.jobs.close()
        self.engine.dispose()

    def _read(self) -> Opened:
        project: Project = load_project(self.folder)
        env = environment(self.folder)
        key = env.get(KEY, "")
        secrets = (*secrets_of(project, env), *([key] if key else []))
        return Opened(project, compile_rules(project), self.engine, {}, secrets, key)

    def _files(self) -> Stamp:
        files = [self.folder / MAIN, self.folder / ENV_FILE, *sorted((self.folder / FOLDER).glob("*.y*ml"))]
        found = [(file, file.stat()) for file in files if file.exists()]
        return tuple((str(file), seen.st_mtime_ns, seen.st_size) for file, seen in found)
