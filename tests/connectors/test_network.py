"""The transport against real sockets: whole answers, TLS, patience, and connections that end early."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.network import Network, Transport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LIMITS = httpx.Limits(max_connections=2)
BIG = bytes(range(256)) * 20_000


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Every request with its path, and its own body back; the connection stays open."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(h.split(":")[1]) for h in head.splitlines() if h.lower().startswith("content-length")), 0)
        body = head.split()[1].encode() + b"\n" + await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()


def client(**timeouts: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=Transport(LIMITS), timeout=httpx.Timeout(5, **timeouts))


async def test_bodies_of_any_size_go_both_ways_over_one_connection() -> None:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer(reader, writer)

    async with serving(counted) as port, client() as http:
        for body in (b"", b"x", BIG):
            got = await http.post(f"http://127.0.0.1:{port}/a", content=body, params={"q": "é"})
            assert got.content == b"/a?q=%C3%A9\n" + body
    assert connections == 1


async def test_what_is_compressed_comes_unpacked() -> None:
    async def zipped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = gzip.compress(BIG)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with serving(zipped) as port, client() as http:
        assert (await http.get(f"http://127.0.0.1:{port}/")).content == BIG


async def test_an_answer_that_does_not_come_is_given_up_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as port, client(read=0.05) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(f"http://127.0.0.1:{port}/")


async def test_an_answer_that_breaks_off_is_told_as_that() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async with serving(cut) as port, client() as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get(f"http://127.0.0.1:{port}/")


async def test_nobody_there_is_a_connect_error() -> None:
    async with serving(answer) as port:
        pass
    async with client() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"http://127.0.0.1:{port}/")


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with serving(once) as port, client() as http:
        for _ in range(3):
            assert (await http.get(f"http://127.0.0.1:{port}/")).content == b"ok"
            await asyncio.sleep(0.02)


async def test_who_takes_nothing_makes_the_writer_wait_and_give_up() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2)

    async with serving(deaf) as port:
        stream = await Network().connect_tcp("127.0.0.1", port, timeout=1)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(BIG * 8, timeout=0.05)
        await stream.aclose()


async def test_a_slow_reader_makes_the_other_side_wait() -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(BIG)
            await writer.drain()
            sent += len(BIG)

    async with serving(endless) as port:
        stream = await Network().connect_tcp("127.0.0.1", port, timeout=1)
        await asyncio.sleep(0.3)
        stuck = sent
        await asyncio.sleep(0.1)
        assert sent == stuck
        got = 0
        while got <= stuck + 2 * len(BIG):
            got += len(await stream.read(1 << 16, timeout=1))
        assert sent > stuck
        await stream.aclose()


async def test_tls_is_spoken_and_a_stranger_certificate_refused(tmp_path: Path) -> None:
    server, trusting = certified(tmp_path)
    async with serving(answer, server) as port:
        pool = httpcore.AsyncConnectionPool(ssl_context=trusting, network_backend=Network())
        got = await pool.request("POST", f"https://127.0.0.1:{port}/tls", content=BIG)
        assert got.content == b"/tls\n" + BIG
        await pool.aclose()
        async with client() as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"https://127.0.0.1:{port}/")


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate of its own for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "both.pem"
    kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *kept) + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    trusting = ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
    return server, trusting
