"""A Salesforce sandbox, made new for every test, and the clients that call it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce as Client

from sandbox.clock import Clock
from sandbox.salesforce.server import Salesforce
from sandbox.salesforce.sessions import Credentials
from sandbox.serve import serve

TOKEN = "00D5g0000000001!test-token"
VERSION = "/services/data/v62.0"


class Org:
    """One server, its address, and the calls of a client that knows nothing."""

    def __init__(self, server: Salesforce, url: str) -> None:
        self.server = server
        self.org = server.org
        self.url = url
        self.http = httpx.Client(base_url=url + VERSION, headers={"Authorization": f"Bearer {TOKEN}"})

    def query(self, soql: str, *, deleted: bool = False) -> Any:
        answer = self.http.get("/queryAll" if deleted else "/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lead(self, **fields: Any) -> str:
        """A lead, made as a person would. Its id."""
        table = self.org.tables["Lead"]
        whole = {"LastName": "Lovelace", "Company": "Analytical Engines", **fields}
        return self.org.create(table, self.org.read(table, whole), allow_duplicates=True)

    def row(self, record_id: str) -> dict[str, Any]:
        table = self.org.table_of(record_id)
        assert table is not None
        return table.rows[record_id]


class ToTheSandbox(HTTPAdapter):
    """simple-salesforce writes https into every address; the sandbox speaks http."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.target = url

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        request.url = self.target + "/" + request.url.split("/", 3)[3]
        return super().send(request, *args, **kwargs)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sf(clock: Clock) -> Iterator[Org]:
    server = Salesforce(Credentials(access_token=TOKEN), clock=clock)
    server.org.switches.session_seconds = 1e9  # tests move the clock by weeks
    with serve({"salesforce": server.app}) as urls:
        yield Org(server, urls["salesforce"])


@pytest.fixture
def session(sf: Org) -> requests.Session:
    """A requests session that reaches the sandbox, whatever host it asks for."""
    session = requests.Session()
    session.mount("https://", ToTheSandbox(sf.url))
    return session


@pytest.fixture
def client(sf: Org, session: requests.Session) -> Client:
    return Client(instance="acme.my.salesforce.com", session_id=TOKEN, session=session, version="62.0")
