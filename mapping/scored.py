"""The score as an admin writes it: two axes, their rules, the grades between them. Shapes only; `mapping.scoring` counts.

Invariant: a rule counts once, on one axis, and never more than its cap.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mapping.conditions import Condition, Model
from mapping.options import Word
from mapping.shared import ActivityName

Points = Annotated[int, Field(ge=-100, le=100)]
Cap = Annotated[int, Field(ge=1, le=100)]
Days = Annotated[float, Field(gt=0, le=3650)]


class ScoreRule(Model):
    """A rule over fields: who a lead is."""

    name: Word
    """What people read in the explanation."""
    points: Points
    """From -100 to 100."""
    when: Condition
    """A condition; the points count where it holds."""


class EngagementRule(Model):
    """A rule over what a lead did, `{name: Filled in a form, points: 20, on: [form], half_life: 30, cap: 40}`; or over
    fields, as in `fit`."""

    name: Word
    """What people read in the explanation."""
    points: Points
    """From -100 to 100: of each activity, on the day that it happens."""
    on: tuple[ActivityName, ...] | None = None
    """Activities of these types count, each for itself. An activity that is planned for later counts from its day on."""
    when: Condition | None = None
    """Or a condition; the points count once, where it holds."""
    within: int | None = Field(default=None, ge=1, le=3650)
    """Days (UTC) after which an activity counts no longer; ten half-lives (a thousandth of its points) where it is not
    said, never where it does not decay."""
    half_life: Days | None = None
    """Days after which an activity is worth half of its points; that of `engagement` where it is not said."""
    cap: Cap | None = None
    """The rule never counts more points than this, nor less than minus this."""

    @model_validator(mode="after")
    def _one_way(self) -> EngagementRule:
        if (self.on is None) == (self.when is None):
            raise ValueError("say one of: on, when")
        if self.on is not None and not self.on:
            raise ValueError("`on` names no type of activity")
        if self.when is not None and (self.within, self.half_life, self.cap) != (None, None, None):
            raise ValueError("within, half_life and cap are for activities, and stand beside `on`")
        return self


class Fit(Model):
    rules: tuple[ScoreRule, ...] = Field(min_length=1)
    """The points that count are added up."""
    cap: Cap = 100
    """The axis never comes to more; it never comes to less than 0."""


class Engagement(Model):
    rules: tuple[EngagementRule, ...] = Field(min_length=1)
    """The points that count are added up."""
    cap: Cap = 100
    """The axis never comes to more; it never comes to less than 0."""
    half_life: Days | None = 30
    """Days after which an activity is worth half of its points, where its rule does not say otherwise. `null`: points do
    not decay."""


class Weights(Model):
    """How much each axis counts in the total."""

    fit: float = Field(default=1, ge=0)
    """A share; the two need not come to 1."""
    engagement: float = Field(default=1, ge=0)
    """A share."""

    @model_validator(mode="after")
    def _something(self) -> Weights:
        if self.fit + self.engagement <= 0:
            raise ValueError("the weights come to 0, and so would every score")
        return self


FIT_GRADES = ("A", "B", "C")
ENGAGEMENT_GRADES = ("1", "2", "3")
GRADES = tuple(f"{letter}{digit}" for letter in (*FIT_GRADES, "D") for digit in (*ENGAGEMENT_GRADES, "4"))
"""A1 to D4: all cells of the grid, row by row."""


class Grades(Model):
    """From how many points on an axis has a grade; below the last it is D, or 4."""

    fit: dict[Literal["A", "B", "C"], Cap] = Field(default={"A": 75, "B": 50, "C": 25})
    """Who they are."""
    engagement: dict[Literal["1", "2", "3"], Cap] = Field(default={"1": 75, "2": 50, "3": 25})
    """What they do."""

    @model_validator(mode="after")
    def _falling(self) -> Grades:
        for given, names in ((self.of_fit, FIT_GRADES), (self.of_engagement, ENGAGEMENT_GRADES)):
            if missing := [name for name in names if name not in given]:
                raise ValueError(f"say from how many points on {', '.join(missing)} is given")
            for better, worse in pairwise(names):
                if given[better] <= given[worse]:
                    raise ValueError(f"{better} ({given[better]}) must be above {worse} ({given[worse]}), they overlap")
        return self

    @property
    def of_fit(self) -> dict[str, int]:
        return {str(grade): points for grade, points in self.fit.items()}

    @property
    def of_engagement(self) -> dict[str, int]:
        return {str(grade): points for grade, points in self.engagement.items()}


class Predictive(Model):
    """A second score, learned from the outcomes of past leads (`smarketing score train`)."""

    push: bool = False
    """Whether it is pushed, as the shared field `predicted_score`; shown by `smarketing score` in any case."""
    leads: int = Field(default=1000, ge=50)
    """It is learned only where so many leads have been decided,"""
    won: int = Field(default=200, ge=10)
    """and so many of them were won."""


class Scoring(Model):
    """Two axes, each from 0 to 100: who a lead is, and what it does. `rules` alone is short for `fit: {rules: …}`."""

    rules: tuple[ScoreRule, ...] | None = Field(default=None, min_length=1)
    """Short for `fit: {rules: …}`."""
    fit: Fit | None = None
    """Who they are."""
    engagement: Engagement | None = None
    """What they do. Where only one axis has rules, the score is that axis."""
    weights: Weights = Weights()
    """What each axis counts in the score: half each, where it is not said."""
    grades: Grades = Grades()
    """Where both axes have rules, a lead has a grade from A1 to D4."""
    grid: dict[Word, Word] = Field(default_factory=dict)
    """Grade -> the stage that it earns, beside what `vocabulary.promote` says: `{A1: mql, A2: mql, B1: mql}`."""
    predictive: Predictive = Predictive()
    """The learned score."""

    @model_validator(mode="after")
    def _some_axis(self) -> Scoring:
        if self.rules is not None and self.fit is not None:
            raise ValueError("`rules` is short for `fit: {rules: …}`; say one of them")
        if self.rules is None and self.fit is None and self.engagement is None:
            raise ValueError("say what counts: fit, engagement or rules")
        return self

    @property
    def fit_rules(self) -> tuple[ScoreRule, ...]:
        return self.rules or (self.fit.rules if self.fit else ())

    @property
    def engagement_rules(self) -> tuple[EngagementRule, ...]:
        return self.engagement.rules if self.engagement else ()

    @property
    def fit_cap(self) -> int:
        return self.fit.cap if self.fit else 100

    @property
    def graded(self) -> bool:
        """Whether both axes have rules."""
        return bool(self.fit_rules and self.engagement_rules)
