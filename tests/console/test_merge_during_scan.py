"""A vendor merges two records, and a complete scan meets the one that is left: it must not count as deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from connectors.base import Cursor, Page, Record
from connectors.memory_file import MemoryFile
from state.history import History
from state.store import Store
from sync.project import open_project, run_opened
from sync.run import Options
from tests.console.folder import edit, make_project


class Tells(MemoryFile):
    """As HubSpot does: a complete scan tells of merged records, before or after the one that took their place."""

    first = True

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        gone = [Record(i, {}, row.changed_at, became=row.became) for i, row in self.vendor.rows.items() if row.became]
        async for page in super().read(fields, since):
            if since is not None:
                yield page
            elif self.first:
                yield page._replace(records=[*gone, *page.records])
            elif page.complete:
                yield page._replace(complete=False)
                yield Page(gone, page.cursor, complete=True)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("batch", [1, 1000])
async def test_a_record_that_took_anothers_place_is_not_swept_away(tmp_path: Path, first: bool, batch: int) -> None:
    folder = make_project(tmp_path / "p")
    async with open_project(folder) as opened:
        await run_opened(opened, Options(confirmed=True))
    edit(folder, "marketing", "77", email="ada@analytical.example", first="Ada", stage="lead", our_id="")
    async with open_project(folder) as opened:
        connector = opened.connectors["marketing"]
        assert isinstance(connector, MemoryFile)
        connector.vendor.rows["1"].became = "77"
        connector.__class__ = type("Tells", (Tells,), {"first": first})
        await run_opened(opened, Options(full=True, confirmed=True, batch=batch))
        with History(opened.engine) as history:
            hub_id = history.linked("marketing", ["77"])["77"]
        store = Store(opened.engine, dry=True)
        link = store.hubs([hub_id])[hub_id].links["marketing"]
        store.close()
    assert (link.remote_id, link.state) == ("77", "live")
