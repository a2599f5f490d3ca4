"""The menu: every page that one can begin with, and who sees it."""

from __future__ import annotations

from dataclasses import dataclass

from state.accounts import Role


@dataclass(frozen=True)
class Entry:
    """`key`: of its text, `menu.<key>`; `go`: the letter after "g" that leads there; `also`: addresses of pages that one comes
    to from there."""

    key: str
    url: str
    icon: str
    go: str = ""
    role: Role = "viewer"
    also: tuple[str, ...] = ()

    def current(self, path: str) -> bool:
        return any(path == url or (url != "/" and path.startswith(f"{url}/")) for url in (self.url, *self.also))


MENU: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "",
        (
            Entry("overview", "/", "overview", "o"),
            Entry("records", "/records", "person", "l"),
            Entry("reviews", "/reviews", "question", "r"),
            Entry("runs", "/runs", "run", "p", also=("/plans", "/jobs", "/errors")),
            Entry("mapping", "/mapping", "mapping", "m"),
        ),
    ),
    (
        "alignment",
        (
            Entry("funnel", "/funnel", "funnel", "f"),
            Entry("sla", "/sla", "promise", "s"),
            Entry("objectives", "/objectives", "goal"),
            Entry("scoring", "/scoring", "score"),
            Entry("personas", "/personas", "persona"),
            Entry("glossary", "/glossary", "book"),
            Entry("reports", "/reports", "report"),
        ),
    ),
    (
        "settings",
        (
            Entry("access", "/access", "key", role="admin"),
            Entry("audit", "/audit", "list", role="admin"),
        ),
    ),
)
"""By group; the first has no title."""
