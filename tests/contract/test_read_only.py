"""The contract of what can only be read: a system's users, and what happened. See `sources.py`."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from connectors.base import ACTIVITY_FIELDS, ActivityType, Connector, Key, Operation, Page, Record, Write
from connectors.errors import ConnectorError, Misconfigured, ProtocolChanged, Retry, Unauthorized
from tests.contract.harness import Fault, read_all, records_of
from tests.contract.sources import Source

FAULTS: tuple[Fault, ...] = ("error", "rate_limited", "hangup_before", "hangup_after", "truncated")


async def happened(source: Source, count: int, start: int = 0) -> list[str]:
    ids = []
    for n in range(start, start + count):
        ids.append(await source.happen(n))
        source.later(1)
    return ids


async def read(source: Source, reader: Connector, since: Any = None) -> list[Page]:
    return await read_all(reader, list(source.read), since)


async def end(source: Source, reader: Connector) -> Any:
    """The cursor after everything was read, as it comes back from the database."""
    cursor = (await read(source, reader))[-1].cursor
    source.later(1)
    return json.loads(json.dumps(cursor))


async def the_words(source: Source, reader: Connector, since: Any = None) -> dict[str, Any]:
    return {id_: record.fields[source.told] for id_, record in records_of(await read(source, reader, since)).items()}


# Signing in, and the schema


async def test_check_names_the_account(reader: Connector) -> None:
    account = await reader.check()
    assert account.id
    assert account.name


async def test_refused_credentials_are_told(source: Source) -> None:
    if not source.credentials:
        pytest.skip("nothing to sign in by")
    refused = source.connector_refused()
    with pytest.raises(Unauthorized) as caught:
        await refused.check()
    assert caught.value.hint
    await refused.aclose()


async def test_the_schema_has_all_that_is_read_and_nothing_to_write(source: Source, reader: Connector) -> None:
    await happened(source, 1)
    schema = {field.name: field for field in await reader.schema()}
    if reader.kind == "activity":
        assert schema.keys() == set(ACTIVITY_FIELDS)
    assert schema.keys() >= set(source.read)
    if reader.kind == "activity" or source.whole:
        assert not any(schema[name].writable for name in source.read)


async def test_a_field_of_our_own_cannot_be_made_there(source: Source, reader: Connector) -> None:
    if type(source).__name__.startswith("Memory"):
        pytest.skip("RAM takes any field")
    (of_ours,) = [field for field in await reader.schema() if field.name == source.told]
    wanted = type(of_ours)("smarketing_extra", "Extra", "string")
    with pytest.raises(Misconfigured):
        await reader.provision([wanted])
    assert "smarketing_extra" not in {field.name for field in await reader.schema()}


# Reading


async def test_everything_is_told_once_with_its_fields(source: Source, reader: Connector) -> None:
    ids = await happened(source, source.page // 2 + 4)
    pages = await read(source, reader)
    told = [record for page in pages for record in page.records]
    assert len({record.id for record in told}) == len(told)
    found = {record.id: record for record in told}
    assert found.keys() >= set(ids)
    assert [found[id_].fields[source.told] for id_ in ids] == [f"Told {n}" for n in range(len(ids))]
    for record in found.values():
        assert record.fields.keys() == set(source.read)
        assert record.problem is None
        assert record.changed_at is not None
        assert record.changed_at.tzinfo is not None
        if reader.kind == "activity":
            well_told(record)


def well_told(record: Record) -> None:
    assert record.fields["type"] in get_args(ActivityType)
    assert datetime.fromisoformat(record.fields["at"]).utcoffset() == timedelta(0)
    assert isinstance(record.fields["leads"], list)
    for name in ACTIVITY_FIELDS:
        if name not in ("leads", "value"):
            assert record.fields[name] is None or isinstance(record.fields[name], str), name
    assert record.fields["value"] is None or isinstance(record.fields["value"], int | float)


async def test_a_list_that_is_whole_says_so_every_time_and_no_stream_ever_does(
    source: Source, reader: Connector
) -> None:
    if type(source).__name__.startswith("Memory"):
        pytest.skip("RAM forgets nothing, and may say that it is whole")
    await happened(source, 3)
    first = await read(source, reader)
    again = await read(source, reader, first[-1].cursor)
    for pages in (first, again):
        assert [page.complete for page in pages] == [False] * (len(pages) - 1) + [source.whole]


async def test_read_twice_it_says_the_same(source: Source, reader: Connector) -> None:
    await happened(source, 6)
    first, second = [records_of(await read(source, reader)) for _ in range(2)]
    assert first == second


async def test_only_the_fields_asked_for_are_in_a_record(source: Source, reader: Connector) -> None:
    await happened(source, 2)
    found = records_of(await read_all(reader, [source.told]))
    assert found
    assert all(record.fields.keys() == {source.told} for record in found.values())


async def test_a_later_read_brings_what_is_new(source: Source, reader: Connector) -> None:
    ids = await happened(source, 4)
    cursor = await end(source, reader)
    source.later(reader.can.overlap.total_seconds() + 3)
    new = await happened(source, 4, start=4)
    connector = source.connector()
    later = await the_words(source, connector, cursor)
    assert {id_: later.get(id_) for id_ in new} == {id_: f"Told {n + 4}" for n, id_ in enumerate(new)}
    if source.time_moves and not source.whole and not source.rescans:
        quiet = (await read(source, connector, cursor))[-1].cursor
        source.later(3 * reader.can.overlap.total_seconds() + 7200)
        after = json.loads(json.dumps((await read(source, connector, quiet))[-1].cursor))
        assert not set(ids) & (await the_words(source, connector, after)).keys(), "and not everything for ever"
    await connector.aclose()


async def test_what_changes_afterwards_is_told_again(source: Source, reader: Connector) -> None:
    if not source.alters:
        pytest.skip("this vendor tells what happened once")
    ids = await happened(source, 3)
    cursor = await end(source, reader)
    await source.alter(ids[0], "Corrected")
    source.later(1)
    assert (await the_words(source, reader, cursor))[ids[0]] == "Corrected"


async def test_what_was_deleted_is_told_as_gone_and_is_in_no_later_list(source: Source, reader: Connector) -> None:
    if not source.tells_deletions:
        pytest.skip("this vendor does not tell what was deleted")
    ids = await happened(source, 6)
    cursor = await end(source, reader)
    for id_ in (ids[0], ids[5]):
        await source.delete(id_)
    source.later(1)
    pages = await read(source, reader, cursor)
    assert {record.id for page in pages for record in page.records if record.deleted} == {ids[0], ids[5]}
    assert not {ids[0], ids[5]} & records_of(await read(source, reader)).keys()
    if not reader.can.overlap:
        return  # RAM begins with what was last
    source.later(3 * reader.can.overlap.total_seconds() + 7200)
    quiet = (await read(source, reader, pages[-1].cursor))[-1].cursor
    source.later(3 * reader.can.overlap.total_seconds() + 7200)
    later = await read(source, reader, quiet)
    assert not [record for page in later for record in page.records if record.deleted], "and not for ever"


async def test_a_read_can_be_taken_up_after_any_page(source: Source, reader: Connector) -> None:
    await happened(source, source.page // 2 + 4)
    pages = await read(source, reader)
    everything = records_of(pages).keys()
    for stop in {0, len(pages) // 2, len(pages) - 1}:
        connector = source.connector()
        rest = await read(source, connector, json.loads(json.dumps(pages[stop].cursor)))
        await connector.aclose()
        assert records_of([*pages[: stop + 1], *rest]).keys() == everything


async def test_a_cursor_can_be_made_for_any_time(source: Source, reader: Connector) -> None:
    ids = await happened(source, 4)
    newest = max(r.changed_at for r in records_of(await read(source, reader)).values() if r.changed_at)
    cursor = json.loads(json.dumps(reader.cursor_at(newest - timedelta(hours=1))))
    assert records_of(await read(source, reader, cursor)).keys() >= set(ids)


async def test_a_cursor_nobody_understands_brings_everything(source: Source, reader: Connector) -> None:
    if type(source).__name__.startswith("Memory"):
        pytest.skip("its cursors never leave the test that made them")
    ids = await happened(source, 3)
    assert records_of(await read(source, reader, {"version": "of another age"})).keys() >= set(ids)


# Finding, and what cannot be done


async def test_find_answers_in_the_order_of_the_keys(source: Source, reader: Connector) -> None:
    ids = await happened(source, 2)
    keys = [Key("id", ids[1]), Key("id", f"{ids[0]}0000000"), Key("id", ids[0]), Key("id", ids[1])]
    found = await reader.find(keys, list(source.read))
    assert [[record.id for record in one] for one in found] == [[ids[1]], [], [ids[0]], [ids[1]]]
    assert found[2][0].fields[source.told] == "Told 0"


@pytest.mark.parametrize("operation", ["create", "update"])
async def test_every_write_is_refused_and_changes_nothing(
    source: Source, reader: Connector, operation: Operation
) -> None:
    ids = await happened(source, 2)
    before = await the_words(source, reader)
    can = reader.can
    assert not any((can.create, can.update, can.archive, can.erase, can.merge))
    batch = [Write(f"r{n}", operation, {source.told: "Ours"}, id=id_) for n, id_ in enumerate(ids)]
    results = await reader.write(batch)
    assert [result.outcome for result in results] == ["rejected", "rejected"]
    assert all(result.error and result.error.message for result in results)
    assert await the_words(source, reader) == before


# When things go wrong


def needs(source: Source, kind: Fault) -> None:
    if kind not in source.faults:
        pytest.skip(f"this vendor's server cannot be made to fail by {kind}")


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_read_outlasts_a_short_failure(source: Source, reader: Connector, kind: Fault) -> None:
    needs(source, kind)
    ids = await happened(source, 3)
    source.fault(kind, "read", times=1)
    assert records_of(await read(source, reader)).keys() >= set(ids)


@pytest.mark.parametrize("kind", ["error", "not_json", "truncated"])
async def test_a_failure_that_lasts_is_never_taken_for_an_empty_list_and_shows_no_secret(
    source: Source, reader: Connector, kind: Fault
) -> None:
    needs(source, kind)
    ids = await happened(source, 3)
    source.fault(kind, "read")
    with pytest.raises(ConnectorError) as caught:
        await read(source, reader)
    assert isinstance(caught.value, Retry | ProtocolChanged)
    assert "<html" not in str(caught.value)
    assert source.secret not in str(caught.value) + repr(caught.value) + repr(reader)
    source.heal()
    assert records_of(await read(source, reader)).keys() >= set(ids)
