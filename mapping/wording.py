"""What an admin writes for people to read: one text, or one in each language of the project.

    means: A deal is open
    means: {en: A deal is open, es: Hay un negocio abierto, pt: Há um negócio em aberto}

Invariant: whoever asks for a language gets a text if there is any: that language's, else the project's first one's.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from mapping.conditions import Model
from mapping.options import Word

Language = Literal["en", "es", "pt"]


class Wording(Model):
    """A text in one or more languages."""

    text: str = ""
    """Where it is the same in all of them: short for it is the text alone."""
    en: Word | None = None
    """English."""
    es: Word | None = None
    """Spanish."""
    pt: Word | None = None
    """Portuguese."""

    @model_validator(mode="after")
    def _one_way(self) -> Wording:
        if self.text and (self.en or self.es or self.pt):
            raise ValueError("say one text, or one for each language")
        return self

    def within(self, language: str, first: str = "en") -> str:
        """The text for this language; else that of the project's `first`, else any; "" where there is none."""
        given = {"en": self.en, "es": self.es, "pt": self.pt}
        return given.get(language) or given.get(first) or next((text for text in given.values() if text), self.text)


def _short(value: Any) -> Any:
    return {"text": value} if isinstance(value, str | int | float) else value


Worded = Annotated[Wording, BeforeValidator(_short, json_schema_input_type=str | Wording)]


def _listed(value: Any) -> Any:
    """A list of codes is short for codes without words."""
    return (
        dict.fromkeys(value, "")
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
        else value
    )


Reasons = Annotated[
    dict[Word, Worded], BeforeValidator(_listed, json_schema_input_type=list[str] | dict[str, str | Wording])
]
