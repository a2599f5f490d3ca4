"""HubSpot's quirks of writing, one test each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import respx

from connectors.base import FieldType, Key, RemoteField, Write, WriteResult
from connectors.errors import Duplicate, Gone, Invalid, ProtocolChanged, RateLimited, Unauthorized
from connectors.http import Patience
from connectors.hubspot import HubSpot, Settings
from tests.connectors.hubspot.conftest import Portal

UPDATE, CREATE, UPSERT, READ = "batch/update", "batch/create", "batch/upsert", "batch/read"


def update(id: str, **fields: Any) -> Write:
    return Write(f"u{id}", "update", fields, id=id)


def create(n: int, *, by: str | None = None, **fields: Any) -> Write:
    person = {"email": f"p{n}@example.com", "firstname": f"P{n}", **fields}
    return Write(f"c{n}", "create", person, key=Key(by, person[by]) if by else None)


def outcomes(results: Sequence[WriteResult]) -> list[str]:
    return [result.outcome for result in results]


def field(name: str, type: FieldType = "string", *, unique: bool = False) -> RemoteField:
    return RemoteField(name, name.title(), type, unique=unique)


def many(name: str, *values: str) -> RemoteField:
    return RemoteField(name, name.title(), "multipicklist", options=tuple((v, v.upper()) for v in values))


# Batches that half fail


async def test_a_207_answers_in_any_order_and_names_the_records_at_fault(hubspot: Portal, connector: HubSpot) -> None:
    hubspot.add(1)
    batch = [create(n) for n in range(60)]
    batch[7] = create(7, email="not an address")
    batch[33] = create(33, lifecyclestage="no-such-stage")
    results = await connector.write(batch)
    assert [n for n, result in enumerate(results) if result.outcome == "rejected"] == [0, 7, 33]
    assert hubspot.calls(CREATE) == 1
    for write, result in zip(batch, results, strict=True):
        if result.outcome == "done":
            assert hubspot.values(str(result.id))["email"] == write.fields["email"] == (result.fields or {})["email"]
    conflict, address, stage = (results[n].error for n in (0, 7, 33))
    assert isinstance(conflict, Duplicate)
    assert isinstance(address, Invalid)
    assert isinstance(stage, Invalid)
    assert stage.field == "lifecyclestage"
    assert "[{" not in stage.message, "HubSpot's JSON in the message is taken apart"


async def test_an_email_that_is_taken_names_the_contact_that_has_it(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    (result,) = await connector.write([create(0)])
    assert isinstance(result.error, Duplicate)
    assert result.error.existing == id


async def test_upserts_by_email_fail_as_a_whole_so_the_bad_ones_are_searched_for(
    hubspot: Portal, connector: HubSpot
) -> None:
    """Partial upserts are not supported when using email as the idProperty: HubSpot refuses the batch, naming nobody."""
    batch = [create(n, by="email") for n in range(100)]
    for n in (3, 4, 97):
        batch[n] = create(n, by="email", lifecyclestage="no-such-stage")
    results = await connector.write(batch)
    assert [n for n, result in enumerate(results) if result.outcome == "rejected"] == [3, 4, 97]
    assert outcomes(results).count("done") == 97 == len(hubspot.contacts.live)
    assert hubspot.calls(UPSERT) <= 2 * 3 * 8


async def test_an_upsert_finds_the_contact_of_the_first_try(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    (result,) = await connector.write([create(0, by="email", firstname="Ada")])
    assert (result.outcome, result.id) == ("done", id)
    assert hubspot.values(id)["firstname"] == "Ada"


async def test_keys_of_several_kinds_go_in_one_request_each(hubspot: Portal, connector: HubSpot) -> None:
    await connector.provision([field("smarketing_id", unique=True)])
    hubspot.forget_calls()
    ours = [create(n, by="smarketing_id", smarketing_id=f"id-{n}") for n in range(3)]
    results = await connector.write([create(10), *ours, create(11, by="email"), create(12)])
    assert outcomes(results) == ["done"] * 6
    assert (hubspot.calls(CREATE), hubspot.calls(UPSERT)) == (1, 2)
    again = await connector.write(ours)
    assert [result.id for result in again] == [result.id for result in results[1:4]]


async def test_a_unique_property_that_is_taken_is_a_duplicate(hubspot: Portal, connector: HubSpot) -> None:
    await connector.provision([field("smarketing_id", unique=True)])
    (first,) = await connector.write([create(0, smarketing_id="same")])
    (second,) = await connector.write([create(1, smarketing_id="same")])
    assert isinstance(second.error, Duplicate)
    assert second.error.existing == first.id


async def test_hubspot_refuses_a_batch_that_names_a_record_twice(hubspot: Portal, connector: HubSpot) -> None:
    a, b = hubspot.add(2)
    batch = [update(a, firstname="1"), update(b, firstname="x"), update(a, firstname="2"), update(a, lastname="3")]
    results = await connector.write(batch)
    assert outcomes(results) == ["done"] * 4
    assert (hubspot.values(a)["firstname"], hubspot.values(a)["lastname"]) == ("2", "3")
    assert hubspot.calls(UPDATE) == 3
    twice = await connector.write([create(5, by="email"), create(5, by="email", email="P5@Example.com")])
    assert twice[0].id == twice[1].id


async def test_a_deleted_contact_costs_no_other(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(3)
    hubspot.contacts.archive(ids[1])
    results = await connector.write([update(id, firstname="New") for id in ids])
    assert outcomes(results) == ["done", "rejected", "done"]
    assert isinstance(results[1].error, Gone)


async def test_an_update_of_a_merged_contact_goes_to_the_survivor_and_is_not_called_done(
    hubspot: Portal, connector: HubSpot
) -> None:
    a, b, c = hubspot.add(3)
    survivor = hubspot.contacts.merge(a, b).id
    results = await connector.write([update(a, firstname="New"), update(c, firstname="New")])
    assert outcomes(results) == ["rejected", "done"]
    assert isinstance(results[0].error, Gone)
    assert str(survivor) in results[0].error.message


# Values


async def test_an_empty_string_clears(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1, lastname="Lovelace")
    (result,) = await connector.write([update(id, firstname=None)])
    assert result.outcome == "done"
    assert "firstname" not in hubspot.values(id)
    assert hubspot.values(id)["lastname"] == "Lovelace"


async def test_values_are_sent_as_hubspots_text(hubspot: Portal, connector: HubSpot) -> None:
    await connector.provision([field("score", "number"), field("vip", "boolean"), many("topics", "a", "b", "c")])
    (id,) = hubspot.add(1)
    (result,) = await connector.write([update(id, score=42.0, vip=True, topics=["a", "c"])])
    assert result.fields == {"score": "42", "vip": "true", "topics": "a;c"}


async def test_the_answer_tells_what_hubspot_made_of_a_value(hubspot: Portal, connector: HubSpot) -> None:
    (result,) = await connector.write([create(1, email="Ada.Lovelace@Example.COM")])
    assert result.fields == {"email": "ada.lovelace@example.com", "firstname": "P1"}


@pytest.mark.parametrize("value", ["x" * 10_000_000, "half \ud83d"], ids=["10 MB", "lone surrogate"])
async def test_a_value_that_hubspot_cannot_hold_costs_only_its_record(
    hubspot: Portal, connector: HubSpot, value: str
) -> None:
    results = await connector.write([create(0), create(1, firstname=value), create(2)])
    assert outcomes(results) == ["done", "rejected", "done"]
    assert results[1].error is not None
    assert len(str(results[1].error)) < 1000


async def test_a_read_only_property_costs_the_record_with_a_word_why(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    (result,) = await connector.write([update(id, hubspotscore="5")])
    assert result.error is not None
    assert result.error.field == "hubspotscore"


# The stage that only moves forward


async def test_a_stage_forward_is_one_call(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(50, lifecyclestage="lead")
    results = await connector.write([update(id, lifecyclestage="customer") for id in ids])
    assert outcomes(results) == ["done"] * 50
    assert hubspot.calls() == 1


async def test_stages_backward_are_cleared_set_and_read_back_all_at_once(hubspot: Portal, connector: HubSpot) -> None:
    """HubSpot ignores a move back without a word."""
    back, forth = hubspot.add(40, lifecyclestage="customer"), hubspot.add(40, start=40, lifecyclestage="subscriber")
    batch = [
        update(id, lifecyclestage="lead", firstname="New") for pair in zip(back, forth, strict=True) for id in pair
    ]
    results = await connector.write(batch)
    assert outcomes(results) == ["done"] * 80
    assert {hubspot.values(id)["lifecyclestage"] for id in back + forth} == {"lead"}
    assert {hubspot.values(id)["firstname"] for id in back + forth} == {"New"}
    assert all((result.fields or {})["lifecyclestage"] == "lead" for result in results)
    assert (hubspot.calls(UPDATE), hubspot.calls(READ)) == (3, 1)


async def test_an_upsert_that_would_move_a_stage_back_does(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1, lifecyclestage="opportunity")
    (result,) = await connector.write([create(0, by="email", lifecyclestage="lead")])
    assert (result.outcome, result.id) == ("done", id)
    assert hubspot.values(id)["lifecyclestage"] == "lead"


async def test_a_stage_is_cleared_by_clearing_it(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1, lifecyclestage="customer")
    (result,) = await connector.write([update(id, lifecyclestage=None)])
    assert result.outcome == "done"
    assert "lifecyclestage" not in hubspot.values(id)
    assert hubspot.calls() == 1


@pytest.mark.parametrize("call", [2, 3])
@pytest.mark.parametrize("fault", ["error", "hangup_after"])
async def test_a_crash_between_clear_and_set_is_unknown_and_the_next_try_sets_it(
    hubspot: Portal, connector: HubSpot, call: int, fault: Any
) -> None:
    (id,) = hubspot.add(1, lifecyclestage="customer")
    hubspot.faults.add(fault, path=UPDATE, nth=tuple(range(call, 50)))
    (result,) = await connector.write([update(id, lifecyclestage="lead")])
    assert result.outcome == "unknown"
    hubspot.faults.clear()
    (result,) = await connector.write([update(id, lifecyclestage="lead")])
    assert result.outcome == "done"
    assert hubspot.values(id)["lifecyclestage"] == "lead"


# Lost answers


async def test_when_the_second_request_fails_the_results_of_the_first_are_kept(
    hubspot: Portal, connector: HubSpot
) -> None:
    (id,) = hubspot.add(1)
    hubspot.faults.add("rate_limited", path=CREATE)
    results = await connector.write([update(id, firstname="New"), create(1)])
    assert outcomes(results) == ["done", "unknown"]


async def test_a_create_without_a_key_is_never_sent_twice(hubspot: Portal, connector: HubSpot) -> None:
    """No e-mail, so nothing in HubSpot would stop a second contact."""
    hubspot.faults.add("hangup_after", path=CREATE, times=1)
    results = await connector.write([Write("p", "create", {"firstname": "Ada"})])
    assert outcomes(results) == ["unknown"]
    assert len(hubspot.contacts.live) == 1


async def test_a_refused_token_stops_the_run_where_nothing_was_written(hubspot: Portal) -> None:
    connector = hubspot.connector(access_token="wrong")
    with pytest.raises(Unauthorized):
        await connector.write([create(1)])
    await connector.aclose()


# Answers that the sandbox does not give

URL = "https://api.hubapi.test"
CONTACTS = "/crm/v3/objects/contacts"


@pytest.fixture
async def mocked() -> AsyncIterator[HubSpot]:
    patience = Patience(attempts=2, first=0.0, longest=0.0)
    made = HubSpot("hubspot", Settings(access_token="t", base_url=URL), patience=patience)
    yield made
    await made.aclose()


def contact(id: str, **properties: str) -> dict[str, Any]:
    return {"id": id, "properties": properties, "updatedAt": "2026-01-01T00:00:00Z", "archived": False}


@respx.mock(base_url=URL)
async def test_results_without_trace_ids_are_told_apart_by_id_and_by_key(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    updated = [contact("2", firstname="B"), contact("1", firstname="A")]
    upserted = [contact("9", email="z@x.test"), contact("8", email="y@x.test")]
    respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(200, json={"results": updated}))
    respx_mock.post(f"{CONTACTS}/{UPSERT}").mock(return_value=httpx.Response(200, json={"results": upserted}))
    respx_mock.post(f"{CONTACTS}/{CREATE}").mock(return_value=httpx.Response(201, json={"results": upserted}))
    keyed = [create(1, by="email", email="Y@x.test"), create(2, by="email", email="z@x.test")]
    plain = [Write("p", "create", {"email": "y@x.test"}), Write("q", "create", {"email": "z@x.test"})]
    results = await mocked.write([update("1", firstname="A"), update("2", firstname="B"), *keyed, *plain])
    assert [result.id for result in results] == ["1", "2", "8", "9", "8", "9"]


@respx.mock(base_url=URL)
async def test_a_merged_contact_may_be_left_out_of_the_answer_without_a_word(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    answer = {"results": [contact("2", firstname="B")]}
    respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(200, json=answer))
    results = await mocked.write([update("1", firstname="A"), update("2", firstname="B")])
    assert outcomes(results) == ["rejected", "done"]
    assert isinstance(results[0].error, Gone)


@respx.mock(base_url=URL)
async def test_an_error_that_names_nobody_leaves_two_records_unknown(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": [""]}}
    answer = {"results": [contact("2", firstname="B")], "numErrors": 1, "errors": [error]}
    respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(207, json=answer))
    assert outcomes(await mocked.write([update("1", firstname="A"), update("2", firstname="B")])) == [
        "rejected",
        "done",
    ]
    three = [update(id, firstname=id) for id in ("1", "2", "3")]
    assert outcomes(await mocked.write(three)) == ["unknown", "done", "unknown"]


@respx.mock(base_url=URL)
async def test_a_property_that_vanished_costs_those_who_have_it_and_one_more_call(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    """The vendor removed a field between the schema and the write."""
    missing = {
        "message": 'Property "old" does not exist',
        "code": "PROPERTY_DOESNT_EXIST",
        "context": {"propertyName": ["old"]},
    }
    refusal = {"status": "error", "category": "VALIDATION_ERROR", "message": "no", "errors": [missing]}

    def answer(request: httpx.Request) -> httpx.Response:
        inputs = json.loads(request.content)["inputs"]
        if any("old" in one["properties"] for one in inputs):
            return httpx.Response(400, json=refusal)
        results = [
            {**contact(one["id"], **one["properties"]), "objectWriteTraceId": one["objectWriteTraceId"]}
            for one in inputs
        ]
        return httpx.Response(200, json={"results": results})

    route = respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(side_effect=answer)
    batch = [update(str(n), **{"old" if n % 3 == 0 else "firstname": "x"}) for n in range(9)]
    results = await mocked.write(batch)
    assert outcomes(results) == ["rejected", "done", "done"] * 3
    assert route.call_count == 2
    assert results[0].error is not None
    assert results[0].error.field == "old"


@respx.mock(base_url=URL)
async def test_a_workflow_that_sets_the_stage_again_is_named_as_the_likely_cause(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    held = {"results": [contact("1", lifecyclestage="customer")]}
    respx_mock.post(url__regex=rf"{CONTACTS}/batch/(update|read)").mock(return_value=httpx.Response(200, json=held))
    (result,) = await mocked.write([update("1", lifecyclestage="lead")])
    assert result.outcome == "rejected"
    assert result.error is not None
    assert "workflow" in result.error.hint


@pytest.mark.parametrize(
    "body", [{"results": None}, {"results": [None]}, {"results": 3}, {"results": [], "errors": ["x"]}]
)
@respx.mock(base_url=URL)
async def test_an_answer_in_another_shape_stops_the_run(
    respx_mock: respx.MockRouter, mocked: HubSpot, body: Any
) -> None:
    respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(200, json=body))
    with pytest.raises(ProtocolChanged):
        await mocked.write([update("1", firstname="A"), update("2", firstname="B")])


@respx.mock(base_url=URL)
async def test_a_result_that_belongs_to_nobody_leaves_the_others_unknown(
    respx_mock: respx.MockRouter, mocked: HubSpot
) -> None:
    answer = {"results": [contact("1", firstname="A"), {"id": None}]}
    respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(200, json=answer))
    assert outcomes(await mocked.write([update("1", firstname="A"), update("2", firstname="B")])) == ["done", "unknown"]


@respx.mock(base_url=URL)
async def test_the_days_allowance_is_used_up(respx_mock: respx.MockRouter, mocked: HubSpot) -> None:
    body = {
        "status": "error",
        "errorType": "RATE_LIMIT",
        "policyName": "DAILY",
        "message": "You have reached your daily limit.",
    }
    route = respx_mock.post(f"{CONTACTS}/{UPDATE}").mock(return_value=httpx.Response(429, json=body))
    with pytest.raises(RateLimited, match="daily limit"):
        await mocked.write([update("1", firstname="A")])
    assert route.call_count == 1
