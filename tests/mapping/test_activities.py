"""What happened to leads, as an admin asks for it."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from connectors.base import ActivityType
from mapping.compiler import rules_of
from mapping.config import ProjectFile
from mapping.mapped import MappingFile
from mapping.rules import Rules
from mapping.shared import ActivityName


def compiled(fields: dict[str, Any], *, read: bool = True, **more: Any) -> Rules:
    config = ProjectFile.model_validate(
        {
            "systems": {"crm": {"connector": "memory", "role": "crm"}},
            "fields": {"email": {"type": "email"}, **fields},
            **more,
        }
    )
    mapping = MappingFile.model_validate({"fields": {"email": {"remote": "email"}}, "activities": read})
    return rules_of(config, {"crm": mapping}, "hash")


def test_the_types_are_those_that_connectors_tell() -> None:
    assert get_args(ActivityName) == get_args(ActivityType)


def test_the_systems_that_are_read_for_activities_and_how_long_they_are_kept() -> None:
    rules = compiled({}, keep_activities=400)
    assert (rules.activities, rules.keep_activities) == ({"crm"}, 400)
    assert compiled({}, read=False).activities == frozenset()


def test_counts_and_latest_become_roll_ups() -> None:
    rules = compiled(
        {
            "forms": {"type": "integer", "happened": {"count": ["form"], "days": 30}},
            "last_touch": {"type": "datetime", "happened": {"latest": []}},
        }
    )
    found = {one.name: (one.kind, one.types, one.days) for one in rules.rollups}
    assert found == {"forms": ("activity", {"form"}, 30), "last_touch": ("activity", frozenset(), None)}
    assert rules.counts_activities


@pytest.mark.parametrize(
    "happened", [{}, {"count": ["form"], "latest": ["call"]}, {"count": ["sneeze"]}, {"count": [], "days": 0}]
)
def test_what_makes_no_sense_is_told(happened: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        compiled({"forms": {"type": "integer", "happened": happened}})


def test_activities_are_counted_for_leads_alone() -> None:
    with pytest.raises(ValidationError, match="for leads alone"):
        compiled({}, companies={"fields": {"forms": {"type": "integer", "happened": {"count": []}}}})
