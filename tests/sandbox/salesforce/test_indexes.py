"""The quick ways to rows are only quick: whatever was written, a query gives what reading every row would give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.clock import Clock
from sandbox.salesforce import query, soql
from sandbox.salesforce.org import Org

START = datetime(2026, 1, 1, tzinfo=UTC)
EMAILS = ("a@x.example", "B@x.example", None)
moments = st.integers(0, 12).map(lambda n: f"2026-01-01T00:00:{n:02}Z")
leaves = st.one_of(
    st.builds("SystemModstamp {} {}".format, st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), moments),
    st.builds("Email = '{}'".format, st.sampled_from(["A@x.example", "b@x.example", "c@x.example"])),
    st.just("Email IN ('a@x.example', 'B@X.example')"),
    st.just("Email != 'a@x.example'"),
    st.just("Id = '{id}'"),
    st.just("Id > '{id}'"),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=6,
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "delete", "roll back", "wait"]), st.integers(0, 9), st.sampled_from(EMAILS)
    ),
    max_size=40,
)


def lived(history: list[tuple[str, int, str | None]]) -> tuple[Org, list[str]]:
    """An org that went through this, and the ids of its leads."""
    clock = Clock(START, frozen=True)
    org = Org(clock, custom_fields=False)
    leads, made = org.tables["Lead"], list[str]()
    for what, which, email in history:
        draft = org.read(leads, {"Email": email})
        alive = [i for i in made if not leads.rows[i]["IsDeleted"]]
        if what == "wait":
            clock.advance(1)
        elif what == "create" or not alive:
            made.append(org.create(leads, org.read(leads, {"LastName": "L", "Company": "C", "Email": email})))
        elif what == "update":
            org.update(leads, alive[which % len(alive)], draft)
        elif what == "delete":
            org.delete(leads, alive[which % len(alive)])
        else:
            try:
                with org.all_or_none():
                    org.update(leads, alive[which % len(alive)], draft)
                    raise LookupError
            except LookupError:
                clock.advance(1)
    return org, made


@settings(max_examples=200, deadline=None)
@given(
    history=steps,
    condition=conditions,
    deleted=st.booleans(),
    ordered=st.booleans(),
    limit=st.none() | st.integers(0, 5),
)
def test_a_query_gives_what_reading_every_row_would_give(
    history: list[Any], condition: str, deleted: bool, ordered: bool, limit: int | None
) -> None:
    org, made = lived(history)
    leads = org.tables["Lead"]
    order = " ORDER BY SystemModstamp, Id" if ordered else ""
    text = f"SELECT Id FROM Lead WHERE {condition.format(id=made[0] if made else '00Q000000000000AAA')}{order}"
    where = soql.parse(text).where
    assert where is not None
    test = query.compiled(org, leads, where, text)
    wanted = [row for row in leads.rows.values() if test(row) and (deleted or not row["IsDeleted"])]
    wanted.sort(key=lambda row: (row["SystemModstamp"], row["Id"]))
    found = query.run(org, text + ("" if limit is None else f" LIMIT {limit}"), deleted=deleted).rows
    if ordered:
        assert found == wanted[:limit]
    else:
        assert all(row in wanted for row in found)
        assert len(found) == min(len(wanted), len(wanted) if limit is None else limit)
