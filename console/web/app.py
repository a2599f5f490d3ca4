"""The application: every page put together, and what happens where one goes wrong.

`python -m console.web FOLDER`, or `smarketing serve`, runs it. Invariant: an error is a page (or, for a program, a document)
that says what happened and what to do, with the right status; never a traceback.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.failures import Failure, Refusal, failure_of
from console.web import (
    home,
    impact,
    mapping,
    mapping_publish,
    mapping_stages,
    mapping_yaml,
    preferences,
    sample,
    schema,
    signing_in,
)  # fmt: skip
from console.web.drawing import STATIC
from console.web.headers import Headers
from console.web.page import NotSignedIn, Page, Refused, site_of, visitor_of, words_of
from console.web.site import Site
from mapping.problems import ConfigErrors

ROUTERS = (
    home.router,
    impact.router,
    preferences.router,
    sample.router,
    schema.router,
    signing_in.router,
    mapping_publish.router,
    mapping_stages.router,
    mapping_yaml.router,
    mapping.router,  # the last of those under /mapping: it takes every /mapping/<name>
)


def create_app(folder: Path) -> FastAPI:
    """Raises what `Site` raises."""
    site = Site(folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        site.close()

    app = FastAPI(title="smarketing", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.site = site
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(NotSignedIn, _sign_in)
    for error in (Refused, Refusal, HTTPException, ConfigErrors):
        app.add_exception_handler(error, _failed)
    app.add_middleware(Caught)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(Headers)
    return app


class Caught:
    """Whatever no handler was made for becomes a page too, inside the headers that every page has."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or begun:
                raise
            answer = await _failed(Request(scope, receive), error)
            await answer(scope, receive, send)


async def _sign_in(request: Request, _: Exception) -> Response:
    if _program(request):
        return JSONResponse({"error": {"code": "not-signed-in", "message": "A valid token is asked for."}}, 401)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    url = f"/sign-in?next={quote(back)}" if request.method == "GET" else "/sign-in"
    return Response(headers={"HX-Redirect": url}) if "HX-Request" in request.headers else RedirectResponse(url, 303)


async def _failed(request: Request, error: Exception) -> Response:
    try:
        visitor = await visitor_of(request)
    except NotSignedIn:
        visitor = None
    page = Page(request, site_of(request), words_of(request, visitor.account if visitor else None), visitor)
    status, failure = _told(page, error)
    if _program(request):
        return JSONResponse(failure.document(), status)
    return page.show("error.html", status, failure=failure, status=status)


def _told(page: Page, error: Exception) -> tuple[int, Failure]:
    words = page.words
    if isinstance(error, Refused):
        return error.status, Failure(f"http-{error.status}", words(error.key, **error.values), "", 0)  # type: ignore[arg-type]
    if isinstance(error, HTTPException):
        key = f"shell.http_{error.status_code}"
        text = words(key) if key in words else error.detail
        return error.status_code, Failure(f"http-{error.status_code}", text, "", 0)  # type: ignore[arg-type]
    failure = failure_of(error, page.site.folder)
    return (
        404 if failure.code.startswith("no-") else 409 if isinstance(error, Refusal | ConfigErrors) else 500
    ), failure


def _program(request: Request) -> bool:
    return request.url.path.startswith("/api/")
