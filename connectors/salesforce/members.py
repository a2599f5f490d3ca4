"""Writing who belongs to a deal: contact roles created and deleted, by sObject Collections of 200.

Runs after the Opportunities themselves were written. What is there already is not made again, what is gone is not
missed, and everybody else's roles stay. The answer tells who is in the deal now, read back: an unconverted Lead can
have no role and is left out, as is a Contact that Salesforce refuses.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunitycontactrole.htm
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from connectors.base import Members, WriteResult
from connectors.errors import ConnectorError, Gone, Reject, Unavailable
from connectors.salesforce.kinds import ROLES, entity_of
from connectors.salesforce.objects import long_id
from connectors.salesforce.org import Org
from connectors.salesforce.rejects import Complaint, complaint, reject
from connectors.salesforce.roles import ROLE, people_of, roles_of
from connectors.salesforce.settings import COLLECTION

log = logging.getLogger(__name__)

_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})

Change = tuple[int, str, Members]
"""Place in the batch, the Opportunity's id, who joins and who leaves."""


async def write_members(org: Org, changes: Sequence[Change], alone: Collection[int]) -> dict[int, WriteResult]:
    """The results of these writes. `alone` are those with nothing else to write: a refusal is then theirs. Never
    raises: what is not known to be done is `unknown`."""
    work = _Work(org)
    try:
        there = await roles_of(org, [opportunity for _, opportunity, _ in changes])
        await work.create(_wanted(changes, there))
        await work.delete(_unwanted(changes, there))
        people = await people_of(org, [opportunity for _, opportunity, _ in changes])
    except ConnectorError as error:
        log.warning("Who belongs to %d deals is not known after a write: %s", len(changes), error)
        return {index: WriteResult("unknown", opportunity) for index, opportunity, _ in changes}
    results: dict[int, WriteResult] = {}
    for index, opportunity, _ in changes:
        refused = work.refused.get(opportunity)
        held = {ROLES: people.get(opportunity, [])}
        if opportunity in work.lost:
            results[index] = WriteResult("unknown", opportunity)
        elif refused is not None and index in alone:
            results[index] = WriteResult("rejected", opportunity, fields=held, error=refused)
        else:
            results[index] = WriteResult("done", opportunity, fields=held)
    return results


def _wanted(changes: Sequence[Change], there: dict[tuple[str, str], list[str]]) -> list[tuple[str, str]]:
    pairs = {
        (opportunity, long_id(person)): None
        for _, opportunity, members in changes
        for person in members.add
        if entity_of(person) == "Contact"
    }
    return [pair for pair in pairs if pair not in there]


def _unwanted(changes: Sequence[Change], there: dict[tuple[str, str], list[str]]) -> list[tuple[str, str]]:
    """(Opportunity, role)"""
    return [
        (opportunity, role)
        for _, opportunity, members in changes
        for person in members.remove
        for role in there.get((opportunity, long_id(person)), ())
    ]


class _Work:
    """What became of it, by Opportunity."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.refused: dict[str, Reject] = {}
        self.lost: set[str] = set()

    async def create(self, pairs: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(pairs), COLLECTION):
            some = pairs[start : start + COLLECTION]
            records = [
                {"attributes": {"type": ROLE}, "OpportunityId": opportunity, "ContactId": person}
                for opportunity, person in some
            ]
            body = {"allOrNone": False, "records": records}
            await self._send([opportunity for opportunity, _ in some], "POST", json=body)

    async def delete(self, roles: Sequence[tuple[str, str]]) -> None:
        for start in range(0, len(roles), COLLECTION):
            some = roles[start : start + COLLECTION]
            await self._send(
                [opportunity for opportunity, _ in some], "DELETE", params={"ids": ",".join(role for _, role in some)}
            )

    async def _send(self, opportunities: Sequence[str], method: str, **sent: Any) -> None:
        try:
            answer = await self.org.call(
                method, "/composite/sobjects", expect=list, idempotent=method == "DELETE", rejects=True, **sent
            )
        except Reject as refused:
            self.refused.update(dict.fromkeys(opportunities, refused))
            return
        except Unavailable as error:
            if not error.sent:
                raise
            self.lost.update(opportunities)
            return
        if len(answer.json) != len(opportunities):
            self.lost.update(opportunities)
            return
        for opportunity, result in zip(opportunities, answer.json, strict=True):
            if not result.get("success"):
                self._failed(opportunity, complaint(result.get("errors") or ()), method)

    def _failed(self, opportunity: str, said: Complaint, method: str) -> None:
        if method == "DELETE" and said.code in _GONE:
            return
        log.info("Salesforce refuses somebody in a deal: %s (%s)", said.message, said.code)
        if said.transient:
            self.lost.add(opportunity)
        elif said.code in _GONE and "OpportunityId" in said.fields:
            self.refused[opportunity] = Gone(said.message, hint="The deal was deleted in Salesforce.")
        else:
            self.refused[opportunity] = reject(said)
