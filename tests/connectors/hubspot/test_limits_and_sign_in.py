"""HubSpot's limits, kept without ever meeting a 429; and the two ways in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import Key, Write
from connectors.errors import Misconfigured, RateLimited, Unauthorized
from connectors.registry import connect, settings_of
from tests.connectors.hubspot.conftest import FIELDS, Portal, live, read

# Limits


async def test_no_429_is_ever_met(open_portal: Callable[..., Portal]) -> None:
    """A portal that allows 20 calls a second (and says so), and 12 searches a second (and does not). That the rate is
    used as well is shown without a clock, in test_limits."""
    hubspot = open_portal(burst=20, burst_seconds=1.0, search=12)
    connector = hubspot.connector(searches_a_second=12)
    (id,) = hubspot.add(1)
    await connector.schema()
    began = time.monotonic()
    for _ in range(12):
        keys = [Key("id", id), Key("firstname", "P0")]
        await asyncio.gather(*(connector.find([key], FIELDS) for key in keys for _ in range(3)))
    assert hubspot.server.requests.refused == {}
    assert time.monotonic() - began < 10
    await connector.aclose()


async def test_another_app_that_uses_the_allowance_is_noticed_in_the_headers(
    open_portal: Callable[..., Portal],
) -> None:
    hubspot = open_portal(burst=10, burst_seconds=0.5)
    mine, other = hubspot.connector(), hubspot.connector()
    (id,) = hubspot.add(1)
    for _ in range(8):
        await other.find([Key("id", id)], FIELDS)
    for _ in range(12):
        await mine.find([Key("id", id)], FIELDS)
    assert hubspot.server.requests.refused == {}
    for one in (mine, other):
        await one.aclose()


async def test_a_429_that_could_not_be_foreseen_is_waited_out(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(search=1)
    connector = hubspot.connector(searches_a_second=5)
    hubspot.add(3)
    for n in range(2):
        assert await connector.find([Key("firstname", f"P{n}")], FIELDS)
    assert hubspot.server.requests.refused
    await connector.aclose()


async def test_the_days_allowance_is_told_and_its_end_stops_the_run(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(daily=3)
    connector = hubspot.connector()
    hubspot.add(1)
    await read(connector)
    assert (connector.budget().used, connector.budget().limit) == (1, 3)
    await read(connector)
    await read(connector)
    began = time.monotonic()
    with pytest.raises(RateLimited, match="daily"):
        await read(connector)
    assert time.monotonic() - began < 1, "nobody waits until midnight"
    assert connector.budget().calls == 4
    await connector.aclose()


# Signing in


def oauth(hubspot: Portal, **changed: Any) -> dict[str, Any]:
    ours = hubspot.server.settings
    right = {"client_id": ours.client_id, "client_secret": ours.client_secret, "refresh_token": ours.refresh_token}
    return {"base_url": hubspot.url, **right, **changed}


async def test_an_oauth_token_is_got_and_renewed_when_it_ends(hubspot: Portal) -> None:
    ids = hubspot.add(2)
    connector = connect("portal", "hubspot", oauth(hubspot), clock=hubspot.clock.now)
    assert live(await read(connector)) == ids
    hubspot.clock.advance(3600)
    assert live(await read(connector)) == ids
    assert hubspot.calls("oauth") == 2
    await connector.aclose()


async def test_an_oauth_token_that_ends_before_its_time_is_renewed(hubspot: Portal) -> None:
    connector = connect("portal", "hubspot", oauth(hubspot), clock=hubspot.clock.now)
    await connector.check()
    hubspot.server.tokens.expire_all()
    await connector.check()
    assert hubspot.calls("oauth") == 2
    await connector.aclose()


@pytest.mark.parametrize("wrong", ["client_id", "client_secret", "refresh_token"])
async def test_refused_oauth_settings_are_unauthorized_and_not_shown(hubspot: Portal, wrong: str) -> None:
    connector = connect("portal", "hubspot", oauth(hubspot, **{wrong: "quite-wrong"}), clock=hubspot.clock.now)
    with pytest.raises(Unauthorized) as caught:
        await connector.check()
    ours = hubspot.server.settings
    assert not any(s in str(caught.value) for s in (ours.client_secret, ours.refresh_token, "quite-wrong"))
    await connector.aclose()


async def test_a_missing_scope_says_so(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(scopes=("crm.objects.contacts.read",))
    connector = hubspot.connector()
    with pytest.raises(Unauthorized, match="scope"):
        await connector.write([Write("r", "create", {"email": "a@example.com"})])
    await connector.aclose()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "access_token"),
        ({"access_token": "hush-hush", "client_id": "x"}, "either"),
        ({"client_id": "x", "client_secret": "hush-hush"}, "refresh_token"),
        ({"acces_token": "hush-hush"}, "Did you mean access_token"),
        ({"access_token": "hush-hush", "overlap_seconds": "hush-hush"}, "overlap_seconds"),
        ({"access_token": "hush-hush", "base_url": "no address"}, "base_url"),
    ],
)
def test_wrong_settings_are_told_without_their_values(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        connect("portal", "hubspot", settings)
    assert "hush" not in str(caught.value)


def test_an_unknown_connector_names_the_nearest() -> None:
    with pytest.raises(Misconfigured, match="hubspot"):
        connect("portal", "hubspott", {})


def test_settings_show_no_secret() -> None:
    made = settings_of("hubspot").model_validate({"access_token": "hush-hush"})
    assert "hush" not in f"{made} {made!r} {made.model_dump_json()}"
