"""Runs sandbox servers on loopback ports: in a thread of this process for tests, or for good as `python -m sandbox`.

The port is bound before the thread starts, so an address is never given away twice, and `serve` returns only once
every server answers.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.gate import HANG_UP, App, Receive, Scope, Send

START_SECONDS = 10.0


class DroppableConnection(H11Protocol):
    """Uvicorn's HTTP/1.1, with one extension: the application may drop the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[HANG_UP] = transport.close
            await app(scope, receive, send)

        self.app = with_hang_up


class Servers:
    """Several apps, each on its own port, on one event loop in one thread."""

    def __init__(self, apps: Mapping[str, App], ports: Mapping[str, int] | None = None) -> None:
        ports = ports or {}
        self._sockets = {name: _bind(ports.get(name, 0)) for name in apps}
        self.urls = {name: f"http://127.0.0.1:{sock.getsockname()[1]}" for name, sock in self._sockets.items()}
        self._servers = {name: uvicorn.Server(_config(app)) for name, app in apps.items()}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    def start(self) -> None:
        """Raises RuntimeError if a server has not begun to answer within ten seconds."""
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not all(server.started for server in self._servers.values()):
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.002)

    def stop(self) -> None:
        """At once: connections that are open, requests under way included, are dropped."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, servers = asyncio.get_running_loop(), self._servers.items()
        running = [asyncio.create_task(server.serve(sockets=[self._sockets[name]])) for name, server in servers]
        await self._end.wait()
        for server in self._servers.values():
            for listener in server.servers:
                listener.close()
            for connection in list(server.server_state.connections):
                connection.transport.abort()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@contextmanager
def serve(apps: Mapping[str, App], ports: Mapping[str, int] | None = None) -> Iterator[dict[str, str]]:
    """Serve each app while the block runs; gives name -> base URL. Ports not named are free ones."""
    servers = Servers(apps, ports)
    servers.start()
    try:
        yield servers.urls
    finally:
        servers.stop()


def _bind(port: int) -> socket.socket:
    # asyncio turns Nagle's delay (40 ms an answer) off only where the protocol is named.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(128)  # so that a request sent before the loop runs waits instead of being refused
    return sock


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=DroppableConnection,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        server_header=False,
        date_header=False,  # the vendor's own clock tells the date: `sandbox.gate`
    )
