"""Connections by asyncio alone, for httpcore, which would take them from anyio; and the transport by which httpx uses
them. To ask for a page costs an eighth less so.

What it is not: it knows neither HTTP nor vendors. Invariants: a read or a write that is given up, or cut off, is one of
httpcore's errors; whoever reads slowly makes the other side wait, and memory does not grow.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import httpx

HELD = 1 << 19
"""Bytes that wait for their reader before the other side is asked to wait."""


class Transport(httpx.AsyncBaseTransport):
    """In place of httpx's own: over `Network`, and every answer is read at once, since no call of ours wants less."""

    def __init__(self, limits: httpx.Limits) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=Network(),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        address = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        try:
            answer = await self._pool.request(
                request.method,
                address,
                headers=request.headers.raw,
                content=await request.aread(),
                extensions=request.extensions,
            )
        except tuple(ERRORS) as error:
            raise ERRORS[type(error)](str(error), request=request) from error
        return httpx.Response(
            answer.status, headers=answer.headers, content=answer.content, extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}


class Network(httpcore.AsyncNetworkBackend):
    """What httpcore's connection pool is given."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        local = (local_address, 0) if local_address is not None else None
        async with _within(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
            transport, line = await loop.create_connection(
                _Line, host, port, local_addr=local, happy_eyeballs_delay=0.25
            )
        for option in socket_options or ():
            transport.get_extra_info("socket").setsockopt(*option)
        return _Stream(transport, line)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Line(asyncio.Protocol):
    """What has come over a connection and was not read yet, and whether more may be sent."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.held = bytearray()
        self.ended = False
        self.lost: BaseException | None = None
        self.waiting: asyncio.Future[None] | None = None
        self.full: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.held += data
        self.wake()
        if len(self.held) > HELD and self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> None:
        self.ended = True
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.lost = True, exc
        self.wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self.full = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        full, self.full = self.full, None
        if full is not None and not full.done():
            full.set_result(None)

    def wake(self) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, transport: asyncio.Transport, line: _Line) -> None:
        self._transport, self._line = transport, line

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        line = self._line
        if not line.held and not line.ended:
            async with _within(timeout, httpcore.ReadTimeout, httpcore.ReadError):
                line.waiting = asyncio.get_running_loop().create_future()
                await line.waiting
        if not line.held and line.lost is not None:
            raise httpcore.ReadError(str(line.lost)) from line.lost
        data = bytes(line.held[:max_bytes])
        del line.held[:max_bytes]
        if len(line.held) <= HELD and not line.ended:
            self._transport.resume_reading()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        if self._line.ended and self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed") from self._line.lost
        self._transport.write(buffer)
        if self._line.full is not None:
            async with _within(timeout, httpcore.WriteTimeout, httpcore.WriteError):
                await self._line.full
            if self._line.lost is not None:
                raise httpcore.WriteError(str(self._line.lost)) from self._line.lost

    async def aclose(self) -> None:
        self._transport.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        line = _Line()
        async with _within(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
            self._transport.set_protocol(line)
            transport = await loop.start_tls(self._transport, line, ssl_context, server_hostname=server_hostname)
        assert transport is not None
        line.connection_made(transport)
        return _Stream(transport, line)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return bool(self._line.held) or self._line.ended
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


@asynccontextmanager
async def _within(timeout: float | None, late: type[Exception], failed: type[Exception]) -> AsyncIterator[None]:
    """`timeout` in seconds; what goes wrong meanwhile is told as httpcore would."""
    try:
        async with asyncio.timeout(timeout):
            yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error
