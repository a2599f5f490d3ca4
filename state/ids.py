"""Ids: UUIDv7 in hexadecimal, strictly rising within a process, so that indexes over them grow at their end."""

from __future__ import annotations

import os
import threading
import time

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """RFC 9562 UUIDv7: 48 bits of milliseconds, then a counter in rand_a and the top of rand_b, then chance."""
    global _last
    with _lock:
        stamp = max(time.time_ns() // 1_000_000 << 24, _last + 1)
        _last = stamp
    millis, count = stamp >> 24, stamp & 0xFFFFFF
    rand_a = count >> 12
    rand_b = (count & 0xFFF) << 50 | int.from_bytes(os.urandom(7), "big") & (1 << 50) - 1
    return f"{millis << 16 | 7 << 12 | rand_a:016x}{2 << 62 | rand_b:016x}"
