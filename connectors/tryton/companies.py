"""Writing companies: parties in the category of organisations.

A company that carries our id is the one that a create means, also when an earlier try made it. One with the same e-mail
address is for the engine to match. Persons are never touched: what is not in the category is gone, as far as this goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.errors import Duplicate, Gone
from connectors.tryton.api import BY_ID, PARTY
from connectors.tryton.batch import Batch
from connectors.tryton.finding import is_id
from connectors.tryton.jobs import EMAIL, Job, party_values
from connectors.tryton.recognise import NOW, parties_with


class CompanyWriting(Batch):
    of_party = True

    async def _look(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.write.operation == "update" and job.write.id and is_id(job.write.id):
                job.party_id = int(job.write.id)
        await self._recognise([job for job in jobs if job.write.operation == "create"])
        await self._load([job for job in jobs if job.open and (job.party_id or job.write.operation == "update")])

    async def _recognise(self, creates: Sequence[Job]) -> None:
        codes = {code for job in creates if (code := job.our_id())}
        emails = {email for job in creates if (email := job.email())}
        by_id, by_email = await parties_with(self._rpc, codes, emails, self._shape.organisations.domain)
        for job in creates:
            same = by_email.get(job.email() or "", set())
            by_key = job.write.key is not None and job.write.key.field == EMAIL
            if (own := by_id.get(job.our_id() or "")) is not None:
                job.party_id = own
            elif by_key and len(same) == 1:
                (job.party_id,) = same
            elif same:
                message = f"Tryton has {len(same)} companies with this e-mail address."
                job.refuse(Duplicate(message, existing=str(min(same)) if len(same) == 1 else None, field=EMAIL))

    async def _load(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        fields = [path.removeprefix("party.") for path in NOW if path.startswith("party.")]
        domain = [["id", "in", sorted({job.party_id or 0 for job in jobs})], self._shape.organisations.domain]
        found = {row["id"]: row for row in await self._rpc.search_read(PARTY, domain, fields, BY_ID)}
        for job in jobs:
            if (row := found.get(job.party_id or 0)) is not None:
                job.take(row)
            else:
                job.refuse(Gone(f"Tryton has no company {job.id}: it was deleted, or is not in use any more."))

    async def _steps(self, jobs: Sequence[Job]) -> None:
        await self._all(self._create_parties, (job for job in jobs if not job.party_id))
        await self._all(self._change_parties, (job for job in jobs if not job.made_party and job.party))

    def _new_party(self, job: Job) -> dict[str, Any]:
        values = party_values(job, self._shape)
        return {**values, "categories": [["add", [self._shape.organisations.category]]]}
