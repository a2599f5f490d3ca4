"""Who gets the reports, and when, as an admin writes it. Not here: what a report says (`alignment.reports`), how it is sent
(`delivery.reports`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from mapping.agreement.calendar import Weekday
from mapping.conditions import Model
from mapping.options import Word
from mapping.wording import Language

Hour = Annotated[int, Field(ge=0, le=23)]


class Recipients(Model):
    language: Language | None = None
    """Of what they get; the project's first where it is not said."""
    people: tuple[Word, ...] = ()
    """E-mail addresses: get the whole report, with the PDF attached."""
    channels: tuple[Word, ...] = Field(default=(), repr=False)
    """apprise URLs: get what matters most, in a few lines; the secrets in them as ${NAME}. https://appriseit.com/services/"""

    @model_validator(mode="after")
    def _somebody(self) -> Recipients:
        if not self.people and not self.channels:
            raise ValueError("say who: people, channels")
        return self


class Weekly(Model):
    day: Weekday = "monday"
    """It goes out on this day, about the week before."""
    hour: Hour = 8
    """From this hour on, in the funnel's `time_zone`."""
    to: tuple[Recipients, ...] = Field(min_length=1)
    """Who gets it; a group for each language."""


class Monthly(Model):
    day: int = Field(default=1, ge=1, le=28)
    """It goes out on this day of the month, about the month before."""
    hour: Hour = 8
    """From this hour on, in the funnel's `time_zone`."""
    to: tuple[Recipients, ...] = Field(min_length=1)
    """Who gets it; a group for each language."""


class Reports(Model):
    mail: Word | None = Field(default=None, repr=False)
    """An apprise URL of the mail server, without a recipient; that of `sla.alerts` where it is not said."""
    weekly: Weekly | None = None
    """Nobody gets one where it is not said."""
    monthly: Monthly | None = None
    """Nobody gets one where it is not said."""
