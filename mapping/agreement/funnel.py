"""How the funnel is counted, as an admin writes it. What is counted, and how, is in `alignment.funnel`."""

from __future__ import annotations

from pydantic import Field

from mapping.conditions import Condition, Model
from mapping.options import Word
from mapping.shared import ActivityName, Name

MARKETING: tuple[ActivityName, ...] = (
    "form", "email_open", "email_click", "email_reply", "page_visit", "campaign_response",
)  # fmt: skip
"""What counts as heard from marketing, where nothing else is said: something that the person has done."""

CUTS = ("source", "campaign", "persona", "owner", "country", "industry")


class Segment(Model):
    name: Name
    """How it is called in figures."""
    when: Condition
    """A condition over the fields of leads. The first segment that a lead fits is its own."""


class Influence(Model):
    """When marketing has had a hand in a deal: one of its leads did something in this time before the deal was won."""

    activities: tuple[ActivityName, ...] = Field(default=MARKETING, min_length=1)
    """The types of activities that count as marketing's."""
    days: int = Field(default=90, ge=1, le=3650)
    """In so many days before the deal was won."""


class FunnelSettings(Model):
    steps: tuple[Word, ...] = ()
    """The stages that are shown, lowest first; every stage of the ladder where it is not said."""
    within: int = Field(default=90, ge=1, le=3650)
    """Days in which a lead should have reached the next step."""
    stuck: dict[Word, int] = Field(default_factory=dict)
    """Stage -> days after which a lead is stuck in it; where it is not said, longer than nine of ten have taken."""
    passed: Word | None = None
    """The stage by which marketing passes a lead to sales; `mql`, or the stage before `sales_qualified`."""
    accepted: Word | None = None
    """The stage by which sales accepts it; the one after `passed`."""
    converted: Word | None = None
    """The stage by which it has converted; `customer`, or the highest."""
    cuts: tuple[Word, ...] = CUTS
    """The fields of leads by which figures are told apart. Of these that stand here by default, those that there are."""
    segments: tuple[Segment, ...] = ()
    """Groups of leads by which figures are told apart as well."""
    sourced: Condition | None = None
    """What shows that marketing brought a lead (its first source). A deal is sourced where this holds of the lead of it
    that was there first. Not counted where it is not said."""
    influenced: Influence = Influence()
    """When marketing has had a hand in a deal."""
    time_zone: str = "UTC"
    """Where days and months begin, as in `Europe/Madrid`."""
