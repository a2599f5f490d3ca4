"""Tables that Tryton refers to by id and the rest of the world by code: countries and their subdivisions.

Read when first needed, and once; the tables are filled by an administrator (`trytond_import_countries`).
"""

from __future__ import annotations

from typing import Any

from connectors.errors import Invalid
from connectors.tryton.api import Rpc


class Codes:
    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._tables: dict[str, dict[str, int]] = {}

    async def id_of(self, model: str, field: str, value: Any) -> int | None:
        """The row of a code ("DE", "DE-BE"). Raises Invalid for one that the table does not have."""
        if value is None or value == "":
            return None
        if model not in self._tables:
            rows = await self._rpc.search_read(model, [], ["code"], [["id", "ASC"]])
            self._tables[model] = {str(row["code"]).upper(): row["id"] for row in rows if row["code"]}
        try:
            return self._tables[model][str(value).upper()]
        except KeyError:
            raise Invalid(
                f"Tryton knows no {field} with the code {value!r:.40}.",
                field=field,
                hint="Codes are ISO 3166 (DE, DE-BE). Fill the table with trytond_import_countries if it is empty.",
            ) from None
