"""What may be asked about owners and pipelines."""

from __future__ import annotations

from sandbox.gate import Answer
from sandbox.hubspot.call import Call, answer, whole


def list_owners(call: Call) -> Answer:
    after, limit = whole(call.one("after"), 0), whole(call.one("limit"), 100)
    return answer(call.portal.owners.page(after, limit, archived=call.flag("archived"), email=call.one("email")))


def get_owner(call: Call) -> Answer:
    owner = call.portal.owners.get(call.path["id"], call.one("idProperty"), archived=call.flag("archived"))
    return answer(owner.render())


def list_pipelines(call: Call) -> Answer:
    return answer({"results": list(call.portal.pipelines.deals.values())})


def get_pipeline(call: Call) -> Answer:
    return answer(call.portal.pipelines.get(call.path["id"]))
