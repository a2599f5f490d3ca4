"""Addresses to handlers, and who may call them. The only file of this folder that speaks HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from sandbox.gate import PAGE, Answer
from sandbox.salesforce import bulk, collections, rest, tooling
from sandbox.salesforce.calls import Call, Handler, refused, shown
from sandbox.salesforce.errors import Problem, Refused, no_such_resource
from sandbox.salesforce.sessions import OAuthError

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce

DATA = "/services/data/v{version}"


def token(sf: Salesforce, call: Call) -> Answer:
    try:
        return shown(sf.sessions.grant(_form(call), call.headers.get("authorization", ""), call.base))
    except OAuthError as error:
        return shown({"error": error.error, "error_description": error.description}, error.status)


def revoke(sf: Salesforce, call: Call) -> Answer:
    sf.sessions.end(_form(call).get("token") or call.query.get("token", ""))
    return Answer(200, b"")


def soap(sf: Salesforce, call: Call) -> Answer:
    status, xml = sf.sessions.soap_login(call.body.decode("utf-8", "replace"), call.base, call.args["version"])
    return Answer(status, xml.encode(), {"content-type": "text/xml;charset=UTF-8"})


def _form(call: Call) -> Mapping[str, str]:
    return dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))


OPEN_TO_ALL: set[Handler] = {token, revoke, soap, rest.versions}
ROUTES: dict[str, dict[str, Handler]] = {
    "/services/oauth2/token": {"POST": token},
    "/services/oauth2/revoke": {"POST": revoke, "GET": revoke},
    "/services/oauth2/userinfo": {"GET": rest.identity, "POST": rest.identity},
    "/id/{org}/{user}": {"GET": rest.identity},
    "/services/Soap/u/{version}": {"POST": soap},
    "/services/data": {"GET": rest.versions},
    DATA: {"GET": rest.resources},
    f"{DATA}/limits": {"GET": rest.limits},
    f"{DATA}/query": {"GET": rest.run_query(deleted=False)},
    f"{DATA}/queryAll": {"GET": rest.run_query(deleted=True)},
    f"{DATA}/query/{{locator}}": {"GET": rest.more},
    f"{DATA}/queryAll/{{locator}}": {"GET": rest.more},
    f"{DATA}/composite/sobjects": {
        "POST": collections.create,
        "PATCH": collections.update,
        "DELETE": collections.delete,
    },
    f"{DATA}/composite/sobjects/{{sobject}}": {"GET": collections.retrieve, "POST": collections.retrieve},
    f"{DATA}/composite/sobjects/{{sobject}}/{{field}}": {"PATCH": collections.upsert},
    f"{DATA}/jobs/{{kind}}": {"GET": bulk.list_jobs, "POST": bulk.create},
    f"{DATA}/jobs/{{kind}}/{{job}}": {"GET": bulk.look, "PATCH": bulk.change, "DELETE": bulk.remove},
    f"{DATA}/jobs/{{kind}}/{{job}}/{{part}}": {"GET": bulk.results, "PUT": bulk.upload},
    f"{DATA}/sobjects": {"GET": rest.list_objects},
    f"{DATA}/sobjects/{{sobject}}": {"GET": rest.about_object, "POST": rest.create},
    f"{DATA}/sobjects/{{sobject}}/describe": {"GET": rest.describe},
    f"{DATA}/sobjects/{{sobject}}/deleted": {"GET": rest.deleted},
    f"{DATA}/sobjects/{{sobject}}/updated": {"GET": rest.updated},
    f"{DATA}/sobjects/{{sobject}}/{{id}}": {"GET": rest.read, "PATCH": rest.update, "DELETE": rest.delete},
    f"{DATA}/sobjects/{{sobject}}/{{field}}/{{value:path}}": {
        "GET": rest.read_by_key,
        "PATCH": rest.upsert,
        "DELETE": rest.delete_by_key,
    },
    f"{DATA}/tooling/sobjects/CustomField": {"POST": tooling.create_field},
    f"{DATA}/tooling/sobjects/CustomField/{{id}}": {"DELETE": tooling.delete_field},
}


def router(sf: Salesforce) -> Router:
    routes = [_route(sf, path, handlers) for path, handlers in ROUTES.items()]

    async def lost(scope: object, receive: object, send: object) -> None:
        await _response(refused(no_such_resource()))(scope, receive, send)  # type: ignore[arg-type]

    return Router(routes, redirect_slashes=False, default=lost)


def _route(sf: Salesforce, path: str, handlers: Mapping[str, Handler]) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        with sf.org.lock:
            return _response(_answer(sf, handlers, request, body))

    return Route(path, endpoint, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])


def _answer(sf: Salesforce, handlers: Mapping[str, Handler], request: Request, body: bytes) -> Answer:
    handler = handlers.get(request.method)
    try:
        if handler is None:
            words = f"HTTP Method '{request.method}' not allowed. Allowed are {', '.join(handlers)}"
            raise Refused(Problem("METHOD_NOT_ALLOWED", words))
        if handler not in OPEN_TO_ALL:
            _check_session(sf, request.headers.get("authorization", ""))
        call = Call(
            method=request.method,
            base=str(request.base_url).rstrip("/"),
            args=request.path_params,
            query=request.query_params,
            headers=request.headers,
            body=body,
            fault=request.scope.get(PAGE),
        )
        return handler(sf, call)
    except Refused as error:
        return refused(error)


def _check_session(sf: Salesforce, authorization: str) -> None:
    kind, _, given = authorization.partition(" ")
    if kind not in ("Bearer", "OAuth"):
        raise Refused(Problem("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"))
    if not sf.sessions.alive(given.strip()):
        raise Refused(Problem("INVALID_SESSION_ID", "Session expired or invalid"))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
