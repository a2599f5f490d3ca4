"""Before a batch is written: what is there already.

For an update, the opportunity and its party as they are now. For a create, the party that an earlier try may have
left behind (it carries our id), or that was there before us under the same e-mail address; and whether it has a lead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.errors import Duplicate, Gone, Invalid
from connectors.tryton.api import BY_ID, LEAD, PARTY, Rpc
from connectors.tryton.finding import any_spelling, is_id
from connectors.tryton.jobs import EMAIL, STATE, Job, keep_theirs
from connectors.tryton.shape import ID_PREFIX, ORGANISATION, Shape, comparable, our_id
from connectors.tryton.subjects import leaders

NOW = [
    "state",
    "_timestamp",
    "party.id",
    "party._timestamp",
    "party.contact_mechanisms.type",
    "party.contact_mechanisms.value",
    "party.contact_mechanisms._timestamp",
    "party.addresses._timestamp",
    "party.identifiers.code",
]
"""What must be known of a lead before it is changed; and its organisation, where that is to be written."""


class Recognising:
    """Finds what a batch of jobs is about. Changes nothing in Tryton; raises Retry and Stop."""

    def __init__(self, rpc: Rpc, shape: Shape) -> None:
        self._rpc = rpc
        self._shape = shape

    async def look(self, jobs: Sequence[Job]) -> None:
        creates = [job for job in jobs if job.write.operation == "create"]
        updates = [job for job in jobs if job.write.operation == "update"]
        for job in updates:
            job.lead_id = int(job.write.id) if job.write.id and is_id(job.write.id) else None
        await self._check_organisations([job for job in jobs if job.party.get(ORGANISATION) is not None])
        await self._recognise([job for job in creates if job.open])
        await self._load([job for job in [*updates, *(job for job in creates if job.lead_id)] if job.open])
        await self._load_parties([job for job in creates if job.open and job.party_id and not job.lead_id])

    async def _load(self, jobs: Sequence[Job]) -> None:
        ids = sorted({job.lead_id for job in jobs if job.lead_id})
        now = self._now(jobs)
        rows = await self._rpc.search_read(LEAD, [["id", "in", ids]], now, BY_ID) if ids else []
        found = {row["id"]: row for row in rows}
        for job in jobs:
            if (row := found.get(job.lead_id or 0)) is not None:
                job.take_lead(row)
                self._leave_organisations(job)
            else:
                job.refuse(Gone(f"Tryton has no opportunity {job.id}: it was deleted."))

    async def _load_parties(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        places = [self._shape.places[name] for job in jobs for name in job.party]
        fields = [path.removeprefix("party.") for path in self._now(jobs) if path.startswith("party.")]
        fields += [place.field for place in places if place.home == "party"]
        ids = sorted({job.party_id for job in jobs if job.party_id})
        rows = await self._rpc.search_read(PARTY, [["id", "in", ids]], list(dict.fromkeys(fields)), BY_ID)
        found = {row["id"]: row for row in rows}
        for job in jobs:
            job.take(found.get(job.party_id or 0, {}))
            if job.only_blanks:
                keep_theirs(job, self._shape)
            self._leave_organisations(job)

    def _now(self, jobs: Sequence[Job]) -> list[str]:
        if not any(ORGANISATION in job.party for job in jobs):
            return NOW
        return [*NOW, *(f"party.{path}" for path in self._shape.organisations.paths())]

    async def _check_organisations(self, jobs: Sequence[Job]) -> None:
        """Tryton would relate a person to anybody."""
        if not jobs:
            return
        ids = sorted({job.party[ORGANISATION] for job in jobs})
        domain = [["id", "in", ids], self._shape.organisations.domain]
        there = {row["id"] for row in await self._rpc.search_read(PARTY, domain, ["name"], BY_ID)}
        for job in jobs:
            if (id_ := job.party[ORGANISATION]) not in there:
                job.refuse(Invalid(f"Tryton has no company {id_}.", field=ORGANISATION))

    def _leave_organisations(self, job: Job) -> None:
        """An opportunity's party may itself be an organisation: it belongs to itself, and to nobody else."""
        if ORGANISATION in job.party and job.now and self._shape.organisations.among(job.now):
            if job.party[ORGANISATION] == job.party_id:
                del job.party[ORGANISATION]
            else:
                job.refuse(
                    Invalid("The opportunity's party is itself a company, and belongs to no other.", field=ORGANISATION)
                )

    async def _recognise(self, creates: Sequence[Job]) -> None:
        by_id, by_email = await parties_with(
            self._rpc,
            {code for job in creates if (code := job.our_id())},
            {email for job in creates if (email := job.email())},
        )
        parties = sorted({*by_id.values(), *(party for some in by_email.values() for party in some)})
        if not parties:
            return
        rows = await self._rpc.search_read(LEAD, [["party", "in", parties]], ["party.id", STATE], BY_ID)
        leading = leaders(rows)
        for job in creates:
            same = by_email.get(job.email() or "", set())
            by_key = job.write.key is not None and job.write.key.field == EMAIL
            if (own := by_id.get(job.our_id() or "")) is not None or (by_key and len(same) == 1):
                job.party_id = own if own is not None else next(iter(same))
                job.lead_id = leading.get(job.party_id)
            elif same:
                join(job, same, leading)


async def parties_with(
    rpc: Rpc, codes: set[str], emails: set[str], among: Sequence[Any] = ()
) -> tuple[dict[str, int], dict[str, set[int]]]:
    """Parties that carry one of our ids, and those that have one of the e-mail addresses; only those in the domain
    `among`."""
    by_id: dict[str, int] = {}
    by_email: dict[str, set[int]] = {}
    domain: list[Any] = ["OR"]
    if codes:
        domain.append(["identifiers.code", "in", sorted(f"{ID_PREFIX}{code}" for code in codes)])
    if emails:
        domain.append(["contact_mechanisms", "where", [["type", "=", EMAIL], any_spelling(sorted(emails))]])
    if len(domain) == 1:
        return by_id, by_email
    fields = ["identifiers.code", "contact_mechanisms.type", "contact_mechanisms.value"]
    for party in await rpc.search_read(PARTY, [domain, list(among)] if among else domain, fields, BY_ID):
        if (code := our_id(party)) is not None:
            by_id.setdefault(code, party["id"])
        for mechanism in party["contact_mechanisms."]:
            if mechanism["type"] == EMAIL:
                by_email.setdefault(comparable(EMAIL, mechanism["value"]), set()).add(party["id"])
    return by_id, by_email


def join(job: Job, same: set[int], leading: Mapping[int, int]) -> None:
    """A create whose e-mail address somebody in Tryton has. A party without a lead gets this one; a lead that is
    there is for the engine to match; of several parties a person must choose."""
    if len(same) > 1:
        job.refuse(
            Duplicate(
                f"Tryton has {len(same)} parties with this e-mail address.",
                field=EMAIL,
                hint="Replace one by the other in Tryton (Parties, Replace).",
            )
        )
        return
    (party,) = same
    if party in leading:
        existing = str(leading[party])
        job.refuse(Duplicate("Tryton has a lead with this e-mail address.", existing=existing, field=EMAIL))
        return
    job.party_id, job.only_blanks = party, True
