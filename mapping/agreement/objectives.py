"""Objectives as an admin writes them: specific, measured, with a target and a time, and each derived from another where
it serves that other. What is measured is in `alignment.objectives`."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from mapping.conditions import Model
from mapping.options import Word
from mapping.shared import Name
from mapping.wording import Worded, Wording

Unit = Literal["month", "quarter", "half", "year"]
MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "half": 6, "year": 12}

METRICS = (
    "visits", "leads", "opportunities", "won_deals", "revenue", "pipeline", "sourced_revenue", "acceptance_rate",
    "response_attainment",
)  # fmt: skip
"""What is measured beside the stages of the ladder, each of which is a metric by its name: leads that entered it."""

SHARES = ("acceptance_rate", "response_attainment")
"""Those that are shares from 0 to 1: nothing that adds up over a period."""


class Derivation(Model):
    """What must be reached so that another objective is. `revenue` from deals of 12,500 each: `{from: revenue, divisor:
    12500}` of `won_deals`; of three deals one is won: `{from: won_deals, rate: 0.33}` of `opportunities`."""

    objective: Word = Field(alias="from")
    """The objective that this one serves."""
    rate: float | None = Field(default=None, gt=0, le=1)
    """The share of these that become one of those."""
    divisor: float | None = Field(default=None, gt=0)
    """How much one of these adds to that (the average deal)."""

    @model_validator(mode="after")
    def _one(self) -> Derivation:
        if (self.rate is None) == (self.divisor is None):
            raise ValueError("say one of: rate, divisor")
        return self

    def needed(self, target: float) -> float:
        """The target of this one for that of the other."""
        return target / (self.rate or self.divisor or 1.0)


class Objective(Model):
    name: Name
    """How it is called in commands."""
    label: Worded = Field(default_factory=Wording)
    """For people; the name where it is not said. One text, or `{en: …, es: …, pt: …}`."""
    team: Literal["marketing", "sales", "shared"] = "shared"
    """Whose it is. Both teams see and accept each."""
    metric: Word
    """What is measured: a stage of the ladder (leads that entered it), visits, leads, opportunities, won_deals, revenue,
    pipeline, sourced_revenue, acceptance_rate or response_attainment."""
    target: float | None = Field(default=None, gt=0)
    """What is to be reached in each period; a share from 0 to 1 of a rate. Not said where it is derived."""
    derived_from: Derivation | None = None
    """Or the objective that the target is computed from."""
    period: Unit | None = None
    """How long one period is; that of the objective it is derived from, or a quarter."""
    start: date | None = Field(default=None, alias="from")
    """The first day from which on it holds; periods are those of the calendar."""
    end: date | None = Field(default=None, alias="to")
    """The last day on which it holds."""
    business_days: bool = False
    """Forecast by the working days (Monday to Friday) that have passed, and not by all days."""

    @model_validator(mode="after")
    def _coherent(self) -> Objective:
        if (self.target is None) == (self.derived_from is None):
            raise ValueError("say one of: target, derived_from")
        if self.start and self.end and self.end < self.start:
            raise ValueError("it ends before it begins")
        return self
