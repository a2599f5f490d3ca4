"""The application: every page put together, and what happens where one goes wrong.

`python -m console.web FOLDER`, or `smarketing serve`, runs it. Invariant: an error is a page (or, for a program, a document)
that says what happened and what to do, with the right status; never a traceback.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.failures import Exit, Failure, Refusal, failure_of
from console.web import (
    access,
    account,
    api,
    api_guide,
    audit,
    errors,
    funnel,
    glossary,
    health,
    impact,
    job,
    leads,
    live,
    mapping,
    mapping_publish,
    mapping_stages,
    mapping_yaml,
    metrics,
    objectives,
    oidc,
    overview,
    personas,
    plan,
    preferences,
    record,
    record_acts,
    records,
    reports,
    review_bulk,
    review_rules,
    reviews,
    run,
    runs,
    sample,
    schema,
    scoring,
    scoring_edit,
    signing_in,
    sla,
    tokens,
)
from console.web.bounds import Bounded
from console.web.drawing import STATIC
from console.web.headers import Headers
from console.web.page import NotSignedIn, Page, Refused, site_of, visitor_of, words_of
from console.web.site import Site
from mapping.problems import ConfigErrors

ROUTERS = (
    access.router,
    account.router,
    api.router,
    api_guide.router,
    audit.router,
    errors.router,
    funnel.router,
    glossary.router,
    health.router,
    impact.router,
    job.router,
    leads.router,
    live.router,
    mapping_publish.router,
    mapping_stages.router,
    mapping_yaml.router,
    metrics.router,
    objectives.router,
    oidc.router,
    overview.router,
    personas.router,
    plan.router,
    preferences.router,
    record.router,
    record_acts.router,
    records.router,
    reports.router,
    review_bulk.router,
    review_rules.router,
    reviews.router,
    run.router,
    runs.router,
    sample.router,
    schema.router,
    scoring.router,
    scoring_edit.router,
    signing_in.router,
    sla.router,
    tokens.router,
    mapping.router,  # the last of those under /mapping: it takes every /mapping/<name>
)

PROGRAMS = ("/api/", "/metrics")
"""Paths that answer with documents."""

CODES = {
    401: "not-signed-in",
    403: "not-allowed",
    404: "not-found",
    405: "bad-method",
    422: "bad-request",
}
"""What a program is told where no code of a command fits."""


def create_app(folder: Path) -> FastAPI:
    """Raises what `Site` raises."""
    site = Site(folder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        site.watch.start()
        site.finder.start()
        yield
        app.state.live.close()
        site.close()

    app = FastAPI(title="smarketing", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.site, app.state.metrics = site, metrics.Metrics(site)
    app.state.live = live.Live(site.engine, site.jobs, site.folder)
    runs.note_ends(site)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(NotSignedIn, _sign_in)
    for error in (Refused, Refusal, HTTPException, RequestValidationError, ConfigErrors):
        app.add_exception_handler(error, _failed)
    app.add_middleware(Bounded)
    app.add_middleware(Caught)
    app.add_middleware(GZipMiddleware, minimum_size=1000)
    app.add_middleware(Headers)
    app.add_middleware(metrics.Measured, metrics=app.state.metrics)
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
        hint = "Authorization: Bearer TOKEN, with a token that is neither revoked nor over. Your account makes one."
        error = {"code": CODES[401], "message": "A token is asked for that says who you are.", "hint": hint}
        return JSONResponse({"error": error}, 401, {"WWW-Authenticate": "Bearer"})
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    url = f"/sign-in?next={quote(back)}" if request.method == "GET" else "/sign-in"
    return Response(headers={"HX-Redirect": url}) if "HX-Request" in request.headers else RedirectResponse(url, 303)


async def _failed(request: Request, error: Exception) -> Response:
    visitor = None
    with suppress(Exception):  # nobody, or the database cannot say who; what went wrong is `error`
        visitor = None if _program(request) else await visitor_of(request)
    page = Page(request, site_of(request), words_of(request, visitor.account if visitor else None), visitor)
    status, failure = _told(page, error)
    if _program(request):
        document = failure.document()
        return JSONResponse({"error": document["error"]}, status)
    return page.show("error.html", status, failure=failure, status=status)


def _told(page: Page, error: Exception) -> tuple[int, Failure]:
    words = page.words
    if isinstance(error, Refused):
        return error.status, _failure(error.status, words(error.key, **error.values))
    if isinstance(error, HTTPException):
        key = f"shell.http_{error.status_code}"
        return error.status_code, _failure(error.status_code, words(key) if key in words else error.detail)
    if isinstance(error, RequestValidationError):
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in error.errors()
        )
        return 422, _failure(422, words("shell.http_422"), wrong)
    failure = failure_of(error, page.site.folder)
    if failure.exit_code == Exit.DATABASE:
        return 503, failure
    return (
        404 if failure.code.startswith("no-") else 409 if isinstance(error, Refusal | ConfigErrors) else 500
    ), failure


def _failure(status: int, message: str, hint: str = "") -> Failure:
    return Failure(CODES.get(status, f"http-{status}"), message, hint, Exit.USAGE)


def _program(request: Request) -> bool:
    return request.url.path.startswith(PROGRAMS)
