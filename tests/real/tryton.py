"""A real Tryton 8.0 for the tests: installed once per checkout, its database made once, started where it is needed.

    with started() as crm:                      # a server of its own, with an empty CRM
        crm.model("sale.opportunity.search_count", [])

Not ours: Tryton is a program under GPL-3.0-or-later. It runs as a process of its own, in its own environment under
`.cache/tryton/`, and is spoken to over HTTP only; nothing of it is imported, here or in the product.

Invariants: two test processes never build at the same time (a file lock); no server outlives the process that
started it, even one that is killed (the server's shell waits on a pipe to us).
"""

from __future__ import annotations

import base64
import configparser
import contextlib
import fcntl
import hashlib
import inspect
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "tryton"
REQUIREMENTS = Path(__file__).with_name("tryton-requirements.txt")

MODULES = "sale_opportunity party_relationship"
DATABASE, USER, PASSWORD = "crm", "admin", "a-password-for-tests"
COUNTRIES = {"DE": "Germany", "FR": "France", "GB": "United Kingdom", "US": "United States", "ES": "Spain"}
COUNTRIES |= {"AT": "Austria", "CH": "Switzerland", "IT": "Italy", "NL": "Netherlands", "CA": "Canada"}


class TrytonUnavailable(Exception):
    """Tryton could not be installed, built or started here; the message says what to do."""


class TrytonError(Exception):
    """The server's own refusal of a call that a test made by hand."""


@dataclass
class Tryton:
    """A running server. `model` acts as a person at Tryton's own screen would, past the connector under test."""

    base_url: str
    log: Path
    database: str = DATABASE
    user: str = USER
    password: str = PASSWORD
    _http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30), repr=False)
    _context: dict[str, Any] = field(default_factory=dict, repr=False)
    session: str = field(default="", repr=False)
    """What an Authorization header says after "Session"."""

    def settings(self) -> dict[str, Any]:
        """For `connectors.registry.connect("crm", "tryton", settings)`."""
        return {
            "base_url": self.base_url,
            "database": self.database,
            "user": self.user,
            "password": self.password,
        }

    def rpc(self, method: str, *params: Any) -> Any:
        headers = {"authorization": f"Session {self.session}"} if self.session else {}
        body = {"id": 1, "method": method, "params": list(params)}
        answer = self._http.post(f"{self.base_url}/{self.database}/rpc/", json=body, headers=headers)
        if answer.status_code != 200:
            raise TrytonError(f"{answer.status_code} {answer.text[:200]}")
        parsed = answer.json()
        if "error" in parsed:
            raise TrytonError(str(parsed["error"]))
        return parsed["result"]

    def model(self, method: str, *params: Any, **context: Any) -> Any:
        """`model("party.party.read", [1], ["name"])`, with the user's context."""
        if not self._context:
            self.sign_in()
        return self.rpc(f"model.{method}", *params, {**self._context, **context})

    def sign_in(self) -> None:
        self.session = ""
        user_id, session, *_ = self.rpc("common.db.login", self.user, {"password": self.password})
        self.session = base64.b64encode(f"{self.user}:{user_id}:{session}".encode()).decode()
        self._context = self.rpc("model.res.user.get_preferences", True, {})

    def lead(self, name: str, email: str | None = None, **values: Any) -> tuple[int, int]:
        """A lead as sales would type it in: ids of the opportunity and of its party."""
        mechanisms = [["create", [{"type": "email", "value": email}]]] if email else []
        (party,) = self.model("party.party.create", [{"name": name, "contact_mechanisms": mechanisms}])
        (lead,) = self.model("sale.opportunity.create", [{"party": party, **values}])
        return lead, party

    def employee(self, name: str, **values: Any) -> int:
        """Somebody else who works here."""
        (party,) = self.model("party.party.create", [{"name": name}])
        company = self._context["company"]
        (employee,) = self.model("company.employee.create", [{"party": party, "company": company, **values}])
        return int(employee)

    def sell(self, opportunity: int, price: str) -> int:
        """The sale of a converted opportunity, quoted and confirmed: that is what wins it."""
        model = self.model
        (sale,) = model("sale.sale.search", [["origin", "=", f"sale.opportunity,{opportunity}"]])
        party = self.one("sale.sale", sale, "party")["party"]
        (address,) = model("party.address.create", [{"party": party, "city": "Berlin"}])
        amount = {"__class__": "Decimal", "decimal": price}
        line = {"type": "line", "description": "Licence", "quantity": 1, "unit_price": amount}
        to = {"invoice_address": address, "shipment_address": address}
        model("sale.sale.write", [sale], {**to, "lines": [["create", [line]]]})
        model("sale.sale.quote", [sale])
        model("sale.sale.confirm", [sale])
        return int(sale)

    def replace_party(self, source: int, destination: int) -> None:
        """Tryton's way of merging two parties, as a person does it: the wizard, and "yes, the names differ"."""
        (me,) = self.model("res.user.search", [["login", "=", self.user]])
        warning = {"name": f"party.replace name {source} {destination}", "user": me, "always": False}
        self.model("res.user.warning.create", [warning])
        wizard, *_ = self.rpc("wizard.party.replace.create", self._context)
        asked = {"ask": {"source": source, "destination": destination}}
        self.rpc("wizard.party.replace.execute", wizard, asked, "replace", self._context)

    @property
    def keep(self) -> list[int]:
        """Parties that Tryton cannot do without: our company and its employee."""
        companies = self.model("company.company.search_read", [], 0, None, None, ["party"])
        employees = self.model("company.employee.search_read", [], 0, None, None, ["party"])
        return [row["party"] for row in [*companies, *employees]]

    def one(self, model: str, id: int, *fields: str) -> dict[str, Any]:
        (found,) = self.model(f"{model}.read", [id], list(fields))
        return dict(found)


def moment(value: datetime) -> dict[str, Any]:
    """A time as Tryton's JSON writes it (UTC)."""
    t = value.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(t, name) for name in names}}


@contextlib.contextmanager
def started(mail: int | None = None, **session: int) -> Iterator[Tryton]:
    """A server with an empty CRM, and its end. About 1.5 s and 110 MB once the template is built. `mail`: the port of
    the mail server that it sends by. `session`: settings of that section of the server's configuration
    (`max_attempt=0`)."""
    venv, template = built()
    with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE, ignore_cleanup_errors=True) as folder:
        where = Path(folder)
        shutil.copyfile(template, where / f"{DATABASE}.sqlite")
        with _serving(venv, where, session, mail) as server:
            yield server


def built() -> tuple[Path, Path]:
    """The environment and the template database, made now if they are not there (about 30 s)."""
    CACHE.mkdir(parents=True, exist_ok=True)
    recipe = REQUIREMENTS.read_text() + inspect.getsource(_furnish) + MODULES + repr(COUNTRIES) + PASSWORD
    template = CACHE / f"template-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.sqlite"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep()
        venv = _environment()
        if not template.exists():
            _make_template(venv, template)
    return venv, template


def _sweep() -> None:
    """Folders of servers whose owner was killed a day ago or more."""
    for left in [*CACHE.glob("run-*"), *CACHE.glob("build-*")]:
        if time.time() - left.stat().st_mtime > 86400:
            shutil.rmtree(left, ignore_errors=True)


def _environment() -> Path:
    pins = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    venv = CACHE / f"venv-{pins}"
    if (venv / "complete").exists():
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    _say(f"installing Tryton 8.0 into {venv.relative_to(CHECKOUT)} (once; from the package index) …")
    _run([sys.executable, "-m", "venv", str(venv)], "The environment for Tryton could not be made.")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run(
        [*pip, "--requirement", str(REQUIREMENTS)],
        "Tryton could not be installed. Its packages come from the package index (PyPI): is it within reach?",
    )
    (venv / "complete").touch()
    return venv


def _make_template(venv: Path, template: Path) -> None:
    _say("making an empty Tryton database (once, some 20 s) …")
    with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as folder:
        where = Path(folder)
        database = where / f"{DATABASE}.sqlite"
        database.touch()
        password = where / "password"
        password.write_text(PASSWORD)
        admin = [str(venv / "bin" / "trytond-admin"), "-c", str(_config(where, port=0)), "-d", DATABASE]
        what = ["--all", "--email", "admin@example.com", "-u", *MODULES.split(), "--activate-dependencies"]
        _run([*admin, *what], "Tryton's database could not be made.", TRYTONPASSFILE=str(password))
        with _serving(venv, where) as server:
            _furnish(server)
        with contextlib.closing(sqlite3.connect(database)) as made:  # takes the server's write-ahead log in
            made.execute("VACUUM INTO ?", (str(where / "template.sqlite"),))
        os.replace(where / "template.sqlite", template)


def _furnish(crm: Tryton) -> None:
    """What an administrator sets up on the first day: a company, somebody who works there, and the countries."""
    model = crm.model
    cent = {"__class__": "Decimal", "decimal": "0.01"}
    euro = {"name": "Euro", "symbol": "€", "code": "EUR", "digits": 2, "rounding": cent}
    (currency,) = model("currency.currency.create", [euro])
    ours, sally = model("party.party.create", [{"name": "Our Company"}, {"name": "Sally Sales"}])
    (company,) = model("company.company.create", [{"party": ours, "currency": currency}])
    (employee,) = model("company.employee.create", [{"party": sally, "company": company}])
    (admin,) = model("res.user.search", [["login", "=", USER]])
    at_work = {"companies": [["add", [company]]], "employees": [["add", [employee]]]}
    model("res.user.write", [admin], {**at_work, "company": company, "employee": employee})
    model("country.country.create", [{"code": code, "name": name} for code, name in COUNTRIES.items()])


@contextlib.contextmanager
def _serving(
    venv: Path, where: Path, session: Mapping[str, int] | None = None, mail: int | None = None
) -> Iterator[Tryton]:
    for _ in range(3):  # another process may take the free port before Tryton does
        port = _free_port()
        server = Tryton(base_url=f"http://127.0.0.1:{port}", log=where / "trytond.log")
        command = [str(venv / "bin" / "trytond"), "-c", str(_config(where, port, session, mail)), "-d", DATABASE]
        # The shell ends with the pipe to us, and takes the server with it: also when we are killed.
        shell = ["sh", "-c", '"$@" & server=$!; read gone; kill $server; wait $server', "sh", *command]
        with server.log.open("ab") as log:
            process = subprocess.Popen(
                shell, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=where, start_new_session=True
            )
        try:
            if _answers(server, process):
                yield server
                return
        finally:
            _end(process)
    raise TrytonUnavailable(f"Tryton did not start. Its log ends:\n{server.log.read_text()[-2000:]}")


def _answers(server: Tryton, process: subprocess.Popen[bytes], within: float = 60.0) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline and process.poll() is None:
        if "Address already in use" in server.log.read_text():
            return False
        with contextlib.suppress(httpx.TransportError, TrytonError):
            server.sign_in()
            return True
        time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _config(where: Path, port: int, session: Mapping[str, int] | None = None, mail: int | None = None) -> Path:
    sections: dict[str, dict[str, Any]] = {
        "web": {"listen": f"127.0.0.1:{port}"},
        "database": {"uri": "sqlite://", "path": where},
        "session": {"timeout": 86400, **(session or {})},
    }
    if mail is not None:
        sections["email"] = {"uri": f"smtp://127.0.0.1:{mail}", "from": "crm@example.com"}
    config = configparser.ConfigParser()
    config.read_dict(sections)
    path = where / "trytond.conf"
    with path.open("w") as file:
        config.write(file)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(command: list[str], otherwise: str, **environment: str) -> None:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TrytonUnavailable(f"{otherwise}\n{(done.stdout + done.stderr)[-2000:]}")


def _say(what: str) -> None:
    print(f"tryton: {what}", file=sys.stderr, flush=True)
