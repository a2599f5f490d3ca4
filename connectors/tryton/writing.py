"""Writing leads: an opportunity and its party, in as few calls as the batch allows, with a result per record.

A batch goes through these steps, each of them one call for all records that need it:

    look     what is there already (`recognise.py`)
    parties  create those that are missing, then change those that are there
    leads    create the opportunities, then change those that are there
    states   press Tryton's buttons (the state is not a field to write: the workflow hangs on the buttons)

Every call is one transaction of Tryton's. One that is refused is repeated in halves until the record at fault stands
alone, so that the others go through.

**A create that died half-way** leaves a party that carries our id, or at least the e-mail address, and no opportunity.
The next try finds that party and uses it: never a second one. A party with the same e-mail that has been there before
(a customer, say) is used as well, but only what is blank in it is filled: the next read brings up the rest.

**A person at the same moment**: what was looked at must still be so when it is written (`_timestamp`), else the record
comes back as Stale.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from connectors.base import Write, WriteResult
from connectors.errors import Invalid, Reject, Retry, Unavailable
from connectors.tryton.api import ADDRESS, LEAD, MECHANISM, PARTY, Rpc
from connectors.tryton.codes import Codes
from connectors.tryton.jobs import BUTTONS, STATE, Job, known_state, next_button, no_way, party_values
from connectors.tryton.recognise import Recognising
from connectors.tryton.shape import CODED, Shape
from connectors.tryton.values import into

Step = Callable[[list[Job]], Awaitable[None]]


class Writing:
    """The write side of the connector, for one batch."""

    def __init__(self, rpc: Rpc, shape: Shape, codes: Codes) -> None:
        self._rpc = rpc
        self._shape = shape
        self._codes = codes
        self._began = False
        """Whether Tryton may have changed anything for us."""

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        """Raises Retry only where nothing was written yet."""
        jobs = [Job(write) for write in batch]
        for job in jobs:
            await self._sort(job)
        await Recognising(self._rpc, self._shape).look([job for job in jobs if job.open])
        try:
            await self._all(self._create_parties, (j for j in jobs if not j.party_id and j.needs_party()))
            await self._all(self._change_parties, (j for j in jobs if j.party_id and not j.made_party and j.party))
            await self._all(self._create_leads, (j for j in jobs if not j.lead_id))
            await self._undo([j for j in jobs if j.made_party and not j.open and not j.lead_id])
            await self._all(self._change_leads, (j for j in jobs if j.lead_id and j.lead))
            await self._press(jobs)
        except Retry:
            if not self._began:
                raise
            for job in jobs:
                if job.open:
                    job.lose_sight()
        return [job.result or WriteResult("done", job.id) for job in jobs]

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
        ids = await self._rpc.change(f"{PARTY}.create", [party_values(job, self._shape) for job in jobs])
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

    async def _create_leads(self, jobs: list[Job]) -> None:
        ids = await self._rpc.change(f"{LEAD}.create", [{**job.lead, "party": job.party_id} for job in jobs])
        for job, id_ in zip(jobs, ids, strict=True):
            job.lead_id, job.lead = id_, {}

    async def _change_leads(self, jobs: list[Job]) -> None:
        pairs = [part for job in jobs for part in ([job.lead_id], job.lead)]
        lock = {k: v for job in jobs for k, v in job.locks(LEAD).items()}
        await self._rpc.change(f"{LEAD}.write", *pairs, unless=lock)

    async def _undo(self, jobs: Sequence[Job]) -> None:
        """Take back the parties that we made for an opportunity that Tryton then refused."""
        for job in jobs:
            try:
                await self._rpc.change(f"{PARTY}.delete", [job.party_id])
            except Reject:
                continue  # it stays, and the next try of this lead finds it by our id or its e-mail

    async def _press(self, jobs: Sequence[Job]) -> None:
        """Buttons, one after the other, until each lead is in the state that it should be in."""
        while moving := [job for job in jobs if job.open and job.state not in (None, job.state_now)]:
            pressed: dict[str, list[Job]] = {}
            for job in moving:
                button = next_button(job.state_now, str(job.state))
                if button is None:
                    job.refuse(no_way(job.state_now, str(job.state)))
                else:
                    pressed.setdefault(button, []).append(job)
            for button, some in pressed.items():
                await self._all(self._pressing(button), some)

    def _pressing(self, button: str) -> Step:
        async def press(jobs: list[Job]) -> None:
            await self._rpc.change(f"{LEAD}.{button}", [job.lead_id for job in jobs])
            for job in jobs:
                job.state_now = BUTTONS[button][1]

        return press
