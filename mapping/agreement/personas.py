"""Personas as an admin writes them: whom the two teams sell to. The first that a lead fits is its persona.

What they are computed to is in `mapping.derived`; what is known of each in `alignment.personas`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import Field

from mapping.conditions import Condition, Model, predicate
from mapping.fields import Fields
from mapping.lifecycle import Lifecycle
from mapping.shared import Name
from mapping.wording import Worded, Wording


class Persona(Model):
    name: Name
    """How it is called in conditions, and in the field `persona`."""
    label: Worded = Field(default_factory=Wording)
    """For people; the name where it is not said. One text, or `{en: …, es: …, pt: …}`."""
    means: Worded = Field(default_factory=Wording)
    """For people: who this is and what they need."""
    when: Condition
    """A condition over the fields of leads, those that count activities (`happened`) included."""


def persona_of(personas: Sequence[Persona], lifecycle: Lifecycle) -> Callable[[Fields], str | None]:
    """The name of the first persona that a lead fits, as a function of its fields."""
    tried = [(one.name, predicate(one.when, lifecycle)) for one in personas]

    def persona(hub: Fields) -> str | None:
        for name, fits in tried:
            if fits(hub):
                return name
        return None

    return persona
