"""The pipelines of deals and their stages, and what becomes of a deal that moves.

A stage's id is unique in the whole portal, and belongs to one pipeline
(https://developers.hubspot.com/docs/api-reference/crm-pipelines-v3/guide). A deal without a pipeline goes into the
default one; a stage of another is refused (the wording of the refusal is from memory).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.hubspot.errors import Body, Refused, invalid_values, value_problem
from sandbox.hubspot.properties import iso
from sandbox.hubspot.records import Record, Values

DEFAULT = "default"
_SALES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4"),
    ("presentationscheduled", "Presentation Scheduled", "0.6"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
    ("contractsent", "Contract Sent", "0.9"),
    ("closedwon", "Closed Won", "1.0"),
    ("closedlost", "Closed Lost", "0.0"),
)
_RENEWALS = (
    ("184610355", "Due", "0.5"),
    ("184610356", "Offered", "0.8"),
    ("184610357", "Renewed", "1.0"),
    ("184610358", "Lapsed", "0.0"),
)


def _pipeline(id_: str, label: str, order: int, stages: tuple[tuple[str, str, str], ...], stamp: str) -> Body:
    made = {"createdAt": stamp, "updatedAt": stamp, "archived": False}
    return {
        "id": id_,
        "label": label,
        "displayOrder": order,
        "stages": [
            {
                "id": stage,
                "label": name,
                "displayOrder": at,
                "metadata": {"isClosed": str(chance in ("0.0", "1.0")).lower(), "probability": chance},
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                **made,
            }
            for at, (stage, name, chance) in enumerate(stages)
        ],
        **made,
    }


class Pipelines:
    def __init__(self) -> None:
        stamp = iso(1_600_000_000_000)
        self.deals: dict[str, Body] = {
            DEFAULT: _pipeline(DEFAULT, "Sales Pipeline", 0, _SALES, stamp),
            "75512890": _pipeline("75512890", "Renewals", 1, _RENEWALS, stamp),
        }

    def get(self, id_: str) -> Body:
        if id_ not in self.deals:
            raise Refused(404, "OBJECT_NOT_FOUND", f"Pipeline {id_} does not exist")
        return self.deals[id_]

    def rule(self, values: Mapping[str, str], deal: Record | None, now: int) -> Values:
        """What HubSpot sets by itself where a deal is made or moves. Raises Refused."""
        held = deal.values if deal else {}
        if deal is not None and "dealstage" not in values and "pipeline" not in values:
            return {}
        pipeline = values.get("pipeline") or held.get("pipeline") or DEFAULT
        if pipeline not in self.deals:
            raise _wrong("pipeline", pipeline, self.deals)
        stages = {stage["id"]: stage for stage in self.deals[pipeline]["stages"]}
        stage = values.get("dealstage", held.get("dealstage", ""))
        if stage not in stages:
            raise _wrong("dealstage", stage, stages)
        closed, chance = (stages[stage]["metadata"][name] for name in ("isClosed", "probability"))
        implied = {
            "pipeline": pipeline,
            "hs_is_closed": closed,
            "hs_is_closed_won": str(chance == "1.0").lower(),
            "hs_deal_stage_probability": chance,
        }
        if closed == "true" and "closedate" not in values and held.get("hs_is_closed") != "true":
            implied["closedate"] = iso(now)
        return {name: value for name, value in implied.items() if held.get(name) != value}


def _wrong(name: str, value: str, allowed: Mapping[str, Any]) -> Refused:
    text = f"{value} was not one of the allowed options: [{', '.join(allowed)}]"
    return invalid_values([value_problem(name, "INVALID_OPTION", text)])
