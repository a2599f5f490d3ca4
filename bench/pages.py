"""Answers HubSpot's list endpoint with prebuilt bytes: a bare asyncio protocol in a process of its own.

    python -m bench.pages FILE OFFSETS        prints its port, serves until its standard input is closed

It reads the cursor out of the request line and nothing else. What is not the list of live contacts (the archive, a
search) is empty. Its rate limit headers allow more than this machine could ever ask for.
"""

from __future__ import annotations

import asyncio
import mmap
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench.contacts import PAGE, Pages

_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=utf-8\r\n"
    b"x-hubspot-ratelimit-max: 1000000\r\nx-hubspot-ratelimit-remaining: 999999\r\n"
    b"x-hubspot-ratelimit-interval-milliseconds: 10000\r\ncontent-length: %d\r\n\r\n"
)
_EMPTY = b'{"results":[]}'


class Connection(asyncio.Protocol):
    def __init__(self, file: memoryview, offsets: Sequence[int]) -> None:
        self._file, self._offsets = file, offsets
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end]
            length = _number(head.lower(), b"content-length: ")
            if len(self._read) < end + 4 + length:
                return
            self._read = self._read[end + 4 + length :]
            body = self._body(head[: head.index(b"\r\n")])
            self._transport.writelines([_HEAD % len(body), body])

    def _body(self, line: bytes) -> bytes | memoryview:
        if not line.startswith(b"GET ") or b"archived=true" in line:
            return _EMPTY
        page = _number(line, b"after=") // PAGE
        return self._file[self._offsets[page] : self._offsets[page + 1]]


def _number(text: bytes, name: bytes) -> int:
    """The digits after a name; 0 where it does not occur."""
    _, found, rest = text.partition(name)
    digits = rest[:20]
    return int(digits[: len(digits) - len(digits.lstrip(b"0123456789"))]) if found else 0


@contextmanager
def serving(pages: Pages) -> Iterator[str]:
    """Serve in another process while the block runs; gives the base URL."""
    index = pages.path.with_suffix(".offsets")
    index.write_bytes(orjson.dumps(pages.offsets))
    command = [sys.executable, "-m", "bench.pages", str(pages.path), str(index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            server.wait(10)


async def _serve(path: Path, offsets: Sequence[int]) -> None:
    with path.open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(mapped, offsets), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), orjson.loads(Path(sys.argv[2]).read_bytes())))
