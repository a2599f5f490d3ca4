"""Starting the console: uvicorn around the application, and the link by which the first admin comes in."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from console.web.app import create_app
from console.web.live import Live
from console.web.signing_in import first_link


def serve(folder: Path, host: str, port: int, say: Callable[[str], object] = print) -> int:
    """Until it is interrupted. Raises what `create_app` raises, and OSError where the port is taken."""
    app = create_app(folder)
    url = f"http://{host}:{port}"
    say(f"The console is at {url}")
    link = first_link(app.state.site.accounts, url)
    if link:
        say(f"Make the first account (this link works once, for a day): {link}")
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
    Server(config, app.state.live).run()
    return 0


class Server(uvicorn.Server):
    """Ends the streams before it waits for the connections to close: they would never close by themselves."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)
