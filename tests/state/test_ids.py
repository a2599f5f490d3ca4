"""UUIDv7, strictly rising."""

from __future__ import annotations

import itertools
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

from state import ids
from state.ids import new_id


def test_ids_are_uuids_of_version_7_that_tell_the_time() -> None:
    before = time.time_ns() // 1_000_000
    found = uuid.UUID(new_id())
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert before <= found.int >> 80 <= time.time_ns() // 1_000_000 + 1000
    assert len(found.hex) == 32


def test_ids_rise_however_fast_they_are_made() -> None:
    made = [new_id() for _ in range(50_000)]
    assert all(a < b for a, b in itertools.pairwise(made))
    assert all(uuid.UUID(one).version == 7 for one in made[::1000])


def test_ids_rise_when_the_clock_goes_back() -> None:
    first = new_id()
    with patch("state.ids.time.time_ns", return_value=0):
        assert new_id() > first


def test_threads_share_one_order() -> None:
    def some(_: int) -> list[str]:
        return [new_id() for _ in range(2000)]

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(some, range(4)))
    assert all(part == sorted(part) for part in parts)
    assert len({one for part in parts for one in part}) == 8000


def test_counter_runs_over_into_the_next_millisecond() -> None:
    with patch.object(ids, "_last", (1 << 24 | 0xFFFFFF) + (time.time_ns() // 1_000_000 + 5000 << 24)):
        first, second = new_id(), new_id()
        assert first < second
        assert uuid.UUID(first).version == uuid.UUID(second).version == 7


def test_a_child_process_does_not_go_on_with_the_chance_of_its_parent() -> None:
    new_id()  # so that there is some in store
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 32).decode()[-12:] != new_id()[-12:]
    os.close(read)
    os.close(write)
