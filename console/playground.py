"""The demo's two systems: the sandbox as a process of its own, and people who edit in it. Nothing here knows leads.

Invariant: the process ends with the block that started it, and what the systems held is there the next time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from console.failures import Exit, Refusal

DATA = "sandbox"
PORTS = "ports.json"
MARK = ".smarketing-demo"
"""Says that a folder was made by the demo, which may therefore make it anew."""

PATIENCE = 30.0
"""Seconds that the sandbox may take to begin or to end."""

STARTER = """\
import os, signal, sys, threading
def wait():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=wait, daemon=True).start()
from sandbox.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
"""The sandbox, ending with us however we end: its input closes, even where we were killed."""

SYSTEMS = {
    "hubspot": """\
  hubspot:
    connector: hubspot
    role: marketing
    settings:
      access_token: ${HUBSPOT_TOKEN}
      base_url: ${HUBSPOT_URL}
""",
    "salesforce": """\
  salesforce:
    connector: salesforce
    role: crm
    settings:
      login_url: ${SALESFORCE_URL}
      client_id: ${SALESFORCE_CLIENT_ID}
      client_secret: ${SALESFORCE_CLIENT_SECRET}
""",
}

RENEWALS = {
    "184610355": ("open", "Due"),
    "184610356": ("open", "Offered"),
    "184610357": ("won", "Renewed"),
    "184610358": ("lost", "Lapsed"),
}
"""What the stages of the marketing tool's second pipeline mean, and their labels there: nobody can know but this team."""

CREDENTIALS = {
    "HUBSPOT_TOKEN": "sandbox-token",
    "SALESFORCE_CLIENT_ID": "sandbox-consumer-key",
    "SALESFORCE_CLIENT_SECRET": "sandbox-consumer-secret",
}
"""They open nothing but the sandbox on this machine."""


def map_renewals(folder: Path) -> None:
    """What `smarketing check` asks of a team that has a second pipeline, done."""
    file = folder / "mappings" / "hubspot.yaml"
    text, last = file.read_text("utf-8"), "            contractsent: open\n"
    assert text.count(last) == 1, "the preset maps the stages of the first pipeline, contractsent last"
    more = [f'            "{id_}": {stage} # Renewals: {label}\n' for id_, (stage, label) in RENEWALS.items()]
    file.write_text(text.replace(last, last + "".join(more)), "utf-8")


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """The sandbox over the folder's data, on the ports of the last time; gives the address of each system. Raises
    Refusal where it does not start."""
    data = folder / DATA
    command = [sys.executable, "-c", STARTER, "--data", str(data.resolve()), *_ports(data)]
    root = str(Path(__file__).resolve().parent.parent)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    process = subprocess.Popen(  # noqa: S603  (this Python, our own words)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        urls = _address(process)
        data.mkdir(parents=True, exist_ok=True)
        (data / PORTS).write_text(json.dumps(urls))
        yield urls
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _address(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        said = process.stderr.read().strip().splitlines()
        raise Refusal("demo-sandbox", f"The sandbox did not start: {said[-1] if said else 'it said nothing'}.",
                      "Is a demo running already? Stop it, or choose another folder: smarketing demo FOLDER",
                      Exit.SYSTEM)  # fmt: skip
    found: dict[str, str] = json.loads(line)
    return found


def _ports(data: Path) -> list[str]:
    if not (data / PORTS).exists():
        return []
    urls: dict[str, str] = json.loads((data / PORTS).read_text())
    return [part for name, url in urls.items() for part in (f"--{name}-port", url.rpartition(":")[2])]


def edit(urls: Mapping[str, str], change: Mapping[str, Any]) -> dict[str, Any]:
    """One thing that a person does in one of the systems."""
    from sandbox.both import native

    url = urls["hubspot" if change["system"] == "marketing" else "salesforce"]
    request = urllib.request.Request(  # noqa: S310  (an address of this machine)
        f"{url}/__sandbox__/state", json.dumps(native(change)).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  (the same)
            done: dict[str, Any] = json.load(answer)
            return done
    except urllib.error.HTTPError as error:
        said = json.load(error).get("error", "")
        raise Refusal("demo-sandbox", f"The sandbox refused an edit: {said}", "", Exit.SYSTEM) from None
