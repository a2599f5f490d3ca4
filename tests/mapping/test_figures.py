"""Personas, funnel and objectives that make no sense are told with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mapping.projects import MAIN, errors


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("personas: [{name: a, when: {}}]", "personas[0].when", "empty"),
        ("personas: [{name: a, when: {persona: b}}]", "personas[0].when.persona", "itself computed"),
        ("personas: [{name: a, when: {compny: b}}]", "personas[0].when.compny", "no shared field"),
        ("funnel: {steps: [sql, mql]}", "funnel.steps", "order of the ladder"),
        ("funnel: {passed: mqll}", "funnel.passed", "no step of the ladder"),
        ("funnel: {cuts: [sorce]}", "funnel.cuts[0]", "no shared field"),
        ("funnel: {time_zone: Europe/Madird}", "funnel.time_zone", "no such time zone"),
        ("objectives: [{name: a, metric: mqll, target: 1}]", "objectives[0].metric", "nothing measures"),
        (
            "objectives: [{name: a, metric: mql, target: 1, from: 2026-02-01, to: 2026-03-31}]",
            "objectives[0].to",
            "no whole",
        ),
        (
            "objectives: [{name: a, metric: mql, derived_from: {from: a, rate: 1}}]",
            "objectives[0].derived_from",
            "each other",
        ),
        ("objectives: [{name: a, metric: revenue, target: 1}]", "objectives[0].metric", "deals are not synced"),
        ("rates: {USD: 0.9}", "rates.USD", "no currency"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, text: str, key: str, message: str) -> None:
    found = errors(tmp_path, main=f"{MAIN}{text}\n")
    assert any(error.key == key and message in error.message and error.line for error in found), found
