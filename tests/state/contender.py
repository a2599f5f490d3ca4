"""A process of its own that wants the lock: `python -m tests.state.contender URL [die|wait]`.

It says `ready`, waits for a line, tries, and says `have` or `busy`. Told to die it goes without letting go; else it
holds the lock until its input ends.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from state.database import open_database
from state.lock import Busy, Lease


def main(url: str, then: str) -> None:
    engine = open_database(url, migrate=False)
    with engine.connect():
        print("ready", flush=True)
    sys.stdin.readline()
    try:
        lease = Lease(engine, "sync", lambda: datetime.now(UTC))
    except Busy as busy:
        print("busy", busy.holder, flush=True)
        return
    print("have", lease.holder, flush=True)
    if then == "die":
        os._exit(9)
    sys.stdin.read()
    lease.release()


if __name__ == "__main__":
    main(*sys.argv[1:])
