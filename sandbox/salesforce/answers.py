"""Query answers and the cursors behind their next pages.

A cursor holds the rows as they were when the query ran: what changes meanwhile moves no page. An org keeps ten for
a user; the oldest is lost when an eleventh is opened.
https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_query.htm
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.faults import Fault, page_start
from sandbox.salesforce.errors import Problem, Refused
from sandbox.salesforce.org import Org
from sandbox.salesforce.query import Answer, Column
from sandbox.salesforce.table import Row

OPEN_CURSORS = 10
SMALLEST_PAGE = 200


class Cursors:
    def __init__(self, org: Org) -> None:
        self.org = org
        self._open: OrderedDict[str, tuple[Answer, str, int]] = OrderedDict()

    def first(self, answer: Answer, root: str, size: int) -> dict[str, Any]:
        """The first page, `size` rows of it; `root` is the version's path."""
        if not answer.columns:
            return {"totalSize": answer.total, "done": True, "records": []}
        if answer.total <= size:
            return self._page(answer, "", root, 0, size, None)
        cursor = self.org.new_id("0r8")
        self._open[cursor] = (answer, cursor, size)
        while len(self._open) > OPEN_CURSORS:
            self._open.popitem(last=False)
        return self._page(answer, cursor, root, 0, size, None)

    def more(self, locator: str, root: str, size: int | None, fault: Fault | None) -> dict[str, Any]:
        """The page that a nextRecordsUrl (`<cursor>-<row>`) names. Raises Refused."""
        cursor, _, at = locator.rpartition("-")
        if cursor not in self._open or not at.isdigit():
            raise Refused(Problem("INVALID_QUERY_LOCATOR", "invalid query locator"))
        answer, cursor, usual = self._open[cursor]
        return self._page(answer, cursor, root, int(at), size or usual, fault)

    def _page(self, answer: Answer, cursor: str, root: str, at: int, size: int, fault: Fault | None) -> dict[str, Any]:
        show = shaper(answer.table.name, answer.columns, root)
        start = page_start(fault, at, size)
        page: dict[str, Any] = {"totalSize": answer.total, "done": at + size >= answer.total}
        if not page["done"]:
            page["nextRecordsUrl"] = f"{root}/query/{cursor}-{at + size}"
        page["records"] = [show(row) for row in answer.rows[start : start + size]]
        return page


def shaper(sobject: str, columns: Sequence[Column], root: str) -> Callable[[Row], dict[str, Any]]:
    """Turns rows into the JSON of the REST API; a parent's fields are nested under the relationship's name."""
    url = f"{root}/sobjects/{sobject}/"
    own = [(c.path[0], c.get) for c in columns if len(c.path) == 1]
    above: dict[str, list[Column]] = {}
    for column in columns:
        if len(column.path) > 1:
            above.setdefault(column.path[0], []).append(column)

    def show(row: Row) -> dict[str, Any]:
        found: dict[str, Any] = {"attributes": {"type": sobject, "url": url + row["Id"]}}
        for name, get in own:
            found[name] = get(row)
        for relationship, theirs in above.items():
            values = {c.path[-1]: c.get(row) for c in theirs}
            # Without any value there is most likely no parent, which shows as null.
            there = any(v is not None for v in values.values())
            found[relationship] = {"attributes": {"type": theirs[0].sobject}, **values} if there else None
        return found

    return show


def page_size(options: str, usual: int) -> int:
    """From the header `Sforce-Query-Options: batchSize=500`; from 200 to 2,000."""
    for part in options.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "batchsize" and value.isdigit():
            return min(max(int(value), SMALLEST_PAGE), usual)
    return usual
