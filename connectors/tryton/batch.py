"""What writing a batch has in common, whichever kind it is of: a result per record, in as few calls as can be.

Every call is one transaction of Tryton's. One that is refused is repeated in halves until the record at fault stands
alone, so that the others go through.

**A person at the same moment**: what was looked at must still be so when it is written (`_timestamp`), else the record
comes back as Stale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from connectors.base import Write, WriteResult
from connectors.errors import Invalid, Reject, Retry, Unavailable
from connectors.tryton.api import ADDRESS, MECHANISM, PARTY, Rpc
from connectors.tryton.codes import Codes
from connectors.tryton.jobs import STATE, Job, known_state, party_values
from connectors.tryton.shape import CODED, Shape
from connectors.tryton.values import into

Step = Callable[[list[Job]], Awaitable[None]]


class Batch(ABC):
    """The write side of a connector, for one batch."""

    of_party = False

    def __init__(self, rpc: Rpc, shape: Shape, codes: Codes) -> None:
        self._rpc = rpc
        self._shape = shape
        self._codes = codes
        self._began = False
        """Whether Tryton may have changed anything for us."""

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        """Raises Retry only where nothing was written yet."""
        jobs = [Job(write, of_party=self.of_party) for write in batch]
        for job in jobs:
            await self._sort(job)
        await self._look([job for job in jobs if job.open])
        try:
            await self._steps(jobs)
        except Retry:
            if not self._began:
                raise
            for job in jobs:
                if job.open:
                    job.lose_sight()
        return [job.result or WriteResult("done", job.id) for job in jobs]

    @abstractmethod
    async def _look(self, jobs: Sequence[Job]) -> None:
        """What is there already. Changes nothing."""

    @abstractmethod
    async def _steps(self, jobs: Sequence[Job]) -> None: ...

    async def _sort(self, job: Job) -> None:
        """Which value goes where, and whether Tryton can hold it at all."""
        for name, value in job.write.fields.items():
            place = self._shape.place(name)
            try:
                if not place.about.writable:
                    raise Invalid(f"Tryton keeps {name} itself: it cannot be written.", field=name)
                if name == STATE:
                    job.state = known_state(value, [option for option, _ in place.about.options])
                elif place.home == "lead":
                    job.lead[place.field] = into(name, place.kind, value)
                elif place.field in CODED:
                    job.party[name] = await self._codes.id_of(CODED[place.field], name, value)
                else:
                    job.party[name] = into(name, place.kind, value)
            except Invalid as error:
                job.refuse(error)
                return

    async def _all(self, step: Step, jobs: Iterable[Job]) -> None:
        """One call for all; where Tryton refuses it, halves, down to the one that is at fault."""
        parts = deque([part] if (part := [job for job in jobs if job.open]) else [])
        while parts:
            part = parts.popleft()
            try:
                await step(part)
                self._began = True
            except Reject as error:
                if len(part) == 1:
                    part[0].refuse(error)
                else:
                    middle = len(part) // 2
                    parts.extendleft([part[middle:], part[:middle]])
            except Unavailable as error:
                self._began = self._began or error.sent
                raise

    async def _create_parties(self, jobs: list[Job]) -> None:
        ids = await self._rpc.change(f"{PARTY}.create", [self._new_party(job) for job in jobs])
        for job, id_ in zip(jobs, ids, strict=True):
            job.party_id, job.made_party = id_, True
            if job.lead_id:
                job.lead["party"] = id_

    async def _change_parties(self, jobs: list[Job]) -> None:
        pairs = [
            part for job in jobs if (values := party_values(job, self._shape)) for part in ([job.party_id], values)
        ]
        if pairs:
            lock = {k: v for job in jobs for k, v in job.locks(PARTY, MECHANISM, ADDRESS).items()}
            await self._rpc.change(f"{PARTY}.write", *pairs, unless=lock)

    def _new_party(self, job: Job) -> dict[str, Any]:
        return party_values(job, self._shape)
