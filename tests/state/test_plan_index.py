"""The index of a plan, against a plain look through the plan."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from state import plan_index
from state.plan_index import Filter, PlanIndex

FIELDS = ("email", "city", "stage", "tags")


def writes(seed: int, count: int) -> list[dict[str, Any]]:
    some = random.Random(seed)

    def value() -> Any:
        return some.choice((None, "", [], "Oslo", "Ürümqi", 7, True, ["a", "b"]))

    return [
        {
            "system": some.choice(("crm", "mkt")), "kind": some.choice(("lead", "company")),
            "operation": some.choice(("create", "update", "archive")), "remote_id": some.choice((None, f"r{n}")),
            "who": some.choice(("Ada", "ÁNGEL", "Grace")) + f" {n}",
            "fields": {
                name: {"old": value(), "new": value(), "from": "crm", "rule": "only change"}
                for name in some.sample(FIELDS, some.randrange(4))
            },
        }
        for n in range(count)
    ]  # fmt: skip


def changed(entry: dict[str, Any]) -> str:
    empty = (None, "", [])
    return "blanked" if entry["new"] in empty else "filled" if entry["old"] in empty else "changed"


def holds(write: dict[str, Any], asked: Filter) -> bool:
    fields = write["fields"]
    about = [fields[asked.field]] if asked.field in fields else list(fields.values())
    words = [write["who"], write["remote_id"] or ""]
    words += [
        str(v) for e in fields.values() for v in (e["old"], e["new"]) if v is not None and not isinstance(v, bool)
    ]
    return (
        asked.system in ("", write["system"])
        and asked.kind in ("", write["kind"])
        and asked.operation in ("", write["operation"])
        and (not asked.field or asked.field in fields)
        and (not asked.change or any(changed(entry) == asked.change for entry in about))
        and any(asked.text.casefold() in word.casefold() for word in words)
    )


@pytest.fixture
def made(tmp_path: Path) -> tuple[PlanIndex, list[dict[str, Any]]]:
    rows = writes(3, 700)
    plan_index.build(tmp_path / "plan.index", {"id": "plan"}, rows)
    index = plan_index.opened(tmp_path / "plan.index")
    assert index is not None
    assert index.head == {"id": "plan"}
    return index, rows


def test_every_filter_finds_what_a_look_through_the_plan_finds(
    made: tuple[PlanIndex, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, rows = made
    monkeypatch.setattr("state.plan_index.WINDOW", 90)  # less than there is to look through
    asked_for = product(
        ("", "crm"), ("", "company"), ("", "update"), ("", "city"), ("", "filled", "blanked"), ("", "ángel", "R1")
    )
    for values in asked_for:
        asked = Filter(*values)
        expected = [n for n, row in enumerate(rows) if holds(row, asked)]
        found: list[int] = []
        after: int | None = -1
        while after is not None:
            page = index.page(asked, after, 13)
            assert len(page.rows) <= 13
            assert all(row.body == rows[row.n] for row in page.rows)
            found += [row.n for row in page.rows]
            after = page.next
        assert found == index.all(asked) == expected, asked
        if not asked.text:
            assert index.count(asked) == len(expected)


def test_rows_are_found_by_their_numbers(made: tuple[PlanIndex, list[dict[str, Any]]]) -> None:
    index, rows = made
    assert [row.body for row in index.rows([5, 3, 9999])] == [rows[3], rows[5]]
    groups = {group.id: group for group in index.groups}
    for n, id_ in index.groups_of({0, 1, 699, 700}).items():
        assert (groups[id_].system, set(groups[id_].fields)) == (rows[n]["system"], set(rows[n]["fields"]))
    assert sum(group.count for group in index.groups) == 700


def test_what_is_no_index_is_none(tmp_path: Path) -> None:
    assert plan_index.opened(tmp_path / "nothing.index") is None
    (tmp_path / "other.index").write_bytes(b"not a database" * 100)
    assert plan_index.opened(tmp_path / "other.index") is None


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.index"
    plan_index.build(path, {}, writes(1, 3))
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]
