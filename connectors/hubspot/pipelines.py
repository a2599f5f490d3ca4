"""The pipelines of deals. Their stages are not in the definitions of the properties that hold them, so that they are asked
for here.

A stage's id is unique in the account and belongs to one pipeline, and HubSpot takes a stage only together with its own
pipeline. Whoever maps the stage alone must not have to know that: the pipeline that a stage implies is sent along.

https://developers.hubspot.com/docs/api-reference/crm-pipelines-v3/guide
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connectors.base import RemoteField, Write
from connectors.errors import ProtocolChanged
from connectors.http import Http
from connectors.hubspot.api import PIPELINES

STAGE, PIPELINE = "dealstage", "pipeline"


@dataclass(frozen=True, slots=True)
class Pipelines:
    """(id, label) pairs in HubSpot's order, and each stage's pipeline."""

    pipelines: tuple[tuple[str, str], ...]
    stages: tuple[tuple[str, str], ...]
    of_stage: dict[str, str]


async def read_pipelines(http: Http) -> Pipelines:
    """Raises ProtocolChanged."""
    answer = await http.request("GET", PIPELINES, expect=("results",))
    try:
        ordered = sorted(answer.json["results"], key=lambda one: one.get("displayOrder") or 0)
        stages = [
            (pipeline, stage)
            for pipeline in ordered
            for stage in sorted(pipeline["stages"], key=lambda one: one.get("displayOrder") or 0)
        ]
        return Pipelines(
            tuple((str(one["id"]), str(one["label"])) for one in ordered),
            tuple((str(stage["id"]), f"{pipeline['label']}: {stage['label']}") for pipeline, stage in stages),
            {str(stage["id"]): str(pipeline["id"]) for pipeline, stage in stages},
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolChanged(f"HubSpot described a pipeline in a way that we do not know ({error!r}).") from None


def with_options(fields: Sequence[RemoteField], known: Pipelines) -> list[RemoteField]:
    options = {STAGE: known.stages, PIPELINE: known.pipelines}
    return [replace(one, options=options[one.name]) if one.name in options else one for one in fields]


def needs_pipeline(write: Write) -> bool:
    return bool(write.fields.get(STAGE)) and PIPELINE not in write.fields


def with_pipeline(write: Write, known: Pipelines) -> Write:
    """The write with the pipeline that its stage is of. A stage that nobody knows goes as it is: HubSpot says why not."""
    pipeline = known.of_stage.get(str(write.fields.get(STAGE)))
    if not needs_pipeline(write) or pipeline is None:
        return write
    return replace(write, fields={**write.fields, PIPELINE: pipeline})
