"""A pact for tests, and a project that has it."""

from __future__ import annotations

from typing import Any

from mapping.agreement.sla import Pact
from mapping.config import ProjectFile

PACT: dict[str, Any] = {
    "version": 1,
    "agreed_on": "2026-01-05",
    "agreed_by": [{"name": "Marta", "team": "marketing"}, {"name": "Tom", "team": "sales"}],
    "re_evaluate_on": "2026-07-05",
    "calendars": {
        "madrid": {
            "zone": "Europe/Madrid",
            "hours": {
                day: ["09:00-14:00", "15:00-18:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
            },
        },
        "lord_howe": {
            "zone": "Australia/Lord_Howe",
            "hours": {"monday": "00:00-24:00", "sunday": "00:00-24:00", "wednesday": "08:00-12:00"},
            "regions": ["AU"],
        },
    },
    "calendar_by": "country",
    "sales": {
        "first_response": {
            "segments": [
                {"name": "hot", "when": {"score": {"at_least": 60}}, "within": "1 h"},
                {"name": "others", "within": "4 h"},
            ]
        },
        "attempts": {"at_least": 3, "apart_at_least": "2 h", "apart_at_most": "16 h"},
        "decision": {"within": "16 h"},
        "follow_up": {"days": 3},
    },
    "teams": {
        "east": {"side": "sales", "members": ["ana@sales.example"], "manager": "boss@sales.example"},
        "west": {"side": "sales", "members": ["bob@sales.example"], "channels": ["json://127.0.0.1:9/${HOOK}"]},
        "growth": {"side": "marketing", "members": ["mia@marketing.example"]},
    },
    "alerts": {"mail": "mailto://127.0.0.1:9?from=sla@smarketing.example"},
}


def pact(**changes: Any) -> Pact:
    return Pact.model_validate(PACT | changes)


def project(made: Pact) -> ProjectFile:
    return ProjectFile.model_validate(
        {
            "systems": {
                "hub": {"connector": "memory", "role": "marketing"}, "crm": {"connector": "memory", "role": "crm"},
            },
            "fields": {"email": {}, "country": {"type": "country"}, "owner": {"type": "reference", "to": "owner"}},
            "owners": {"fields": {"email": {"type": "email"}}},
            "sla": made.model_dump(by_alias=True, exclude_unset=True),
        }
    )  # fmt: skip
