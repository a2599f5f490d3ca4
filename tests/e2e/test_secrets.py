"""Secrets reach nobody: not a log (at DEBUG), not an exception, a plan, `--json`, a repr, nor a byte of the database.

The vendors do their worst: whatever they refuse, they repeat to us all that we have sent, headers and forms.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from console import playground
from sandbox.both import Both
from sandbox.gate import App, Message, Receive, Scope, Send, read_body
from sandbox.hubspot.server import HubSpot as Portal
from sandbox.hubspot.settings import FAST
from sandbox.hubspot.settings import Settings as PortalSettings
from sandbox.people import make_world, to_hubspot
from sandbox.salesforce.seeding import to_salesforce
from sandbox.salesforce.server import Salesforce as Org
from sandbox.salesforce.sessions import Credentials
from sync.project import open_project
from tests.e2e.world import World, quick_connectors, world

PRIVATE = "pat-eu1-5a1ad0f1-e2e0-4a11-9b1e-planted00001"
CLIENT = "clientsecret-PLANTED-7d1e"
REFRESH = "refreshtoken-PLANTED-9c2f"
CONSUMER = "CONSUMER.SECRET.PLANTED.4b6a"
GRANT = "5Aep861.GRANT_PLANTED.8e0d"
BLOCKS = {
    "private app token": ("hubspot", {"access_token": "${HUBSPOT_TOKEN}"}, {"HUBSPOT_TOKEN": PRIVATE}),
    "oauth refresh": (
        "hubspot",
        {"client_id": "ours", "client_secret": "${HUBSPOT_SECRET}", "refresh_token": "${HUBSPOT_REFRESH}"},
        {"HUBSPOT_SECRET": CLIENT, "HUBSPOT_REFRESH": REFRESH},
    ),
    "client credentials": (
        "salesforce",
        {"client_id": "ours", "client_secret": "${SALESFORCE_SECRET}"},
        {"SALESFORCE_SECRET": CONSUMER},
    ),
    "jwt bearer": (
        "salesforce",
        {"client_id": "ours", "username": "integration@acme.example", "private_key": "${SALESFORCE_KEY}"},
        {"SALESFORCE_KEY": "made when the tests begin"},
    ),
    "refresh token": (
        "salesforce",
        {"client_id": "ours", "client_secret": "${SALESFORCE_SECRET}", "refresh_token": "${SALESFORCE_GRANT}"},
        {"SALESFORCE_SECRET": CONSUMER, "SALESFORCE_GRANT": GRANT},
    ),
}
"""Way in -> its system, its settings and the variables that they ask for."""


@pytest.fixture(scope="module")
def key() -> tuple[str, str]:
    """A private key and its public half, in PEM."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


class Echo:
    """A vendor that repeats, in every refusal, all that it was sent. Keeps the tokens that it gave out."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.issued: set[str] = set()
        self.refuse = ""
        """Paths that are refused, whatever is asked."""
        self.instead_of = ""
        """Words in the place of which an answer, of whatever status, repeats the Authorization header."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent = await read_body(receive)
        head: Message = {}
        chunks: list[bytes] = []

        async def again() -> Message:
            return {"type": "http.request", "body": sent}

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                head.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self.app(scope, again, keep)
        body, status = b"".join(chunks), head["status"]
        if status == 200 and scope["path"].endswith("/token"):
            self.issued |= {str(v) for k, v in json.loads(body).items() if k in ("access_token", "refresh_token")}
        given = dict(scope["headers"]).get(b"authorization", b"")
        if self.instead_of:
            body = body.replace(self.instead_of.encode(), b"you sent " + given)
        if self.refuse and self.refuse in scope["path"]:
            status = 400
        if status >= 400:
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            form = dict(parse_qsl(sent.decode("utf-8", "replace")))
            said = " ".join(["You sent", json.dumps(headers), json.dumps(form), sent.decode("utf-8", "replace")[:2000]])
            words = {"message": said, "errorCode": "REFUSED", "error": "refused", "error_description": said}
            salesforces = scope["path"].startswith("/services/data")
            body = json.dumps([words] if salesforces else words).encode()
        size = (b"content-length", str(len(body)).encode())
        kept = [pair for pair in head["headers"] if pair[0] != b"content-length"]
        await send({**head, "status": status, "headers": [*kept, size]})
        await send({"type": "http.response.body", "body": body})


class Stage:
    """A project whose one system is signed in to in one way, and all the places where a secret might turn up."""

    def __init__(self, w: World, echo: Echo, planted: Mapping[str, str], system: str) -> None:
        self.w = w
        self.echo = echo
        self.planted = planted
        self.system = system
        self.seen: list[tuple[str, str]] = []

    def keep(self, where: str, text: object) -> None:
        self.seen.append((where, str(text)))

    def secrets(self) -> set[str]:
        """Also in the pieces and spellings that a message might show."""
        whole = {secret for secret in (*self.planted.values(), *self.echo.issued) if len(secret) >= 4}
        lines = {line for secret in whole for line in secret.splitlines() if len(line) > 30 and "-----" not in line}
        return whole | lines | {json.dumps(secret)[1:-1] for secret in whole}

    def leaks(self) -> list[str]:
        secrets = self.secrets()
        squeezed = {squeeze(secret) for secret in secrets}
        found = [f"{where}: {text[:200]}" for where, text in self.seen if any(s in squeeze(text) for s in squeezed)]
        for file in self.w.folder.rglob("*"):
            if file.is_file() and file.name != ".env":
                held = file.read_bytes()
                found += [file.name for secret in secrets if secret.encode() in held]
        return found


def squeeze(text: str) -> str:
    """A secret that a table breaks into two lines is told all the same."""
    return re.sub(r"[\s│]", "", text)


def stage(folder: Path, way: str, key: tuple[str, str], *, wrong: Mapping[str, str] | None = None) -> Iterator[Stage]:
    system, settings, variables = BLOCKS[way]
    private, public = key
    given = {**variables, **({"SALESFORCE_KEY": private} if way == "jwt bearer" else {}), **(wrong or {})}
    both = portal_and_org(public)
    echo = Echo(both.apps[system])
    with world(folder, both=both, apps={system: echo}, provision=False) as w:
        address = {"hubspot": "base_url", "salesforce": "login_url"}[system]
        w.settings = {}
        block = "\n".join(f"      {name}: {value}" for name, value in {**settings, address: w.urls[system]}.items())
        role = "marketing" if system == "hubspot" else "crm"
        project = folder / "smarketing.yaml"
        text = project.read_text()
        old = playground.SYSTEMS[system]
        assert old in text
        text = text.replace(old, f"  {system}:\n    connector: {system}\n    role: {role}\n    settings:\n{block}\n")
        project.write_text(text)
        env = folder / ".env"
        lines = [f'{name}="{value}"' for name, value in given.items()]
        env.write_text("\n".join([env.read_text(), *lines, ""]))
        yield Stage(w, echo, given, system)


def portal_and_org(public: str) -> Both:
    people = make_world(7, marketing=30, crm=30, shared=20)
    portal = Portal(
        PortalSettings(
            token=PRIVATE, client_id="ours", client_secret=CLIENT, refresh_token=REFRESH,
            burst=FAST.burst, daily=FAST.daily, search=FAST.search,
        )
    )  # fmt: skip
    credentials = Credentials(
        client_id="ours", client_secret=CONSUMER, refresh_token=GRANT, username="integration@acme.example",
        public_key=public,
    )  # fmt: skip
    org = Org(credentials)
    portal.seed(to_hubspot(person) for person in people.marketing)
    org.seed(to_salesforce(person) for person in people.crm)
    return Both(people, portal, org)


REFUSED = {"hubspot": ("/search", "/batch"), "salesforce": ("/query", "/composite")}


@pytest.mark.parametrize("way", BLOCKS)
def test_no_secret_is_told_by_anything(
    tmp_path: Path, way: str, key: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for made in stage(tmp_path, way, key):
        w, system = made.w, made.system
        for command in (["check"], ["provision"], ["plan"], ["sync", "--confirm"], ["sync"], ["status"]):
            for form in ([], ["--json"]):
                said = (
                    w.cli(*command, "--system", system, *form, code=None) if command != ["status"] else w.cli("status")
                )
                assert said.code in ((0, 1, 3) if command == ["plan"] else (0, 1)), (command, said)
                made.keep(f"{command} {form}", said.out + said.err)
        assert made.w.ask("SELECT count(*) FROM hub")[0] > 20, "it did sign in and read"
        # Now it refuses everything, and repeats what it was sent.
        for refuse in REFUSED[system]:
            made.echo.refuse = refuse
            raise_a_score(w, system)
            told = "".join(w.cli("sync", "--system", system, *form, code=None).out for form in ([], ["--json"]))
            ids = [str(review.id) for review in w.reviews("dead_letter")]
            shown = [
                w.cli("review", *what).out for what in ([["list"], ["list", "--json"], ["show", *ids]] if ids else ())
            ]
            made.keep(f"refused {refuse}", "".join([told, *shown]))
            assert "You sent" in made.seen[-1][1], refuse
        made.echo.refuse = "/"
        for command in (["check"], ["sync"], ["provision"], ["plan"]):
            made.keep(f"all refused: {command}", w.cli(*command, "--json", code=None))
        made.echo.refuse = ""
        made.keep("reprs", reprs(w))
        for record in caplog.records:
            made.keep(f"log of {record.name}", record.getMessage() + str(record.exc_text) + str(record.exc_info))
        assert any(name.startswith(("connectors", "httpx", "httpcore")) for name in {r.name for r in caplog.records})
        assert made.leaks() == []


@pytest.mark.parametrize("way", ["private app token", "client credentials"])
def test_a_refusal_of_one_record_tells_none(tmp_path: Path, way: str, key: tuple[str, str]) -> None:
    """It comes in the middle of an answer that is none: 207, or 200."""
    for made in stage(tmp_path, way, key):
        w, system = made.w, made.system
        for command in (["provision"], ["sync", "--confirm"]):
            w.cli(*command, "--system", system)
        if system == "hubspot":
            made.echo.instead_of = "was not one of the allowed options"
            with w.both.hubspot.contacts.lock:
                w.both.hubspot.properties.all["smarketing_score"]["type"] = "enumeration"
        else:
            made.echo.instead_of = "data value too large"
            for name in ("Lead", "Contact"):
                table = w.both.salesforce.org.tables[name]
                table.set_field(replace(table.fields["Smarketing_Score_Reason__c"], length=5))
        raise_a_score(w, system)
        w.cli("sync", "--system", system, code=1)
        [letter] = w.reviews("dead_letter")
        assert "you sent" in str(letter.detail)
        made.keep("review", w.cli("review", "show", str(letter.id)).out + w.cli("review", "list", "--json").out)
        assert made.leaks() == []


def raise_a_score(w: World, system: str) -> None:
    """By an edit in the system, which has then to be told of the score."""
    chiefs = re.compile("chief|director|head|vp|owner", re.IGNORECASE)
    if system == "hubspot":
        titles = {c.values["email"]: c.values.get("jobtitle", "") for c in w.both.hubspot.contacts.live.values()}
        w.set("hubspot", next(e for e, title in titles.items() if not chiefs.search(title)), jobtitle="Chief of Staff")
    else:
        row = next(r for r in w.rows() if r.get("Email") and not chiefs.search(r.get("Title", "")))
        w.edit("salesforce", "set", row["Email"], id=row["Id"], fields={"Title": "Chief of Staff"})


def reprs(w: World) -> str:
    """Of everything that a project is made of, and what is in it."""

    async def told() -> str:
        async with open_project(w.folder) as opened:
            parts: list[object] = [opened, opened.project, opened.rules, *opened.connectors.values()]
            for connector in opened.connectors.values():
                http: Any = connector._http  # type: ignore[attr-defined]
                parts += [vars(connector), vars(http), http.client, http.client.auth, connector.budget()]
                settings = getattr(connector, "_settings", None)
                parts += [settings, settings and settings.model_dump(), settings and settings.model_dump_json()]
            return "\n".join(f"{part!r}\n{part}" for part in parts)

    with quick_connectors(w.settings):
        return asyncio.run(told())


def test_a_vendor_that_repeats_a_secret_would_have_it_told_without_our_scrubbing(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is: the tests in here can fail."""
    monkeypatch.setattr("connectors.http.scrub", lambda text, secrets=(): text)
    for made in stage(tmp_path, "private app token", key):
        made.echo.refuse = "/contacts"
        said = made.w.cli("sync", "--system", "hubspot", code=4)
        made.keep("sync", said.out + said.err)
        assert len(made.leaks()) >= 2, "on the screen and in the database"


WRONG = {
    "private app token": {"HUBSPOT_TOKEN": "pat-eu1-00000000-PLANTED-wrong"},
    "oauth refresh": {"HUBSPOT_REFRESH": "refreshtoken-PLANTED-wrong"},
    "client credentials": {"SALESFORCE_SECRET": "CONSUMER.SECRET.PLANTED.wrong"},
    "jwt bearer": {"SALESFORCE_KEY": "-----BEGIN PLANTED KEY----- bm90IGEga2V5IGF0IGFsbCwganVzdCB3b3Jkcw=="},
    "refresh token": {"SALESFORCE_GRANT": "5Aep861.GRANT_PLANTED.wrong"},
}


@pytest.mark.parametrize("way", BLOCKS)
def test_a_secret_that_is_wrong_is_not_told_either(tmp_path: Path, way: str, key: tuple[str, str]) -> None:
    for made in stage(tmp_path, way, key, wrong=WRONG[way]):
        for command in (["check"], ["sync"], ["plan"]):
            for form in ([], ["--json"]):
                said = made.w.cli(*command, "--system", made.system, *form, code=None)
                assert said.code in (2, 4), said
                made.keep(str(command), said.out + said.err)
        assert "Traceback" not in str(made.seen)
        assert made.leaks() == []


def test_an_error_that_nobody_foresaw_is_kept_without_secrets(
    tmp_path: Path, key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The traceback goes to a log file in the project: scrubbed."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"unforeseen: Bearer {PRIVATE} {CONSUMER}")

    monkeypatch.setattr("sync.run.settle_touched", broken)
    for made in stage(tmp_path, "private app token", key):
        said = made.w.cli("sync", "--system", "hubspot", code=70)
        made.keep("sync", said.out + said.err)
        [log] = (made.w.folder / "logs").glob("*.log")
        assert "unforeseen" in log.read_text()
        assert made.leaks() == []


@pytest.mark.e2e
def test_a_process_of_its_own_at_debug_level_tells_none(tmp_path: Path, key: tuple[str, str]) -> None:
    """Secrets from the environment rather than `.env`, and every library made to log all it has to say."""
    for made in stage(tmp_path, "private app token", key):
        loud = tmp_path / "loud"
        loud.mkdir()
        (loud / "sitecustomize.py").write_text("import logging\nlogging.basicConfig(level=logging.DEBUG)\n")
        env_file = made.w.folder / ".env"
        env_file.write_text("\n".join(ln for ln in env_file.read_text().splitlines() if "HUBSPOT_TOKEN" not in ln))
        root = str(Path(__file__).resolve().parents[2])
        env = {**os.environ, "HUBSPOT_TOKEN": PRIVATE, "PYTHONPATH": os.pathsep.join([str(loud), root])}
        system = ["--system", "hubspot"]
        for command in (
            ["provision", *system],
            ["sync", "--confirm", *system],
            ["sync", "--system", "hubspot", "--json"],
        ):
            said = made.w.run(*command, env=env)
            assert said.code == 0, said
            assert "DEBUG" in said.err
            made.keep(str(command), said.out + said.err)
        assert made.leaks() == []


def test_exceptions_of_connectors_hold_no_secret(tmp_path: Path, key: tuple[str, str]) -> None:
    """Neither the message, the arguments nor the chain of what was raised before it."""

    async def raised(w: World, call: Callable[[Any], Any]) -> list[BaseException]:
        found: list[BaseException] = []
        async with open_project(w.folder) as opened:
            for connector in opened.connectors.values():
                try:
                    await call(connector)
                except Exception as error:
                    found.append(error)
        return found

    async def read(connector: Any) -> None:
        async for _ in connector.read(["email", "Email"][connector.name == "salesforce" :][:1]):
            pass

    for made in stage(tmp_path, "client credentials", key, wrong=WRONG["client credentials"]):
        with quick_connectors(made.w.settings):
            for call in (lambda c: c.check(), lambda c: c.schema(), read):
                for error in asyncio.run(raised(made.w, call)):
                    made.keep("raised", "".join(traceback.format_exception(error)) + repr(error.args) + repr(error))
        assert made.seen
        assert made.leaks() == []
