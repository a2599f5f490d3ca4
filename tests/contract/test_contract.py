"""The one contract that every connector keeps. See `harness.py` for how to bring a connector under it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import Connector, Key, Operation, Write
from connectors.errors import ConnectorError, Gone, ProtocolChanged, Retry, Unauthorized
from tests.contract.harness import Fault, Harness, read_all, records_of


async def seeded(harness: Harness, count: int, start: int = 0) -> list[str]:
    ids = []
    for n in range(start, start + count):
        ids.append(await harness.seed(harness.person(n)))
        harness.later(1)
    return ids


async def scanned(harness: Harness, connector: Connector) -> Any:
    """The cursor after a complete scan."""
    cursor = (await read_all(connector, harness.fields))[-1].cursor
    harness.later(1)
    return cursor


def may_create(connector: Connector) -> None:
    if not connector.can.create:
        pytest.skip("this connector does not create")


def creates(harness: Harness, count: int, start: int = 0) -> list[Write]:
    people = [harness.person(n) for n in range(start, start + count)]
    key = harness.key
    return [Write(f"r{n}", "create", p, key=Key(key, p[key]) if key else None) for n, p in enumerate(people)]


def blank(value: Any) -> bool:
    return value is None or value == ""


# Signing in, and the schema


async def test_check_names_the_account(connector: Connector) -> None:
    account = await connector.check()
    assert account.id
    assert account.name


@pytest.mark.needs("credentials")
async def test_refused_credentials_stop_the_run_and_are_not_repeated(harness: Harness) -> None:
    connector = harness.connector_refused()
    with pytest.raises(Unauthorized) as caught:
        await connector.check()
    assert caught.value.hint
    for secret in filter(None, [harness.secret, "0123456789abcdef"]):
        assert secret not in str(caught.value)
    await connector.aclose()


async def test_schema_describes_every_field_and_its_options(harness: Harness, connector: Connector) -> None:
    schema = {field.name: field for field in await connector.schema()}
    assert schema.keys() >= set(harness.fields)
    assert all(schema[name].writable == harness.writable for name in harness.fields)
    if harness.picklist:
        options = schema[harness.picklist].options
        assert options
        assert all(value and label for value, label in options)


# Reading


async def test_a_scan_finds_every_record_once_and_says_that_it_is_complete(
    harness: Harness, connector: Connector
) -> None:
    ids = await seeded(harness, harness.page + 3)
    pages = await read_all(connector, harness.fields)
    found = [record.id for page in pages for record in page.records]
    assert sorted(found) == sorted(ids)
    assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [True]
    record = records_of(pages)[ids[0]]
    assert record.fields[harness.email] == "person0@example.com"
    assert record.changed_at is not None
    assert record.changed_at.tzinfo is not None


async def test_a_scan_of_nothing_is_complete(harness: Harness, connector: Connector) -> None:
    pages = await read_all(connector, harness.fields)
    assert pages[-1].complete
    assert not records_of(pages)


async def test_only_the_fields_asked_for_are_in_a_record(harness: Harness, connector: Connector) -> None:
    await seeded(harness, 1)
    (record,) = records_of(await read_all(connector, [harness.email])).values()
    assert set(record.fields) == {harness.email}


async def test_a_cursor_is_json(harness: Harness, connector: Connector) -> None:
    await seeded(harness, harness.page + 3)
    pages = await read_all(connector, harness.fields)
    pages += await read_all(connector, harness.fields, pages[-1].cursor)
    for page in pages:
        assert json.loads(json.dumps(page.cursor)) == page.cursor


async def test_an_incremental_read_finds_edits_and_new_records(harness: Harness, connector: Connector) -> None:
    ids = await seeded(harness, 5)
    cursor = await scanned(harness, connector)
    await harness.edit(ids[2], {harness.text: "Edited"})
    new = await harness.seed(harness.person(9))
    pages = await read_all(connector, harness.fields, cursor)
    found = records_of(pages)
    assert found.keys() >= {ids[2], new}
    assert found[ids[2]].fields[harness.text] == "Edited"
    assert harness.rescans or not any(page.complete for page in pages)


async def test_a_cursor_can_be_made_for_any_time(harness: Harness, connector: Connector) -> None:
    ids = await seeded(harness, 2)
    at = max(r.changed_at for r in records_of(await read_all(connector, harness.fields)).values() if r.changed_at)
    harness.later(connector.can.overlap.total_seconds() + 5)
    new = await harness.seed(harness.person(9))
    if harness.time_moves:
        after = at + connector.can.overlap + timedelta(seconds=2)
        cursor = json.loads(json.dumps(connector.cursor_at(after)))
        found = records_of(await read_all(connector, harness.fields, cursor))
        assert new in found
        assert ids[0] not in found
    everything = connector.cursor_at(at - timedelta(hours=1))
    assert records_of(await read_all(connector, harness.fields, everything)).keys() == {*ids, new}


async def test_edits_with_the_same_time_are_all_found(harness: Harness, connector: Connector) -> None:
    ids = await seeded(harness, harness.page + 3)
    cursor = await scanned(harness, connector)
    with harness.one_instant():
        for id in ids:
            await harness.edit(id, {harness.text: "Edited"})
    harness.later(1)
    found = records_of(await read_all(connector, harness.fields, cursor))
    assert {id for id, record in found.items() if record.fields[harness.text] == "Edited"} == set(ids)


async def test_what_changes_during_a_scan_is_found_by_it_or_the_next_read(
    harness: Harness, connector: Connector
) -> None:
    ids = await seeded(harness, harness.page + 3)
    seen, cursor, edited = {}, None, False
    async for page in connector.read(harness.fields):
        seen |= records_of([page])
        cursor = page.cursor
        if not edited:
            for id in (ids[0], ids[-1]):
                await harness.edit(id, {harness.text: "Meanwhile"})
            edited = True
    seen |= records_of(await read_all(connector, harness.fields, cursor))
    assert all(seen[id].fields[harness.text] == "Meanwhile" for id in (ids[0], ids[-1]))


async def test_a_scan_resumes_from_any_checkpoint_and_then_claims_no_absence(
    harness: Harness, connector: Connector
) -> None:
    ids = await seeded(harness, harness.page + 3)
    first = await anext(aiter(connector.read(harness.fields)))
    assert not first.complete
    rest = await read_all(harness.connector(), harness.fields, json.loads(json.dumps(first.cursor)))
    assert records_of([first, *rest]).keys() == set(ids)
    assert not records_of([first]).keys() & records_of(rest).keys()
    assert not any(page.complete for page in rest)


async def test_a_cursor_nobody_understands_starts_a_scan(harness: Harness, connector: Connector) -> None:
    if harness.__class__.__name__.startswith("Memory"):
        pytest.skip("its cursors never leave the test that made them")
    ids = await seeded(harness, 3)
    pages = await read_all(connector, harness.fields, {"version": "of another age"})
    assert records_of(pages).keys() == set(ids)


async def test_a_deletion_leaves_a_tombstone_or_is_missing_from_the_next_scan(
    harness: Harness, connector: Connector
) -> None:
    ids = await seeded(harness, 3)
    cursor = await scanned(harness, connector)
    await harness.delete(ids[1])
    harness.later(1)
    if connector.can.tombstones:
        pages = await read_all(connector, harness.fields, cursor)
        assert {r.id for page in pages for r in page.records if r.deleted} == {ids[1]}
    pages = await read_all(connector, harness.fields)
    assert records_of(pages).keys() == {ids[0], ids[2]}
    assert pages[-1].complete


async def test_a_merge_says_what_became_of_the_old_record(harness: Harness, connector: Connector) -> None:
    if not harness.merges:
        pytest.skip("this vendor cannot merge")
    ids = await seeded(harness, 3)
    cursor = await scanned(harness, connector)
    survivor = await harness.merge(ids[0], ids[1])
    harness.later(1)
    pages = await read_all(connector, harness.fields, cursor)
    became = {r.id: r.became for page in pages for r in page.records if r.became}
    assert became == {id: survivor for id in ids[:2] if id != survivor}
    assert not any(r.deleted and not r.became for page in pages for r in page.records)


async def test_two_records_are_merged_and_both_ids_tell_of_it(harness: Harness, connector: Connector) -> None:
    if not connector.can.merge:
        pytest.skip("this connector does not merge")
    ids = await seeded(harness, 3)
    result = await connector.merge(ids[0], ids[1])
    assert (result.outcome, result.error) == ("done", None)
    held = await harness.held()
    assert held.keys() == {result.id, ids[2]}
    keeps, goes, other = await connector.find([Key("id", id_) for id_ in ids], harness.fields)
    assert [record.id for record in keeps] == [result.id]
    assert [record.id for record in goes] in ([result.id], [])
    assert [record.id for record in other] == [ids[2]]
    assert keeps[0].fields[harness.text] == "First0", "the winner's values stand"


async def test_a_merge_with_nobody_is_refused_and_changes_nothing(harness: Harness, connector: Connector) -> None:
    if not connector.can.merge:
        pytest.skip("this connector does not merge")
    there, gone = await seeded(harness, 2)
    await harness.delete(gone)
    refused = await connector.merge(there, gone)
    assert refused.outcome == "rejected"
    assert there in await harness.held()


# Finding


async def test_find_answers_in_the_order_of_the_keys_and_empty_where_nothing_is(
    harness: Harness, connector: Connector
) -> None:
    ids = await seeded(harness, 3)
    keys = [Key(harness.email, f"person{n}@example.com") for n in (2, 7, 0, 2)] + [Key("id", ids[1])]
    found = await connector.find(keys, harness.fields)
    assert [[record.id for record in one] for one in found] == [[ids[2]], [], [ids[0]], [ids[2]], [ids[1]]]
    assert found[0][0].fields[harness.text] == "First2"


async def test_find_does_not_show_what_is_deleted(harness: Harness, connector: Connector) -> None:
    ids = await seeded(harness, 2)
    await harness.delete(ids[0])
    keys = [Key(harness.email, "person0@example.com"), Key("id", ids[0]), Key("id", ids[1])]
    assert [len(one) for one in await connector.find(keys, harness.fields)] == [0, 0, 1]


# Writing


@pytest.mark.needs("writable")
async def test_results_come_one_per_write_in_order(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    ids = await seeded(harness, 3)
    new = creates(harness, 3, start=10)
    update = [Write(f"u{n}", "update", {harness.text: f"New{n}"}, id=id) for n, id in enumerate(ids)]
    batch = [update[0], new[0], update[1], new[1], new[2], update[2]]
    results = await connector.write(batch)
    assert [result.outcome for result in results] == ["done"] * 6
    held = await harness.held()
    assert [results[n].id for n in (0, 2, 5)] == ids
    for write, result in zip(batch, results, strict=True):
        for name, value in write.fields.items():
            assert held[str(result.id)][name] == value
            if connector.can.answers_values:
                assert (result.fields or {})[name] == value


@pytest.mark.needs("writable")
async def test_updates_alone_come_one_per_write_in_order_and_a_create_is_refused(
    harness: Harness, connector: Connector
) -> None:
    if connector.can.create:
        pytest.skip("this connector creates")
    ids = await seeded(harness, 3)
    batch = [Write(id, "update", {harness.text: f"New{id}"}, id=id) for id in ids]
    batch[1:1] = [*creates(harness, 1, start=10), Write("bad", "update", harness.bad or {}, id=ids[0])]
    results = await connector.write(batch)
    assert [result.outcome for result in results] == ["done", "rejected", "rejected", "done", "done"]
    assert all(result.error and result.error.message for result in results[1:3])
    assert [(await harness.held())[id][harness.text] for id in ids] == [f"New{id}" for id in ids]
    assert len(await harness.held()) == 3


@pytest.mark.needs("writable")
async def test_a_full_batch_takes_no_more_than_one_call_and_a_bit(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    before = connector.budget().calls
    results = await connector.write(creates(harness, connector.can.write_batch))
    assert {result.outcome for result in results} == {"done"}
    assert len({result.id for result in results}) == connector.can.write_batch == len(await harness.held())
    if connector.can.write_batch > 1:
        assert connector.budget().calls - before <= harness.calls_of_a_full_batch


@pytest.mark.needs("writable")
async def test_one_bad_record_does_not_spoil_the_batch(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    if harness.bad is None:
        pytest.skip("this vendor takes everything")
    batch = creates(harness, 5)
    batch[3] = Write("bad", "create", {**batch[3].fields, **harness.bad}, key=batch[3].key)
    results = await connector.write(batch)
    assert [result.outcome for result in results] == ["done", "done", "done", "rejected", "done"]
    assert results[3].error is not None
    assert results[3].error.message
    assert len(await harness.held()) == 4


@pytest.mark.needs("writable")
async def test_text_that_is_none_costs_only_its_record(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    if harness.__class__.__name__.startswith("Memory"):
        pytest.skip("RAM holds anything")
    batch = creates(harness, 3)
    batch[1] = Write("bad", "create", {**batch[1].fields, harness.text: "half \ud83d"}, key=batch[1].key)
    results = await connector.write(batch)
    assert [result.outcome for result in results] == ["done", "rejected", "done"]


@pytest.mark.needs("writable")
async def test_none_clears_and_an_absent_field_stays(harness: Harness, connector: Connector) -> None:
    (id,) = await seeded(harness, 1)
    (result,) = await connector.write([Write("r", "update", {harness.text: None}, id=id)])
    assert result.outcome == "done"
    held = (await harness.held())[id]
    assert blank(held.get(harness.text))
    assert held[harness.other] == "Last0"
    if result.fields is not None and harness.text in result.fields:
        assert blank(result.fields[harness.text])
    (record,) = records_of(await read_all(connector, harness.fields)).values()
    assert blank(record.fields[harness.text])


@pytest.mark.needs("writable")
async def test_a_create_repeated_by_its_key_makes_no_second_record(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    if harness.key is None:
        pytest.skip("this vendor has no key to repeat a create by")
    first = await connector.write(creates(harness, 3))
    again = await harness.connector().write(creates(harness, 3))
    assert [result.id for result in again] == [result.id for result in first]
    assert len(await harness.held()) == 3


@pytest.mark.needs("writable")
async def test_an_update_of_a_deleted_record_is_gone_and_costs_no_other(harness: Harness, connector: Connector) -> None:
    ids = await seeded(harness, 3)
    await harness.delete(ids[1])
    results = await connector.write([Write(id, "update", {harness.text: "New"}, id=id) for id in ids])
    assert [result.outcome for result in results] == ["done", "rejected", "done"]
    assert isinstance(results[1].error, Gone)


@pytest.mark.needs("writable")
async def test_one_record_twice_in_a_batch_is_written_in_turn(harness: Harness, connector: Connector) -> None:
    (id,) = await seeded(harness, 1)
    batch = [Write("a", "update", {harness.text: "One"}, id=id), Write("b", "update", {harness.other: "Two"}, id=id)]
    assert [result.outcome for result in await connector.write(batch)] == ["done", "done"]
    held = (await harness.held())[id]
    assert (held[harness.text], held[harness.other]) == ("One", "Two")


async def test_an_empty_batch_has_no_results(connector: Connector) -> None:
    assert await connector.write([]) == []


# Taking out of use, and erasing


@pytest.mark.needs("writable")
async def test_what_is_archived_is_a_deletion_and_may_be_archived_twice(harness: Harness, connector: Connector) -> None:
    if not connector.can.archive:
        pytest.skip("this connector does not archive")
    ids = await seeded(harness, 3)
    cursor = await scanned(harness, connector)
    for _ in range(2):
        results = await connector.archive([ids[2], ids[0]])
        assert [(r.outcome, r.id) for r in results] == [("done", ids[2]), ("done", ids[0])]
    assert set(await harness.held()) == {ids[1]}
    harness.later(1)
    if connector.can.tombstones:
        pages = await read_all(connector, harness.fields, cursor)
        assert {r.id for page in pages for r in page.records if r.deleted} == {ids[0], ids[2]}


@pytest.mark.needs("writable")
async def test_what_is_erased_is_nowhere_any_more_and_may_be_erased_twice(
    harness: Harness, connector: Connector
) -> None:
    if not connector.can.erase:
        pytest.skip("this connector does not erase")
    ids = await seeded(harness, 3)
    await harness.delete(ids[0])
    for _ in range(2):
        results = await connector.erase([ids[2], ids[0]])
        assert [(r.outcome, r.id) for r in results] == [("done", ids[2]), ("done", ids[0])]
    assert set(await harness.held()) == {ids[1]}
    assert [len(one) for one in await connector.find([Key("id", ids[0]), Key("id", ids[2])], harness.fields)] == [0, 0]
    pages = await read_all(connector, harness.fields)
    assert {record.id for page in pages for record in page.records} == {ids[1]}
    assert pages[-1].complete


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_what_cannot_be_written_says_so(harness: Harness, connector: Connector, operation: Operation) -> None:
    assert connector.can.update == harness.writable
    assert harness.writable or not connector.can.create
    if harness.writable:
        return
    (id,) = await seeded(harness, 1)
    before = await harness.held()
    (result,) = await connector.write([Write("r", operation, {harness.text: "New"}, id=id)])
    assert result.outcome == "rejected"
    assert result.error is not None
    assert result.error.message
    assert await harness.held() == before


# When things go wrong


def needs(harness: Harness, kind: Fault) -> None:
    if kind not in harness.faults:
        pytest.skip(f"this vendor's server cannot be made to fail by {kind}")


@pytest.mark.parametrize("kind", ["error", "rate_limited", "hangup_before", "hangup_after", "truncated"])
async def test_a_read_outlasts_a_short_failure(harness: Harness, connector: Connector, kind: Fault) -> None:
    needs(harness, kind)
    ids = await seeded(harness, 3)
    harness.fault(kind, "read", times=1)
    assert records_of(await read_all(connector, harness.fields)).keys() == set(ids)


async def test_patience_ends(harness: Harness, connector: Connector) -> None:
    needs(harness, "error")
    harness.fault("error", "read")
    with pytest.raises(Retry):
        await read_all(connector, harness.fields)


async def test_a_page_that_is_not_json_is_never_taken_for_an_empty_one(harness: Harness, connector: Connector) -> None:
    needs(harness, "not_json")
    ids = await seeded(harness, 3)
    harness.fault("not_json", "read")
    with pytest.raises((Retry, ProtocolChanged)) as caught:
        await read_all(connector, harness.fields)
    assert "<html" not in str(caught.value)
    harness.heal()
    assert records_of(await read_all(connector, harness.fields)).keys() == set(ids)


@pytest.mark.needs("writable")
async def test_a_create_whose_answer_is_lost_is_unknown_and_can_be_found(
    harness: Harness, connector: Connector
) -> None:
    """However often the connector tries, and even without a key: at most one record comes of it."""
    may_create(connector)
    needs(harness, "hangup_after")
    harness.fault("hangup_after", "write")
    keyed = creates(harness, 1)
    plain = [Write("p", "create", harness.person(1))]
    assert [result.outcome for result in await connector.write(keyed)] == ["unknown"]
    assert [result.outcome for result in await connector.write(plain)] == ["unknown"]
    harness.heal()
    assert len(await harness.held()) == 2
    keys = [Key(harness.email, f"person{n}@example.com") for n in (0, 1)]
    assert [len(one) for one in await connector.find(keys, harness.fields)] == [1, 1]


@pytest.mark.needs("writable")
async def test_an_update_whose_answer_is_lost_once_is_simply_repeated(harness: Harness, connector: Connector) -> None:
    needs(harness, "hangup_after")
    (id,) = await seeded(harness, 1)
    harness.fault("hangup_after", "write", times=1)
    (result,) = await connector.write([Write("r", "update", {harness.text: "New"}, id=id)])
    assert result.outcome in ("done", "unknown")
    assert (await harness.held())[id][harness.text] == "New"


@pytest.mark.needs("writable")
async def test_a_write_that_cannot_have_been_sent_is_no_mystery(harness: Harness, connector: Connector) -> None:
    may_create(connector)
    needs(harness, "rate_limited")
    harness.fault("rate_limited", "write")
    with pytest.raises(Retry):
        await connector.write(creates(harness, 2))
    assert not await harness.held()


@pytest.mark.needs("credentials")
@pytest.mark.parametrize("kind", ["error", "rate_limited", "not_json", "hangup_before", "truncated"])
async def test_no_error_shows_a_secret(harness: Harness, connector: Connector, kind: Fault) -> None:
    needs(harness, kind)
    assert harness.secret
    harness.fault(kind, "read")
    with pytest.raises(ConnectorError) as caught:
        await read_all(connector, harness.fields)
    assert harness.secret not in str(caught.value)
    assert harness.secret not in repr(caught.value)
    assert harness.secret not in repr(connector)


async def test_calls_are_counted(harness: Harness, connector: Connector) -> None:
    before = connector.budget().calls
    await seeded(harness, 1)
    await read_all(connector, harness.fields)
    assert connector.budget().calls > before
