"""One run at a time: leases of this process, of others, of the dead, and of other machines, on both databases."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.memory import LogicalClock
from state import tables as t
from state.lock import LEASE, Busy, Lease

ROOT = Path(__file__).parents[2]


@contextmanager
def contender(engine: sa.Engine, then: str = "wait") -> Iterator[subprocess.Popen[str]]:
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.state.contender", url, then],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return process.stdout.readline().split()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def now() -> datetime:
    return datetime.now(UTC)


def leave_behind(engine: sa.Engine, holder: str, until: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(t.lock.insert(), [{"name": "sync", "holder": holder, "until": until}])


def test_a_second_run_is_told_who_is_at_work(engine: sa.Engine) -> None:
    lease = Lease(engine, "sync", now)
    with pytest.raises(Busy, match=f"process {os.getpid()} on {socket.gethostname()}") as caught:
        Lease(engine, "sync", now)
    assert caught.value.holder == lease.holder
    Lease(engine, "another", now).release()
    lease.release()
    Lease(engine, "sync", now).release()


def test_letting_go_twice_takes_nothing_from_whoever_came_after(engine: sa.Engine) -> None:
    first = Lease(engine, "sync", now)
    first.release()
    second = Lease(engine, "sync", now)
    first.release()
    with pytest.raises(Busy):
        Lease(engine, "sync", now)
    second.release()


def test_a_lease_runs_out(engine: sa.Engine) -> None:
    clock = LogicalClock()
    Lease(engine, "sync", clock)
    clock.tick(LEASE.total_seconds() - 1)
    with pytest.raises(Busy):
        Lease(engine, "sync", clock)
    clock.tick(2)
    Lease(engine, "sync", clock)


def test_a_lease_that_is_renewed_does_not_run_out(engine: sa.Engine) -> None:
    clock = LogicalClock()
    lease = Lease(engine, "sync", clock)
    for _ in range(10):
        clock.tick(LEASE.total_seconds() * 0.6)
        lease.renew()
        with pytest.raises(Busy):
            Lease(engine, "sync", clock)


def test_to_renew_early_costs_no_write(engine: sa.Engine) -> None:
    clock = LogicalClock()
    lease = Lease(engine, "sync", clock)
    with engine.begin() as connection:
        connection.execute(t.lock.delete())
    clock.tick(LEASE.total_seconds() * 0.4)
    lease.renew()  # does not even notice


def test_who_slept_past_the_lease_hears_that_another_has_taken_over(engine: sa.Engine) -> None:
    clock = LogicalClock()
    sleeper = Lease(engine, "sync", clock)
    clock.tick(LEASE.total_seconds() + 1)
    other = Lease(engine, "sync", clock)
    with pytest.raises(Busy) as caught:
        sleeper.renew()
    assert caught.value.holder == other.holder
    sleeper.release()
    with pytest.raises(Busy):
        Lease(engine, "sync", clock)


def test_from_a_process_that_died_it_is_taken_over_at_once(engine: sa.Engine) -> None:
    with contender(engine, "die") as process:
        assert said(process) == ["ready"]
        go(process)
        verdict, dead = said(process)
        assert verdict == "have"
        assert process.wait(10) == 9
    lease = Lease(engine, "sync", now)
    assert lease.holder != dead
    lease.release()


def test_from_a_process_that_was_killed_it_is_taken_over_at_once(engine: sa.Engine) -> None:
    with contender(engine) as process:
        assert said(process) == ["ready"]
        go(process)
        assert said(process)[0] == "have"
        with pytest.raises(Busy, match=f"process {process.pid} "):
            Lease(engine, "sync", now)
        process.kill()
        process.wait(10)
    Lease(engine, "sync", now).release()


def test_of_another_machine_nothing_is_known_until_its_lease_is_over(engine: sa.Engine) -> None:
    leave_behind(engine, "elsewhere:1:token", now() + timedelta(seconds=60))
    with pytest.raises(Busy, match="process 1 on elsewhere"):
        Lease(engine, "sync", now)
    later = now() + timedelta(seconds=61)
    Lease(engine, "sync", lambda: later)


@pytest.mark.parametrize("dead", [False, True], ids=["nobody before", "a dead one before"])
def test_of_several_processes_that_race_exactly_one_gets_it(engine: sa.Engine, dead: bool) -> None:
    if dead:
        leave_behind(engine, "elsewhere:1:token", now() - timedelta(seconds=1))
    with contender(engine) as a, contender(engine) as b, contender(engine) as c:
        racers = [a, b, c]
        for process in racers:
            assert said(process) == ["ready"]
        for process in racers:
            go(process)
        told = [said(process) for process in racers]
    verdicts = sorted(verdict for verdict, _ in told)
    assert verdicts == ["busy", "busy", "have"]
    [winner] = [holder for verdict, holder in told if verdict == "have"]
    assert {holder for verdict, holder in told if verdict == "busy"} == {winner}
