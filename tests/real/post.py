"""A mail server that takes every message and keeps it: for systems that send mail by themselves (SMTP, RFC 5321)."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class PostOffice:
    port: int = 0
    taken: list[str] = field(default_factory=list)
    """Every message as it came, headers first."""


@contextmanager
def post_office() -> Iterator[PostOffice]:
    office = PostOffice()

    class Counter(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while command := self.rfile.readline().decode().strip().upper():
                if command == "DATA":
                    self._say("354 go on")
                    office.taken.append(self._message())
                self._say("221 bye" if command == "QUIT" else "250 done")
                if command == "QUIT":
                    return

        def _message(self) -> str:
            lines = []
            while (line := self.rfile.readline().decode()) not in (".\r\n", ""):
                lines.append(line)
            return "".join(lines)

        def _say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Counter) as server:
        server.daemon_threads = True
        office.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield office
        finally:
            server.shutdown()
