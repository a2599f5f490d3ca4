"""What takes its time (a plan, a run, a preview) as a child process of its own, and how far each is.

A job is `python -m console.web.work`, which is given one JSON document on stdin and answers with JSON lines on stdout: steps
`{"phase", "place", "count"}`, then one `{"result": …}` or `{"failure": …}`. So a page never waits for a vendor, a run keeps its
own processor, and a job that dies takes nothing with it. Secrets are read by the child itself and are in no line.
Invariant: every job ends with a result or a failure, also where the child is killed.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.failures import write_log
from state.ids import new_id

KEPT = 50
"""Jobs that are remembered after their end."""


@dataclass
class Job:
    """`steps`: (phase, place) -> how many records so far, in the order of their beginning. One of `result` and `failure` is
    there once it has `ended`. `failure`: code, message, hint, details, as `console.failures.Failure` has them."""

    id: str
    kind: str
    arguments: Mapping[str, Any]
    by: str
    started: datetime
    steps: dict[tuple[str, str], int] = field(default_factory=dict)
    ended: datetime | None = None
    result: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None
    stopped: bool = False
    """Somebody asked it to stop."""

    @property
    def running(self) -> bool:
        return self.ended is None


class Jobs:
    """`listeners`: called after every line and every end, from a thread of the job's; must not block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._children: dict[str, subprocess.Popen[str]] = {}
        self.listeners: list[Callable[[Job], None]] = []

    def start(self, kind: str, by: str, **arguments: Any) -> Job:
        """`kind`: a key of `work.WORK`; `arguments`: what it takes, as JSON can say it."""
        job = Job(new_id(), kind, arguments, by, datetime.now(UTC))
        before = signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT}
        )  # until the child can say that it was interrupted
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "console.web.work"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
            )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        with self._lock:
            self._jobs[job.id] = job
            self._children[job.id] = child
            for old in [one for one in self._jobs.values() if not one.running][:-KEPT]:
                del self._jobs[old.id]
        threading.Thread(target=self._follow, args=(job, child), daemon=True).start()
        return job

    def get(self, id_: str) -> Job | None:
        with self._lock:
            return self._jobs.get(id_)

    def all(self) -> list[Job]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def running(self) -> list[Job]:
        return [job for job in self.all() if job.running]

    def forget(self, kinds: Collection[str], before: datetime) -> None:
        """What jobs of these kinds have read, if they were begun before then, is kept no longer."""
        with self._lock:
            for job in [one for one in self._jobs.values() if one.kind in kinds and one.started < before]:
                if not job.running:
                    del self._jobs[job.id]

    def stop(self, id_: str) -> None:
        """As Ctrl-C stops a command: what was under way is found out by the next run."""
        child, job = self._children.get(id_), self._jobs.get(id_)
        if child is not None and job is not None:
            job.stopped = True
            child.send_signal(signal.SIGINT)

    def close(self) -> None:
        for id_ in list(self._children):
            self.stop(id_)

    def _follow(self, job: Job, child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with child.stdin as stdin:
                json.dump({"folder": str(self._folder), "kind": job.kind, "arguments": dict(job.arguments)}, stdin)
            for line in child.stdout:
                self._hear(job, json.loads(line))
        except (OSError, ValueError):
            child.kill()
        finally:
            status = child.wait()
            if job.result is None and job.failure is None and job.stopped:  # before it could say so itself
                job.failure = {"code": "interrupted", "message": "Interrupted.", "hint": ""}
            if job.result is None and job.failure is None:
                job.failure = {"code": "job-died", "message": f"The process ended with status {status}.", "hint": ""}
            with self._lock:
                job.ended = datetime.now(UTC)
                self._children.pop(job.id, None)
            self._tell(job)

    def _hear(self, job: Job, said: Mapping[str, Any]) -> None:
        if "result" in said:
            job.result = said["result"]
        elif "failure" in said:
            job.failure = said["failure"]
        else:
            job.steps[said["phase"], said["place"]] = said["count"]
        self._tell(job)

    def _tell(self, job: Job) -> None:
        for listener in list(self.listeners):
            try:
                listener(job)
            except Exception as error:  # nobody who listens can end a run, or keep it from the others
                write_log(error, self._folder)
