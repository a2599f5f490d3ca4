from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sandbox.hubspot import FAST, HubSpot
from sandbox.serve import serve


@pytest.fixture
def portal() -> HubSpot:
    return HubSpot(FAST)


@pytest.fixture
def portal_url(portal: HubSpot) -> Iterator[str]:
    with serve({"hubspot": portal.app}) as urls:
        yield urls["hubspot"]


@pytest.fixture
def http(portal_url: str) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer sandbox-token"}
    with httpx.Client(base_url=portal_url, headers=headers, timeout=5, verify=False) as client:
        yield client
