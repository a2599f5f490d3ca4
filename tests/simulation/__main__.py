"""`python -m tests.simulation [N]`: N random histories on every core, then 50 real runs killed in the middle."""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

from state.database import open_database
from tests.simulation.history import Broken, history
from tests.simulation.kills import kill_runs

CHUNK = 250
out = Console()


def chunk(job: tuple[int, int, str]) -> list[str]:
    """The messages of the histories that broke an invariant."""
    start, count, folder = job
    template = Path(folder) / f"template-{os.getpid()}.sqlite"
    if not template.exists():
        open_database(f"sqlite:///{template}").dispose()
    broken = []
    for seed in range(start, start + count):
        try:
            history(seed, Path(folder), template)
        except Broken as found:
            broken.append(str(found))
    return broken


def main() -> int:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    base = int(os.environ.get("SEED", time.time_ns() // 1_000_000_000 % 1_000_000 * 1_000_000))
    out.print(f"{wanted:,} histories from seed {base} (SEED={base} repeats them)")
    fast = "/dev/shm" if Path("/dev/shm").is_dir() else None
    broken: list[str] = []
    with tempfile.TemporaryDirectory(dir=fast) as folder, multiprocessing.Pool() as pool:
        jobs = [(base + i, min(CHUNK, wanted - i), folder) for i in range(0, wanted, CHUNK)]
        for found in track(pool.imap_unordered(chunk, jobs), "histories", total=len(jobs), console=out):
            broken += found
            for message in found:
                out.print(message, style="red")
    out.print(f"{wanted - len(broken):,} of {wanted:,} histories kept every invariant")
    with tempfile.TemporaryDirectory() as folder:
        problems = kill_runs(Path(folder), kills, base, out.print)
    for problem in problems:
        out.print(problem, style="red")
    return 1 if broken or problems else 0


if __name__ == "__main__":
    sys.exit(main())
