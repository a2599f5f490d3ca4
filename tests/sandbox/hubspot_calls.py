"""Calls to the HubSpot sandbox that several tests make."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from sandbox.hubspot import HubSpot
from sandbox.serve import serve

CONTACTS = "/crm/v3/objects/contacts"


@contextmanager
def serving(portal: HubSpot, token: str = "sandbox-token") -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {token}"}
    with (
        serve({"h": portal.app}) as urls,
        httpx.Client(base_url=urls["h"], headers=headers, timeout=5, verify=False) as client,
    ):
        yield client


def create(http: httpx.Client, **values: str) -> dict[str, Any]:
    answer = http.post(CONTACTS, json={"properties": values})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def set_stage(http: httpx.Client, id_: str, stage: str) -> Any:
    return http.patch(f"{CONTACTS}/{id_}", json={"properties": {"lifecyclestage": stage}}).json()


def find(http: httpx.Client, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"filterGroups": [{"filters": list(filters)}], **more}
    answer = http.post(f"{CONTACTS}/search", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def make_unique(portal: HubSpot, name: str = "smarketing_id") -> None:
    portal.properties.create(
        {
            "name": name,
            "label": name,
            "type": "string",
            "fieldType": "text",
            "groupName": "contactinformation",
            "hasUniqueValue": True,
        }
    )
