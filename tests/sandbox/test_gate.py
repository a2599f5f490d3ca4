"""Faults, limits and the admin pages, over real connections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from sandbox.faults import Fault
from sandbox.serve import serve

from .toy import Toy


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def client(toy: Toy) -> Iterator[httpx.Client]:
    with serve({"toy": toy.app}) as urls, httpx.Client(base_url=urls["toy"], timeout=5) as client:
        yield client


def test_a_server_starts_and_stops_quickly(toy: Toy) -> None:
    start = time.perf_counter()
    with serve({"a": toy.app, "b": Toy().app}) as urls:
        assert httpx.get(urls["a"]).status_code == httpx.get(urls["b"]).status_code == 200
    assert time.perf_counter() - start < 2
    with pytest.raises(httpx.ConnectError):
        httpx.get(urls["a"])


@pytest.mark.parametrize("kind", ["hangup_before", "hangup_after"])
def test_a_dropped_connection_tells_the_client_nothing_of_the_write(toy: Toy, client: httpx.Client, kind: str) -> None:
    toy.faults.replace([Fault.of({"kind": kind, "nth": [1]})])
    with pytest.raises(httpx.TransportError):
        client.post("/records")
    assert toy.written == (1 if kind == "hangup_after" else 0)
    assert client.post("/records").json()["written"] == toy.written


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_time_out_holds_the_connection(toy: Toy, client: httpx.Client, kind: str) -> None:
    toy.faults.replace([Fault.of({"kind": kind, "nth": [1], "seconds": 30})])
    with pytest.raises(httpx.ReadTimeout):
        client.post("/records", timeout=0.1)
    assert toy.written == (1 if kind == "timeout_after" else 0)


def test_a_time_out_ends_by_itself(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("timeout_after", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/records")
    assert toy.written == 1


def test_a_truncated_body_is_a_broken_connection(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/records")


def test_cut_json_is_a_complete_answer_that_is_not_json(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("cut_json", nth=(1,))
    toy.faults.add("not_json", nth=(2,))
    cut, html = client.post("/records"), client.post("/records")
    assert cut.status_code == html.status_code == 200
    for answer in (cut, html):
        with pytest.raises(ValueError):
            answer.json()
    assert html.headers["content-type"] == "text/html"
    assert toy.written == 2


def test_errors_come_before_or_after_the_write(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("error", nth=(1,), status=500)
    toy.faults.add("error_after", nth=(2,))
    assert client.post("/records").status_code == 500
    assert toy.written == 0
    assert client.post("/records").status_code == 502
    assert toy.written == 1


def test_pages_repeat_or_shift_but_never_the_first(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("duplicate_page", times=2)
    toy.faults.add("shift_page", shift=-1)
    pages = [client.get(f"/records?start={start}").json()["records"] for start in (0, 3, 6)]
    assert pages == [[0, 1, 2], [0, 1, 2], [5, 6, 7]]


def test_a_429_burst_is_not_counted_as_avoidable(toy: Toy, client: httpx.Client) -> None:
    toy.faults.add("rate_limited", times=3)
    assert [client.get("/").status_code for _ in range(4)] == [429, 429, 429, 200]
    assert toy.requests.by_status[429] == 3
    assert not toy.requests.refused


def test_limits_refuse_and_recover() -> None:
    toy = Toy(calls=2)
    with serve({"toy": toy.app}) as urls, httpx.Client(base_url=urls["toy"]) as client:
        answers = [client.post("/x/17") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 429]
        assert [a.headers["x-left"] for a in answers] == ["1", "0", "0"]
        toy.clock.advance(10)
        assert client.post("/x/18").status_code == 200
    assert toy.requests.refused == {"POST /x/{id}": 1}


def test_probability_is_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[int]:
        faults = Toy().faults
        faults.replace([Fault("error", probability=0.3)], seed=seed)
        return [n for n in range(200) if faults.choose("GET", "/")]

    assert struck(1) == struck(1)
    assert struck(1) != struck(2)
    assert 30 < len(struck(1)) < 90


def test_rules_do_not_disturb_each_others_counts() -> None:
    faults = Toy().faults
    faults.add("error", nth=(1,))
    faults.add("hangup_after", nth=(2,), method="POST")
    assert [[f.kind for f in faults.choose("POST", "/")] for _ in range(3)] == [["error"], ["hangup_after"], []]


def test_the_admin_pages_turn_every_switch(toy: Toy, client: httpx.Client) -> None:
    client.post("/contacts/123456")
    client.get("/contacts/a@b.example")
    counts = client.get("/__sandbox__/requests").json()
    assert counts["total"] == 2
    assert counts["by_endpoint"] == {"POST /contacts/{id}": 1, "GET /contacts/{id}": 1}
    rule = {"kind": "error", "path": "^/contacts", "every": 2}
    assert client.put("/__sandbox__/faults", json={"seed": 3, "rules": [rule]}).json()["rules"][0]["every"] == 2
    assert [client.get("/contacts").status_code for _ in range(4)] == [200, 503, 200, 503]
    assert client.get("/__sandbox__/faults").json()["rules"][0]["struck"] == 2
    assert client.delete("/__sandbox__/faults").json()["rules"] == []
    clock = client.post("/__sandbox__/clock", json={"frozen": True, "now": "2026-02-03T04:05:06+00:00"}).json()
    assert clock == {"now": "2026-02-03T04:05:06+00:00", "skew": 0.0, "frozen": True}
    assert client.post("/__sandbox__/clock", json={"skew": -60}).json()["now"] == "2026-02-03T04:04:06+00:00"
    assert client.post("/__sandbox__/state", json={"add": 5}).json() == {"written": 6}
    wrong = client.post("/__sandbox__/faults", json={"kind": "gremlin"})
    assert wrong.status_code == 400
    assert "gremlin" in wrong.json()["error"]


def test_a_stopped_clock_starts_where_it_stopped() -> None:
    clock = Toy().clock
    clock.freeze()
    stopped = clock.now()
    clock.advance(5)
    assert (clock.now() - stopped).total_seconds() == 5
    time.sleep(0.02)
    clock.unfreeze()
    assert 5 <= (clock.now() - stopped).total_seconds() < 5.01
    assert clock.elapsed() >= 5.02
