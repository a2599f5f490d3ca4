"""What else could be asked to move the same contacts, measured in a process of its own, on the same server.

    python -m bench.peers URL FOLDER {dlt,bare}     prints one line of JSON

`dlt` loads the list endpoint into SQLite by its `rest_api` source, merging by id: the same reading and storing, without
matching, field-by-field merging, bases or history. `bare` is the least that anything in Python with httpx can do: ask
for each page, parse it, forget it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import orjson

from bench.project import SYSTEM, read_only
from connectors.hubspot.objects import CONTACTS


def by_dlt(url: str, folder: Path) -> dict[str, float]:
    os.environ.update(
        RUNTIME__DLTHUB_TELEMETRY="false",
        RUNTIME__LOG_LEVEL="ERROR",
        DLT_DATA_DIR=str(folder / "dlt"),
        NO_PROXY="127.0.0.1",
    )
    import dlt  # only here: it takes a second to import
    from dlt.sources.rest_api import rest_api_source

    paginator = {"type": "cursor", "cursor_path": "paging.next.after", "cursor_param": "after"}
    endpoint = {"path": CONTACTS.path, "params": _params(), "data_selector": "results"}
    contacts = {"name": "contacts", "primary_key": "id", "write_disposition": "merge", "endpoint": endpoint}
    config: Any = {"client": {"base_url": url, "paginator": paginator}, "resources": [contacts]}
    database = folder / "dlt.sqlite"
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{database}"),
        dataset_name="main",
    )
    began = time.perf_counter()
    pipeline.run(rest_api_source(config))
    seconds = time.perf_counter() - began
    with pipeline.sql_client() as client:
        [[count]] = client.execute_sql("SELECT count(*) FROM contacts") or [[0]]
    return {"records": int(count), "seconds": seconds, "database_bytes": database.stat().st_size}


async def by_bare_loop(url: str) -> dict[str, float]:
    read, params = 0, _params()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        began = time.perf_counter()
        while True:
            body = orjson.loads((await client.get(CONTACTS.path, params=params)).content)
            read += len(body["results"])
            if "paging" not in body:
                return {"records": read, "seconds": time.perf_counter() - began}
            params["after"] = body["paging"]["next"]["after"]


def _params() -> dict[str, str]:
    return {"limit": "100", "properties": ",".join(read_only(scoring=False).mappers[SYSTEM].remote_fields)}


if __name__ == "__main__":
    address, work, peer = sys.argv[1:4]
    figures = by_dlt(address, Path(work)) if peer == "dlt" else asyncio.run(by_bare_loop(address))
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(orjson.dumps(figures).decode())
