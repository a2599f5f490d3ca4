"""What the API takes and answers, as models: for its description (OpenAPI), and to check what is sent.

Answers are not made by these: they are the documents of the commands, which have more in them than is told here. A test holds
every answer against its model.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Shape(BaseModel):
    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class Problem(Shape):
    code: str
    """Explained in the documentation, "Error codes"."""
    message: str
    """What happened, and to what."""
    hint: str
    """What to do about it; may be empty."""


class Failed(Shape):
    error: Problem


class Listed(Shape):
    items: list[dict[str, Any]]
    next: str | None
    """To be given as `after` for the next page; null on the last."""


class Status(Shape):
    leads: int
    hub_records: dict[str, int]
    """By kind."""
    behind: int
    """Records that some system may have to be told of: the next run looks at them."""
    configuration: str
    """Digest of the configuration by which the project runs."""
    systems: dict[str, dict[str, Any]]
    reviews: dict[str, int]
    """Open ones, by kind."""
    runs: list[dict[str, Any]]
    counted_at: str
    """When the records were counted: with a million leads, some seconds or a minute ago. Runs and clocks are of this moment."""
    sla: dict[str, Any] | None
    """Null where marketing and sales have agreed on nothing."""


class Record(Shape):
    id: str
    kind: str
    who: str
    fields: list[dict[str, Any]]
    """Name, value, source, rule, time, and what every system shows."""
    records: dict[str, dict[str, Any]]
    """By system."""
    stages: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    score: int | None
    reviews: list[dict[str, Any]]


class Review(Shape):
    id: int
    kind: str
    who: str
    detail: dict[str, Any]
    opened_at: datetime
    closed_at: datetime | None
    resolution: dict[str, Any] | None


class Run(Shape):
    id: str
    kind: str
    started: datetime
    ended: datetime | None
    outcome: str
    report: dict[str, Any]


class Plan(Shape):
    id: str
    made_at: datetime
    systems: list[str]
    stops: list[dict[str, str]]
    """Why the guard would stop a run of it."""
    writes: list[dict[str, Any]]
    next: str | None


class PlanAsked(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    systems: list[str] | None = Field(default=None, min_length=1)
    """Only these; all where it is not said."""
    full: bool = False
    """Read every record, not only what has changed."""


class Started(Shape):
    job: str
    """To be asked for under /api/v1/jobs."""


class Job(Shape):
    id: str
    kind: str
    started: datetime
    ended: datetime | None
    steps: list[dict[str, Any]]
    result: dict[str, Any] | None
    failure: dict[str, Any] | None


ERRORS: dict[int | str, dict[str, Any]] = {
    401: {"model": Failed, "description": "No token, or one that is revoked, over, or its owner disabled."},
    403: {"model": Failed, "description": "The token's role is not enough."},
    404: {"model": Failed, "description": "There is none, or several may be meant."},
    409: {"model": Failed, "description": "Not as things are now."},
    422: {"model": Failed, "description": "The request is not as it has to be."},
}
