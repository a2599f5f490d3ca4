"""`python -m sandbox`: both systems on this machine, full of people, until it is stopped.

Prints one line of JSON as soon as both answer: {"hubspot": "http://127.0.0.1:...", "salesforce": ...}. SIGTERM and
Ctrl-C end it; with --data, what the systems hold then is there again the next time.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from sandbox.both import Both
from sandbox.serve import serve


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    both = Both.make(
        asked.seed,
        marketing=asked.marketing,
        crm=asked.crm,
        shared=asked.shared,
        real_limits=asked.real_limits,
        index_delay=asked.index_delay,
        data=asked.data,
    )
    ports = {"hubspot": asked.hubspot_port, "salesforce": asked.salesforce_port}
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        with serve(both.apps, ports) as urls:
            print(json.dumps(urls), flush=True)
            ended.wait()
    except OSError as error:
        print(f"sandbox: cannot listen on {ports}: {error.strerror}. Is it running already?", file=sys.stderr)
        return 1
    if asked.data is not None:
        both.save(asked.data)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--hubspot-port", type=int, default=0, help="0: any free one")
    parser.add_argument("--salesforce-port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=7, help="the same people for the same number")
    parser.add_argument("--marketing", type=int, default=2000, help="contacts in the marketing tool")
    parser.add_argument("--crm", type=int, default=1400, help="leads and contacts in the CRM")
    parser.add_argument("--shared", type=int, default=900, help="people that both know")
    parser.add_argument("--real-limits", action="store_true", help="HubSpot's real rate limits, not none")
    parser.add_argument("--index-delay", type=float, default=0.0, help="seconds until HubSpot's search shows a write")
    parser.add_argument("--data", type=Path, help="folder to keep the state in")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
