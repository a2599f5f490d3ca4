"""Writing leads and deals: an opportunity and its party, in as few calls as the batch allows, with a result per record.

A batch goes through these steps, each of them one call for all records that need it:

    look     what is there already (`recognise.py`)
    parties  create those that are missing, then change those that are there
    leads    create the opportunities, then change those that are there
    states   press Tryton's buttons (the state is not a field to write: the workflow hangs on the buttons)

**A create that died half-way** leaves a party that carries our id, or at least the e-mail address, and no opportunity.
The next try finds that party and uses it: never a second one. A party with the same e-mail that has been there before
(a customer, say) is used as well, but only what is blank in it is filled: the next read brings up the rest.

**A deal** is there as a lead already, so it is only ever changed: its fields, then its state.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.errors import Gone, Invalid, Reject
from connectors.tryton.api import LEAD, PARTY
from connectors.tryton.batch import Batch, Step
from connectors.tryton.jobs import BUTTONS, Job, next_button, no_way
from connectors.tryton.recognise import Recognising
from connectors.tryton.shape import DEAL_STATES


class Writing(Batch):
    """Of leads."""

    async def _look(self, jobs: Sequence[Job]) -> None:
        await Recognising(self._rpc, self._shape).look(jobs)

    async def _steps(self, jobs: Sequence[Job]) -> None:
        await self._all(self._create_parties, (j for j in jobs if not j.party_id and j.needs_party()))
        await self._all(self._change_parties, (j for j in jobs if j.party_id and not j.made_party and j.party))
        await self._all(self._create_leads, (j for j in jobs if not j.lead_id))
        await self._undo([j for j in jobs if j.made_party and not j.open and not j.lead_id])
        await self._all(self._change_leads, (j for j in jobs if j.lead_id and j.lead))
        await self._press(jobs)

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


class DealWriting(Writing):
    """Of deals: updates only."""

    async def _look(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.write.operation == "create":
                job.refuse(
                    Invalid(
                        "A deal in Tryton is a lead that has come so far: creating one would make a second lead.",
                        hint="Bring the state of the lead to opportunity.",
                    )
                )
        await Recognising(self._rpc, self._shape).look([job for job in jobs if job.open])
        for job in jobs:
            if job.open and job.state_now not in DEAL_STATES:
                job.refuse(Gone(f"Tryton's opportunity {job.id} is no deal any more: its state is {job.state_now}."))

    async def _steps(self, jobs: Sequence[Job]) -> None:
        await self._all(self._change_leads, (job for job in jobs if job.lead))
        await self._press(jobs)
