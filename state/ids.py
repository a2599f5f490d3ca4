"""Ids: UUIDv7 in hexadecimal, strictly rising within a process, so that indexes over them grow at their end."""

from __future__ import annotations

import os
import threading
import time

CHANCES = 256
"""Ids for which chance is asked of the system at once: to ask for each takes as long as all the rest."""

_lock = threading.Lock()
_last = 0
_chance: list[int] = []


def new_id() -> str:
    """RFC 9562 UUIDv7: 48 bits of milliseconds, then a counter in rand_a and the top of rand_b, then chance."""
    global _last
    with _lock:
        stamp = max(time.time_ns() // 1_000_000 << 24, _last + 1)
        _last = stamp
        if not _chance:
            _chance.extend(memoryview(os.urandom(8 * CHANCES)).cast("Q"))
        chance = _chance.pop()
    millis, count = stamp >> 24, stamp & 0xFFFFFF
    rand_a = count >> 12
    rand_b = (count & 0xFFF) << 50 | chance & (1 << 50) - 1
    return f"{millis << 16 | 7 << 12 | rand_a:016x}{2 << 62 | rand_b:016x}"


os.register_at_fork(after_in_child=_chance.clear)  # or parent and child would go on with the same
