"""The server that the other tests rely on: it comes up empty, keeps to itself, and goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.real import tryton as real
from tests.real.tryton import CHECKOUT, Tryton, TrytonUnavailable

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


def test_it_is_a_tryton_8_with_an_empty_crm(fresh_tryton: Tryton) -> None:
    root = httpx.post(
        f"{fresh_tryton.base_url}/rpc/", json={"id": 1, "method": "common.server.version", "params": []}
    ).json()

    assert root["result"] == "8.0"
    assert fresh_tryton.model("sale.opportunity.search_count", []) == 0


def test_two_servers_do_not_see_each_other(tryton: Tryton, fresh_tryton: Tryton) -> None:
    fresh_tryton.lead("Only here", "only-here@example.com")

    assert fresh_tryton.model("sale.opportunity.search_count", []) == 1
    assert tryton.model("party.party.search_count", [["name", "=", "Only here"]]) == 0


def test_the_server_dies_with_the_process_that_started_it(tryton: Tryton) -> None:
    script = (
        "import sys, time\n"
        "from tests.real.tryton import started\n"
        "with started() as crm:\n"
        "    print(crm.base_url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    assert httpx.post(f"{url}/rpc/", json={"id": 1, "method": "common.server.version", "params": []}).is_success

    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()

    assert _gone(url)


def test_without_the_package_index_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real, "CHECKOUT", tmp_path)
    monkeypatch.setattr(real, "CACHE", tmp_path)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")

    with pytest.raises(TrytonUnavailable, match="package index"):
        real.built()


def _gone(url: str, within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            httpx.get(url, timeout=1)
        except httpx.TransportError:
            return True
        time.sleep(0.1)
    return False
