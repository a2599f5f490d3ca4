"""`smarketing serve`: the console, with the schedules beside it, until it is interrupted.

Invariant: nothing that was started here outlives it; the console answers only on this machine unless it is told otherwise; and a
demo's two systems come up with it, so that there is something to play with.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import uvicorn

from console import playground
from console.failures import Exit, Refusal
from console.web.app import create_app
from console.web.live import Live
from console.web.schedules import Schedules
from console.web.signing_in import first_link

Started = Callable[[dict[str, str]], None]
"""Told once, when all is up: what it is -> where."""


def serve(folder: Path, host: str, port: int, *, schedules: bool | None, started: Started) -> Exit:
    """`schedules`: whether Prefect runs them beside the console; None: unless it is a demo. Raises what `create_app` raises,
    and Refusal where the port is taken."""
    demo = (folder / playground.MARK).exists()
    told: dict[str, str] = {}
    if (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    ):  # started in the background: jobs that are stopped have to hear it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with ExitStack() as stack, suppress(KeyboardInterrupt):
        if demo:
            told |= stack.enter_context(playground.running(folder))
        app = create_app(folder)
        _check_free(host, port)
        config = uvicorn.Config(app, host=host, port=port, log_level="critical", access_log=False, server_header=False)
        sockets = [config.bind_socket()]
        url = f"http://{_shown(host)}:{sockets[0].getsockname()[1]}"
        if schedules or (schedules is None and not demo):
            told["schedules"] = stack.enter_context(Schedules(folder)).told
        told["console"] = url
        link = first_link(app.state.site.accounts, url)
        if link:
            told["first account"] = link
        asyncio.run(Server(config, app.state.live, lambda: started(told)).serve(sockets))
    return Exit.DONE


class Server(uvicorn.Server):
    """`up` is called once it answers. Ends the streams before it waits for the connections to close: they would never close by
    themselves."""

    def __init__(self, config: uvicorn.Config, live: Live, up: Callable[[], None]) -> None:
        super().__init__(config)
        self._live, self._up = live, up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)


def _check_free(host: str, port: int) -> None:
    """Raises Refusal."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            raise Refusal(
                "port-taken",
                f"{host}:{port} cannot be listened on: {error.strerror}.",
                "Is a console running already? Or choose another port: smarketing serve --port 8081",
            ) from None


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
