"""The pact between marketing and sales as an admin writes it: who signed, what each side promises, who is told.

Not here: whether its words exist in the project (`check_sla`), and what has become of the promises (`alignment.sla`).
Invariant: `terms` is all that a clock is measured by, so that two pacts with equal terms measure alike.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mapping.agreement.calendar import Absence, Calendar, Day, Duration
from mapping.conditions import Condition, Model
from mapping.options import Word
from mapping.shared import Name

Touch = Literal["call", "email_sent", "meeting", "task", "note"]
"""What somebody in sales does for a lead."""

Side = Literal["marketing", "sales"]
Share = Annotated[float, Field(gt=0, le=1)]
Rate = Share | Literal["measured"]
Amount = Annotated[float, Field(gt=0)] | Literal["measured"]
TOUCHES: tuple[Touch, ...] = ("call", "email_sent", "meeting")


class Signature(Model):
    name: Word
    """Who signed."""
    team: Side
    """For which team."""


class Volume(Model):
    """How many marketing-qualified leads, from what sales must bring in."""

    per: Literal["month", "quarter"] = "month"
    """For how long each target is."""
    revenue: float = Field(gt=0)
    """What sales must bring in, in each period."""
    average_deal: Amount
    """What a won deal brings; `measured`: the average of the last months."""
    rates: dict[Word, Rate] = Field(min_length=1)
    """Stage -> the share of the leads at the step before that reaches it, from the qualified lead up; `measured`: that of
    the last months. The last is what brings revenue."""
    measured_over: int = Field(default=6, ge=1, le=60)
    """Months over which is measured what is measured."""


class Quality(Model):
    accept: Word = "sal"
    """The stage by which sales accepts a lead."""
    at_least: Share
    """Share of the leads decided upon that are accepted."""


class Completeness(Model):
    fields: tuple[Word, ...] = Field(min_length=1)
    """Shared fields that must be filled in."""
    at_least: Share
    """Share of the leads handed over that have all of them."""


class Marketing(Model):
    """What marketing promises."""

    stage: Word = "mql"
    """The stage by which a lead is handed over."""
    volume: Volume | None = None
    """How many."""
    quality: Quality | None = None
    """How many of them are accepted."""
    completeness: Completeness | None = None
    """What is known of them."""


class Segment(Model):
    name: Name
    """How reports call it."""
    when: Condition | None = None
    """Which leads; all that no segment before it has, where it is not said."""
    within: Duration
    """Business time, "15 min" or "4 h"."""


class FirstResponse(Model):
    """From entering a stage until somebody in sales first does something."""

    stage: Word = "mql"
    """The clock starts when a lead gets here."""
    types: tuple[Touch, ...] = Field(default=TOUCHES, min_length=1)
    """What counts as a response."""
    segments: tuple[Segment, ...] = Field(min_length=1)
    """The first that a lead fits counts."""


class Attempts(Model):
    """What must have been tried before a lead is given up."""

    stage: Word = "mql"
    """From here on they count."""
    types: tuple[Touch, ...] = Field(default=TOUCHES, min_length=1)
    """What counts as an attempt."""
    at_least: int = Field(ge=1, le=50)
    """How many."""
    apart_at_least: Duration | None = None
    """One sooner after the last than this does not count. Business time."""
    apart_at_most: Duration | None = None
    """The next one is due by then. Business time."""


class Decision(Model):
    """Accept or reject."""

    stage: Word = "mql"
    """The clock starts when a lead gets here."""
    accept: Word = "sal"
    """This stage, or a higher one, accepts it; any side state rejects it."""
    within: Duration
    """Business time."""
    reason: bool = True
    """Whether a rejection without a reason breaks the promise."""


class FollowUp(Model):
    """While a lead is worked, no long silence."""

    stage: Word = "sal"
    """From here on."""
    until: tuple[Word, ...] = ("customer", "disqualified", "lost")
    """Stages that end it."""
    types: tuple[Touch, ...] = Field(default=TOUCHES, min_length=1)
    """What counts as a touch."""
    days: int = Field(ge=1, le=250)
    """Business days: the next touch is due at the end of that many after the day of the last."""


class Sales(Model):
    """What sales promises."""

    first_response: FirstResponse | None = None
    """A first response in time."""
    attempts: Attempts | None = None
    """How often is tried before a lead is given up."""
    decision: Decision | None = None
    """Accept or reject in time."""
    follow_up: FollowUp | None = None
    """No long silence."""


class Team(Model):
    side: Side
    """Whose team it is."""
    members: tuple[Word, ...] = ()
    """E-mail addresses of the owners in it."""
    manager: Word | None = None
    """E-mail address: is told of breaches."""
    channels: tuple[Word, ...] = Field(default=(), repr=False)
    """Where the team is told: apprise URLs, the secrets in them as ${NAME}. https://appriseit.com/services/"""


class Alerts(Model):
    """Who is told, and when. May be changed at any time."""

    reminders: tuple[Share, ...] = (0.5, 0.8)
    """Shares of the time after which the owner is reminded."""
    manager_after: Duration | None = None
    """Business time after a breach until the manager is told; at once where it is not said."""
    mail: Word | None = Field(default=None, repr=False)
    """An apprise URL of the mail server, without a recipient: mailtos://${SMTP_USER}:${SMTP_PASSWORD}@smtp.example.com"""


class Pact(Model):
    """What both teams have signed."""

    version: int = Field(ge=1)
    """Raised with every change of the promises or the calendars; clocks go by the version of their start."""
    agreed_on: Day
    """Clocks start from this day on."""
    agreed_by: tuple[Signature, ...] = Field(min_length=2)
    """At least one of each team."""
    re_evaluate_on: Day
    """`check` and `sla status` remind of it from 14 days before."""
    calendars: dict[Name, Calendar] = Field(min_length=1)
    """When is worked, by name."""
    calendar: Word | None = None
    """The calendar of leads that no other takes; the first where it is not said."""
    calendar_by: Word | None = None
    """The shared field by whose value a calendar is chosen (`regions` of the calendars): country."""
    absences: tuple[Absence, ...] = ()
    """Who is away when. May be added to at any time."""
    pauses_in: tuple[Word, ...] = ("recycled",)
    """Side states in which clocks stand still; in any other they end."""
    marketing: Marketing = Marketing()
    """The promises of marketing."""
    sales: Sales = Sales()
    """The promises of sales."""
    teams: dict[Name, Team] = Field(default_factory=dict)
    """Who belongs together, by the team's name."""
    alerts: Alerts = Alerts()
    """By what way and after how long people are told. May be changed at any time."""

    @model_validator(mode="after")
    def _signed(self) -> Pact:
        if len({signature.team for signature in self.agreed_by}) < 2:
            raise ValueError("agreed_by names nobody of marketing, or nobody of sales")
        if self.re_evaluate_on <= self.agreed_on:
            raise ValueError("re_evaluate_on is not after agreed_on")
        return self

    @property
    def main_calendar(self) -> str:
        return self.calendar or next(iter(self.calendars))

    @property
    def zone(self) -> str:
        """In which days are told: that of the main calendar."""
        return self.calendars[self.main_calendar].zone

    def team_of(self, owner: str) -> str:
        """Name of the team that somebody is in; empty where in none."""
        return next(
            (name for name, team in self.teams.items() if owner.casefold() in map(str.casefold, team.members)), ""
        )

    def terms(self) -> dict[str, Any]:
        """What a version stands for: promises and calendars, not who is told or away."""
        whole = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        for key in ("teams", "alerts", "absences"):
            whole.pop(key, None)
        for calendar in whole["calendars"].values():
            calendar.pop("days_off", None)
        return whole
